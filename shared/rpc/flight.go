package rpc

import (
	"context"
	"io"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/kes-respond/kes-respond/shared"
)

// flight is one question of the host on its way.
type flight struct {
	request  shared.Request
	caller   context.Context // of whoever asked
	drop     context.CancelFunc
	read     chan struct{} // closed when the plugin has read the request
	returned chan struct{} // closed when whoever asked has the answer
	unhook   func() bool
	gaveUp   atomic.Bool // a cancel was not answered
	closed   atomic.Bool // the Client was closed over it
	heard    heard
}

// enter counts a question. The context of its call ends with under, with the
// flight's drop, and, should the connection not notice, some time after the
// plugin's process has ended: what has arrived by then is still heard.
func (c *Client) enter(caller, under context.Context, r shared.Request) (*flight, context.Context, *shared.Error) {
	ctx, drop := context.WithCancel(under)
	f := &flight{request: r, caller: caller, drop: drop, read: make(chan struct{}), returned: make(chan struct{})}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closing {
		drop()
		return nil, nil, lostError("this client was closed: the request was not sent")
	}
	if c.running[r.ID] != nil {
		drop()
		return nil, nil, errInFlight(r.ID)
	}
	c.running[r.ID] = f
	f.unhook = context.AfterFunc(c.done, func() {
		await(f.returned, notice)
		drop()
	})
	return f, ctx, nil
}

// notice is how long the end of a plugin's process and the loss of its
// connection may be apart.
const notice = 3 * time.Second

func (c *Client) leave(f *flight) {
	f.unhook()
	f.drop()
	close(f.returned)
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.running, f.request.ID)
	if len(c.running) == 0 && c.closing {
		shut(c.quiet, true)
	}
}

// abandon drops all that runs, and says how much that was.
func (c *Client) abandon() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, f := range c.running {
		f.closed.Store(true)
		f.drop()
	}
	return len(c.running)
}

// open begins a call. Nothing of the request is sent by that, so an error is
// certain, and the end of the caller's ctx needs no other word.
func (c *Client) open(ctx context.Context, f *flight, method string) (grpc.ClientStream, *shared.Error) {
	unhook := context.AfterFunc(f.caller, f.drop)
	stream, err := c.conn.NewStream(ctx, &grpc.StreamDesc{ServerStreams: true}, method)
	switch {
	case !unhook():
		return nil, notSent(f.caller.Err())
	case err != nil:
		c.lost.Store(true)
		return nil, lostError("the plugin has gone away: the request was not sent")
	}
	return stream, nil
}

// cancel asks the plugin to end a request, and ends the waiting for it when it
// does not.
func (c *Client) cancel(f *flight) {
	ctx, stop := context.WithTimeout(context.WithoutCancel(f.caller), patience)
	defer stop()
	select {
	case <-f.read:
		c.sendCancel(ctx, f)
	case <-f.returned:
		return
	case <-ctx.Done():
	}
	select {
	case <-f.returned:
	case <-ctx.Done():
		f.gaveUp.Store(true)
		f.drop()
	}
}

func (c *Client) sendCancel(ctx context.Context, f *flight) {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	go func() {
		defer stop()
		select {
		case <-f.returned:
		case <-ctx.Done():
		}
	}()
	_, message, refusal := pack(shared.Request{Type: shared.TypeCancel, Target: f.request.ID})
	if refusal == nil {
		c.plugin.Cancel(ctx, message) // what becomes of the request its own stream tells
	}
}

// unheard is the result of a request of which no more will be heard.
func (c *Client) unheard(f *flight, err error) shared.Result {
	switch {
	case status.Code(err) == codes.Unimplemented && !f.heard.accepted:
		return *ended(f.request, shared.Refused, &shared.Error{
			Code: shared.BadRequest, Message: "this plugin does not carry out requests of type " + f.request.Type + "; nothing was sent",
			Assistance: "Use a build of the plugin that does.",
		})
	case f.gaveUp.Load():
		return f.heard.unknown(f.request, shared.CarrierLost, "the plugin gave no result within "+patience.String()+" of being told to cancel: the request may have been carried out")
	case f.closed.Load():
		return f.heard.unknown(f.request, shared.CarrierLost, "this client was closed while the request ran: it may have been carried out")
	case err == io.EOF:
		return f.heard.unknown(f.request, shared.BadAnswer, "the plugin ended its answer without a result: the request may have been carried out")
	}
	c.lost.Store(true)
	return f.heard.unknown(f.request, shared.CarrierLost, c.fate(f, err)+" without a result: the request may have been carried out")
}

// fate says what became of the plugin. Its death is seen on the connection a
// moment before it is known to be one.
func (c *Client) fate(f *flight, err error) string {
	if c.done.Done() != nil {
		timer := time.NewTimer(notice)
		defer timer.Stop()
		select {
		case <-c.done.Done():
			return "the plugin ended"
		case <-f.caller.Done():
		case <-timer.C:
		}
	}
	return "the connection to the plugin was lost (" + status.Code(err).String() + ")"
}
