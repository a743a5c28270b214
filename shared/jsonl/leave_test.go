package jsonl_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kes-respond/kes-respond/shared"
	"github.com/kes-respond/kes-respond/shared/jsonl"
	"github.com/kes-respond/kes-respond/shared/sharedtest"
)

// A serving end that is told to cancel and says nothing keeps nobody for ever.
func TestClientGivesUpOnASilentEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := play(t)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		got := p.begin(ctx, ask("a"), nil)
		p.next()
		began := time.Now()
		line := p.next()
		assert.Equal(t, "cancel", line["type"])
		assert.Equal(t, "a", line["target"])
		a := <-got
		assert.Equal(t, time.Minute+time.Second, time.Since(began))
		assert.Equal(t, shared.Unknown, a.result.Outcome)
		assert.Equal(t, shared.CarrierLost, a.result.Error.Code)

		_, result := sharedtest.Ask(t.Context(), t, p.Client, ask("a"), nil)
		assert.Equal(t, shared.DuplicateID, result.Error.Code, "its id is not free before its last word")
		p.say(`{"type":"result","time":"2026-11-25T02:03:04Z","id":"a","seq":0,"outcome":"submitted"}` + "\n" + helloLine)
		again := p.begin(t.Context(), ask("a"), nil)
		assert.Equal(t, "a", p.next()["id"])
		p.events.Close()
		assert.Empty(t, (<-again).heard)
	})
}

// A request that waits for its turn to be written is taken back without a trace.
func TestClientTakesBackWhatIsNotWritten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := play(t)
		first := p.begin(t.Context(), ask("a"), nil) // its write blocks: nobody reads
		synctest.Wait()
		ctx, cancel := context.WithCancel(t.Context())
		second := p.begin(ctx, ask("b"), nil)
		synctest.Wait()
		cancel()
		b := <-second
		assert.Equal(t, shared.Cancelled, b.result.Outcome)
		assert.Equal(t, shared.CancelledCode, b.result.Error.Code)
		third := p.begin(t.Context(), ask("b"), nil) // the id is free
		assert.Equal(t, "a", p.next()["id"])
		assert.Equal(t, "b", p.next()["id"])
		assert.Empty(t, third)
		p.events.Close()
		assert.Equal(t, shared.Unknown, (<-first).result.Outcome)
		assert.Equal(t, shared.Unknown, (<-third).result.Outcome)
	})
}

// A line that is stuck half way when the other end leaves was not delivered.
func TestClientWhereTheEndLeavesInTheMiddleOfALine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := play(t)
		got := p.begin(t.Context(), ask("a"), nil)
		_, err := p.in.Read(make([]byte, 10))
		require.NoError(t, err)
		synctest.Wait()
		p.events.Close()
		assert.Equal(t, shared.Failed, (<-got).result.Outcome)
	})
}

func TestClientCloseWaitsForWhatRuns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := play(t)
		got := p.begin(t.Context(), ask("a"), nil)
		p.next()
		closed := make(chan error, 1)
		go func() { closed <- p.Close(t.Context()) }()
		synctest.Wait()
		assert.Empty(t, closed, "Close waits for the result")
		_, result := sharedtest.Ask(t.Context(), t, p.Client, ask("b"), nil)
		assert.Equal(t, shared.Failed, result.Outcome, "no more is taken")
		p.say(`{"type":"result","time":"2026-11-25T02:03:04Z","id":"a","seq":0,"outcome":"submitted"}` + "\n")
		assert.Equal(t, shared.Submitted, (<-got).result.Outcome)
		assert.Equal(t, "shutdown", p.next()["type"])
		assert.False(t, p.lines.Scan(), "then the stream ends")
		synctest.Wait()
		assert.Empty(t, closed, "Close waits for the serving end to leave")
		p.events.Close()
		assert.NoError(t, <-closed)
		assert.NoError(t, p.Close(t.Context()), "closed is closed")
	})
}

func TestClientCloseWaitsNoLongerThanItMay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := play(t)
		got := p.begin(t.Context(), ask("a"), nil)
		p.next()
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		began := time.Now()
		err := p.Close(ctx)
		assert.ErrorIs(t, err, jsonl.ErrAbandoned)
		assert.Equal(t, 10*time.Second, time.Since(began))
		assert.Equal(t, shared.Unknown, (<-got).result.Outcome)
		_, err = p.events.Write([]byte(helloLine))
		assert.Error(t, err, "the serving end sees that nobody listens")
	})
}

func TestClientCloseOfAnEndThatHasGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := play(t)
		p.events.Close()
		synctest.Wait()
		assert.ErrorContains(t, p.Close(t.Context()), "unexpected EOF")
	})
}

// A description is not worth waiting for once its caller has gone.
func TestClientDescribeEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := play(t)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		failed := make(chan error, 1)
		go func() {
			_, err := p.Describe(ctx, "isolateHost")
			failed <- err
		}()
		line := p.next()
		assert.Equal(t, "describe", line["type"])
		assert.Equal(t, "isolateHost", line["task"])
		var e *shared.Error
		require.ErrorAs(t, <-failed, &e)
		assert.Equal(t, shared.Timeout, e.Code)
	})
}
