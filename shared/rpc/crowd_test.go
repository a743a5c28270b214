package rpc_test

import (
	"context"
	"math/rand/v2"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/kes-respond/kes-respond/shared"
	"github.com/kes-respond/kes-respond/shared/sharedtest"
)

// TestCrowd: of a thousand requests at once over one connection, half of them
// cancelled at random moments, each gets one result, and what was sent is what
// the results say. Neither end has a goroutine left.
func TestCrowd(t *testing.T) {
	t.Parallel()
	const many = 1000
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	l := launch(t)
	results := make([]shared.Result, many)
	var group sync.WaitGroup
	for n := range many {
		ctx, cancel := context.WithCancel(t.Context())
		if n%2 == 0 {
			timer := time.AfterFunc(time.Duration(random.IntN(1500))*time.Millisecond, cancel)
			defer timer.Stop()
		}
		group.Go(func() {
			defer cancel()
			_, results[n] = sharedtest.Ask(ctx, t, l, ask(strconv.Itoa(n), "send"), nil)
		})
	}
	group.Wait()
	l.host.Kill()
	l.gone(t)
	var claimed []string
	cancelled := 0
	for n, r := range results {
		switch r.Outcome {
		case shared.Submitted:
			claimed = append(claimed, strconv.Itoa(n))
		case shared.Cancelled:
			cancelled++
			assert.Zero(t, n%2, "%d was cancelled by nobody", n)
		default:
			assert.Fail(t, "neither sent nor cancelled", "%d: %+v (seed %d)", n, r, seed)
		}
	}
	t.Logf("%d sent, %d cancelled before", len(claimed), cancelled)
	assert.ElementsMatch(t, sent(t, l.record), claimed, "seed %d", seed)
}
