package ksc

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"net/http"
	"net/http/httptrace"
	"sync/atomic"
)

// ask is one method with its arguments, and what is to be known of it.
type ask struct {
	method       string
	args, answer any             // answer nil: the method answers nothing
	once         bool            // it must not be repeated: only KSC's own error says that it was not carried out
	foreign      bool            // its answer holds what others sent, so no error quotes it
	sealed       func() []string // what it carries and no error may quote; nil: nothing
	longest      int             // bytes of its answer; 0: maxAnswerBytes
}

// call posts a method that may be repeated in the session, renewing that once
// when KSC says that it has ended.
func (c *Client) call(ctx context.Context, method string, args, answer any) error {
	return c.repeatable(ctx, ask{method: method, args: args, answer: answer})
}

func (c *Client) repeatable(ctx context.Context, a ask) error {
	id, err := c.session.get(ctx, c, "")
	if err != nil {
		return err
	}
	err = c.metered(ctx, a, id)
	if !sessionEnded(err) {
		return err
	}
	if id, err = c.session.get(ctx, c, id); err != nil {
		return err
	}
	return c.metered(ctx, a, id)
}

// meterKey is where Metered keeps its function.
type meterKey struct{}

// Metered has leave called before each call that may be repeated and is made with
// the context it gives or with a child of that: those that are made once more, and
// those that give back what KSC keeps, are among them. Logins are not, for orders
// may wait for the same one. leave may block, and gets the context of its call; with
// an error the call is not made.
func Metered(ctx context.Context, leave func(context.Context) error) context.Context {
	return context.WithValue(ctx, meterKey{}, leave)
}

// metered is post with the leave that Metered asks for.
func (c *Client) metered(ctx context.Context, a ask, session string) error {
	if leave, ok := ctx.Value(meterKey{}).(func(context.Context) error); ok {
		if err := leave(ctx); err != nil {
			x := &exchange{client: c, method: a.method, ask: a}
			return x.lost(ctx, err, NotSent)
		}
	}
	return c.post(ctx, a, inSession(session))
}

func inSession(id string) header { return header{"X-KSC-Session", id} }

func sessionEnded(err error) bool {
	var e *Error
	return errors.As(err, &e) && e.Kind == KindSession
}

type header struct{ name, value string }

// exchange is one HTTP call under way.
type exchange struct {
	client *Client
	method string
	ask    ask
	hidden []string // what its errors must not show
	sent   delivery
}

// carry is post, heard by nobody. Its errors are *Error, with Delivery as exact as
// can be known: a request of which the connection was never got, or whose
// writing failed, has not arrived whole.
func (c *Client) carry(ctx context.Context, a ask, headers ...header) error {
	x := &exchange{client: c, method: a.method, ask: a, hidden: c.hidden()}
	body, err := asciiJSON(a.args)
	if err != nil {
		return &Error{Kind: KindRefused, Method: a.method, Message: "the arguments cannot be written: " + err.Error(), Err: err}
	}
	bound, cancel := context.WithTimeout(ctx, c.config.CallTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(httptrace.WithClientTrace(bound, x.sent.trace()), http.MethodPost, c.base+a.method, bytes.NewReader(body))
	if err != nil {
		return &Error{Kind: KindRefused, Method: a.method, Message: err.Error(), Err: err}
	}
	// The transport may take the body a second time. It does so only where a
	// pooled connection died before it took a single byte: a POST that says
	// nothing of being idempotent is not sent again for any other reason.
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Accept-Encoding", "gzip")
	if c.config.UserAgent != "" {
		req.Header.Set("User-Agent", c.config.UserAgent)
	}
	for _, h := range headers {
		if h.value != "" {
			req.Header.Set(h.name, h.value)
			x.hidden = append(x.hidden, h.value)
		}
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return x.lost(ctx, err, x.sent.state())
	}
	defer resp.Body.Close()
	if resp.StatusCode == http.StatusSwitchingProtocols {
		return x.refusedStatus(resp, nil) // its body is the bare connection, which no context ends
	}
	data, err := c.readAnswer(resp, cmp.Or(a.longest, maxAnswerBytes))
	if err != nil {
		if status := x.refusedStatus(resp, data); status != nil {
			return status
		}
		e := x.lost(ctx, err, Unknown)
		e.Status, e.Excerpt = resp.StatusCode, x.excerpt(data, excerptBytes)
		return e
	}
	return x.understand(resp, data, a.answer)
}

// delivery watches how far a request got. The transport may still be writing
// when it has given up waiting, so all but a failed write counts as unknown
// once there is a connection.
type delivery struct {
	connected, broken, answering atomic.Bool
}

func (d *delivery) trace() *httptrace.ClientTrace {
	return &httptrace.ClientTrace{
		GotConn:              func(httptrace.GotConnInfo) { d.connected.Store(true); d.broken.Store(false) },
		WroteRequest:         func(i httptrace.WroteRequestInfo) { d.broken.Store(i.Err != nil) },
		GotFirstResponseByte: func() { d.answering.Store(true) },
	}
}

// state is what is known. A server that has begun to answer may have read
// more than the transport knows to have written.
func (d *delivery) state() Delivery {
	if !d.connected.Load() || d.broken.Load() && !d.answering.Load() {
		return NotSent
	}
	return Unknown
}
