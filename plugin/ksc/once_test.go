package ksc_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kes-respond/kes-respond/plugin/ksc"
)

const addIncident = "HostGroup.AddIncident"

// TestAnOrderRefusedOnlyByStatusIsNotSentAgain: a proxy that inspects answers
// may put any status in the place of KSC's, after KSC has stored the incident.
func TestAnOrderRefusedOnlyByStatusIsNotSentAgain(t *testing.T) {
	for code := 400; code < 500; code++ {
		synctest.Test(t, func(t *testing.T) {
			server := newRogue(t, except(addIncident, status(code, "no")))
			c := client(t, server.Dial)
			_, err := c.AddIncident(t.Context(), incident(1))
			e := failed(t, err)
			assert.Equal(t, ksc.Unknown, e.Delivery, "%d: nobody but KSC can say that it was not stored", code)
			assert.Equal(t, code, e.Status)
			if code == 401 || code == 403 {
				assert.Equal(t, ksc.KindBadAnswer, e.Kind, "no trouble with the login")
			} else {
				assert.Equal(t, ksc.KindRefused, e.Kind)
			}
			assert.Len(t, server.calls(addIncident), 1, "%d", code)
			assert.Len(t, server.calls("Session.StartSession"), 1, "the session lives")

			// The session is as good as before.
			_, err = c.Server(t.Context())
			require.NoError(t, err)
			assert.Len(t, server.calls("Session.StartSession"), 1)
		})
	}
}

// sessions is a server that knows the sessions it has started, save those that
// were ended.
func sessions(ended func(id string) bool, answer func(seen, int) reply) func(seen, int) reply {
	return func(s seen, nth int) reply {
		if s.method == "Session.StartSession" {
			return ok(fmt.Sprintf(`{"PxgRetVal":"session-%d"}`, nth+1))
		}
		if ended(s.header.Get("X-KSC-Session")) {
			return status(403, "Forbidden")
		}
		return answer(s, nth)
	}
}

// TestAnOrderIsSentAgainOnlyOnProof that its session had ended: the old one is
// refused, and a new one passes by the same way.
func TestAnOrderIsSentAgainOnlyOnProof(t *testing.T) {
	const ping, start = "Session.Ping", "Session.StartSession"
	var gone sync.Map
	first := func(id string) bool { return id == "session-1" }
	for _, one := range []struct {
		name     string
		answer   func(seen, int) reply
		orders   int
		kind     ksc.Kind // of the error; -1: none
		delivery ksc.Delivery
	}{
		{"the session had ended", sessions(first, wellBehaved), 2, -1, 0},
		{"a wall before all but the login", sessions(func(string) bool { return true }, wellBehaved), 1, ksc.KindSession, ksc.Unknown},
		{"a wall before AddIncident and Ping", func(s seen, nth int) reply {
			if s.method == addIncident || s.method == ping {
				return status(403, "not allowed here")
			}
			return wellBehaved(s, nth)
		}, 1, ksc.KindSession, ksc.Unknown},
		{"a wall before everything from the order on", func(s seen, nth int) reply {
			if s.method == start && nth == 0 {
				return wellBehaved(s, nth)
			}
			return status(403, "you are blocked")
		}, 1, ksc.KindLogin, ksc.Unknown},
		{"the login is refused now", sessions(first, wellBehaved), 1, ksc.KindLogin, ksc.Unknown},
		{"no answer to Ping", func(s seen, nth int) reply {
			switch s.method {
			case addIncident:
				return status(401, "no")
			case ping:
				return cut("")
			}
			return wellBehaved(s, nth)
		}, 1, ksc.KindSession, ksc.Unknown},
		{"a page in answer to Ping", func(s seen, nth int) reply {
			switch s.method {
			case addIncident:
				return status(401, "no")
			case ping:
				return ok(html)
			}
			return wellBehaved(s, nth)
		}, 1, ksc.KindSession, ksc.Unknown},
		{"refused once more", func(s seen, nth int) reply {
			if s.method == addIncident {
				return status(403, "no")
			}
			return sessions(first, wellBehaved)(s, nth)
		}, 2, ksc.KindBadAnswer, ksc.Unknown},
		{"no session lives to see the order", func(s seen, nth int) reply {
			if s.method == addIncident {
				gone.Store(s.header.Get("X-KSC-Session"), true)
			}
			return sessions(func(id string) bool { _, is := gone.Load(id); return is }, wellBehaved)(s, nth)
		}, 2, ksc.KindSession, ksc.Answered},
		{"KSC itself says so", func(s seen, nth int) reply {
			if s.method == addIncident && nth == 0 {
				return ok(`{"PxgError":{"code":1445,"module":"KLWAT","message":"no such client"}}`)
			}
			return wellBehaved(s, nth)
		}, 2, -1, 0},
		{"KSC itself says so of each", except(addIncident, ok(`{"PxgError":{"code":1445,"module":"KLWAT","message":"no such client"}}`)), 2, ksc.KindSession, ksc.Answered},
	} {
		t.Run(one.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				server := newRogue(t, func(s seen, nth int) reply {
					if one.name == "the login is refused now" && s.method == start && nth > 0 {
						return status(401, "Authentication failure")
					}
					return one.answer(s, nth)
				})
				c := client(t, server.Dial)
				id, err := c.AddIncident(t.Context(), incident(1))
				assert.Len(t, server.calls(addIncident), one.orders)
				if one.kind < 0 {
					require.NoError(t, err)
					assert.EqualValues(t, 4711, id)
					return
				}
				e := failed(t, err)
				assert.Equal(t, one.kind, e.Kind, "%v", e)
				assert.Equal(t, one.delivery, e.Delivery, "%v", e)
			})
		})
	}
}

// TestTheProofUsesTheSameSession: asked under another id, it would prove
// nothing.
func TestTheProofUsesTheSameSession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := newRogue(t, sessions(func(id string) bool { return id == "session-1" }, wellBehaved))
		c := client(t, server.Dial)
		_, err := c.AddIncident(t.Context(), incident(1))
		require.NoError(t, err)
		var order []string
		for _, s := range server.calls("") {
			order = append(order, strings.TrimSpace(s.method+" "+s.header.Get("X-KSC-Session")))
		}
		assert.Equal(t, []string{
			"Session.StartSession", "HostGroup.AddIncident session-1", "Session.Ping session-1",
			"Session.StartSession", "Session.Ping session-2", "HostGroup.AddIncident session-2",
		}, order)
	})
}

// TestARepeatableMethodIsRepeatedAtOnce: it needs no proof.
func TestARepeatableMethodIsRepeatedAtOnce(t *testing.T) {
	for _, o := range operations() {
		if o.method == addIncident || o.method == "Session.StartSession" {
			continue
		}
		synctest.Test(t, func(t *testing.T) {
			server := newRogue(t, func(s seen, nth int) reply {
				if s.method == o.method && nth == 0 {
					return status(403, "Forbidden")
				}
				return wellBehaved(s, nth)
			})
			c := client(t, server.Dial)
			require.NoError(t, o.do(t.Context(), c), o.method)
			assert.Len(t, server.calls(o.method), 2, o.method)
			assert.Empty(t, server.calls("Session.Ping"))
		})
	}
}

// TestAnOrderWhoseProofIsCutShort is unknown, and says what ended it.
func TestAnOrderWhoseProofIsCutShort(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		server := newRogue(t, func(s seen, nth int) reply {
			switch s.method {
			case addIncident:
				return status(403, "Forbidden")
			case "Session.Ping":
				cancel()
				return never
			}
			return wellBehaved(s, nth)
		})
		c := client(t, server.Dial)
		_, err := c.AddIncident(ctx, incident(1))
		assert.Equal(t, ksc.Unknown, failed(t, err).Delivery)
		assert.Len(t, server.calls(addIncident), 1)
	})
}
