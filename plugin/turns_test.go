package plugin_test

import (
	"context"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kes-respond/kes-respond/plugin/ksc/ksctest"
	"github.com/kes-respond/kes-respond/shared"
)

// crowd sends so many requests at once and counts their outcomes.
func (p pair) crowd(t *testing.T, ctx context.Context, n int) map[shared.Outcome]int {
	t.Helper()
	var mu sync.Mutex
	var all sync.WaitGroup
	outcomes := map[shared.Outcome]int{}
	for i := range n {
		r, refusal := shared.ParseRequest([]byte(`{"id":` + strconv.Itoa(i) + `,"task":"isolateHost","targetHost":"` + hostID + `","params":{"action":1},"hostLookup":"never"}`))
		require.Nil(t, refusal)
		all.Go(func() {
			result := p.Respond(ctx, r, func(shared.Event) {})
			mu.Lock()
			defer mu.Unlock()
			outcomes[result.Outcome]++
		})
	}
	all.Wait()
	return outcomes
}

// TestASlowServerSplitsNoRequest: more requests than a slow KSC can take in
// time. Each is either stored with both its steps, or never left.
func TestASlowServerSplitsNoRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t, ksctest.Options{Latency: 3 * time.Second})
		outcomes := p.crowd(t, t.Context(), 300)
		t.Log(outcomes)
		assert.Equal(t, 300, outcomes[shared.Submitted]+outcomes[shared.Failed])
		assert.Positive(t, outcomes[shared.Submitted])
		assert.Positive(t, outcomes[shared.Failed], "300 requests do not fit into a minute: the test shows nothing")
		assert.Equal(t, outcomes[shared.Submitted], p.sent("HostGroup.AddIncident"))
		assert.Equal(t, outcomes[shared.Submitted], p.sent("HostGroup.UpdateIncident"))
	})
}

// TestCancelReachesWhoWaitsForTheServer: of a crowd only those that KSC is
// working on are sent.
func TestCancelReachesWhoWaitsForTheServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t, ksctest.Options{Latency: time.Second})
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		time.AfterFunc(2500*time.Millisecond, cancel)
		outcomes := p.crowd(t, ctx, 100)
		t.Log(outcomes)
		assert.Equal(t, 100, outcomes[shared.Submitted]+outcomes[shared.Cancelled])
		assert.Equal(t, outcomes[shared.Submitted], p.sent("HostGroup.AddIncident"))
		assert.LessOrEqual(t, outcomes[shared.Submitted], 8)
		assert.Positive(t, outcomes[shared.Submitted])
	})
}
