package plugin_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kes-respond/kes-respond/plugin"
	"github.com/kes-respond/kes-respond/plugin/ksc/ksctest"
	"github.com/kes-respond/kes-respond/shared"
)

// TestCloseWaitsForNobodyWhoDoesNotListen: a listener that is stuck holds its
// request, and must not hold the program.
func TestCloseWaitsForNobodyWhoDoesNotListen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t, ksctest.Options{})
		stuck := make(chan struct{})
		r, refusal := shared.ParseRequest([]byte(isolate("")))
		require.Nil(t, refusal)
		result := make(chan shared.Result, 1)
		go func() { result <- p.Respond(t.Context(), r, func(shared.Event) { <-stuck }) }()
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		begin := time.Now()
		assert.ErrorIs(t, p.Close(ctx), plugin.ErrLeft)
		assert.LessOrEqual(t, time.Since(begin), 10*time.Second)
		assert.Zero(t, p.sent("HostGroup.AddIncident"))
		assert.ErrorIs(t, p.Close(ctx), plugin.ErrLeft, "a second time")
		assert.LessOrEqual(t, time.Since(begin), 10*time.Second)
		close(stuck)
		assert.Equal(t, shared.Cancelled, (<-result).Outcome, "what was not sent is not sent any more")
		assert.Zero(t, p.sent("HostGroup.AddIncident"))
	})
}

// TestCloseWaitsForWhatIsBeingSent, though nobody is left to wait for it.
func TestCloseWaitsForWhatIsBeingSent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t, ksctest.Options{Latency: 8 * time.Second})
		r, refusal := shared.ParseRequest([]byte(isolate(`,"hostLookup":"never"`)))
		require.Nil(t, refusal)
		result := make(chan shared.Result, 1)
		go func() { result <- p.Respond(t.Context(), r, func(shared.Event) {}) }()
		time.Sleep(10 * time.Second) // the bubble's: the session is there, the incident is on its way
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		p.Close(ctx)
		assert.Equal(t, shared.Submitted, (<-result).Outcome)
		assert.Equal(t, 1, p.sent("HostGroup.UpdateIncident"))
	})
}

// TestOnlyWhatCanBeSentAgainIsRetryable, under every mischief: a program that
// goes by retryable must never send a second order.
func TestOnlyWhatCanBeSentAgainIsRetryable(t *testing.T) {
	seen := map[shared.Outcome]int{}
	for _, knob := range ksctest.Knobs() {
		for _, method := range []string{"", "@Session.StartSession", "@HostGroup.AddIncident", "@HostGroup.UpdateIncident"} {
			if knob.Name == "swap-cert" && method != "" {
				continue // it spoils connections, not methods
			}
			synctest.Test(t, func(t *testing.T) {
				p := newPair(t, ksctest.Options{Mischief: map[string]float64{knob.Name + method: 1}, Seed: 1})
				_, result := p.send(t, isolate(`,"hostLookup":"never"`))
				seen[result.Outcome]++
				if result.Error == nil || !result.Error.Retryable {
					return
				}
				assert.Contains(t, []shared.Outcome{shared.Failed, shared.Refused}, result.Outcome, knob.Name+method)
				assert.Empty(t, p.ksc.Incidents(), knob.Name+method)
			})
		}
	}
	assert.Positive(t, seen[shared.Pending])
	assert.Positive(t, seen[shared.Unknown])
	assert.Positive(t, seen[shared.Failed])
}
