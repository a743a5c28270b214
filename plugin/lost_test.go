package plugin_test

import (
	"context"
	"fmt"
	"math"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kes-respond/kes-respond/plugin"
	"github.com/kes-respond/kes-respond/plugin/journal"
	"github.com/kes-respond/kes-respond/plugin/ksc"
	"github.com/kes-respond/kes-respond/plugin/ksc/ksctest"
	"github.com/kes-respond/kes-respond/shared"
)

// client is somebody else's connection to the same KSC.
func (s *site) client(t *testing.T) *ksc.Client {
	t.Helper()
	trust, err := ksc.ParseTrust(s.ksc.CertificatePEM())
	require.NoError(t, err)
	c, err := ksc.New(ksc.Config{Addr: "ksc.example:13299", User: "edr-operator", Password: password, Trust: trust, Dial: s.ksc.Dial})
	require.NoError(t, err)
	return c
}

func incident(body string, added time.Time) ksc.Incident {
	return ksc.Incident{Severity: 2, Added: added, Body: body, Host: hostID}
}

// TestALostAnswerIsLookedFor: what KSC has stored is found by its mark, or
// without one by its content; what it has not stored is not sent again unless
// that does no harm, or was asked for.
func TestALostAnswerIsLookedFor(t *testing.T) {
	unmarked := func(c *plugin.Config) { c.Unmarked = true }
	resend := func(c *plugin.Config) { c.ResendAfterSearch = true }
	const isolation, reads = `isolateHost {"action":1}`, "getFile " + reading
	for _, c := range []struct {
		mischief, asks string
		change         func(*plugin.Config)
		outcome        shared.Outcome
		sent, stored   int
	}{
		{"drop-after-store", isolation, nil, shared.Submitted, 1, 1},
		{"store-late", isolation, nil, shared.Submitted, 1, 1},
		{"truncate", isolation, nil, shared.Submitted, 1, 1},
		{"html", isolation, nil, shared.Submitted, 1, 1},
		{"never", isolation, nil, shared.Submitted, 1, 1},
		{"gzip-broken", isolation, nil, shared.Submitted, 1, 1},
		{"wrong-type", isolation, nil, shared.Submitted, 1, 1},
		{"drop-after-store", isolation, unmarked, shared.Submitted, 1, 1},
		{"store-late", isolation, unmarked, shared.Submitted, 1, 1},
		{"drop-before-store", isolation, nil, shared.Unknown, 1, 0},
		{"drop-before-store", isolation, unmarked, shared.Unknown, 1, 0},
		{"status-503", isolation, nil, shared.Unknown, 1, 0},
		{"drop-before-store", isolation, resend, shared.Submitted, 2, 1},
		{"drop-before-store", reads, nil, shared.Submitted, 2, 1},
		{"store-late", reads, nil, shared.Submitted, 1, 1},
	} {
		t.Run(c.mischief+" "+c.asks, func(t *testing.T) {
			dir := t.TempDir()
			synctest.Test(t, func(t *testing.T) {
				s := newSite(t, dir, ksctest.Options{})
				p := s.start(t, nil, func(config *plugin.Config) {
					if c.change != nil {
						c.change(config)
					}
				})
				require.NoError(t, s.ksc.SetMischief(map[string]float64{c.mischief + "@HostGroup.AddIncident": 1}))
				stop := time.AfterFunc(20*time.Second, func() { s.ksc.SetMischief(nil) })
				defer stop.Stop()
				task, params, _ := strings.Cut(c.asks, " ")
				_, r := p.send(t, strings.TrimSuffix(unkeyed("1", task, params), "}")+`,"timeout":"3m"}`)
				require.Equal(t, c.outcome, r.Outcome, "%s %+v", r.Message, r.Error)
				assert.Equal(t, c.sent, p.sent("HostGroup.AddIncident"))
				require1(t, s, c.stored)
				record := s.records(t)[0]
				assert.Equal(t, c.outcome, record.Outcome)
				if c.outcome == shared.Unknown {
					assert.Contains(t, r.Error.Assistance, hostID)
					assert.False(t, r.Error.Retryable)
					assert.Zero(t, record.Incident)
					return
				}
				assert.Equal(t, fmt.Sprint(s.ksc.Incidents()[0].ID), r.Incident.ID)
				assert.Equal(t, s.ksc.Incidents()[0].ID, record.Incident)
				assert.Equal(t, journal.Updated, record.Stage)
			})
		})
	}
}

// TestWhatHasNotArrivedIsSentAgain: a connection that took nothing costs time.
func TestWhatHasNotArrivedIsSentAgain(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, dir, ksctest.Options{})
		p := s.start(t, nil)
		require.NoError(t, s.ksc.SetMischief(map[string]float64{"starting": 1}))
		time.AfterFunc(20*time.Second, func() { s.ksc.SetMischief(nil) })
		began := time.Now()
		_, r := p.send(t, keyed("1", "k"))
		require.Equal(t, shared.Submitted, r.Outcome, "%+v", r.Error)
		assert.GreaterOrEqual(t, time.Since(began), 20*time.Second)
		require1(t, s, 1)
	})
}

// TestTheSearchKeepsTheTimeout: a request that has little time looks once more
// before that is over, and what is found then counts.
func TestTheSearchKeepsTheTimeout(t *testing.T) {
	for mischief, want := range map[string]shared.Outcome{"store-late": shared.Submitted, "drop-before-store": shared.Unknown} {
		t.Run(mischief, func(t *testing.T) {
			dir := t.TempDir()
			synctest.Test(t, func(t *testing.T) {
				s := newSite(t, dir, ksctest.Options{})
				p := s.start(t, nil)
				require.NoError(t, s.ksc.SetMischief(map[string]float64{mischief + "@HostGroup.AddIncident": 1}))
				began := time.Now()
				_, r := p.send(t, strings.TrimSuffix(keyed("1", "k"), "}")+`,"timeout":"9s"}`)
				require.Equal(t, want, r.Outcome, "%+v", r.Error)
				assert.LessOrEqual(t, time.Since(began), 9*time.Second)
				if want != shared.Unknown {
					return
				}
				assert.Contains(t, r.Message, "until the time was over")
				_, again := p.send(t, keyed("2", "k"))
				assert.Equal(t, shared.Unknown, again.Outcome, "the key stands for what is not known")
				assert.Equal(t, "1", again.DuplicateOf)
			})
		})
	}
}

// TestSeveralAreUnknown: two incidents that carry the mark are not told apart.
func TestSeveralAreUnknown(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, dir, ksctest.Options{})
		p := s.start(t, nil)
		require.NoError(t, s.ksc.SetMischief(map[string]float64{"drop-after-store@HostGroup.AddIncident": 1}))
		time.AfterFunc(500*time.Millisecond, func() {
			s.ksc.SetMischief(nil)
			in := s.ksc.Incidents()[0]
			c := s.client(t)
			_, err := c.AddIncident(t.Context(), incident(in.Body, time.Now()))
			assert.NoError(t, err)
			assert.NoError(t, c.Close(t.Context()))
		})
		_, r := p.send(t, keyed("1", "k"))
		require.Equal(t, shared.Unknown, r.Outcome, "%+v", r.Error)
		assert.Contains(t, r.Message, "2 incidents")
	})
}

// TestUpdateIsRepeated until it is done, or KSC refuses it; the rest is left
// to Recover.
func TestUpdateIsRepeated(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, dir, ksctest.Options{})
		p := s.start(t, nil)
		require.NoError(t, s.ksc.SetMischief(map[string]float64{"drop-before-store@HostGroup.UpdateIncident": 1}))
		stop := time.AfterFunc(30*time.Second, func() { s.ksc.SetMischief(nil) })
		_, r := p.send(t, keyed("1", "a"))
		require.Equal(t, shared.Submitted, r.Outcome, "%+v", r.Error)
		stop.Stop()
		require.NoError(t, s.ksc.SetMischief(map[string]float64{"drop-before-store@HostGroup.UpdateIncident": 1}))
		_, r = p.send(t, keyed("2", "b"))
		require.Equal(t, shared.Pending, r.Outcome)
		assert.Equal(t, shared.Pending, s.records(t)[0].Outcome)
		require.NoError(t, s.ksc.SetMischief(nil))
		settled := s.recovered(t, false)
		require.Len(t, settled, 1)
		assert.Equal(t, shared.Submitted, settled[0].Outcome)
		_, again := p.send(t, keyed("3", "b"))
		assert.Equal(t, shared.Submitted, again.Outcome)
		require1(t, s, 2)
	})
}

// TestDeath kills a process at every step that its ledger takes, restarts
// another, and holds what that finds out against KSC: with Recover first, and
// with the same key alone.
func TestDeath(t *testing.T) {
	for _, settler := range []string{"recover", "key"} {
		for _, mischief := range []string{"", "drop-after-store@HostGroup.AddIncident", "store-late@HostGroup.AddIncident"} {
			for at := 1; ; at++ {
				if done := dies(t, settler, mischief, at); done {
					require.Greater(t, at, 10, "too few steps were met")
					break
				}
			}
		}
	}
}

// dies says whether the process ended before it could be killed.
func dies(t *testing.T, settler, mischief string, at int) (done bool) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		where := fmt.Sprintf("killed at step %d, %s, by %s", at, mischief, settler)
		s := newSite(t, dir, ksctest.Options{})
		var n atomic.Int64
		var killed atomic.Bool
		p := s.start(t, func(string) {
			if n.Add(1) >= int64(at) { // a dead process takes no step any more
				killed.Store(true)
				runtime.Goexit()
			}
		})
		if mischief != "" {
			require.NoError(t, s.ksc.SetMischief(map[string]float64{mischief: 1}))
		}
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			p.send(t, keyed("first", "k"))
		}()
		<-ended
		done = !killed.Load()
		if j := p.journal(); j != nil {
			n.Store(math.MinInt32)
			require.NoError(t, j.Close())
		}
		require.NoError(t, s.ksc.SetMischief(nil))
		if settler == "recover" {
			for _, r := range s.recovered(t, true) {
				where += fmt.Sprintf("; recovered as %s: %s", r.Outcome, r.Message)
			}
		}
		ctx, cancel := context.WithTimeout(context.Background(), time.Hour)
		defer cancel()
		_, again := s.start(t, nil).sendCtx(t, ctx, keyed("again", "k"))
		held := len(s.ksc.Incidents())
		require.LessOrEqual(t, held, 1, "sent twice: %s", where)
		switch again.Outcome {
		case shared.Submitted:
			require.Equal(t, 1, held, where)
			require.Equal(t, fmt.Sprint(s.ksc.Incidents()[0].ID), again.Incident.ID, where)
		case shared.Cancelled, shared.Unknown:
			require.Zero(t, held, "%s: %s is there, and the ledger says %s", where, again.Message, again.Outcome)
		default:
			require.Fail(t, string(again.Outcome), "%s: %+v", where, again.Error)
		}
		if settler == "key" {
			require.NotEqual(t, shared.Cancelled, again.Outcome, "nothing had left, so it is carried out now: %s", where)
		}
		for _, r := range s.records(t) {
			require.False(t, r.InDoubt() && r.DuplicateOf == 0, where)
		}
	})
	return done
}
