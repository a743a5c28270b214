package plugin

import (
	"context"
	"errors"
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
	return o.concluded(ctx, stored, o.watch(ctx, firstLook, emit, sight.over))
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

// concluded is the result of what was seen, recorded where it is an end.
func (o *order) concluded(ctx context.Context, r shared.Result, s sight) shared.Result {
	if s.recorded != nil {
		return o.ended(r, *s.recorded)
	}
	if s.task != nil {
		t := *s.task
		r.ConsoleTask = &t
	}
	r.HostEvents = s.events
	switch {
	case s.finished:
		return o.done(ctx, r, s)
	case s.lost:
		r.Outcome = shared.Unknown
		r.Error = &shared.Error{
			Code: shared.TaskLost, Message: "KSC had made a console task of it, and knows that no more: it was deleted, or dropped for newer ones, and what became of it on the host is not known",
			Assistance: "Look at the host itself, and at its events in the console. Do not take it for done.",
		}
	case s.doubt != "":
		r.Outcome = shared.Pending
		r.Error = &shared.Error{
			Code: shared.TaskAmbiguous, Message: "which console task is its own cannot be told: " + s.doubt,
			Assistance: "Look in the console at the tasks of the host. With marker: true in the next requests each console task can be told by its name.",
		}
	default:
		return o.waiting(ctx, r, s)
	}
	r.Message = r.Error.Message
	return r
}

// done is the result of a console task that has come to its end.
func (o *order) done(ctx context.Context, r shared.Result, s sight) shared.Result {
	r.Error = nil
	switch s.state {
	case ksc.StateCompleted:
		r.Outcome, r.Message = shared.Succeeded, "the console task completed on the host"
	case ksc.StateWarning:
		r.Outcome, r.Message = shared.Partial, "the console task completed on the host with a warning"
	case ksc.StateFailed:
		r.Outcome, r.Message = shared.Failed, "the console task failed on the host"
	}
	if s.task.Description != "" {
		r.Message += ": " + s.task.Description
	}
	r.Message += found(o.record.Effects, s)
	if r.Outcome == shared.Failed {
		r.Undo = nil
		r.Error = &shared.Error{
			Code: shared.TaskFailed, Message: r.Message,
			Assistance: "What the host said stands in consoleTask. Mend that, and send the request again as a new one.",
		}
	}
	if o.record.Seq == 0 {
		return r
	}
	var code shared.Code
	if r.Error != nil {
		code = r.Error.Code
	}
	_, err := o.journal.Finished(context.WithoutCancel(ctx), o.record.Seq, r.Outcome, code, r.Message, *s.task)
	return unrecorded(r, err)
}

// ended is the result of a request whose end the ledger knows.
func (o *order) ended(r shared.Result, known journal.Record) shared.Result {
	r.Outcome, r.Message, r.ConsoleTask, r.Error = known.Outcome, known.Message, known.ConsoleTask, nil
	if known.Code != "" {
		r.Error = &shared.Error{Code: known.Code, Message: known.Message, Assistance: "What the host said stands in consoleTask."}
	}
	if known.Outcome == shared.Failed {
		r.Undo = nil
	}
	return r
}

// waiting is the result of a request whose console task has not come to its end,
// or was not seen, when the wait was over.
func (o *order) waiting(ctx context.Context, r shared.Result, s sight) shared.Result {
	r.Outcome = shared.Pending
	var known []string
	if s.task != nil {
		known = append(known, standing(s))
	} else {
		known = append(known, strings.TrimSuffix(r.Message, notKnownYet), "no console task of it was seen")
		if gone := away(s.host); gone != "" {
			known = append(known, gone)
		}
		known = append(known, o.console()...)
	}
	if s.failed != nil {
		known = append(known, "at the last look KSC could not be asked: "+fromKSC(s.failed).Message)
	}
	known = append(known, s.warnings...)
	r.Message = strings.Join(known, "; ")
	code, why := shared.Timeout, "the time to wait was over"
	switch {
	case s.blind != "":
		code, why = s.blind, "there is no way to look on"
	case errors.Is(ctx.Err(), context.Canceled):
		code, why = shared.CancelledCode, "the wait was ended"
	case ctx.Err() == nil, r.Error != nil: // nobody wanted to wait; or it was not even stored as it should be
		return r
	}
	r.Error = &shared.Error{
		Code: code, Message: why + " before the console task's end was known: " + r.Message,
		Assistance: "It is stored, and may still run: ask for the status of incident " + r.Incident.ID + ", and do not send it again before that is known.",
	}
	return r
}

func isLocal(id string) bool { return strings.HasPrefix(id, localPrefix) }
