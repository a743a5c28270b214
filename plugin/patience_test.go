package plugin_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kes-respond/kes-respond/plugin/ksc/ksctest"
	"github.com/kes-respond/kes-respond/shared"
)

// TestACrowdWaitsForAServerThatIsStarting: it is asked by few while it ails, and
// all go through once it is well.
func TestACrowdWaitsForAServerThatIsStarting(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, dir, ksctest.Options{})
		p := s.start(t, nil)
		require.NoError(t, s.ksc.SetMischief(map[string]float64{"starting": 1}))
		time.AfterFunc(40*time.Second, func() { s.ksc.SetMischief(nil) })
		var all sync.WaitGroup
		for i := range 100 {
			all.Go(func() {
				_, r := p.send(t, strings.TrimSuffix(unkeyed(fmt.Sprint(i), "getFile", reading), "}")+`,"timeout":"5m"}`)
				assert.Equal(t, shared.Submitted, r.Outcome, "%+v", r.Error)
			})
		}
		time.Sleep(39 * time.Second)
		assert.Less(t, len(s.ksc.Calls()), 40, "a server that is coming up is not held down")
		all.Wait()
		require1(t, s, 100)
	})
}

// TestTheCircuitSaysSo: a request whose time is over while nobody asks the
// server says why.
func TestTheCircuitSaysSo(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, dir, ksctest.Options{})
		p := s.start(t, nil)
		require.NoError(t, s.ksc.SetMischief(map[string]float64{"unavailable": 1}))
		_, r := p.send(t, unkeyed("1", "getFile", reading))
		require.Equal(t, shared.Failed, r.Outcome)
		for id := range 2 { // the first may be the one that is let through to see how the server is
			_, r = p.send(t, strings.TrimSuffix(unkeyed(fmt.Sprint("hasty", id), "getFile", reading), "}")+`,"timeout":"1s"}`)
			require.Equal(t, shared.Failed, r.Outcome)
			if strings.Contains(r.Error.Message, "times in a row") {
				break
			}
		}
		assert.Equal(t, shared.KSCUnavailable, r.Error.Code)
		assert.Contains(t, r.Error.Message, "times in a row")
		assert.True(t, r.Error.Retryable)
	})
}

// TestShortPatienceIsNobodyElses: callers that give up early say nothing of the
// server, and keep nobody from it.
func TestShortPatienceIsNobodyElses(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, dir, ksctest.Options{Latency: time.Second})
		p := s.start(t, nil)
		_, r := p.send(t, unkeyed("0", "getFile", reading))
		require.Equal(t, shared.Submitted, r.Outcome)
		for i := range 20 {
			_, r := p.send(t, strings.Replace(strings.TrimSuffix(unkeyed(fmt.Sprint("hasty", i), "getFile", reading), "}")+`,"timeout":"500ms"}`, "never", "auto", 1))
			require.Equal(t, shared.Timeout, r.Error.Code)
		}
		began := time.Now()
		_, r = p.send(t, unkeyed("1", "getFile", reading))
		require.Equal(t, shared.Submitted, r.Outcome, "%+v", r.Error)
		assert.Less(t, time.Since(began), 5*time.Second)
	})
}
