package plugin_test

import (
	"context"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kes-respond/kes-respond/plugin/journal"
	"github.com/kes-respond/kes-respond/plugin/ksc/ksctest"
	"github.com/kes-respond/kes-respond/shared"
)

// hold has another process hold the ledger for a while.
func (s *site) hold(t *testing.T, d time.Duration) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	j, err := journal.Open(ctx, s.dir, journal.Options{User: "tester", PID: int(pids.Add(1)), Step: func(step string) {
		if step == "append" {
			time.Sleep(d)
		}
	}})
	if !assert.NoError(t, err) {
		return
	}
	_, _, err = j.Claim(ctx, journal.Entry{ID: `"holder"`, Task: "getFile", Server: "main", HostID: "other", Digest: "x"}, nil)
	assert.NoError(t, err)
	assert.NoError(t, j.Close())
}

// TestAnEndThatTheLedgerMissed: the ledger was not to be had for a while;
// the process lives on, and so does the claim, for ever.
func TestAnEndThatTheLedgerMissed(t *testing.T) {
	for _, c := range []struct {
		name string
		hold time.Duration
		o    ksctest.Options
		want shared.Outcome
	}{
		{"denied", 15 * time.Second, ksctest.Options{Denied: []string{addMethod}}, shared.Failed},
		{"stored", 50 * time.Second, ksctest.Options{}, shared.Submitted},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			synctest.Test(t, func(t *testing.T) {
				c.o.Latency = 2 * time.Second
				s := newSite(t, dir, c.o)
				n := 0
				var holding sync.WaitGroup
				p := s.start(t, func(step string) {
					if step == "indexed" {
						if n++; n == 3 {
							holding.Go(func() { s.hold(t, c.hold) })
						}
					}
				})
				_, first := p.send(t, keyed("first", "k"))
				t.Logf("first: %s: %s", first.Outcome, first.Message)
				require.Equal(t, c.want, first.Outcome)
				holding.Wait()
				time.Sleep(time.Hour)
				began := time.Now()
				_, again := p.send(t, keyed("again", "k"))
				t.Logf("again: %s after %s: %s", again.Outcome, time.Since(began), again.Message)
				assert.Equal(t, c.want, again.Outcome)
				s.recovered(t, true)
				_, again = s.start(t, nil).send(t, keyed("third", "k"))
				assert.Equal(t, c.want, again.Outcome, "%s", again.Message)
			})
		})
	}
}

// TestAStoredThatTheLedgerMissed: Stored was not written, Updated and
// Ended were: the ledger says submitted and has no incident.
func TestAStoredThatTheLedgerMissed(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, dir, ksctest.Options{Latency: 2 * time.Second})
		n := 0
		var holding sync.WaitGroup
		p := s.start(t, func(step string) {
			if step == "indexed" {
				if n++; n == 3 {
					holding.Go(func() { s.hold(t, 14*time.Second) })
				}
			}
		})
		_, first := p.send(t, keyed("first", "k"))
		t.Logf("first: %s: %s", first.Outcome, first.Message)
		require.Equal(t, shared.Submitted, first.Outcome)
		holding.Wait()
		_, again := p.send(t, keyed("again", "k"))
		t.Logf("again: %s: %s", again.Outcome, again.Message)
		for _, r := range s.records(t) {
			if r.Outcome == shared.Submitted {
				assert.NotZero(t, r.Incident, "submitted, and the ledger does not know its incident (%s)", r.Stage)
			}
		}
		if assert.NotNil(t, again.Incident) {
			assert.Equal(t, first.Incident.ID, again.Incident.ID)
		}
	})
}

// TestAListenerThatIsStuckHoldsOnlyItself: emit blocks with the claim
// held and nothing sent; no equal request is carried out either.
func TestAListenerThatIsStuckHoldsOnlyItself(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, dir, ksctest.Options{})
		p := s.start(t, nil)
		r, refusal := shared.ParseRequest([]byte(unkeyed("first", "isolateHost", `{"action":1}`)))
		require.Nil(t, refusal)
		stuck, ended := make(chan struct{}), make(chan struct{})
		go func() { defer close(ended); p.Respond(t.Context(), r, func(shared.Event) { <-stuck }) }()
		synctest.Wait()
		time.Sleep(2 * time.Minute) // past the first one's own timeout
		_, again := s.start(t, nil).send(t, unkeyed("again", "isolateHost", `{"action":1}`))
		t.Logf("%s: %s", again.Outcome, again.Message)
		assert.Equal(t, shared.Submitted, again.Outcome)
		close(stuck)
		<-ended
	})
}

// TestABusyLedgerIsNoFailureUnderAKey: recall has found the first one,
// submitted; the claim then finds the ledger busy until the time is over.
func TestABusyLedgerIsNoFailureUnderAKey(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, dir, ksctest.Options{})
		p := s.start(t, nil)
		_, first := p.send(t, keyed("first", "k"))
		require.Equal(t, shared.Submitted, first.Outcome)
		var holding sync.WaitGroup
		holding.Go(func() { s.hold(t, 20*time.Second) })
		time.Sleep(time.Second)
		_, again := p.send(t, timed(keyed("again", "k"), "5s"))
		holding.Wait()
		t.Logf("%s: %s", again.Outcome, again.Message)
		assert.NotEqual(t, shared.Failed, again.Outcome, "it was submitted under this key")
		assert.NotEqual(t, shared.Cancelled, again.Outcome)
	})
}

// TestACancelledCallTellsNothingOfTheServer: it counts as a success, and
// so closes a circuit that is half open and hides failures in a row.
func TestACancelledCallTellsNothingOfTheServer(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		const file = `{"md5hash":"","sha256hash":"","path":"C:\\a\\b.exe"}`
		s := newSite(t, dir, ksctest.Options{})
		p := s.start(t, nil)
		_, ok := p.send(t, unkeyed("0", "getFile", file))
		require.Equal(t, shared.Submitted, ok.Outcome)
		require.NoError(t, s.ksc.SetMischief(map[string]float64{"starting": 1}))
		_, last := p.send(t, timed(unkeyed("1", "getFile", file), "40s"))
		require.Equal(t, shared.Failed, last.Outcome)
		time.Sleep(11 * time.Second) // half open
		require.NoError(t, s.ksc.SetMischief(map[string]float64{"delay": 1}))
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(100*time.Millisecond, cancel)
		_, cancelled := p.sendCtx(t, ctx, strings.Replace(unkeyed("2", "getFile", file), "never", "auto", 1))
		require.Equal(t, shared.Cancelled, cancelled.Outcome)
		require.NoError(t, s.ksc.SetMischief(map[string]float64{"starting": 1}))
		synctest.Wait() // the emulator notes a call when it is over
		before := len(s.ksc.Calls())
		var all sync.WaitGroup
		for i := range 4 {
			all.Go(func() { p.send(t, timed(unkeyed(fmt.Sprint("y", i), "getFile", file), "300ms")) })
		}
		all.Wait()
		assert.LessOrEqual(t, len(s.ksc.Calls())-before, 1, "the server has answered nothing since, and all ask it at once")
	})
}

// TestAClockSetBackHoldsNoSearch: an order that seems to have been sent
// tomorrow is not waited for until then.
func TestAClockSetBackHoldsNoSearch(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(24 * time.Hour)
		newSite(t, dir, ksctest.Options{}).dead(t, keyed("first", "k"))
	})
	synctest.Test(t, func(t *testing.T) { // begins at the same time as the first one did
		s := newSite(t, dir, ksctest.Options{})
		began := time.Now()
		s.recovered(t, false)
		assert.Less(t, time.Since(began), 5*time.Minute)
	})
}

// TestWhatIsContinuedIsWhatIsRecorded: a claim taken over under its key
// is sent with the second request's area, and the ledger keeps the first's.
func TestWhatIsContinuedIsWhatIsRecorded(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, dir, ksctest.Options{})
		n := 0
		p := s.start(t, func(step string) {
			if step == "append" {
				if n++; n >= 3 {
					runtime.Goexit()
				}
			}
		})
		ended := make(chan struct{})
		area := func(id, a string) string {
			return strings.TrimSuffix(keyed(id, "k"), "}") + fmt.Sprintf(`,"responseEventIncidentArea":%q}`, a)
		}
		go func() { defer close(ended); p.send(t, area("first", "SOC-A")) }()
		<-ended
		n = -1 << 30
		require.NoError(t, p.journal().Close())
		_, r := s.start(t, nil).send(t, area("second", "SOC-B"))
		require.Equal(t, shared.Submitted, r.Outcome)
		for _, rec := range s.records(t) {
			if rec.Incident != 0 {
				assert.Contains(t, s.ksc.Incidents()[0].Body, rec.Area)
			}
		}
	})
}

// TestAFailureUnderAKeyIsNotRetryable: the same request sent again hears
// the same failure for ever.
func TestAFailureUnderAKeyIsNotRetryable(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, dir, ksctest.Options{})
		p := s.start(t, nil)
		require.NoError(t, s.ksc.SetMischief(map[string]float64{"starting": 1}))
		_, first := p.send(t, keyed("first", "k"))
		require.Equal(t, shared.Failed, first.Outcome)
		require.NoError(t, s.ksc.SetMischief(nil))
		time.Sleep(time.Minute)
		_, again := p.send(t, keyed("again", "k"))
		t.Logf("first: retryable %v, %s; again: %s", first.Error.Retryable, first.Error.Assistance, again.Outcome)
		assert.False(t, first.Error.Retryable && again.Outcome == shared.Failed, "retryable, and retried it is failed without a try")
	})
}
