package plugin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/kes-respond/kes-respond/plugin/journal"
	"github.com/kes-respond/kes-respond/plugin/ksc"
	"github.com/kes-respond/kes-respond/plugin/task"
	"github.com/kes-respond/kes-respond/shared"
)

// answeredBy is the result that an earlier request gives for this one. It waits
// for that one's end, and settles it where its process is dead. Without a
// result and an error either the claim is ours now, or that one does not
// answer: e says from where on the ledger is to look.
func (o *order) answeredBy(ctx context.Context, prior *journal.Prior, e *journal.Entry) (*shared.Result, error) {
	r, err := prior.Wait(ctx)
	switch {
	case ctx.Err() != nil && r.Outcome == "":
		return new(o.stillRunning(ctx, r)), nil
	case err != nil:
		return nil, err
	case r.InDoubt():
		return o.relieve(ctx, r, e.Allowed)
	case e.IdempotencyKey != "":
		return new(o.sameAs(r)), nil
	case !answersAnew(r):
		return nil, nil // the ledger sees that as well
	}
	over, err := o.overtaken(ctx, r)
	if err != nil {
		return new(o.notCompared(ctx, r, err)), nil
	}
	if over {
		e.Past = r.Seq
		return nil, nil
	}
	return new(o.sameAs(r)), nil
}

// answersAnew says whether the end of an equal request answers for a new one
// that has no key. What has failed may be tried again, and so may what is not
// known; what set a condition that lasts has set it.
func answersAnew(r journal.Record) bool {
	switch r.Outcome {
	case shared.Submitted, shared.Pending:
		return true
	case shared.Failed, shared.Unknown, shared.Cancelled:
		return false
	}
	return r.Slot != "" // it has come to its end
}

// relieve takes over a request that nobody has in hand. Under a key, and where
// nothing of it has left, that is this request, and the claim becomes ours;
// else it is settled, and under a key the result is this one's.
func (o *order) relieve(ctx context.Context, r journal.Record, allowed bool) (*shared.Result, error) {
	claim, err := o.journal.Adopt(ctx, r)
	if isTaken(err) {
		return nil, nil // somebody else does it
	}
	if err != nil {
		return nil, err
	}
	if o.request.IdempotencyKey != "" && claim.Record().Stage == journal.Claimed && (allowed || o.recalled && o.judgedAnew(ctx)) {
		o.claim, o.open = claim, true
		o.body = task.Body(o.host.ID, o.task.Name, o.params.JSON(), claim.Record().Area) // as it is recorded
		return nil, nil
	}
	settled := o.plugin.settle(ctx, o.server, o.journal, claim)
	if o.request.IdempotencyKey == "" {
		return nil, nil
	}
	settled.TargetHost, settled.DuplicateOf = o.request.TargetHost, r.ID.Text()
	return &settled, nil
}

// judgedAnew says that the policy allows a request that was about to be answered
// by the ledger, and is carried out after all.
func (o *order) judgedAnew(ctx context.Context) bool {
	return o.learn(ctx) == nil && o.decide().Allowed
}

// sameAs is the outcome of an earlier request, as this one's.
func (o *order) sameAs(r journal.Record) shared.Result {
	o.host = shared.Host{ID: r.HostID, Name: r.HostName}
	outcome := r.Outcome
	if outcome == shared.Pending && r.Code == "" && r.TakenByKSC() && o.request.Wait != shared.WaitDone {
		outcome = shared.Submitted // that one waits, or was killed while it did; this one asks for no end
	}
	result := o.result(outcome, nil)
	result.DuplicateOf = r.ID.Text()
	result.Message = fmt.Sprintf("request %s of %s answers for this one; nothing more was sent. %s", r.ID.Text(), r.At.Format(time.RFC3339), r.Message)
	if r.Incident != 0 {
		result.Incident = &shared.Incident{Server: r.Server, ID: strconv.FormatInt(r.Incident, 10), AddedAt: r.AddedAt}
		result.Undo = r.Undo
	}
	if r.Code != "" {
		result.Error = &shared.Error{Code: r.Code, Message: r.Message}
		switch r.Outcome {
		case shared.Failed, shared.Cancelled:
			result.Error.Assistance = "The key stands for that request. To have it tried again give it a key of its own."
		case shared.Pending:
			result.Error.Assistance = "It is stored, and may still run: ask for the status of incident " + strconv.FormatInt(r.Incident, 10) + ", and do not send it again before that is known."
			if !r.TakenByKSC() {
				result.Error.Assistance += " kes-respond recover tries the second step once more."
			}
		default:
			result.Error.Assistance = "Do not send it again before it is known what became of it: kes-respond recover looks once more, kes-respond journal tells of it."
		}
	}
	return result
}

// stillRunning is what can be said of a request that another is answering when
// the time of this one is over.
func (o *order) stillRunning(ctx context.Context, r journal.Record) shared.Result {
	code := shared.Timeout
	if errors.Is(ctx.Err(), context.Canceled) {
		code = shared.CancelledCode
	}
	result := o.sameAs(r)
	if r.Outcome != "" && o.recalled { // it had ended, and this is the same request
		return result
	}
	result.Outcome = shared.Unknown
	if r.Incident != 0 {
		result.Outcome = shared.Pending
	}
	result.Error = &shared.Error{
		Code: code, Message: fmt.Sprintf("request %s of %s answers for this one, and what became of it could not be found out in time", r.ID.Text(), r.At.Format(time.RFC3339)),
		Assistance: "Send this again in a moment: it is answered with what became of that.",
	}
	result.Message = result.Error.Message
	return result
}

// mostIncidents is how many incidents of a host are looked at.
const mostIncidents = 1000

// overtaken says that KSC holds an incident, not older than an earlier
// request's, by which somebody else may have changed what that one had set.
func (o *order) overtaken(ctx context.Context, r journal.Record) (bool, error) {
	slot, _, lasting := o.params.State()
	if !lasting {
		return false, nil
	}
	since := r.At
	if r.AddedAt != nil {
		since = *r.AddedAt
	}
	var newer []ksc.Incident
	err := o.server.talk(ctx, func() (err error) {
		newer, err = o.server.client.FindIncidentsAfter(ctx, o.host.ID, r.Incident, since, mostIncidents)
		return err
	})
	for _, in := range newer {
		if nonce, marked := nonceOf(in.Body); in.ID == r.Incident || marked && nonce == r.Nonce {
			continue
		}
		if !setsSlot(in.Body, slot) {
			continue
		}
		// What went through the ledger it has judged itself, and it knows the order
		// in which that was sent; the seconds of KSC's times do not tell it.
		if _, ours, err := o.journal.ByIncident(ctx, o.server.name, in.ID); err != nil || !ours {
			return true, err
		}
	}
	return false, err
}

// setsSlot says whether an incident asks for a response that sets that slot, or
// for one that cannot be read.
func setsSlot(body, slot string) bool {
	asked, ok := readBody(body)
	if !ok {
		return false // an incident of another kind
	}
	if _, known := task.Lookup(asked.Task); !known {
		return false
	}
	params, flaws := parseParams(asked)
	if len(flaws) > 0 {
		return true
	}
	theirs, _, _ := params.State()
	return theirs == slot
}

// asked is what an incident's body asks for.
type asked struct {
	TargetHost            string          `json:"targetHost"`
	Task                  string          `json:"task"`
	Params                json.RawMessage `json:"params"`
	ResponseEventIncident bool            `json:"responseEventIncident"`
	Area                  string          `json:"responseEventIncidentArea"`
}

// readBody reads an incident's body; not ok where it asks for no response.
func readBody(body string) (a asked, ok bool) {
	err := json.Unmarshal([]byte(body), &a)
	return a, err == nil && a.ResponseEventIncident
}

func parseParams(a asked) (task.Params, []shared.Violation) {
	t, ok := task.Lookup(a.Task)
	if !ok {
		return task.Params{}, unknownTask(a.Task).Violations
	}
	return t.Parse(a.Params)
}

// notCompared ends a request of which it is not known whether an earlier one
// answers for it.
func (o *order) notCompared(ctx context.Context, r journal.Record, err error) shared.Result {
	result := o.notSent(ctx, err)
	if result.Error != nil {
		result.Error.Message = fmt.Sprintf("an equal request (%s) was sent at %s, and whether the host was changed since cannot be read: %s; nothing was sent",
			r.ID.Text(), r.At.Format(time.RFC3339), result.Error.Message)
		result.Message = result.Error.Message
	}
	return result
}
