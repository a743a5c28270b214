package jsonl_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"runtime"
	"strconv"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kes-respond/kes-respond/shared"
	"github.com/kes-respond/kes-respond/shared/jsonl"
	"github.com/kes-respond/kes-respond/shared/sharedtest"
)

// live is what is in use once all garbage has gone.
func live() int64 {
	runtime.GC()
	runtime.GC() // the first leaves what pools hold
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// gated is a Responder whose requests end when they are let go, one a token.
type gated struct {
	sharedtest.Fake
	gate    chan struct{}
	running atomic.Int64
}

func newGated() *gated {
	g := &gated{gate: make(chan struct{})}
	g.OnRespond = func(_ context.Context, r shared.Request, emit func(shared.Event)) shared.Result {
		g.running.Add(1)
		defer g.running.Add(-1)
		emit(shared.Event{Accepted: &shared.Accepted{Host: shared.Host{ID: "h"}}})
		<-g.gate
		return shared.Result{Outcome: shared.Submitted, Task: r.Task, TargetHost: r.TargetHost}
	}
	return g
}

// results counts results by id and keeps nothing else.
type results struct{ seen [10_001]uint8 }

func (r *results) Write(p []byte) (int, error) {
	if bytes.HasPrefix(p, []byte(`{"type":"result"`)) {
		_, id, _ := bytes.Cut(p, []byte(`"id":`))
		id, _, _ = bytes.Cut(id, []byte(`,`))
		n, err := strconv.Atoi(string(id))
		if err != nil {
			return 0, err
		}
		r.seen[n]++
	}
	return len(p), nil
}

// once is how many ids have exactly one result; -1 where one has more.
func (r *results) once() (n int64) {
	for _, times := range r.seen {
		if times > 1 {
			return -1
		}
		n += int64(times)
	}
	return n
}

// highWater serves n requests with as many in flight as are let in, and gives
// the most memory that was live while everything stood still.
func highWater(t *testing.T, n int64, out *results) (peak int64) {
	clear(out.seen[:])
	synctest.Test(t, func(t *testing.T) {
		g := newGated()
		served := newServed()
		before := live()
		go func() { served <- jsonl.Serve(t.Context(), g, &endless{upTo: n, pad: 1000}, out, jsonl.Options{}) }()
		for left, round := n, 0; left > 0; round++ {
			synctest.Wait()
			if round%4 == 0 {
				peak = max(peak, live()-before)
			}
			turn := min(left, jsonl.DefaultInFlight)
			require.Equal(t, turn, g.running.Load(), "as many run at once as may")
			for range turn {
				g.gate <- struct{}{}
			}
			left -= turn
		}
		require.NoError(t, <-served)
		require.Equal(t, n, out.once())
	})
	return peak
}

// Ten thousand requests take at most 1.2 times the memory of a thousand, and
// each gets one result.
func TestServeMemoryDoesNotGrowWithTheRequests(t *testing.T) {
	out := &results{}
	highWater(t, 1100, out) // what is made once and kept, such as goroutines, is not the requests'
	few, many := highWater(t, 1000, out), highWater(t, 10_000, out)
	t.Logf("peak of 1,000 requests: %d bytes; of 10,000: %d; ratio %.3f", few, many, float64(many)/float64(few))
	assert.LessOrEqual(t, float64(many), 1.2*float64(few))
	assert.Greater(t, few, int64(1000*1000), "the thousand lines were in flight")
}

// A reader that does not read holds up the reading of requests, not the memory.
func TestServeSlowReader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in := &endless{upTo: 3000}
		hearing, events := io.Pipe()
		served := newServed()
		go func() {
			served <- jsonl.Serve(t.Context(), done(), in, events, jsonl.Options{})
			events.Close()
		}()
		hearing.Read(make([]byte, 1)) // of the hello; the rest of it blocks
		synctest.Wait()
		assert.Equal(t, int64(0), in.read.Load(), "nothing is read before the hello is out")
		_, err := io.ReadAtLeast(hearing, make([]byte, 4096), 150)
		require.NoError(t, err)
		synctest.Wait()
		assert.LessOrEqual(t, in.read.Load(), int64(4*jsonl.DefaultInFlight+2))
		assert.Greater(t, in.read.Load(), int64(4*jsonl.DefaultInFlight-2))
		rest, err := io.ReadAll(hearing)
		require.NoError(t, err)
		assert.NoError(t, <-served)
		assert.GreaterOrEqual(t, bytes.Count(rest, []byte(`{"type":"result"`)), 2999)
	})
}

// The bytes of what is in flight are bounded; a line larger than all of the
// bound is let in alone.
func TestServeBoundsTheBytesInFlight(t *testing.T) {
	for _, c := range []struct{ bound, pad, running, lines int64 }{
		{1 << 20, 100_000, 10, 30},
		{1 << 20, 2 << 20, 1, 3},
		{1, 10, 1, 3},
	} {
		t.Run(fmt.Sprint(c.pad), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				g, in, out := newGated(), &endless{upTo: c.lines, pad: int(c.pad)}, &results{}
				served := newServed()
				go func() {
					served <- jsonl.Serve(t.Context(), g, in, out, jsonl.Options{MaxInFlightBytes: c.bound})
				}()
				for range c.lines {
					synctest.Wait()
					assert.LessOrEqual(t, g.running.Load(), c.running)
					assert.LessOrEqual(t, in.read.Load(), out.once()+c.running+2, "no more is read ahead")
					g.gate <- struct{}{}
				}
				assert.NoError(t, <-served)
				assert.Equal(t, c.lines, out.once())
			})
		})
	}
}

// flood is one line without end, which looks at the memory as it goes.
type flood struct {
	left, until int
	peak        int64
}

func (f *flood) Read(p []byte) (int, error) {
	if f.left <= 0 {
		return 0, io.EOF
	}
	if f.left < f.until {
		f.until -= 32 << 20
		f.peak = max(f.peak, live())
	}
	n := min(len(p), f.left)
	for i := range p[:n] {
		p[i] = 'x'
	}
	f.left -= n
	return n, nil
}

// A line without end is read past in bounded memory.
func TestServeMemoryOfALineWithoutEnd(t *testing.T) {
	before := live()
	in := &flood{left: 256 << 20, until: 256 << 20}
	got := outcomes(t, io.MultiReader(in, bytes.NewReader([]byte("\n"+good))))
	assert.ElementsMatch(t, []string{"line 1 bad_request", `"good" submitted`}, got)
	t.Logf("peak while a line of 256 MiB was read: %d bytes", in.peak-before)
	assert.Less(t, in.peak-before, int64(40<<20))
}
