package plugin

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/kes-respond/kes-respond/plugin/journal"
	"github.com/kes-respond/kes-respond/plugin/ksc"
	"github.com/kes-respond/kes-respond/shared"
)

// follow waits for the console task of a request that KSC has stored, where the
// caller asked for that, and ends with what became of it on the host. It ends as
// pending where ctx does first, or where more looks would tell no more.
func (o *order) follow(ctx context.Context, stored shared.Result, emit func(shared.Event)) shared.Result {
	switch stored.Outcome {
	case shared.Submitted, shared.Pending:
	default:
		return stored
	}
	if o.request.Wait != shared.WaitDone || stored.Incident == nil {
		return stored
	}
	o.recorded(ctx, stored)
	if stored.DuplicateOf != "" && o.record.TakenByKSC() { // what others who waited were told is not this one's
		stored.Outcome, stored.Error, stored.Message = shared.Submitted, nil, storedMessage+notKnownYet
		o.left(ctx, shared.Result{Outcome: shared.Pending})
	}
	r := o.concluded(ctx, stored, o.watch(ctx, firstLook, emit, sight.over))
	o.left(ctx, r)
	return r
}

// left has the ledger say of a request without an end what its caller hears. What
// it cannot take down changes nothing: it stands there as open already.
func (o *order) left(ctx context.Context, r shared.Result) {
	if o.record.Seq == 0 || r.Outcome != shared.Pending && r.Outcome != shared.Unknown {
		return
	}
	var code shared.Code
	message := r.Message
	if r.Error != nil {
		code, message = r.Error.Code, r.Error.Message
	}
	_ = o.journal.Left(ctx, o.record.Seq, r.Outcome, code, message)
}

// recorded is the request that is followed, as the ledger has it; without a ledger
// it is what would stand there.
func (o *order) recorded(ctx context.Context, stored shared.Result) {
	id, _ := strconv.ParseInt(stored.Incident.ID, 10, 64) // it was written here
	r, found, err := o.journal.ByIncident(ctx, o.server.name, id)
	if err != nil || !found {
		r = journal.Record{Entry: o.entered, Incident: id, AddedAt: stored.Incident.AddedAt}
	}
	o.record = r
}

// watch looks on until enough is known or ctx ends, and tells what is seen on the
// way. It gives what is known then.
func (o *order) watch(ctx context.Context, soon time.Duration, emit func(shared.Event), enough func(sight) bool) sight {
	one, leave := o.server.watcher.join(ctx, o.followed(), soon)
	defer leave()
	told := telling{before: o.remarks}
	for {
		s := one.now()
		told.tell(s, emit)
		if enough(s) {
			return s
		}
		select {
		case <-one.news:
		case <-ctx.Done():
			return one.now()
		}
	}
}

// followed is what a request's console task is known by.
func (o *order) followed() followed {
	r := o.record
	f := followed{
		journal: o.journal, seq: r.Seq, incident: r.Incident, host: r.HostID,
		contender: contender{
			incident: r.Incident, task: strings.ToLower(r.Task), area: strings.ToLower(r.Area), marked: r.Marked, baseline: r.Baseline,
		},
	}
	if r.AddedAt != nil {
		f.added = *r.AddedAt
	}
	if !r.At.IsZero() && r.At.Before(f.added) { // what was there before it was noted then
		f.added = r.At
	}
	return f
}

// telling is what was told of a console task.
type telling struct {
	before         []string // said before it was sent
	stage, message string
	percent        int
	warnings       int
}

// tell says what is new.
func (t *telling) tell(s sight, emit func(shared.Event)) {
	for ; t.warnings < len(s.warnings); t.warnings++ {
		if slices.Contains(t.before, s.warnings[t.warnings]) {
			continue
		}
		emit(shared.Event{Progress: &shared.Progress{Stage: shared.StageWarning, Message: s.warnings[t.warnings]}})
	}
	if s.task == nil || s.doubt != "" || s.recorded != nil || s.state.Final() && t.stage != "" {
		return // the result will tell
	}
	p := shared.Progress{Stage: shared.StageTaken, Message: standing(s), ConsoleTask: s.task}
	percent := -1
	if s.state == ksc.StateRunning {
		p.Stage, p.Percent = shared.StageRunning, s.percent
		if s.percent != nil {
			percent = *s.percent
		}
	}
	if p.Stage == t.stage && p.Message == t.message && percent == t.percent {
		return
	}
	t.stage, t.message, t.percent = p.Stage, p.Message, percent
	emit(shared.Event{Progress: &p})
}

// standing says for people how a console task stands.
func standing(s sight) string {
	text := "KSC has made a console task of it: "
	switch s.state {
	case ksc.StateUnknown:
		text += "how it stands on the host is not known yet"
	case ksc.StatePending:
		text += "it was not handed to the host yet"
	case ksc.StateScheduled:
		text += "it is to be started on the host"
	case ksc.StatePaused:
		text += "it is paused"
	case ksc.StateRunning:
		text = "it runs on the host"
		if s.percent != nil {
			text += fmt.Sprintf(", %d %%", *s.percent)
		}
	default:
		text = "its console task has come to an end on the host: " + s.state.String()
		if !s.over() {
			text += "; it is being made sure that it is its own"
		}
	}
	if gone := away(s.host); gone != "" && !s.state.Final() {
		text += "; " + gone
	}
	return text
}

func isLocal(id string) bool { return strings.HasPrefix(id, localPrefix) }
