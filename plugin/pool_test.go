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

	"github.com/kes-respond/kes-respond/plugin"
	"github.com/kes-respond/kes-respond/plugin/journal"
	"github.com/kes-respond/kes-respond/plugin/ksc/ksctest"
	"github.com/kes-respond/kes-respond/shared"
)

// TestEqualConnectionsShareASession and no others do, whatever differs; it is
// ended a minute after its last use, and by Close.
func TestEqualConnectionsShareASession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOther(t, ksctest.Options{})
		p, err := plugin.New(t.Context(), plugin.Config{Connections: plugin.Connections{Dial: o.dial}})
		require.NoError(t, err)
		one := pair{p, o.Server}
		ask := func(connection string) shared.Result {
			_, result := one.send(t, member(isolate(`,"allowDuplicate":true`), connection))
			synctest.Wait()
			return result
		}
		for range 3 {
			assert.Equal(t, shared.Submitted, ask(o.connection()).Outcome)
		}
		assert.Equal(t, 1, o.count("StartSession"))
		assert.Equal(t, shared.Login, ask(o.connection("kscPassword", "wrong")).Error.Code, "nobody is let in by another's session")
		assert.Equal(t, shared.Login, ask(o.connection("kscUser", "somebody")).Error.Code)
		assert.Equal(t, shared.TLS, ask(o.connection("kscCert", strings.Repeat("00", 32))).Error.Code)
		assert.Equal(t, 3, o.count("StartSession"))
		assert.Equal(t, shared.Submitted, ask(o.connection("kscVServer", "Süd")).Outcome)
		assert.Equal(t, 4, o.count("StartSession"))

		time.Sleep(time.Minute - time.Second)
		assert.Equal(t, shared.Submitted, ask(o.connection()).Outcome)
		assert.Equal(t, 0, o.count("EndSession"))
		time.Sleep(2 * time.Second)
		synctest.Wait()
		assert.Equal(t, 1, o.count("EndSession"), "that of the virtual server")
		time.Sleep(time.Minute)
		synctest.Wait()
		assert.Equal(t, 2, o.count("EndSession"))
		assert.Equal(t, shared.Submitted, ask(o.connection()).Outcome)
		assert.Equal(t, 5, o.count("StartSession"))
		require.NoError(t, p.Close(t.Context()))
		assert.Equal(t, 3, o.count("EndSession"))
	})
}

// TestConnectionsAreBounded: 32 are held; the 33rd takes the place of the one
// that was idle the longest, or is refused where all are in use.
func TestConnectionsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOther(t, ksctest.Options{Latency: 100 * time.Millisecond})
		p, err := plugin.New(t.Context(), plugin.Config{Connections: plugin.Connections{Dial: o.dial}})
		require.NoError(t, err)
		one := pair{p, o.Server}
		line := func(i int) string {
			return member(unkeyed(fmt.Sprint(i), "isolateHost", `{"action":1}`), o.connection("kscVServer", fmt.Sprint(i)))
		}
		var busy []shared.Result
		var mu sync.Mutex
		var all sync.WaitGroup
		for i := range 34 {
			all.Go(func() {
				if _, r := one.send(t, line(i)); r.Outcome != shared.Submitted {
					mu.Lock()
					defer mu.Unlock()
					busy = append(busy, r)
				}
			})
		}
		all.Wait()
		require.Len(t, busy, 2)
		for _, r := range busy {
			assert.Equal(t, shared.Refused, r.Outcome)
			assert.Equal(t, shared.Busy, r.Error.Code)
			assert.True(t, r.Error.Retryable)
		}
		assert.Len(t, o.Incidents(), 32)
		synctest.Wait()
		assert.Equal(t, 0, o.count("EndSession"))
		_, r := one.send(t, line(100))
		require.Equal(t, shared.Submitted, r.Outcome, "%+v", r.Error)
		time.Sleep(time.Second)
		synctest.Wait()
		assert.Equal(t, 1, o.count("EndSession"), "one gave way")
		require.NoError(t, p.Close(t.Context()))
		assert.Equal(t, 33, o.count("EndSession"))
	})
}

// TestARefusedLoginOfAConnectionIsRemembered by the ledger, for that account at
// that address, however they are spelt: neither the same password nor any number
// of others is tried on.
func TestARefusedLoginOfAConnectionIsRemembered(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		s, o := newSite(t, dir, ksctest.Options{}), newOther(t, ksctest.Options{})
		for i, connection := range []string{
			o.connection("kscPassword", "wrong"), o.connection("kscPassword", "wrong"), o.connection("kscHost", "Other.Example", "kscUser", "SOC-Account", "kscPassword", "wrong"),
			o.connection("kscPassword", "wrong2"), o.connection("kscPassword", "wrong3"), o.connection("kscPassword", "wrong4"), o.connection("kscUser", "Soc-Account", "kscPassword", "wrong5"),
		} {
			_, result := s.start(t, nil, o.beside).send(t, member(unkeyed(fmt.Sprint(i), "isolateHost", `{"action":1}`), connection))
			assert.Equal(t, shared.Failed, result.Outcome)
			assert.Equal(t, shared.Login, result.Error.Code)
		}
		synctest.Wait()
		assert.Equal(t, 3, o.count("StartSession"))
	})
}

// TestARequestInDoubtWaitsForItsConnection: no other process has it. recover
// leaves the request, and it is settled when it is sent again.
func TestARequestInDoubtWaitsForItsConnection(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		s, o := newSite(t, dir, ksctest.Options{}), newOther(t, ksctest.Options{Mischief: map[string]float64{"drop-after-store@" + addMethod: 1, "html@HostGroup.FindIncidents": 1}})
		line := member(keyed("1", "k"), o.connection())
		first := s.start(t, nil, o.beside)
		_, result := first.send(t, timed(line, "2500ms"))
		require.Equal(t, shared.Unknown, result.Outcome)
		first.end()
		require.NoError(t, o.SetMischief(nil))

		second := s.start(t, nil, o.beside)
		if !s.records(t)[0].InDoubt() {
			t.Fatalf("it is not in doubt: %+v", s.records(t)[0])
		}
		for range 2 {
			left, err := second.Recover(t.Context(), true, func(journal.Record, shared.Result) { t.Error("something was settled") })
			require.NoError(t, err)
			assert.Equal(t, 1, left)
			all, err := second.Unreachable(t.Context(), true)
			require.NoError(t, err)
			require.Len(t, all, 1)
			assert.Equal(t, otherAddr, all[0].Server)
		}
		_, result = second.send(t, strings.Replace(line, `"id":"1"`, `"id":"2"`, 1))
		assert.Equal(t, shared.Submitted, result.Outcome, "%+v", result)
		assert.Equal(t, "1", result.DuplicateOf)
		assert.Len(t, o.Incidents(), 1)
		left, err := second.Recover(t.Context(), true, nil)
		require.NoError(t, err)
		assert.Zero(t, left)
	})
}
