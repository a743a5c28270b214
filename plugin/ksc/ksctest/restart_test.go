package ksctest

import (
	"encoding/json"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestWhatWasStoredOutlivesTheServer: an incident is there after a restart whether its answer was sent, lost, or still to
// come when the server was closed; what was to be stored late is not.
func TestWhatWasStoredOutlivesTheServer(t *testing.T) {
	const each = 10
	synctest.Test(t, func(t *testing.T) {
		kept := map[string]bool{}
		s := start(t, Options{Latency: time.Hour, Seed: 1})
		var calls sync.WaitGroup
		for _, how := range []string{"answer to come", "drop-after-store", "never", "drop-before-store", "store-late"} {
			if how != "answer to come" {
				require.NoError(t, s.SetMischief(map[string]float64{how: 1}))
			}
			for n := range each {
				body := fmt.Sprint(how, " ", n)
				kept[body] = how != "drop-before-store" && how != "store-late"
				c := newClient(t, s)
				calls.Go(func() {
					assert.Error(t, c.post("HostGroup.AddIncident", data(t, map[string]any{"KLINCDT_BODY": body})).err)
				})
			}
			synctest.Wait()
		}
		s.Close()
		calls.Wait()
		st := s.State()
		assert.Len(t, st.Incidents, 3*each)
		for _, n := range st.Incidents {
			assert.True(t, kept[n.Body], n.Body)
		}

		file, err := json.Marshal(st)
		require.NoError(t, err)
		var read State
		require.NoError(t, json.Unmarshal(file, &read))
		again := start(t, Options{State: &read})
		assert.Equal(t, st, again.State())
	})
}

// TestNumbersRiseOverRestarts, also past an incident that was deleted.
func TestNumbersRiseOverRestarts(t *testing.T) {
	var st *State
	last := int64(0)
	for range 4 {
		s := start(t, Options{State: st, Seed: 7})
		c := newClient(t, s)
		for range 3 {
			id, err := c.post("HostGroup.AddIncident", incident).ok(t).(json.Number).Int64()
			require.NoError(t, err)
			require.Greater(t, id, last)
			last = id
		}
		c.post("HostGroup.DeleteIncident", fmt.Sprintf(`{"nId":%d}`, last)).ok(t)
		s.Close()
		now := s.State()
		assert.Equal(t, last, now.LastIncident)
		st = &now
	}
	assert.Len(t, st.Incidents, 8)
	_, err := New(Options{User: user, Password: password, State: &State{LastIncident: -1}})
	assert.ErrorIs(t, err, ErrContent)
}

// TestARestartForgetsSessions, with the same seed too: one of before would live on by chance, and the client that holds
// it would never meet its end.
func TestARestartForgetsSessions(t *testing.T) {
	first := start(t, Options{Seed: 7})
	c := newClient(t, first)
	old, _ := c.post("Session.StartSession", "{}").ok(t).(string)
	c.post("HostGroup.AddIncident", incident).ok(t)
	first.Close()
	st := first.State()

	c = newClient(t, start(t, Options{Seed: 7, State: &st}))
	fresh, _ := c.post("Session.StartSession", "{}").ok(t).(string)
	assert.NotEqual(t, old, fresh)
	c.headers = nil
	assert.Equal(t, 403, c.post("Session.Ping", "{}", "X-KSC-Session", old).status)
	c.post("Session.Ping", "{}", "X-KSC-Session", fresh).ok(t)
}
