package plugin

import (
	"context"
	"errors"
	"strings"

	"github.com/kes-respond/kes-respond/plugin/journal"
	"github.com/kes-respond/kes-respond/plugin/ksc"
	"github.com/kes-respond/kes-respond/shared"
)

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
			Code: shared.TaskLost, Message: "KSC had a console task that was taken for its own, and knows that no more: it was deleted, or dropped for newer ones, and what became of it on the host is not known",
			Assistance: "Look at the host itself, and at its events in the console. Do not take it for done.",
		}
	case s.doubt != "":
		return unproved(r, s.doubt)
	default:
		return o.waiting(ctx, r, s)
	}
	r.Message = r.Error.Message
	return r
}

// unproved is the result of a request of which it cannot be told which console
// task is its own.
func unproved(r shared.Result, doubt string) shared.Result {
	r.Outcome, r.HostEvents = shared.Pending, nil
	r.Error = &shared.Error{
		Code: shared.TaskAmbiguous, Message: "which console task is its own cannot be told: " + doubt,
		Assistance: "Look in the console at the tasks of the host. With marker: true in the next requests each console task can be told by its name.",
	}
	r.Message = r.Error.Message
	return r
}

// done is the result of a console task that has come to its end.
func (o *order) done(ctx context.Context, stored shared.Result, s sight) shared.Result {
	r := stored
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
	return o.takenDown(context.WithoutCancel(ctx), stored, r)
}

// takenDown has the ledger take an end down. What that knows better counts: it has
// heard of every process.
func (o *order) takenDown(ctx context.Context, stored, r shared.Result) shared.Result {
	if o.record.Seq == 0 {
		return r
	}
	var code shared.Code
	if r.Error != nil {
		code = r.Error.Code
	}
	known, err := o.journal.Finished(ctx, o.record.Seq, r.Outcome, code, r.Message, *r.ConsoleTask)
	if err == nil {
		if known.Outcome != r.Outcome || known.ConsoleTask == nil || known.ConsoleTask.ID != r.ConsoleTask.ID {
			return o.ended(stored, known)
		}
		return r
	}
	known, found, _ := o.journal.BySeq(ctx, o.record.Seq)
	if isTaken(err) || found && known.ConsoleTask != nil && known.ConsoleTask.ID != r.ConsoleTask.ID {
		return unproved(stored, err.Error())
	}
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
