package rpc

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/kes-respond/kes-respond/shared"
	"github.com/kes-respond/kes-respond/shared/rpc/responderpb"
)

// patience is how long a request whose ctx has ended may still wait for its
// result. The default grace of Serve and the bound of what a Responder may not
// split both fit in.
const patience = 60 * time.Second

// Client is the host's end: a shared.Responder whose requests the plugin
// carries out. Launch makes one, or a host's own go-plugin client dispenses it.
//
// A request is on its way once its message has been handed over. From there
// Respond and Status wait for the one result. The end of their ctx has the
// plugin cancel the request, and they wait on, for a minute at most. A result
// that never comes, because the plugin died or did not answer a cancel, is
// unknown with code carrier_lost, and names host and incident as far as they
// were heard of; it is failed only where the request provably never left.
//
// A listener that blocks delays its own request alone. Events of a kind that
// this version does not know are skipped.
type Client struct {
	plugin responderpb.ResponderClient
	conn   grpc.ClientConnInterface
	done   context.Context // ends when the plugin's process has ended
	end    func()          // ends the plugin; nil where that is another's to do
	lost   atomic.Bool     // a request was lost on the way

	mu      sync.Mutex
	running map[shared.ID]*flight
	quiet   chan struct{} // closed when closing and nothing runs
	closing bool
}

var _ shared.Responder = (*Client)(nil)

func newClient(done context.Context, conn grpc.ClientConnInterface) *Client {
	return &Client{
		plugin: responderpb.NewResponderClient(conn), conn: conn, done: done,
		running: map[shared.ID]*flight{}, quiet: make(chan struct{}),
	}
}

// Describe says what can be asked. Its error carries code, message and
// assistance; violations are named in the message.
func (c *Client) Describe(ctx context.Context, task string) (shared.Description, error) {
	e, refusal := c.once(ctx, shared.Request{Type: shared.TypeDescribe, Task: task}, c.plugin.Describe)
	switch {
	case refusal != nil:
		return shared.Description{}, refusal
	case e.Described == nil:
		return shared.Description{}, errOtherAnswer(e)
	}
	return *e.Described, nil
}

// Check says how far a request to a server would get. Its error is as
// Describe's.
func (c *Client) Check(ctx context.Context, r shared.Request) (shared.Checked, error) {
	e, refusal := c.once(ctx, shared.Request{Type: shared.TypeCheck, ID: r.ID, Server: r.Server, Connection: r.Connection}, c.plugin.Check)
	switch {
	case refusal != nil:
		return shared.Checked{}, refusal
	case e.Checked == nil:
		return shared.Checked{}, errOtherAnswer(e)
	}
	return *e.Checked, nil
}

func errOtherAnswer(e shared.Event) *shared.Error {
	return &shared.Error{Code: shared.BadAnswer, Message: "the plugin answered with an event of type " + e.Type()}
}

type unary func(context.Context, *wrapperspb.BytesValue, ...grpc.CallOption) (*wrapperspb.BytesValue, error)

// once asks for one answer.
func (c *Client) once(ctx context.Context, r shared.Request, ask unary) (shared.Event, *shared.Error) {
	r, message, refusal := pack(r)
	if refusal != nil {
		return shared.Event{}, refusal
	}
	if ctx.Err() != nil {
		return shared.Event{}, notSent(ctx.Err())
	}
	f, ctx, refusal := c.enter(ctx, ctx, r)
	if refusal != nil {
		return shared.Event{}, refusal
	}
	defer c.leave(f)
	answer, err := ask(ctx, message)
	if err != nil {
		return shared.Event{}, c.lostAnswer(f, err)
	}
	var e shared.Event
	if err := json.Unmarshal(answer.GetValue(), &e); err != nil {
		return shared.Event{}, &shared.Error{Code: shared.BadAnswer, Message: "the plugin's answer cannot be read: " + err.Error()}
	}
	if e.Problem != nil {
		return shared.Event{}, errorOf(e.Problem)
	}
	return e, nil
}

// lostAnswer says why there is no answer to a question that changes nothing.
func (c *Client) lostAnswer(f *flight, err error) *shared.Error {
	switch {
	case f.caller.Err() != nil:
		return notSent(f.caller.Err())
	case status.Code(err) == codes.Unimplemented:
		return &shared.Error{
			Code: shared.BadRequest, Message: "this plugin does not carry out " + f.request.Type,
			Assistance: "Use a build of the plugin that does.",
		}
	}
	c.lost.Store(true)
	return lostError(c.fate(f, err) + " without an answer")
}

// Respond has a request carried out. One without an ID gets one made up; an ID
// must not be in flight already, in this host or another of the same plugin.
func (c *Client) Respond(ctx context.Context, r shared.Request, emit func(shared.Event)) shared.Result {
	r.Type = shared.TypeRespond
	return c.answer(ctx, r, responderpb.Responder_Respond_FullMethodName, emit)
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
	return c.answer(ctx, asks, responderpb.Responder_Status_FullMethodName, emit)
}

// answer asks, hands on what is heard in order, and returns the one result.
func (c *Client) answer(caller context.Context, r shared.Request, method string, emit func(shared.Event)) shared.Result {
	r, message, refusal := pack(r)
	switch {
	case refusal != nil:
		return unsent(r, refusal)
	case caller.Err() != nil:
		return unsent(r, notSent(caller.Err()))
	}
	f, ctx, refusal := c.enter(caller, context.WithoutCancel(caller), r)
	if refusal != nil {
		return unsent(r, refusal)
	}
	defer c.leave(f)
	stream, refusal := c.open(ctx, f, method)
	if refusal != nil {
		return unsent(r, refusal)
	}
	unhook := context.AfterFunc(caller, func() { c.cancel(f) })
	defer unhook()
	if err := errors.Join(stream.SendMsg(message), stream.CloseSend()); err != nil {
		return c.unheard(f, err)
	}
	if _, err := stream.Header(); err == nil {
		close(f.read)
	}
	return c.listen(f, stream, emit)
}

// listen hears a request to its end.
func (c *Client) listen(f *flight, stream grpc.ClientStream, emit func(shared.Event)) shared.Result {
	for {
		var message wrapperspb.BytesValue
		if err := stream.RecvMsg(&message); err != nil {
			return c.unheard(f, err)
		}
		e := eventOf(message.GetValue())
		switch {
		case e.Result != nil:
			return *e.Result
		case e.Problem != nil:
			return f.heard.notCarried(f.request, e.Problem)
		case f.heard.note(e):
			emit(e)
		}
	}
}

// Close waits for running requests until ctx ends. Those that are left then are
// unknown, and the plugin cancels them; to hear what became of them, end their
// own ctx first. Where Launch made this Client it then ends the plugin, which
// may take until the plugin has recorded what it sent.
func (c *Client) Close(ctx context.Context) error {
	c.mu.Lock()
	if !c.closing {
		c.closing = true
		if len(c.running) == 0 {
			close(c.quiet)
		}
	}
	c.mu.Unlock()
	var failed error
	select {
	case <-c.quiet:
	case <-ctx.Done():
		if left := c.abandon(); left > 0 {
			failed = fmt.Errorf("%w: %d", ErrAbandoned, left)
		}
	}
	if failed == nil && c.lost.Load() {
		failed = errors.New("the plugin went away while it was needed")
	}
	if c.end == nil {
		return failed
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		c.end()
	}()
	select {
	case <-ended:
		return failed
	case <-ctx.Done():
		return errors.Join(failed, fmt.Errorf("waiting for the plugin to leave: %w", context.Cause(ctx)))
	}
}
