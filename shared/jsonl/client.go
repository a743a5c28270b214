package jsonl

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"github.com/kes-respond/kes-respond/shared"
)

// patience is how long a request whose ctx has ended may still wait for its
// result. Serve's default grace and the bound of what a Responder may not
// split both fit in.
const patience = 60 * time.Second

// Client is the asking end: a shared.Responder whose requests are carried out
// by whoever serves at the other end of its two streams.
//
// A request is on its way once its line has been handed over. From there
// Respond and Status wait for the one result. The end of their ctx sends a
// cancel and waits on, for a minute at most. A result that never comes, because
// the stream was lost or nobody answered a cancel, is unknown with code
// carrier_lost, and names host and incident as far as they were heard of; it is
// failed only where the line provably never arrived.
//
// The stream is read without regard to how fast anyone listens, so that a
// listener that blocks delays no other request. What waits for a listener is
// bounded: one that falls more than 64 events or 256 KiB behind is not told of
// the progress it missed, which the gap in Seq shows. Accepted and the result
// are never left out.
type Client struct {
	events   io.Reader
	requests io.WriteCloser
	hello    shared.Hello

	out      chan outgoing // to the goroutine that writes
	shut     chan struct{} // closed when nothing is written any more
	shutOnce sync.Once
	wrote    chan struct{} // closed when the goroutine that writes has ended
	over     chan struct{} // closed when nothing is heard any more
	overOnce sync.Once
	leaving  atomic.Bool // the serving end has been asked to leave

	mu      sync.Mutex // guards what follows and every asked; nothing blocks under it
	asked   map[shared.ID]*asked
	lines   int64 // written so far
	running int   // methods that have not returned
	quiet   chan struct{}
	closing bool
	end     error // why the stream is over
}

var _ shared.Responder = (*Client)(nil)

// NewClient asks over fresh streams: events is what the serving end writes,
// requests what it reads. It waits for the hello until ctx ends, and fails
// where the other end speaks another protocol. Both streams belong to the
// Client from then on: it closes requests, and events where that is an
// io.Closer, once they are done with, after a failure too.
func NewClient(ctx context.Context, events io.Reader, requests io.WriteCloser) (*Client, error) {
	c := &Client{
		events: events, requests: requests,
		out: make(chan outgoing), shut: make(chan struct{}), wrote: make(chan struct{}), over: make(chan struct{}),
		asked: map[shared.ID]*asked{}, quiet: make(chan struct{}),
	}
	greeted := make(chan error, 1)
	go c.write()
	go c.read(greeted)
	var err error
	select {
	case err = <-greeted:
	case <-ctx.Done():
		err = ctx.Err()
	}
	if err != nil {
		c.drop(err)
		return nil, fmt.Errorf("waiting for the hello of the serving end: %w", err)
	}
	return c, nil
}

// Hello is how the serving end introduced itself.
func (c *Client) Hello() shared.Hello { return c.hello }

// Describe says what can be asked. Its error carries code, message and
// assistance; violations are named in the message.
func (c *Client) Describe(ctx context.Context, task string) (shared.Description, error) {
	e, err := c.learn(ctx, shared.Request{Type: shared.TypeDescribe, Task: task})
	if err != nil {
		return shared.Description{}, err
	}
	return *e.Described, nil
}

// Check asks how far a request would get. Its error is as Describe's. When ctx
// ends, nobody waits for what the serving end finds.
func (c *Client) Check(ctx context.Context, r shared.Request) (shared.Checked, error) {
	e, err := c.learn(ctx, shared.Request{Type: shared.TypeCheck, ID: r.ID, Server: r.Server, Connection: r.Connection})
	if err != nil {
		return shared.Checked{}, err
	}
	return *e.Checked, nil
}

// learn asks a question about the serving end.
func (c *Client) learn(ctx context.Context, r shared.Request) (shared.Event, error) {
	a, refusal := c.ask(ctx, r)
	if refusal != nil {
		return shared.Event{}, refusal
	}
	defer c.release(a)
	unhook := context.AfterFunc(ctx, func() { c.giveUp(a) })
	defer unhook()
	e, ok := c.next(a)
	switch {
	case !ok && ctx.Err() != nil:
		return shared.Event{}, notSent(ctx.Err())
	case !ok:
		return shared.Event{}, lostError("the serving end went away without an answer")
	case e.Problem != nil:
		return shared.Event{}, errorOf(e.Problem)
	}
	return e, nil
}

// Respond has a request carried out. The request's ID must not be in flight;
// one is made up where it has none.
func (c *Client) Respond(ctx context.Context, r shared.Request, emit func(shared.Event)) shared.Result {
	r.Type = shared.TypeRespond
	return c.answer(ctx, r, emit)
}

// Status asks where an earlier request stands.
func (c *Client) Status(ctx context.Context, r shared.Request, emit func(shared.Event)) shared.Result {
	asks := shared.Request{
		Type: shared.TypeStatus, ID: r.ID, Server: r.Server, Connection: r.Connection, Wait: r.Wait, Timeout: r.Timeout,
	}
	if r.Incident != nil {
		asks.Incident = &shared.Incident{Server: r.Incident.Server, ID: r.Incident.ID}
	} else {
		asks.Target = r.Target
	}
	return c.answer(ctx, asks, emit)
}

// answer asks, hands on what is heard in order, and returns the one result.
func (c *Client) answer(ctx context.Context, r shared.Request, emit func(shared.Event)) shared.Result {
	a, refusal := c.ask(ctx, r)
	if refusal != nil {
		return unsent(r, refusal)
	}
	defer c.release(a)
	unhook := context.AfterFunc(ctx, func() { c.cancel(ctx, a) })
	defer unhook()
	for {
		e, ok := c.next(a)
		switch {
		case !ok:
			return c.unheard(r, a)
		case e.Result != nil:
			return *e.Result
		case e.Problem != nil:
			return c.notCarried(r, a, e.Problem)
		}
		emit(e)
	}
}

// Close waits for running requests until ctx ends, then asks the serving end
// to leave and waits for that, as long as ctx lasts. Requests that are left
// when ctx ends are unknown; losing its streams tells the serving end to cancel
// them. To have them cancelled and hear what became of them, end their own ctx
// first.
func (c *Client) Close(ctx context.Context) error {
	c.mu.Lock()
	if !c.closing {
		c.closing = true
		if c.running == 0 {
			close(c.quiet)
		}
	}
	c.mu.Unlock()
	select {
	case <-c.quiet:
		c.leaving.Store(true)
	case <-ctx.Done():
	}
	select {
	case c.out <- outgoing{line: []byte(`{"type":"shutdown"}` + "\n"), last: true}:
	case <-c.shut:
	case <-ctx.Done():
	}
	select {
	case <-c.over:
	case <-ctx.Done():
	}
	c.mu.Lock()
	left := c.running
	c.mu.Unlock()
	c.drop(context.Cause(ctx))
	if left > 0 {
		return fmt.Errorf("%w: %d", ErrAbandoned, left)
	}
	if errors.Is(c.ending(), io.EOF) {
		return nil
	}
	return fmt.Errorf("waiting for the serving end to leave: %w", c.ending())
}

// drop lets go of both streams, whatever state they are in.
func (c *Client) drop(why error) {
	c.stopWriting()
	if closer, ok := c.events.(io.Closer); ok {
		closer.Close()
	}
	c.finish(why)
}
