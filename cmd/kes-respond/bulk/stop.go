package bulk

import (
	"context"
	"errors"
	"slices"

	"github.com/kes-respond/kes-respond/cmd/kes-respond/targets"
	"github.com/kes-respond/kes-respond/shared"
)

// notBegun ends a target that was not begun: each has a result.
func (b *bulk) notBegun(i int) {
	why := "this was ended before"
	if cause := context.Cause(b.starting); cause != nil && !errors.Is(cause, context.Canceled) {
		why = cause.Error()
	}
	message, again := "not begun: "+why+"; nothing was sent", "Run the same again."
	if b.batch != "" {
		again = "Run the same again, with --batch " + b.batch + ": what was sent is not sent again."
	}
	result := shared.Result{
		Outcome: shared.Cancelled, Task: b.Template.Task, TargetHost: b.Targets[i].Host, Message: message,
		Error: &shared.Error{Code: shared.CancelledCode, Message: message, Retryable: true, Assistance: again},
	}
	b.took(i, shared.NewID(), result)
}

// hopeless says why the next target would fare no better; nil where it may. A
// right may be missing for one group of hosts and not for the next.
func (b *bulk) hopeless(r shared.Result) error {
	if r.Error == nil || r.DuplicateOf != "" {
		return nil
	}
	switch r.Error.Code {
	case shared.Suspended:
		if b.some(sparedBySuspension) {
			return nil
		}
	case shared.Unreachable, shared.TLS, shared.KSCUnavailable, shared.Login, shared.Locked, shared.SecondFactor, shared.Journal:
	default:
		return nil
	}
	return errors.New(r.Error.Message)
}

// sparedBySuspension says that effects are such as are let through while sending
// is suspended.
func sparedBySuspension(effects []shared.Effect) bool {
	return !slices.ContainsFunc(effects, func(e shared.Effect) bool { return e != shared.Reads && e != shared.Scans && e != shared.Releases })
}

// some says that what a target does to its host is so.
func (b *bulk) some(is func([]shared.Effect) bool) bool {
	return slices.ContainsFunc(b.Targets, func(t targets.Target) bool { return is(t.Params.Checked.Effects()) })
}
