package sharedtest

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kes-respond/kes-respond/shared"
)

// tellCloseDrains: Close lets what runs come to its end.
func tellCloseDrains(t *testing.T, open Open) {
	var ended atomic.Bool
	release := make(chan struct{})
	far, _ := open(t, &Fake{OnRespond: func(ctx context.Context, r shared.Request, emit func(shared.Event)) shared.Result {
		emit(accepted(r.ID.Text()))
		select {
		case <-release:
		case <-ctx.Done():
			return stopped(ctx, r)
		}
		ended.Store(true)
		return submitted(r)
	}})
	running := make(chan struct{})
	var group sync.WaitGroup
	group.Go(func() {
		_, result := Ask(t.Context(), t, far, request("runs"), func(shared.Event) { close(running) })
		assert.Equal(t, submitted(request("runs")), result)
	})
	<-running
	closing := make(chan struct{})
	group.Go(func() {
		close(closing)
		assert.NoError(t, far.Close(t.Context()))
		assert.True(t, ended.Load(), "Close did not wait")
	})
	<-closing
	close(release)
	group.Wait()
}

// tellCloseGivesUp: Close does not wait longer than it may, and even then each
// request gets its one result.
func tellCloseGivesUp(t *testing.T, open Open) {
	far, _ := open(t, &Fake{OnRespond: func(ctx context.Context, r shared.Request, emit func(shared.Event)) shared.Result {
		emit(accepted(r.ID.Text()))
		<-ctx.Done()
		return stopped(ctx, r)
	}})
	running := make(chan struct{})
	var group sync.WaitGroup
	group.Go(func() {
		_, result := Ask(t.Context(), t, far, request("runs"), func(shared.Event) { close(running) })
		assert.Contains(t, []shared.Outcome{shared.Cancelled, shared.Unknown}, result.Outcome)
	})
	<-running
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	assert.Error(t, far.Close(ctx))
	group.Wait()
}

// tellPanic: a request that panics is unknown, and the others live.
func tellPanic(t *testing.T, open Open) {
	release := make(chan struct{})
	far, _ := open(t, &Fake{OnRespond: func(_ context.Context, r shared.Request, emit func(shared.Event)) shared.Result {
		emit(accepted(r.ID.Text()))
		if r.ID.Text() == "panics" {
			panic("the password is 12345")
		}
		<-release
		return submitted(r)
	}})
	running := make(chan struct{})
	var group sync.WaitGroup
	group.Go(func() {
		_, result := Ask(t.Context(), t, far, request("lives"), func(shared.Event) { close(running) })
		assert.Equal(t, submitted(request("lives")), result)
	})
	<-running
	_, result := Ask(t.Context(), t, far, request("panics"), nil)
	assert.Equal(t, shared.Unknown, result.Outcome)
	assert.Equal(t, shared.Internal, result.Error.Code)
	assert.NotContains(t, result.Message+result.Error.Message, "12345", "what a panic says is for the log")
	close(release)
	group.Wait()
	_, result = Ask(t.Context(), t, far, request("after"), nil)
	assert.Equal(t, submitted(request("after")), result)
}

// tellMisuse: whatever a Responder does with emit, a caller hears accepted and
// progress before one result.
func tellMisuse(t *testing.T, open Open) {
	var kept func(shared.Event)
	far, _ := open(t, &Fake{OnRespond: func(_ context.Context, r shared.Request, emit func(shared.Event)) shared.Result {
		kept = emit
		emit(accepted("misuse"))
		other := shared.Result{Outcome: shared.Succeeded}
		emit(shared.Event{})
		emit(shared.Event{Result: &other})
		emit(shared.Event{Hello: &shared.Hello{}})
		emit(shared.Event{Problem: &shared.Problem{Code: shared.Internal}})
		emit(shared.Event{Described: &shared.Description{}})
		emit(progress("last"))
		return submitted(r)
	}})
	heard, result := Ask(t.Context(), t, far, request("misuse"), nil)
	assert.Equal(t, submitted(request("misuse")), result)
	if assert.Len(t, heard, 2) {
		assert.Equal(t, accepted("misuse"), bare(heard[0]))
		assert.Equal(t, progress("last"), bare(heard[1]))
	}
	kept(progress("after the end"))
	_, result = Ask(t.Context(), t, far, request("again"), nil)
	assert.Equal(t, submitted(request("again")), result)
}

// tellNoOutcome: a result that says nothing is not passed on as one.
func tellNoOutcome(t *testing.T, open Open) {
	far, _ := open(t, &Fake{OnRespond: func(context.Context, shared.Request, func(shared.Event)) shared.Result {
		return shared.Result{Message: "all is well"}
	}})
	_, result := Ask(t.Context(), t, far, request("empty"), nil)
	assert.Equal(t, shared.Unknown, result.Outcome)
	assert.Equal(t, shared.Internal, result.Error.Code)
}

// tellLost: a stream lost under way leaves the outcome unknown, with host and
// incident as far as they were heard of; after it nothing hangs.
func tellLost(t *testing.T, open Open) {
	incident := &shared.Incident{Server: "main", ID: "9223372036854775807"}
	far, cut := open(t, &Fake{OnRespond: func(ctx context.Context, r shared.Request, emit func(shared.Event)) shared.Result {
		emit(accepted("lost"))
		emit(shared.Event{Progress: &shared.Progress{Stage: shared.StageSubmitted, Incident: incident}})
		<-ctx.Done()
		return stopped(ctx, r)
	}})
	_, result := Ask(t.Context(), t, far, request("lost"), func(e shared.Event) {
		if e.Progress != nil {
			cut()
		}
	})
	assert.Equal(t, shared.Unknown, result.Outcome)
	assert.Equal(t, shared.CarrierLost, result.Error.Code)
	assert.Equal(t, &accepted("lost").Accepted.Host, result.Host)
	assert.Equal(t, incident, result.Incident)
	assert.Equal(t, "PC-lost", result.TargetHost)
	assert.Equal(t, shared.ExitUnknown, result.Exit())

	_, result = Ask(t.Context(), t, far, request("after"), nil)
	assert.Contains(t, []shared.Outcome{shared.Failed, shared.Unknown}, result.Outcome)
	assert.Equal(t, shared.CarrierLost, result.Error.Code)
	ask := shared.Request{Type: shared.TypeStatus, ID: shared.IDOf("where"), Incident: incident}
	_, result = Ask(t.Context(), t, far, ask, nil)
	assert.Equal(t, shared.CarrierLost, result.Error.Code)
	_, err := far.Describe(t.Context(), "")
	var e *shared.Error
	require.ErrorAs(t, err, &e)
	assert.Equal(t, shared.CarrierLost, e.Code)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	assert.Error(t, far.Close(ctx))
}
