package ksc_test

import (
	"context"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kes-respond/kes-respond/plugin/ksc"
	"github.com/kes-respond/kes-respond/plugin/ksc/ksctest"
)

// emulated makes the emulator and a client of it.
func emulated(t testing.TB, o ksctest.Options, change ...func(*ksc.Config)) (*ksctest.Server, *ksc.Client) {
	t.Helper()
	if o.User == "" {
		o.User, o.Password = user, password
	}
	server, err := ksctest.New(o)
	require.NoError(t, err)
	t.Cleanup(server.Close)
	trust, err := ksc.ParseTrust(server.CertificatePEM())
	require.NoError(t, err)
	c := client(t, server.Dial, append([]func(*ksc.Config){func(c *ksc.Config) { c.Trust = trust }}, change...)...)
	return server, c
}

func called(s *ksctest.Server, method string) int {
	n := 0
	for _, c := range s.Calls() {
		if strings.HasSuffix(c.Path, "/"+method) {
			n++
		}
	}
	return n
}

func incident(n int) ksc.Incident {
	return ksc.Incident{Severity: 2, Added: time.Now(), Body: fmt.Sprintf(`{"n":%d}`, n), Host: hostID}
}

// atOnce runs f so many times side by side.
func atOnce(times int, f func(n int)) {
	var all sync.WaitGroup
	for n := range times {
		all.Go(func() { f(n) })
	}
	all.Wait()
}

// TestAHerdLogsInOnce: however many calls come at once, there is one login,
// no more connections than allowed, and one end.
func TestAHerdLogsInOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server, c := emulated(t, ksctest.Options{Latency: 100 * time.Millisecond})
		atOnce(100, func(n int) {
			_, err := c.AddIncident(t.Context(), incident(n))
			assert.NoError(t, err)
		})
		assert.Len(t, server.Incidents(), 100)
		assert.Equal(t, 1, called(server, "Session.StartSession"))
		require.NoError(t, c.Close(t.Context()))
		assert.Equal(t, 1, called(server, "Session.EndSession"))
		conns := map[int]bool{}
		for _, call := range server.Calls() {
			conns[call.Conn] = true
		}
		assert.LessOrEqual(t, len(conns), 8)
		assert.Equal(t, 102, len(server.Calls()), "nothing else was sent")
	})
}

// TestAnEndedSessionIsRenewedOnce for all the calls that meet its end.
func TestAnEndedSessionIsRenewedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server, c := emulated(t, ksctest.Options{Latency: 100 * time.Millisecond}, func(c *ksc.Config) { c.MaxConns = 50 })
		require.NoError(t, c.Open(t.Context()))
		for round := 2; round < 5; round++ {
			server.EndSessions()
			before := len(server.Incidents())
			atOnce(50, func(n int) {
				_, err := c.AddIncident(t.Context(), incident(n))
				assert.NoError(t, err)
			})
			assert.Equal(t, round, called(server, "Session.StartSession"))
			assert.Len(t, server.Incidents(), before+50, "none twice")
		}
	})
}

// TestASessionThatNeverHoldsIsNoLoop: a server that takes every login and
// then knows no session costs each call two tries.
func TestASessionThatNeverHoldsIsNoLoop(t *testing.T) {
	for _, code := range []int{401, 403} {
		synctest.Test(t, func(t *testing.T) {
			server := newRogue(t, except("HostGroup.GetStaticInfo", status(code, "no")))
			c := client(t, server.Dial)
			_, err := c.Server(t.Context())
			e := failed(t, err)
			assert.Equal(t, ksc.KindSession, e.Kind)
			assert.Equal(t, ksc.Answered, e.Delivery)
			assert.Equal(t, code, e.Status)
			assert.Equal(t, "no", e.Excerpt)
			assert.Len(t, server.calls("HostGroup.GetStaticInfo"), 2)
			assert.Len(t, server.calls("Session.StartSession"), 2)
		})
	}
}

// TestNoSuchClientIsNoRefusedPassword: KLWAT 1445 in answer to a login tells of
// KSC, which is tried again, and not of the account.
func TestNoSuchClientIsNoRefusedPassword(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server, c := emulated(t, ksctest.Options{Mischief: map[string]float64{"no-client@Session.StartSession": 1}, Seed: 1})
		e := failed(t, c.Open(t.Context()))
		assert.Equal(t, ksc.KindSession, e.Kind)
		assert.True(t, e.Passing())
		assert.False(t, e.Final())
		require.NoError(t, server.SetMischief(nil))
		require.NoError(t, c.Open(t.Context()))
	})
}

// TestARefusedLoginIsNotRepeatedSoon, by whoever asks and however often.
func TestARefusedLoginIsNotRepeatedSoon(t *testing.T) {
	for _, one := range []struct {
		name     string
		options  ksctest.Options
		password string
		kind     ksc.Kind
		message  string
	}{
		{"wrong password", ksctest.Options{LockAfter: 3}, "wrong", ksc.KindLogin, "user or password"},
		{"blocked account", ksctest.Options{Locked: true}, password, ksc.KindLocked, "blocked"},
		{"second factor", ksctest.Options{SecondFactor: "123456"}, password, ksc.KindSecondFactor, "second factor"},
	} {
		t.Run(one.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				one.options.Latency = 100 * time.Millisecond
				server, c := emulated(t, one.options, func(c *ksc.Config) { c.Password = one.password })
				for range 2 {
					atOnce(50, func(n int) {
						_, err := c.AddIncident(t.Context(), incident(n))
						e := failed(t, err)
						assert.Equal(t, one.kind, e.Kind)
						assert.Equal(t, ksc.Answered, e.Delivery)
						assert.Contains(t, e.Error(), one.message)
					})
				}
				assert.Equal(t, 1, len(server.Calls()), "one login, and nothing more")
				time.Sleep(10 * time.Minute) // the bubble's time: the account may have been mended
				atOnce(50, func(n int) {
					_, err := c.AddIncident(t.Context(), incident(n))
					assert.Equal(t, one.kind, failed(t, err).Kind)
				})
				assert.NoError(t, c.Close(t.Context()))
				assert.Equal(t, 2, len(server.Calls()), "one more login, and nothing more")
			})
		})
	}
}

// TestALoginRefusedOnRenewal: the password was changed while we ran.
func TestALoginRefusedOnRenewal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := newRogue(t, func(s seen, nth int) reply {
			switch {
			case s.method == "Session.StartSession" && nth > 0:
				return status(401, "Authentication failure")
			case s.method == "HostGroup.AddIncident" && nth > 0, s.method == "Session.Ping":
				return status(403, "Forbidden")
			}
			return wellBehaved(s, nth)
		})
		c := client(t, server.Dial)
		_, err := c.AddIncident(t.Context(), incident(1))
		require.NoError(t, err)
		for n := range 3 {
			_, err = c.AddIncident(t.Context(), incident(2))
			e := failed(t, err)
			assert.Equal(t, ksc.KindLogin, e.Kind)
			if n == 0 {
				assert.Equal(t, ksc.Unknown, e.Delivery, "the order was sent, and only a new session could prove that the old one had ended")
			} else {
				assert.Equal(t, ksc.Answered, e.Delivery, "no order was sent")
			}
		}
		assert.Len(t, server.calls("Session.StartSession"), 2)
		assert.Len(t, server.calls("HostGroup.AddIncident"), 2)
	})
}

// TestAFailedStartIsShared: those who waited for a login that never came do
// not wait for it once more, one after the other; who comes later tries anew.
func TestAFailedStartIsShared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := newRogue(t, func(s seen, nth int) reply {
			if s.method == "Session.StartSession" && nth == 0 {
				return never
			}
			return wellBehaved(s, nth)
		})
		c := client(t, server.Dial)
		start := time.Now()
		atOnce(40, func(int) {
			_, err := c.AddIncident(t.Context(), incident(1))
			e := failed(t, err)
			assert.Equal(t, ksc.KindTimeout, e.Kind)
			assert.Equal(t, ksc.NotSent, e.Delivery)
			assert.Equal(t, 30*time.Second, time.Since(start))
		})
		_, err := c.AddIncident(t.Context(), incident(1))
		assert.NoError(t, err)
		assert.Len(t, server.calls("Session.StartSession"), 2)
	})
}

// TestAStarterThatGivesUpStopsNobody: its cancel is its own.
func TestAStarterThatGivesUpStopsNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := newRogue(t, func(s seen, nth int) reply {
			if s.method == "Session.StartSession" && nth == 0 {
				return never
			}
			return wellBehaved(s, nth)
		})
		c := client(t, server.Dial)
		first, giveUp := context.WithCancel(t.Context())
		var all sync.WaitGroup
		all.Go(func() {
			assert.Equal(t, ksc.KindCanceled, failed(t, c.Open(first)).Kind)
		})
		synctest.Wait()
		all.Go(func() {
			short, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			e := failed(t, c.Open(short))
			assert.Equal(t, ksc.KindTimeout, e.Kind)
			assert.Equal(t, ksc.NotSent, e.Delivery)
		})
		all.Go(func() { assert.NoError(t, c.Open(t.Context())) })
		time.AfterFunc(2*time.Second, giveUp)
		all.Wait()
		assert.Len(t, server.calls("Session.StartSession"), 2)
	})
}

// TestCloseEndsTheSession even when there is no time left, and waits for a
// silent server only so long.
func TestCloseEndsTheSession(t *testing.T) {
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	synctest.Test(t, func(t *testing.T) {
		server, c := emulated(t, ksctest.Options{})
		require.NoError(t, c.Open(t.Context()))
		assert.NoError(t, c.Close(ended))
		assert.Equal(t, 1, called(server, "Session.EndSession"))
		assert.NoError(t, c.Close(ended), "twice is once")
		assert.Equal(t, 1, called(server, "Session.EndSession"))
	})
	synctest.Test(t, func(t *testing.T) {
		server, c := emulated(t, ksctest.Options{})
		assert.NoError(t, c.Close(ended))
		assert.Empty(t, server.Calls(), "no session, nothing to end")
		e := failed(t, c.Open(t.Context()))
		assert.Equal(t, ksc.KindCanceled, e.Kind)
		assert.Empty(t, server.Calls(), "a closed client logs in no more")
	})
	synctest.Test(t, func(t *testing.T) {
		server := newRogue(t, except("Session.EndSession", never))
		c := client(t, server.Dial)
		require.NoError(t, c.Open(t.Context()))
		start := time.Now()
		assert.Equal(t, ksc.KindTimeout, failed(t, c.Close(t.Context())).Kind)
		assert.Equal(t, 5*time.Second, time.Since(start))
	})
}

// TestCloseDuringCalls: a call that meets the end of the session does not
// start another, and a session being started meanwhile is ended as well.
func TestCloseDuringCalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ended := make(chan struct{})
		server := newRogue(t, func(s seen, nth int) reply {
			switch s.method {
			case "HostGroup.AddIncident", "Session.Ping":
				<-ended
				return status(403, "Forbidden")
			case "Session.EndSession":
				close(ended)
			}
			return wellBehaved(s, nth)
		})
		c := client(t, server.Dial)
		require.NoError(t, c.Open(t.Context()))
		var all sync.WaitGroup
		for n := range 5 {
			all.Go(func() {
				_, err := c.AddIncident(t.Context(), incident(n))
				e := failed(t, err)
				assert.Equal(t, ksc.KindCanceled, e.Kind, "%v", e)
				assert.Equal(t, ksc.Unknown, e.Delivery, "a bare 403 proves nothing")
			})
		}
		synctest.Wait()
		assert.NoError(t, c.Close(t.Context()))
		all.Wait()
		assert.Len(t, server.calls("HostGroup.AddIncident"), 5)
		assert.Len(t, server.calls("Session.StartSession"), 1)
	})
	synctest.Test(t, func(t *testing.T) {
		slow := make(chan struct{})
		server := newRogue(t, wellBehaved)
		server.answer = func(s seen, nth int) reply {
			if s.method == "Session.StartSession" {
				<-slow
			}
			return wellBehaved(s, nth)
		}
		c := client(t, server.Dial)
		var all sync.WaitGroup
		all.Go(func() {
			assert.Equal(t, ksc.KindCanceled, failed(t, c.Open(t.Context())).Kind)
		})
		synctest.Wait()
		time.AfterFunc(10*time.Second, func() { close(slow) })
		start := time.Now()
		failed(t, c.Close(t.Context()))
		assert.Equal(t, 5*time.Second, time.Since(start))
		all.Wait()
		assert.Len(t, server.calls("Session.EndSession"), 1, "who started it has ended it")
	})
}

// TestADropIsNeverRepeated: the verb is POST, and the transport must not
// think better of it, on a new connection or on a used one.
func TestADropIsNeverRepeated(t *testing.T) {
	for _, o := range operations() {
		synctest.Test(t, func(t *testing.T) {
			server := newRogue(t, except(o.method, cut("")))
			c := client(t, server.Dial)
			failed(t, o.do(t.Context(), c))
			assert.Len(t, server.calls(o.method), 1, o.method)
		})
	}
}

// TestAConnectionClosedWhileIdleCostsNothing: KSC may close one at any time.
func TestAConnectionClosedWhileIdleCostsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := newRogue(t, func(s seen, nth int) reply {
			return func(w io.Writer, until <-chan struct{}) bool {
				wellBehaved(s, nth)(w, until)
				return false // closed right after the answer, without saying so
			}
		})
		c := client(t, server.Dial)
		require.NoError(t, c.Open(t.Context()))
		for n := range 3 {
			synctest.Wait()
			_, err := c.AddIncident(t.Context(), incident(n))
			require.NoError(t, err)
		}
		assert.Equal(t, 4, server.dials)
		assert.Len(t, server.calls("HostGroup.AddIncident"), 3)
		assert.Len(t, server.calls("Session.StartSession"), 1, "a session outlives its connection")
	})
}

// TestABodyThatDoesNotLeaveIsNotSent: the server stops reading, or drops the
// connection, in the middle of a long request.
func TestABodyThatDoesNotLeaveIsNotSent(t *testing.T) {
	for _, drops := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			server := newRogue(t, wellBehaved)
			c := client(t, server.dialStuck(20_000, drops), func(c *ksc.Config) { c.MaxConns = 1 })
			require.NoError(t, c.Open(t.Context()))
			in := incident(1)
			in.Body = strings.Repeat("x", 1<<20)
			start := time.Now()
			_, err := c.AddIncident(t.Context(), in)
			e := failed(t, err)
			assert.Empty(t, server.calls("HostGroup.AddIncident"), "it never arrived whole")
			if drops {
				assert.Equal(t, ksc.KindUnreachable, e.Kind, "%v", e)
				assert.Equal(t, ksc.NotSent, e.Delivery, "its writing failed")
				return
			}
			assert.Equal(t, ksc.KindTimeout, e.Kind, "%v", e)
			assert.Equal(t, 30*time.Second, time.Since(start))
		})
	}
}
