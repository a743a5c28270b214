package plugin

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/kes-respond/kes-respond/plugin/journal"
	"github.com/kes-respond/kes-respond/plugin/task"
	"github.com/kes-respond/kes-respond/shared"
)

// settle finds out how a request ended whose process is dead, or which had an
// end that leaves a doubt, and records it. The claim is ours. What never left
// is not sent any more; what KSC has stored gets its second step. A search that
// comes to no end before ctx does leaves the doubt to the next who cares.
func (p *Plugin) settle(ctx context.Context, s *server, j *journal.Journal, claim *journal.Claim) shared.Result {
	r := claim.Record()
	o := &order{
		plugin: p, server: s, journal: j, claim: claim, open: true, host: shared.Host{ID: r.HostID, Name: r.HostName},
		request: shared.Request{ID: r.ID, Task: r.Task, TargetHost: r.Target},
	}
	defer o.broken(ctx)
	if t, ok := task.Lookup(r.Task); ok {
		o.task = t
		o.params, _ = t.Parse(r.Params) // of some only a digest is kept
	}
	var added time.Time
	if r.AddedAt != nil {
		added = *r.AddedAt
	}
	switch {
	case r.Stage == journal.Updated && r.Incident != 0:
		return o.stored(ctx, attempt{added: added, incident: r.Incident})
	case r.Incident != 0:
		return o.stored(ctx, attempt{added: added, incident: r.Incident, second: errNotTried})
	case r.Stage == journal.Claimed:
		const message = "its process ended before anything was sent"
		return o.end(ctx, o.result(shared.Cancelled, &shared.Error{Code: shared.CancelledCode, Message: message, Assistance: "Send it again if it is still wanted."}))
	}
	l := o.lost(added)
	if l.from = added; added.IsZero() {
		l.since, l.from = r.At, r.At
	}
	return o.adopt(ctx, added, s.search(ctx, l), nil)
}

// unknown is the end of an order that may have arrived. It says what to look
// at, for nothing is sent again by itself.
func (o *order) unknown(added time.Time, f finding, cause error) shared.Result {
	problem := &shared.Error{Code: shared.Timeout, Message: "the process that sent it ended before its answer"}
	if cause != nil {
		problem = fromKSC(cause)
	}
	when := "about " + o.claim.Record().At.Format(time.RFC3339)
	if !added.IsZero() {
		when = added.Format(time.RFC3339)
	}
	var found string
	switch {
	case len(f.hits) > 1:
		found = fmt.Sprintf("%d incidents in KSC could be its own", len(f.hits))
	case f.unsure > 0:
		found = fmt.Sprintf("of %d incidents in KSC it cannot be told whether they are its own", f.unsure)
	case f.err != nil:
		found = "the search for it could not be ended: " + f.err.Error()
	case !f.whole:
		found = "KSC showed nothing of it until the time was over"
	default:
		found = "KSC shows nothing of it"
	}
	problem.Retryable = false
	problem.Assistance = fmt.Sprintf("The incident may exist. Before sending it again look in the console for a task named [Response][…] %s made for host %s from %s on, "+
		"and among the host's incidents for one added then. kes-respond recover searches once more.", o.request.Task, o.host.ID, when)
	result := o.result(shared.Unknown, problem)
	result.Undo = o.undo()
	result.Message = fmt.Sprintf("AddIncident was sent at %s and its answer was lost; %s: the task may run", when, found)
	return result
}

func isTaken(err error) bool {
	e, ok := errors.AsType[*journal.Error](err)
	return ok && e.Kind == journal.Taken
}
