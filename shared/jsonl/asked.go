package jsonl

import (
	"context"
	"errors"
	"fmt"

	"github.com/kes-respond/kes-respond/shared"
)

// How far a listener may fall behind before it is spared progress.
const (
	maxWaiting      = 64
	maxWaitingBytes = 256 << 10
)

// asked is one request on its way: what was heard of it and waits for its
// listener, and what its outcome is if no more is heard.
type asked struct {
	id    shared.ID
	asks  string        // its type
	done  chan struct{} // closed when its listener has left
	ready chan struct{} // holds a token when there is something to look at

	// Guarded by Client.mu.
	line        int64 // its number in the stream; 0 before it is written
	waiting     []waiting
	bytes       int
	ended       bool // the last event has been heard
	left        bool // its listener has gone: what is heard is dropped
	gaveUp      bool // its listener waits no longer
	undelivered bool // its line provably did not arrive
	accepted    bool
	host        *shared.Host
	incident    *shared.Incident
}

type waiting struct {
	event shared.Event
	bytes int
}

func (a *asked) wake() {
	select {
	case a.ready <- struct{}{}:
	default:
	}
}

// hear takes in one event, and says whether it was the last.
func (a *asked) hear(e shared.Event, bytes int) bool {
	informs := a.asks == shared.TypeDescribe || a.asks == shared.TypeCheck
	last := e.Problem != nil || e.Result != nil && !informs ||
		e.Described != nil && a.asks == shared.TypeDescribe || e.Checked != nil && a.asks == shared.TypeCheck
	switch {
	case last:
		a.ended = true
	case informs || e.Accepted == nil && e.Progress == nil || a.accepted && e.Accepted != nil:
		return false
	case e.Accepted != nil:
		a.accepted, a.host = true, &e.Accepted.Host
	default:
		if e.Progress.Incident != nil {
			a.incident = e.Progress.Incident
		}
		if len(a.waiting) >= maxWaiting || a.bytes+bytes > maxWaitingBytes {
			return false
		}
	}
	if !a.left {
		a.waiting = append(a.waiting, waiting{e, bytes})
		a.bytes += bytes
		a.wake()
	}
	return last
}

// ask puts a request on its way. An error means that nothing was sent.
func (c *Client) ask(ctx context.Context, r shared.Request) (*asked, *shared.Error) {
	if r.ID == "" {
		r.ID = shared.NewID()
	}
	id, err := shared.ParseID([]byte(r.ID))
	if err != nil {
		return nil, shared.Refuse(shared.Violation{Pointer: "/id", Message: err.Error()})
	}
	r.ID = id
	line, err := shared.ASCIIJSON(r)
	switch {
	case err != nil:
		return nil, shared.Refuse(shared.Violation{Message: "cannot be written as JSON: " + err.Error()})
	case len(line) > shared.MaxRequestBytes:
		return nil, shared.Refuse(shared.Violation{Message: fmt.Sprintf("takes %d bytes as a line; %d are allowed", len(line), shared.MaxRequestBytes)})
	}
	a := &asked{id: r.ID, asks: r.Type, done: make(chan struct{}), ready: make(chan struct{}, 1)}
	if refusal := c.enter(a); refusal != nil {
		return nil, refusal
	}
	if refusal := c.hand(ctx, outgoing{line: append(line, '\n'), of: a}); refusal != nil {
		c.mu.Lock()
		a.ended = true // the serving end never heard of it
		c.mu.Unlock()
		c.release(a)
		return nil, refusal
	}
	return a, nil
}

func (c *Client) enter(a *asked) *shared.Error {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.closing:
		return lostError("this client was closed: the request was not sent")
	case c.asked[a.id] != nil:
		return &shared.Error{
			Code: shared.DuplicateID, Message: fmt.Sprintf("the id %q is in flight already; this request was not sent", a.id.Text()),
			Assistance: "Give each request an id of its own, or wait for the result before using one again.",
		}
	}
	c.asked[a.id] = a
	c.running++
	return nil
}

// release is what every method does last. The id stays taken until the serving
// end has said its last word on it.
func (c *Client) release(a *asked) {
	close(a.done)
	c.mu.Lock()
	defer c.mu.Unlock()
	a.left, a.waiting = true, nil
	if a.ended {
		delete(c.asked, a.id)
	}
	c.running--
	if c.running == 0 && c.closing {
		close(c.quiet)
	}
}

// next waits for the next event of a request. False means that no more will
// be heard.
func (c *Client) next(a *asked) (shared.Event, bool) {
	for {
		over := false
		select {
		case <-a.ready:
		case <-c.over:
			over = true
		}
		c.mu.Lock()
		if len(a.waiting) > 0 {
			first := a.waiting[0]
			a.waiting = a.waiting[1:]
			a.bytes -= first.bytes
			a.wake() // there may be more
			c.mu.Unlock()
			return first.event, true
		}
		over = over || a.undelivered || a.gaveUp
		c.mu.Unlock()
		if over {
			return shared.Event{}, false
		}
	}
}

// cancel asks the serving end to end a request, and ends the waiting for it
// when it does not.
func (c *Client) cancel(ctx context.Context, a *asked) {
	wait, stop := context.WithTimeout(context.WithoutCancel(ctx), patience)
	defer stop()
	line, err := shared.ASCIIJSON(shared.Request{Type: shared.TypeCancel, ID: shared.NewID(), Target: a.id})
	if err == nil {
		select {
		case c.out <- outgoing{line: append(line, '\n')}:
		case <-c.shut:
		case <-a.done:
			return
		case <-wait.Done():
		}
	}
	select {
	case <-a.done:
	case <-wait.Done():
		c.giveUp(a)
	}
}

func (c *Client) giveUp(a *asked) {
	c.mu.Lock()
	defer c.mu.Unlock()
	a.gaveUp = true
	a.wake()
}

// notSent says that ctx ended while nothing had been sent.
func notSent(err error) *shared.Error {
	if errors.Is(err, context.DeadlineExceeded) {
		return &shared.Error{Code: shared.Timeout, Message: "the time was over before anything was sent", Retryable: true, Assistance: "Send it again, with a longer timeout if need be."}
	}
	return &shared.Error{Code: shared.CancelledCode, Message: "cancelled before anything was sent", Assistance: "Send it again if it is still wanted."}
}
