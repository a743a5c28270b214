package ksc_test

import (
	"context"
	"errors"
	"net/url"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kes-respond/kes-respond/plugin/ksc"
	"github.com/kes-respond/kes-respond/plugin/ksc/ksctest"
)

const startSession = "Session.StartSession"

// gatehouse is what several processes share: one turn, and one memory.
type gatehouse struct {
	turn chan struct{}

	mu      sync.Mutex
	refused *ksc.Error
	until   time.Time
	asked   int
	ended   []error
}

func newGatehouse() *gatehouse { return &gatehouse{turn: make(chan struct{}, 1)} }

func (g *gatehouse) gate(ctx context.Context, _ string, anew bool) (func(error), error) {
	select {
	case g.turn <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.asked++
	if g.refused != nil && time.Now().Before(g.until) && !anew {
		<-g.turn
		return nil, g.refused
	}
	return g.done, nil
}

func (g *gatehouse) done(err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.ended = append(g.ended, err)
	var e *ksc.Error
	switch {
	case err == nil:
		g.refused = nil
	case errors.As(err, &e) && e.Final():
		g.refused, g.until = &ksc.Error{Kind: e.Kind, Message: "refused before: " + e.Message}, time.Now().Add(10*time.Minute)
	}
	<-g.turn
}

func (g *gatehouse) config(c *ksc.Config) { c.Gate = g.gate }

// TestProcessesLogInOneByOne, and a wrong password is tried by one of them.
func TestProcessesLogInOneByOne(t *testing.T) {
	const processes = 40
	for _, wrong := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			house := newGatehouse()
			server, first := emulated(t, ksctest.Options{Latency: 100 * time.Millisecond, LockAfter: 3}, house.config)
			clients := []*ksc.Client{first}
			for len(clients) < processes {
				clients = append(clients, sibling(t, server, house.config, func(c *ksc.Config) {
					if wrong {
						c.Password = "wrong"
					}
				}))
			}
			if wrong {
				clients = clients[1:]
			}
			start := time.Now()
			atOnce(len(clients), func(n int) {
				_, err := clients[n].AddIncident(t.Context(), incident(n))
				if !wrong {
					assert.NoError(t, err)
					return
				}
				e := failed(t, err)
				assert.Equal(t, ksc.KindLogin, e.Kind)
				assert.Equal(t, ksc.Answered, e.Delivery)
				assert.Contains(t, e.Error(), "user or password")
			})
			if wrong {
				assert.Equal(t, 1, called(server, startSession))
				assert.Len(t, house.ended, 1)
				return
			}
			assert.GreaterOrEqual(t, time.Since(start), processes*100*time.Millisecond, "one after the other")
			assert.Equal(t, processes, called(server, startSession))
			server.EndSessions()
			_, err := first.Server(t.Context())
			require.NoError(t, err)
			assert.Len(t, house.ended, processes+1, "a renewal is a login too")
		})
	}
}

// sibling is another client of the same server.
func sibling(t testing.TB, server *ksctest.Server, change ...func(*ksc.Config)) *ksc.Client {
	t.Helper()
	trust, err := ksc.ParseTrust(server.CertificatePEM())
	require.NoError(t, err)
	return client(t, server.Dial, append(change, func(c *ksc.Config) { c.Trust = trust })...)
}

// TestARefusalThatIsRememberedElsewhere is this login's answer, for as long as
// the gate says and no longer, and shows no password.
func TestARefusalThatIsRememberedElsewhere(t *testing.T) {
	for _, kind := range []ksc.Kind{ksc.KindLogin, ksc.KindLocked, ksc.KindSecondFactor} {
		synctest.Test(t, func(t *testing.T) {
			house := newGatehouse()
			house.refused, house.until = &ksc.Error{Kind: kind, Message: "refused before, with " + password}, time.Now().Add(time.Minute)
			server, c := emulated(t, ksctest.Options{}, house.config)
			_, err := c.AddIncident(t.Context(), incident(1))
			e := failed(t, err)
			assert.Equal(t, kind, e.Kind)
			assert.Equal(t, startSession, e.Method)
			assert.Equal(t, ksc.Answered, e.Delivery)
			assert.Equal(t, "refused before, with [hidden]", e.Message)
			assert.False(t, e.Passing())
			assert.Empty(t, server.Calls())
			time.Sleep(time.Minute) // the bubble's
			_, err = c.AddIncident(t.Context(), incident(1))
			assert.NoError(t, err, "not remembered for ten more minutes here")
		})
	}
}

// TestOpenAnewLooksPastARefusal, its own and the gate's, once.
func TestOpenAnewLooksPastARefusal(t *testing.T) {
	refusing := func(mended *bool) func(seen, int) reply {
		return func(s seen, nth int) reply {
			if s.method == startSession && !*mended {
				return status(401, "Authentication failure")
			}
			return wellBehaved(s, nth)
		}
	}
	for _, gated := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			mended, house := false, newGatehouse()
			server := newRogue(t, refusing(&mended))
			var gate func(*ksc.Config)
			if gate = house.config; !gated {
				gate = func(*ksc.Config) {}
			}
			c, other := client(t, server.Dial, gate), client(t, server.Dial, gate)
			for range 3 {
				assert.Equal(t, ksc.KindLogin, failed(t, c.Open(t.Context())).Kind)
			}
			assert.Len(t, server.calls(startSession), 1)
			assert.Equal(t, ksc.KindLogin, failed(t, c.OpenAnew(t.Context())).Kind)
			assert.Equal(t, ksc.KindLogin, failed(t, c.Open(t.Context())).Kind)
			assert.Len(t, server.calls(startSession), 2, "refused again, remembered again")
			mended = true
			require.Error(t, c.Open(t.Context()))
			if gated {
				require.Error(t, other.Open(t.Context()))
			}
			require.NoError(t, c.OpenAnew(t.Context()))
			require.NoError(t, c.OpenAnew(t.Context()))
			require.NoError(t, c.Open(t.Context()))
			assert.Len(t, server.calls(startSession), 3, "the session is there")
			require.NoError(t, other.Open(t.Context()), "nobody remembers it any more")
		})
	}
}

// TestTwoWhoOpenAnew cost one login, for neither knew of the other's refusal.
func TestTwoWhoOpenAnew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		house := newGatehouse()
		server, c := emulated(t, ksctest.Options{Latency: time.Second}, house.config, func(c *ksc.Config) { c.Password = "wrong" })
		failed(t, c.Open(t.Context()))
		atOnce(5, func(int) {
			assert.Equal(t, ksc.KindLogin, failed(t, c.OpenAnew(t.Context())).Kind)
		})
		assert.Equal(t, 2, called(server, startSession))
	})
}

// TestAGateThatGivesNoLeave: nothing is sent, and the error says why.
func TestAGateThatGivesNoLeave(t *testing.T) {
	for _, one := range []struct {
		name    string
		gate    error // nil: it waits until ctx ends
		cancel  bool
		kind    ksc.Kind
		passing bool
		message string
	}{
		{"another is slow", nil, false, ksc.KindTimeout, true, "another process is logging in"},
		{"another is slow, and we give up", nil, true, ksc.KindCanceled, false, "another process was logging in"},
		{"its own patience ends", context.DeadlineExceeded, false, ksc.KindTimeout, true, "another process is logging in"},
		{"it is broken", errors.New("no space left, says " + password), false, ksc.KindRefused, false, "no leave to log in: no space left, says [hidden]"},
		{"an error of ours that refuses no login", &ksc.Error{Kind: ksc.KindDenied, Message: "no"}, false, ksc.KindRefused, false, "no leave to log in"},
	} {
		t.Run(one.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				server, c := emulated(t, ksctest.Options{}, func(c *ksc.Config) {
					c.Gate = func(ctx context.Context, _ string, _ bool) (func(error), error) {
						if one.gate != nil {
							return nil, one.gate
						}
						<-ctx.Done()
						return nil, ctx.Err()
					}
				})
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				defer cancel()
				if one.cancel {
					time.AfterFunc(time.Second, cancel)
				}
				_, err := c.AddIncident(ctx, incident(1))
				e := failed(t, err)
				assert.Equal(t, one.kind, e.Kind)
				assert.Equal(t, ksc.NotSent, e.Delivery)
				assert.Equal(t, one.passing, e.Passing())
				assert.Contains(t, e.Message, one.message)
				assert.Empty(t, server.Calls())
			})
		})
	}
}

// TestTheGateHearsOfEveryEnd, once.
func TestTheGateHearsOfEveryEnd(t *testing.T) {
	only := func(t *testing.T, house *gatehouse) error {
		t.Helper()
		synctest.Wait()
		require.Len(t, house.ended, 1)
		assert.Empty(t, house.turn, "the next may go in")
		return house.ended[0]
	}
	synctest.Test(t, func(t *testing.T) { // no answer
		house := newGatehouse()
		c := client(t, newRogue(t, except(startSession, never)).Dial, house.config)
		failed(t, c.Open(t.Context()))
		assert.Equal(t, ksc.KindTimeout, failed(t, only(t, house)).Kind)
		assert.Nil(t, house.refused)
	})
	synctest.Test(t, func(t *testing.T) { // given up
		house := newGatehouse()
		c := client(t, newRogue(t, except(startSession, never)).Dial, house.config)
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		failed(t, c.Open(ctx))
		assert.Equal(t, ksc.KindCanceled, failed(t, only(t, house)).Kind)
	})
	synctest.Test(t, func(t *testing.T) { // a panic
		house := newGatehouse()
		_, c := emulated(t, ksctest.Options{}, house.config, func(c *ksc.Config) {
			first := true
			c.Proxy = func(*url.URL) (*url.URL, error) {
				if first {
					first = false
					panic("of the proxy's function")
				}
				return nil, nil
			}
		})
		assert.Panics(t, func() { c.Open(t.Context()) }) //nolint:errcheck // it does not return
		assert.Error(t, only(t, house))
		assert.NoError(t, c.Open(t.Context()), "nothing is held")
	})
	synctest.Test(t, func(t *testing.T) { // closed while it waited
		house := newGatehouse()
		house.turn <- struct{}{}
		server, c := emulated(t, ksctest.Options{}, house.config)
		ended := make(chan error)
		go func() { ended <- c.Open(t.Context()) }()
		synctest.Wait()
		failed(t, c.Close(t.Context()))
		<-house.turn
		assert.Equal(t, ksc.KindCanceled, failed(t, <-ended).Kind)
		assert.Equal(t, ksc.KindCanceled, failed(t, only(t, house)).Kind)
		assert.Empty(t, server.Calls())
	})
}
