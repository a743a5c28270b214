package sharedtest

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/kes-respond/kes-respond/shared"
)

// stopped is how a Responder ends a request whose ctx ended before anything
// was sent.
func stopped(ctx context.Context, r shared.Request) shared.Result {
	outcome, code := shared.Cancelled, shared.CancelledCode
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		outcome, code = shared.Failed, shared.Timeout
	}
	return shared.Result{
		Outcome: outcome, Task: r.Task, TargetHost: r.TargetHost, Message: "the Responder was told to stop",
		Error: &shared.Error{Code: code, Message: "the Responder was told to stop"},
	}
}

// tellCancelledBefore: nothing is started for a caller who has left.
func tellCancelledBefore(t *testing.T, open Open) {
	far, _ := open(t, &Fake{OnRespond: func(ctx context.Context, r shared.Request, emit func(shared.Event)) shared.Result {
		if ctx.Err() == nil {
			t.Error("a request that was cancelled before it was sent has been started")
		}
		return stopped(ctx, r)
	}})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	heard, result := Ask(ctx, t, far, request("early"), nil)
	assert.Empty(t, heard)
	assert.Equal(t, shared.Cancelled, result.Outcome)
	assert.Equal(t, shared.CancelledCode, result.Error.Code)

	ctx, cancel = context.WithDeadline(t.Context(), time.Unix(0, 0))
	defer cancel()
	heard, result = Ask(ctx, t, far, request("late"), nil)
	assert.Empty(t, heard)
	assert.Equal(t, shared.Failed, result.Outcome)
	assert.Equal(t, shared.Timeout, result.Error.Code)
}

// tellCancelled: a cancel reaches the Responder, and its one result comes back.
func tellCancelled(t *testing.T, open Open) {
	far, _ := open(t, &Fake{OnRespond: func(ctx context.Context, r shared.Request, emit func(shared.Event)) shared.Result {
		emit(accepted(r.ID.Text()))
		if r.ID.Text() == "stays" {
			return submitted(r)
		}
		<-ctx.Done()
		return stopped(ctx, r)
	}})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	heard, result := Ask(ctx, t, far, request("gone"), func(shared.Event) { cancel() })
	assert.Len(t, heard, 1)
	assert.Equal(t, shared.Cancelled, result.Outcome)
	assert.Equal(t, "the Responder was told to stop", result.Message)

	_, result = Ask(t.Context(), t, far, request("stays"), nil)
	assert.Equal(t, submitted(request("stays")), result, "a cancel ends its own request alone")
}

// tellCancelledLate: what has been sent is told to its end.
func tellCancelledLate(t *testing.T, open Open) {
	far, _ := open(t, &Fake{OnRespond: func(ctx context.Context, r shared.Request, emit func(shared.Event)) shared.Result {
		emit(accepted(r.ID.Text()))
		<-ctx.Done()
		emit(progress("it had been sent when the cancel came"))
		return submitted(r)
	}})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	heard, result := Ask(ctx, t, far, request("sent"), func(shared.Event) { cancel() })
	assert.Equal(t, submitted(request("sent")), result)
	if assert.Len(t, heard, 2) {
		assert.Equal(t, progress("it had been sent when the cancel came"), bare(heard[1]))
	}
}

// tellOutOfTime: the caller's deadline crosses the carrier as well. A carrier
// that has no word for it may say that the request was cancelled.
func tellOutOfTime(t *testing.T, open Open) {
	far, _ := open(t, &Fake{OnRespond: func(ctx context.Context, r shared.Request, emit func(shared.Event)) shared.Result {
		emit(accepted(r.ID.Text()))
		<-ctx.Done()
		return stopped(ctx, r)
	}})
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, result := Ask(ctx, t, far, request("slow"), nil)
	switch result.Outcome {
	case shared.Failed:
		assert.Equal(t, shared.Timeout, result.Error.Code)
	default:
		assert.Equal(t, shared.Cancelled, result.Outcome)
		assert.Equal(t, shared.CancelledCode, result.Error.Code)
	}
}
