package sharedtest

import (
	"context"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/kes-respond/kes-respond/shared"
)

// Ask sends one request of type respond or status and checks what is promised
// of every one: events one at a time and in order, accepted first and once,
// nothing after the result, an outcome of the closed set, a reason where it did
// not end well. Each event is passed on to listen, where that is not nil. It
// returns what was heard, and may be called from any goroutine.
func Ask(ctx context.Context, t testing.TB, far shared.Responder, r shared.Request, listen func(shared.Event)) ([]shared.Event, shared.Result) {
	t.Helper()
	var heard []shared.Event
	var inside, over atomic.Bool
	emit := func(e shared.Event) {
		assert.False(t, over.Load(), "%s: an event came after the result: %+v", r.ID, e)
		assert.False(t, inside.Swap(true), "%s: two events came at once", r.ID)
		defer inside.Store(false)
		heard = append(heard, e)
		if listen != nil {
			listen(e)
		}
	}
	ask := far.Respond
	if r.Type == shared.TypeStatus {
		ask = far.Status
	}
	result := ask(ctx, r, emit)
	over.Store(true)
	checkEvents(t, r, heard)
	checkResult(t, r, result)
	return heard, result
}

func checkEvents(t testing.TB, r shared.Request, heard []shared.Event) {
	t.Helper()
	last := int64(-1)
	for i, e := range heard {
		assert.True(t, e.Accepted != nil && e.Progress == nil || e.Accepted == nil && e.Progress != nil, "%s: event %d is neither accepted nor progress alone", r.ID, i)
		assert.True(t, e.Hello == nil && e.Result == nil && e.Described == nil && e.Problem == nil, "%s: event %d is not for a listener", r.ID, i)
		assert.True(t, e.Accepted == nil || i == 0, "%s: accepted is event %d", r.ID, i)
		if e.ID != "" {
			assert.True(t, r.ID == "" || e.ID == r.ID, "%s: event %d has the id %s", r.ID, i, e.ID)
			assert.Greater(t, e.Seq, last, "%s: the seq of event %d", r.ID, i)
			assert.Equal(t, time.UTC, e.Time.Location(), "%s: the zone of event %d", r.ID, i)
			last = e.Seq
		}
	}
}

func checkResult(t testing.TB, r shared.Request, result shared.Result) {
	t.Helper()
	reasoned := []shared.Outcome{shared.Failed, shared.Refused, shared.Cancelled, shared.Unknown}
	fine := []shared.Outcome{shared.Succeeded, shared.Submitted, shared.Planned, shared.Partial, shared.Pending}
	if slices.Contains(reasoned, result.Outcome) {
		if assert.NotNil(t, result.Error, "%s: %s without an error", r.ID, result.Outcome) {
			assert.NotEmpty(t, result.Error.Code, "%s: %s without a code", r.ID, result.Outcome)
		}
		return
	}
	assert.Contains(t, fine, result.Outcome, "%s: an outcome that is not in the closed set", r.ID)
}
