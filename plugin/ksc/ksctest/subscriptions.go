package ksctest

import (
	"strings"
	"time"
)

// The two events of the server that are known to matter to responses (KSCAPI a00404, a00451). Others can be subscribed to
// and never come: the complete list is not documented.
const (
	eventAdded   = "KLSRV_EV_INCIDENT_ADDED"
	eventBackend = "KLSRV_EV_PROD_BACKEND_CMD"

	productName    = "CMD_PROD_NAME"
	productVersion = "CMD_PROD_VERSION"
)

// Bounds of what a client may hear. Their values are judgement, not confirmed against a live KSC.
const (
	eventPeriod       = 5 * time.Second  // between two calls of Retrieve
	eventLife         = 10 * time.Minute // of an event that nobody retrieves
	eventsAtOnce      = 100              // in one answer of Retrieve
	eventsKept        = 1000             // for one client; the oldest go
	subscriptionLimit = 32               // of one client
)

// listener is who has subscribed: a session, a connection, or the account for calls with credentials of their own. It goes
// with its session or connection.
type listener struct {
	subs   map[int64]subscription
	queue  []conEvent
	polled time.Time // the last Retrieve that left nothing behind
}

type subscription struct {
	event  string
	filter row
}

type conEvent struct {
	kind   string
	params row
	born   time.Time // by the server's clock
	until  time.Time
}

// subscribe numbers subscriptions over all clients. One to KLSRV_EV_PROD_BACKEND_CMD needs both values of its filter (KSCAPI
// a00451); which error says so is judgement. So is that any other filter lists members that an event must have.
func subscribe(c *call) (answer, error) {
	sub := subscription{event: c.text("wstrEvent")}
	sub.filter, _ = c.args["pFilter"].(row)
	if sub.event == "" {
		return nil, badFormat("wstrEvent is empty")
	}
	if sub.event == eventBackend {
		for _, name := range []string{productName, productVersion} {
			if v, _ := sub.filter[name].(string); v == "" {
				return nil, missing(name)
			}
		}
	}
	c.sweep()
	l := c.listeners[c.owner]
	if l == nil {
		l = &listener{subs: map[int64]subscription{}}
		c.listeners[c.owner] = l
	}
	if len(l.subs) >= subscriptionLimit {
		return nil, overLimit()
	}
	c.lastSub++
	l.subs[c.lastSub] = sub
	return answer{"PxgRetVal": c.lastSub, "nPeriod": eventPeriod.Milliseconds()}, nil
}

func unsubscribe(c *call) (answer, error) {
	id := c.number("nSubsId")
	l := c.listeners[c.owner]
	if l == nil {
		return nil, notFound("subscription")
	}
	if _, ok := l.subs[id]; !ok {
		return nil, notFound("subscription")
	}
	delete(l.subs, id)
	return answer{}, nil
}

// retrieve gives what came for this client, once. Asked again before the period is over it is unavailable, save where it had
// left something behind, which is judgement; so is that a client without a subscription gets an empty list.
func retrieve(c *call) (answer, error) {
	now := time.Now()
	items, all := []any{}, true
	if l := c.listeners[c.owner]; l != nil {
		if now.Before(l.polled.Add(eventPeriod)) {
			return nil, unavailable(0, "asked before the period told")
		}
		var taken []conEvent
		taken, l.queue = l.take(now)
		for _, e := range taken {
			items = append(items, wrap("params", e.row()))
		}
		if all = len(l.queue) == 0; all {
			l.polled = now
		}
	}
	return answer{"PxgRetVal": all, "nPeriod": eventPeriod.Milliseconds(), "pEvents": items}, nil
}

// take parts the queue into what goes now and what stays; what has outlived its time is in neither.
func (l *listener) take(now time.Time) (taken, left []conEvent) {
	for _, e := range l.queue {
		switch {
		case !now.Before(e.until):
		case len(taken) < eventsAtOnce:
			taken = append(taken, e)
		default:
			left = append(left, e)
		}
	}
	return taken, left
}

// row: that the life is a number of seconds is not confirmed.
func (e conEvent) row() row {
	return row{
		"KLSRV_CON_EVENT_TYPE": e.kind, "KLSRV_CON_EVENT_PARAMS": wrap("params", e.params),
		"KLSRV_CON_EVENT_BIRTH_TIME": wrapTime(e.born), "KLSRV_CON_EVENT_LIFE_TIME": int64(eventLife / time.Second),
	}
}

// publish brings an event to each client that subscribed to it, once however many of its subscriptions it fits.
func (s *Server) publish(kind string, params row) {
	e := conEvent{kind, params, s.now(), time.Now().Add(eventLife)}
	for _, l := range s.listeners {
		for _, sub := range l.subs {
			if sub.event == kind && hasAll(params, sub.filter) {
				l.queue = append(l.queue, e)
				break
			}
		}
		if n := len(l.queue); n > eventsKept {
			l.queue = l.queue[n-eventsKept:]
		}
	}
}

// lives says whether the session still does; connections and the account take their leave by themselves.
func (s *Server) lives(owner string) bool {
	id, isSession := strings.CutPrefix(owner, sessionOwner(""))
	if !isSession {
		return true
	}
	live := s.sessions[id]
	return live != nil && (s.opts.SessionIdle <= 0 || time.Since(live.used) <= s.opts.SessionIdle)
}
