package plugin

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/kes-respond/kes-respond/plugin/ksc"
	"github.com/kes-respond/kes-respond/shared"
)

// The bounds of the part that no cancel may split.
const (
	sendBound = 40 * time.Second // AddIncident and UpdateIncident together
	addBound  = 30 * time.Second // AddIncident alone
)

// send adds the incident and does its second step. From here to the end
// neither a cancel nor the caller's timeout counts, and no event is emitted
// in between: a half sent request helps nobody.
func (o *order) send(ctx context.Context) shared.Result {
	leave, err := o.server.turn(ctx)
	if err != nil {
		return o.notSent(ctx, err)
	}
	defer leave()
	if err := o.server.client.Open(ctx); err != nil {
		return o.notSent(ctx, err)
	}
	if ctx.Err() != nil {
		return o.notSent(ctx, ctx.Err())
	}
	added := time.Now().UTC().Truncate(time.Second)
	if err := o.claim.Sending(ctx, added); err != nil {
		return o.refused(journalError(err))
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), sendBound)
	defer cancel()

	incident, result := o.addIncident(ctx, added)
	if incident == nil {
		return unrecorded(result, o.ended(ctx, result))
	}
	result.Undo = o.undo()
	id, _ := strconv.ParseInt(incident.ID, 10, 64)
	lapses := o.claim.Stored(ctx, id, added)
	if err := o.updateIncident(ctx, id); err != nil {
		problem := fromKSC(err)
		problem.Retryable = false // for the sender: another request would be a second order
		problem.Assistance = "KSC has stored it: ask for the status of incident " + incident.ID + ", and do not send it again before that is known."
		result.Outcome, result.Error = shared.Pending, problem
		result.Message = "KSC has stored the incident, but did not confirm its second step (UpdateIncident); whether it acts on it is not known"
	} else {
		lapses = errors.Join(lapses, o.claim.Updated(ctx))
	}
	return unrecorded(result, errors.Join(lapses, o.ended(ctx, result)))
}

func (o *order) ended(ctx context.Context, r shared.Result) error {
	var code shared.Code
	if r.Error != nil {
		code = r.Error.Code
	}
	return o.claim.Ended(ctx, r.Outcome, code, r.Message)
}

// unrecorded adds to a result what the ledger could not take down: the outcome
// stands, whatever became of its record.
func unrecorded(r shared.Result, err error) shared.Result {
	if err != nil {
		r.Message += "; the ledger could not record all of it: " + err.Error()
	}
	return r
}

// addIncident returns the incident, or nil and the result that ends the request.
func (o *order) addIncident(ctx context.Context, added time.Time) (*shared.Incident, shared.Result) {
	addCtx, cancel := context.WithTimeout(ctx, addBound)
	defer cancel()
	id, err := o.server.client.AddIncident(addCtx, ksc.Incident{Severity: severity, Added: added, Body: o.body, Host: o.host.ID})
	if err == nil {
		incident := &shared.Incident{Server: o.server.name, ID: strconv.FormatInt(id, 10), AddedAt: &added}
		result := o.result(shared.Submitted, nil)
		result.Incident = incident
		result.Message = "KSC has stored the request; that a host has acted on it is not known yet"
		return incident, result
	}
	problem := fromKSC(err)
	var e *ksc.Error
	if errors.As(err, &e) && e.Delivery != ksc.Unknown {
		return nil, o.result(shared.Failed, problem)
	}
	problem.Assistance = strings.TrimSpace("The incident may exist. Look in the console for a task named [Response] for this host before sending it again. " + problem.Assistance)
	problem.Retryable = false
	result := o.result(shared.Unknown, problem)
	result.Message = fmt.Sprintf("AddIncident was sent at %s and its answer was lost: the task may run", added.Format(time.RFC3339))
	return nil, result
}

// severity is what the help page's sample sends: 2, warning.
const severity = 2

// updateIncident may be repeated, so it is tried again while time is left and
// KSC has not said no.
func (o *order) updateIncident(ctx context.Context, id int64) error {
	for _, pause := range []time.Duration{200 * time.Millisecond, time.Second, 3 * time.Second, 0} {
		err := o.server.client.UpdateIncident(ctx, id, o.host.ID, false)
		var e *ksc.Error
		if err == nil || pause == 0 || errors.As(err, &e) && e.Delivery == ksc.Answered && e.Kind != ksc.KindUnavailable {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(pause):
		}
	}
	return nil
}

func (o *order) undo() *shared.Undo {
	name, params, ok := o.params.Undo()
	if !ok {
		return nil
	}
	return &shared.Undo{Task: name, Params: params}
}
