package rpc_test

import (
	"context"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kes-respond/kes-respond/shared"
	"github.com/kes-respond/kes-respond/shared/rpc"
	"github.com/kes-respond/kes-respond/shared/sharedtest"
)

// TestRoom: requests wait until there is room for them, and all get their turn,
// one that is larger than all of it too.
func TestRoom(t *testing.T) {
	t.Parallel()
	l := launch(t, variable(optionsKey, `{"MaxInFlightBytes":100000}`))
	var most atomic.Int64
	var group sync.WaitGroup
	for n := range 12 {
		group.Go(func() {
			r := ask(strconv.Itoa(n), "together")
			size := 30_000
			if n == 5 {
				size = 300_000
			}
			r.Params = []byte(`{"a":"` + strings.Repeat("x", size) + `"}`)
			_, result := sharedtest.Ask(t.Context(), t, l, r, nil)
			assert.Equal(t, shared.Submitted, result.Outcome)
			at := must[int64](t, result.Message)
			for old := most.Load(); at > old && !most.CompareAndSwap(old, at); old = most.Load() {
			}
		})
	}
	group.Wait()
	assert.EqualValues(t, 2, most.Load(), "so many of them have room")
	l.host.Kill()
	l.gone(t)
}

// TestTurns: no more requests run at once than may, and one that is cancelled
// while it waits for its turn has not been started.
func TestTurns(t *testing.T) {
	started, release := make(chan string, 2), make(chan struct{})
	fake := &sharedtest.Fake{OnRespond: func(ctx context.Context, r shared.Request, _ func(shared.Event)) shared.Result {
		started <- r.ID.Text()
		select {
		case <-release:
		case <-ctx.Done():
		}
		return shared.Result{Outcome: shared.Submitted}
	}}
	c := rawly(t, fake, rpc.Options{MaxInFlight: 1})
	first, err := c.Respond(t.Context(), payload(`{"id":"runs","task":"isolateHost","targetHost":"PC","params":{}}`))
	require.NoError(t, err)
	assert.Equal(t, "runs", <-started)
	second, err := c.Respond(t.Context(), payload(`{"id":"waits","task":"isolateHost","targetHost":"PC","params":{}}`))
	require.NoError(t, err)
	_, err = second.Header() // it has been read
	require.NoError(t, err)
	_, err = c.Cancel(t.Context(), payload(`{"type":"cancel","target":"waits"}`))
	require.NoError(t, err)
	m, err := second.Recv()
	require.NoError(t, err)
	assert.Equal(t, "cancelled", must[map[string]any](t, string(m.Value))["outcome"])
	close(release)
	m, err = first.Recv()
	require.NoError(t, err)
	assert.Equal(t, "submitted", must[map[string]any](t, string(m.Value))["outcome"])
	assert.Empty(t, started)
}
