package plugin

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/kes-respond/kes-respond/plugin/journal"
	"github.com/kes-respond/kes-respond/plugin/task"
	"github.com/kes-respond/kes-respond/shared"
)

// undo is the request that takes this one back, where there is one.
func (o *order) undo() *shared.Undo {
	if name, params, ok := o.params.Undo(); ok {
		return &shared.Undo{Task: name, Params: params}
	}
	if o.claim != nil {
		return o.claim.Record().Undo
	}
	return nil
}

// Reversal is a request that takes back what an earlier one may have done, a
// dry run until somebody says otherwise.
type Reversal struct {
	Of      journal.Record
	Request shared.Request
	Skipped string // why there is nothing to send; else empty
}

// Reversals finds in the ledger what takes back those requests since a time that
// are wanted, the newest first. Each host is named once for each condition that
// is to be ended, and not where a later request has ended it already. What never
// was sent has nothing to be taken back. Nothing is sent, and KSC is not asked.
//
// Where a request had no end yet when a later one was asked for it may have been
// the last to arrive, and is taken back. No request from before answers for a
// reversal: a scan may have isolated the host since.
func (p *Plugin) Reversals(ctx context.Context, since time.Time, wanted func(journal.Record) bool) ([]Reversal, error) {
	p.running.Add(1)
	defer p.running.Done()
	j, err := p.ledger.get(ctx)
	if err != nil {
		return nil, err
	}
	var all []Reversal
	newer := map[condition]journal.Record{} // the last request that set it
	planned := map[condition]journal.Record{}
	for r, err := range j.Records(ctx, journal.Filter{Since: since}) {
		if err != nil {
			return nil, err
		}
		if wanted(r) {
			one := reversal(r, newer, planned)
			if one.Skipped == "" && p.servers[r.Server] == nil {
				one = Reversal{Of: r, Skipped: "its server " + r.Server + " is not configured here: send the reverse to that yourself"}
			}
			all = append(all, one)
		}
		if c := (condition{r.Server, r.HostID, r.Slot}); r.Slot != "" && maySend(r) && newer[c].Seq == 0 {
			newer[c] = r
		}
	}
	return all, nil
}

// condition is a lasting state of a host.
type condition struct{ server, host, slot string }

func reversal(r journal.Record, newer, planned map[condition]journal.Record) Reversal {
	one := Reversal{Of: r, Skipped: nothingToUndo(r)}
	if one.Skipped != "" {
		return one
	}
	t, _ := task.Lookup(r.Undo.Task)
	params, flaws := t.Parse(r.Undo.Params)
	if len(flaws) > 0 {
		one.Skipped = "what takes it back is no request any more: " + flaws[0].Message
		return one
	}
	slot, value, _ := params.State()
	c := condition{r.Server, r.HostID, slot}
	if last := newer[c]; last.Seq != 0 && last.Value == value && last.TakenByKSC() && settledBefore(r, last) {
		one.Skipped = fmt.Sprintf("request %s of %s has done so already", last.ID.Text(), last.At.Format(time.RFC3339))
		return one
	}
	if last := planned[c]; last.Seq != 0 {
		one.Skipped = "request " + last.ID.Text() + " on the same host is taken back by the same"
		return one
	}
	planned[c] = r
	one.Request = shared.Request{
		Type: shared.TypeRespond, ID: shared.IDOf("undo-" + strconv.FormatUint(r.Seq, 10)),
		Task: r.Undo.Task, TargetHost: r.HostID, Params: r.Undo.Params, ResponseEventIncidentArea: r.Area,
		Server: r.Server, HostLookup: shared.LookupNever, DryRun: true, AllowDuplicate: true, CaseID: r.CaseID, Reason: "takes back request " + r.ID.Text(),
	}
	return one
}

// settledBefore says that a request had its end when a later one was asked for:
// else it may have been the last to arrive.
func settledBefore(r, later journal.Record) bool {
	return r.Outcome != "" && !r.ChangedAt.After(later.At)
}

// nothingToUndo says why a request has no reverse; empty where it has one.
func nothingToUndo(r journal.Record) string {
	_, known := task.Lookup(undoTask(r))
	switch {
	case r.DuplicateOf != 0:
		return "an earlier request answered for it"
	case !maySend(r):
		return "it was not sent: " + string(r.Outcome)
	case r.Undo == nil:
		return r.Task + " cannot be taken back" + inWords(r.Effects)
	case !known:
		return "this version knows no task " + r.Undo.Task
	}
	return ""
}

func undoTask(r journal.Record) string {
	if r.Undo == nil {
		return ""
	}
	return r.Undo.Task
}

func inWords(effects []shared.Effect) string {
	if slices.Contains(effects, shared.Quarantines) {
		return "; a file in quarantine can be restored in the console"
	}
	return ""
}

// maySend says that a request may have reached its host.
func maySend(r journal.Record) bool {
	if !r.Allowed || r.DuplicateOf != 0 {
		return false
	}
	switch r.Outcome {
	case shared.Failed, shared.Cancelled, shared.Refused:
		return r.Incident != 0
	}
	return true
}
