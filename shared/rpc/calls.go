package rpc

import (
	"context"
	"sync"
	"time"

	"github.com/kes-respond/kes-respond/shared"
)

// calls are the requests in flight. A call works until the Responder has
// returned, has its id until its last event is sent, and is there until no more
// is to be sent: the first is what truth needs, the last what the host needs.
type calls struct {
	mu      sync.Mutex
	byID    map[shared.ID]*call
	working int
	there   int
	leaving bool
	idle    chan struct{} // closed when leaving and nothing works
	gone    chan struct{} // closed when leaving and nothing is there
	given   chan struct{} // closed when what works is given up
}

// call is one request in flight.
type call struct {
	id     shared.ID
	cancel context.CancelFunc
}

func newCalls() *calls {
	return &calls{byID: map[shared.ID]*call{}, idle: make(chan struct{}), gone: make(chan struct{}), given: make(chan struct{})}
}

// enter takes a call in, or says why not.
func (c *calls) enter(one *call) *shared.Error {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.leaving:
		return &shared.Error{
			Code: shared.Busy, Message: "the plugin has been told to leave; nothing was sent", Retryable: true,
			Assistance: "Launch the plugin anew and ask again.",
		}
	case c.byID[one.id] != nil:
		return errInFlight(one.id)
	}
	c.byID[one.id] = one
	c.working++
	c.there++
	return nil
}

// isLeaving says whether the connection is about to be cut. What has been sent
// may then still wait for a host that is slow to read, so the end of a call is
// held back until the host hangs up, as Client does once it has the result.
func (c *calls) isLeaving() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.leaving
}

// worked says that the Responder has returned.
func (c *calls) worked() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.working--
	c.settle()
}

// forget makes an id free for use again.
func (c *calls) forget(one *call) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.byID[one.id] == one {
		delete(c.byID, one.id)
	}
}

// left says that nothing more is to be sent for a call.
func (c *calls) left() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.there--
	c.settle()
}

func (c *calls) settle() {
	shut(c.idle, c.leaving && c.working == 0)
	shut(c.gone, c.leaving && c.there == 0)
}

// shut closes a channel that may be closed already. Its caller holds the lock.
func shut(ch chan struct{}, when bool) {
	select {
	case <-ch:
	default:
		if when {
			close(ch)
		}
	}
}

// cancel ends a call, and says whether it was in flight.
func (c *calls) cancel(id shared.ID) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	one := c.byID[id]
	if one == nil {
		return false
	}
	one.cancel()
	return true
}

// drain lets nobody in any more, cancels what is in flight and waits, at most
// for the grace, until the Responder is done with it; what is left then is
// given up. It tells how many that were. It may be called more than once.
func (c *calls) drain(grace time.Duration) int {
	c.mu.Lock()
	c.leaving = true
	for _, one := range c.byID {
		one.cancel()
	}
	c.settle()
	c.mu.Unlock()
	if await(c.idle, grace) {
		return 0
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	shut(c.given, true)
	return c.working
}

func await(ch <-chan struct{}, atMost time.Duration) bool {
	timer := time.NewTimer(atMost)
	defer timer.Stop()
	select {
	case <-ch:
		return true
	case <-timer.C:
		return false
	}
}
