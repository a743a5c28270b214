package jsonl_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kes-respond/kes-respond/shared"
	"github.com/kes-respond/kes-respond/shared/jsonl"
	"github.com/kes-respond/kes-respond/shared/sharedtest"
)

// endless gives request after request, with ids 1, 2, 3 …, up to a number.
type endless struct {
	upTo int64
	pad  int // bytes more a line
	read atomic.Int64
	rest []byte
}

func (e *endless) Read(p []byte) (int, error) {
	if len(e.rest) == 0 {
		if e.read.Load() == e.upTo {
			return 0, io.EOF
		}
		e.rest = []byte(with(fmt.Sprintf(`"id":%d,"connection":{"pad":"%s"}`, e.read.Add(1), strings.Repeat("x", e.pad))) + "\n")
	}
	n := copy(p, e.rest)
	e.rest = e.rest[n:]
	return n, nil
}

// ledger is a Responder that sends as the plugin does: what it has begun to
// send it records to its end, whatever happens.
type ledger struct {
	sharedtest.Fake
	pause             time.Duration // between the two
	started, recorded atomic.Int64
}

func newLedger() *ledger {
	l := &ledger{}
	l.OnRespond = func(ctx context.Context, r shared.Request, emit func(shared.Event)) shared.Result {
		if ctx.Err() != nil {
			return shared.Result{Outcome: shared.Cancelled, Error: &shared.Error{Code: shared.CancelledCode}}
		}
		l.started.Add(1)
		emit(shared.Event{Accepted: &shared.Accepted{Host: shared.Host{ID: "h"}}})
		time.Sleep(l.pause)
		l.recorded.Add(1)
		return shared.Result{Outcome: shared.Submitted}
	}
	return l
}

// reader is an output whose reader leaves after some lines.
type reader struct {
	stays int64
	lines atomic.Int64
}

func (r *reader) Write(p []byte) (int, error) {
	if r.lines.Add(1) > r.stays {
		return 0, io.ErrClosedPipe
	}
	return len(p), nil
}

// The reader of the events leaves, as `head -1` does: nothing new is started,
// and what was sent is recorded.
func TestServeWhereTheReaderLeaves(t *testing.T) {
	for _, stays := range []int64{0, 1, 2, 100} {
		synctest.Test(t, func(t *testing.T) {
			l, out, in := newLedger(), &reader{stays: stays}, &endless{upTo: 1 << 40}
			l.pause = 100 * time.Millisecond // of a bubble's time
			err := jsonl.Serve(t.Context(), l, in, out, jsonl.Options{MaxInFlight: 4})
			assert.ErrorIs(t, err, jsonl.ErrOutputLost)
			assert.ErrorIs(t, err, io.ErrClosedPipe)
			assert.NotErrorIs(t, err, jsonl.ErrAbandoned)
			assert.Equal(t, l.started.Load(), l.recorded.Load())
			assert.Equal(t, stays+1, out.lines.Load(), "nothing is written after the failure")
			started := l.started.Load()
			synctest.Wait()
			time.Sleep(time.Hour)
			assert.Equal(t, started, l.started.Load(), "nothing is started after Serve")
		})
	}
}

// The same with a pipe of the system and the input still open.
func TestServeOverAPipeWhoseReaderLeaves(t *testing.T) {
	requests, asking, err := os.Pipe()
	require.NoError(t, err)
	hearing, events, err := os.Pipe()
	require.NoError(t, err)
	defer asking.Close()
	defer events.Close()
	l := newLedger()
	served := newServed()
	go func() { served <- jsonl.Serve(t.Context(), l, requests, events, jsonl.Options{}) }()
	line, err := bufio.NewReader(hearing).ReadString('\n')
	require.NoError(t, err)
	assert.Contains(t, line, `"hello"`)
	hearing.Close()
	_, err = io.WriteString(asking, good+"\n")
	require.NoError(t, err)
	assert.ErrorIs(t, <-served, jsonl.ErrOutputLost, "it returns, though its input is open")
	assert.Equal(t, int64(1), l.started.Load())
	assert.Equal(t, int64(1), l.recorded.Load())
}

// stubborn is a Responder that heeds no cancel until it is let go.
func stubborn(release <-chan struct{}) *sharedtest.Fake {
	return &sharedtest.Fake{OnRespond: func(_ context.Context, r shared.Request, emit func(shared.Event)) shared.Result {
		emit(shared.Event{Accepted: &shared.Accepted{Host: shared.Host{ID: "h"}}})
		<-release
		emit(shared.Event{Progress: &shared.Progress{Stage: "too late"}})
		return shared.Result{Outcome: shared.Submitted}
	}}
}

// The end of ctx gives what runs a grace; then it is reported as unknown, and
// nothing is written any more.
func TestServeLeavesAfterTheGrace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		ctx, cancel := context.WithCancel(t.Context())
		in, w := io.Pipe()
		out := &sink{t: t}
		served := newServed()
		go func() { served <- jsonl.Serve(ctx, stubborn(release), in, out, jsonl.Options{Grace: 7 * time.Second}) }()
		io.WriteString(w, good+"\n")
		synctest.Wait()
		cancel()
		began := time.Now()
		assert.ErrorIs(t, <-served, jsonl.ErrAbandoned)
		assert.Equal(t, 7*time.Second, time.Since(began))
		_, err := w.Write([]byte("\n"))
		assert.Error(t, err, "the input is closed")
		close(release)
		synctest.Wait()
		heard := out.heard()
		require.Len(t, heard, 3, "hello, accepted, and one result")
		assert.Equal(t, shared.Unknown, heard[2].Result.Outcome)
		assert.Equal(t, shared.Internal, heard[2].Result.Error.Code)
		assert.Equal(t, "isolateHost", heard[2].Result.Task)
		assert.Equal(t, "h", heard[2].Result.TargetHost)
		assert.Equal(t, int64(1), heard[2].Seq)
	})
}

// Both are said when the reader has left and a request does not end.
func TestServeWhereTheReaderLeavesAndARequestStays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		began := time.Now()
		err := jsonl.Serve(t.Context(), stubborn(release), strings.NewReader(good), &reader{stays: 1}, jsonl.Options{})
		assert.ErrorIs(t, err, jsonl.ErrAbandoned)
		assert.ErrorIs(t, err, jsonl.ErrOutputLost)
		assert.Equal(t, 45*time.Second, time.Since(began))
		close(release)
	})
}

// An output that is stuck does not keep Serve either.
func TestServeLeavesAStuckOutput(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		ctx, cancel := context.WithCancel(t.Context())
		hearing, events := io.Pipe()
		served := newServed()
		in, w := io.Pipe()
		go func() {
			served <- jsonl.Serve(ctx, stubborn(release), in, events, jsonl.Options{Grace: 7 * time.Second})
		}()
		lines := bufio.NewScanner(hearing)
		lines.Scan()
		io.WriteString(w, good+"\n")
		synctest.Wait() // accepted is being written
		cancel()
		began := time.Now()
		assert.ErrorIs(t, <-served, jsonl.ErrAbandoned)
		assert.Equal(t, 8*time.Second, time.Since(began))
		require.True(t, lines.Scan(), "the line that was under way")
		assert.Contains(t, lines.Text(), "accepted")
		more := make(chan string, 8)
		go func() {
			defer close(more)
			for lines.Scan() {
				more <- lines.Text()
			}
		}()
		close(release)
		synctest.Wait()
		events.Close()
		for line := range more {
			t.Errorf("Serve has returned, and yet: %s", line)
		}
	})
}

// The end of ctx with nothing running is an orderly end, and a read that is
// stuck, of an input that cannot be closed, does not keep Serve. What that read
// brings later is nobody's.
func TestServeLeavesAStuckInput(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		in, w := io.Pipe()
		out := &sink{t: t}
		served := newServed()
		go func() { served <- jsonl.Serve(ctx, done(), struct{ io.Reader }{in}, out, jsonl.Options{}) }()
		synctest.Wait()
		cancel()
		assert.NoError(t, <-served)
		io.WriteString(w, "no request\n")
		synctest.Wait()
		assert.Len(t, out.heard(), 1, "nothing is written once Serve has returned")
		w.Close()
	})
}

// shutdown lets running requests finish and reads no further.
func TestServeShutdown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		in, w := io.Pipe()
		out := &sink{t: t}
		served := newServed()
		go func() { served <- jsonl.Serve(t.Context(), stubborn(release), in, out, jsonl.Options{}) }()
		io.WriteString(w, good+"\n"+`{"type":"shutdown"}`+"\n"+with(`"id":"late"`)+"\n")
		synctest.Wait()
		_, err := io.WriteString(w, with(`"id":"later"`)+"\n")
		assert.Equal(t, io.ErrClosedPipe, err)
		assert.Empty(t, served, "it waits for what runs")
		close(release)
		assert.NoError(t, <-served)
		heard := out.heard()
		require.Len(t, heard, 4)
		assert.Equal(t, shared.Submitted, heard[3].Result.Outcome)
	})
}

// A read error ends the taking of requests, not the requests.
func TestServeWhereReadingFails(t *testing.T) {
	broken := errors.New("broken")
	out := &sink{t: t}
	in := io.MultiReader(strings.NewReader(good+"\n"+with(`"id":"half"`)), iotest.ErrReader(broken))
	err := jsonl.Serve(t.Context(), done(), in, out, jsonl.Options{})
	assert.ErrorIs(t, err, broken)
	heard := out.heard()
	require.Len(t, heard, 3)
	assert.Equal(t, shared.ID(`"good"`), heard[2].ID, "a line that may be half a line is not carried out")
	assert.Equal(t, shared.Submitted, heard[2].Result.Outcome)
}

// A cancel ends a request that runs, and one that waits for its turn, which
// is then not started.
func TestServeCancel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var started atomic.Int64
		fake := &sharedtest.Fake{OnRespond: func(ctx context.Context, r shared.Request, emit func(shared.Event)) shared.Result {
			started.Add(1)
			<-ctx.Done()
			return shared.Result{Outcome: shared.Cancelled, Message: "while it ran", Error: &shared.Error{Code: shared.CancelledCode}}
		}}
		in, w := io.Pipe()
		out := &sink{t: t}
		served := newServed()
		go func() { served <- jsonl.Serve(t.Context(), fake, in, out, jsonl.Options{MaxInFlight: 1}) }()
		io.WriteString(w, with(`"id":1`)+"\n")
		synctest.Wait()
		io.WriteString(w, with(`"id":2`)+"\n"+`{"type":"cancel","target":2}`+"\n")
		synctest.Wait()
		heard := out.heard()
		require.Len(t, heard, 2)
		assert.Equal(t, shared.ID("2"), heard[1].ID)
		assert.Equal(t, shared.Cancelled, heard[1].Result.Outcome)
		assert.Equal(t, "cancelled before it was started", heard[1].Result.Message)
		io.WriteString(w, `{"type":"cancel","target":"1"}`+"\n")
		synctest.Wait()
		require.Len(t, out.heard(), 3)
		assert.Equal(t, shared.BadRequest, out.heard()[2].Problem.Code, `"1" is not 1`)
		io.WriteString(w, `{"type":"cancel","target":1}`+"\n")
		w.Close()
		assert.NoError(t, <-served)
		assert.Equal(t, "while it ran", out.heard()[3].Result.Message)
		assert.Equal(t, int64(1), started.Load())
	})
}

// What a Responder emits once it has returned is written nowhere.
func TestServeDropsWhatIsEmittedTooLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var late func(shared.Event)
		fake := &sharedtest.Fake{OnRespond: func(_ context.Context, r shared.Request, emit func(shared.Event)) shared.Result {
			late = emit
			return shared.Result{Outcome: shared.Submitted}
		}}
		in, w := io.Pipe()
		out := &sink{t: t}
		served := newServed()
		go func() { served <- jsonl.Serve(t.Context(), fake, in, out, jsonl.Options{}) }()
		io.WriteString(w, good+"\n")
		synctest.Wait()
		require.Len(t, out.heard(), 2)
		late(shared.Event{Progress: &shared.Progress{Stage: "late"}})
		w.Close()
		assert.NoError(t, <-served)
		assert.Len(t, out.heard(), 2)
	})
}

// A Responder that leaves its goroutine, as a failed test does, ends only its
// own request.
func TestServeWhereAGoroutineExits(t *testing.T) {
	fake := &sharedtest.Fake{
		OnRespond: func(context.Context, shared.Request, func(shared.Event)) shared.Result {
			runtime.Goexit()
			return shared.Result{}
		},
		OnDescribe: func(context.Context, string) (shared.Description, error) { panic("secret") },
	}
	out := &sink{t: t}
	require.NoError(t, jsonl.Serve(t.Context(), fake, strings.NewReader(good+"\n"+`{"id":1,"type":"describe"}`+"\n"), out, jsonl.Options{}))
	require.Len(t, out.events, 3)
	for _, e := range out.events[1:] {
		if e.Result != nil {
			assert.Equal(t, shared.Unknown, e.Result.Outcome)
			assert.Equal(t, shared.Internal, e.Result.Error.Code)
		} else {
			assert.Equal(t, shared.Internal, e.Problem.Code)
			assert.Equal(t, shared.ID("1"), e.ID)
			assert.NotContains(t, e.Problem.Message, "secret")
		}
	}
}
