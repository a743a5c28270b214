package jsonl

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/kes-respond/kes-respond/shared"
)

// outgoing is one line for the serving end.
type outgoing struct {
	line []byte
	of   *asked // the request that it carries, if any
	last bool   // nothing is written after it
}

// hand gives a line to the goroutine that writes. An error means that none of
// it was written.
func (c *Client) hand(ctx context.Context, o outgoing) *shared.Error {
	if ctx.Err() != nil {
		return notSent(ctx.Err())
	}
	select {
	case c.out <- o:
		return nil
	case <-ctx.Done():
		return notSent(ctx.Err())
	case <-c.shut:
		return lostError("the serving end has gone away: the request was not sent")
	}
}

func (c *Client) write() {
	defer close(c.wrote)
	defer c.stopWriting()
	for {
		select {
		case <-c.shut:
			return
		case o := <-c.out:
			if !c.put(o) || o.last {
				return
			}
		}
	}
}

// put writes a line. The serving end takes a last line without its newline, so
// a line cut short is undelivered only if more than that is missing: an object
// without its end is no request.
func (c *Client) put(o outgoing) bool {
	c.mu.Lock()
	c.lines++
	if o.of != nil {
		o.of.line = c.lines
	}
	c.mu.Unlock()
	n, err := c.requests.Write(o.line)
	if err == nil && n == len(o.line) {
		return true
	}
	if o.of != nil && n < len(o.line)-len("\n") {
		c.mu.Lock()
		o.of.undelivered, o.of.ended = true, true
		o.of.wake()
		c.mu.Unlock()
	}
	return false
}

// stopWriting closes the stream of requests; a write that is stuck ends. What
// was asked before is still heard.
func (c *Client) stopWriting() {
	c.shutOnce.Do(func() {
		close(c.shut)
		c.requests.Close()
	})
}

// read takes in events until there are no more.
func (c *Client) read(greeted chan<- error) {
	in := newLines(c.events, shared.MaxEventBytes)
	err := c.greet(in)
	greeted <- err
	for err == nil {
		var line []byte
		var bad badLine
		line, err = in.next()
		switch {
		case errors.As(err, &bad):
			err = nil // a stray print is none of ours
		case err == nil:
			c.hear(line)
		}
	}
	if err == io.EOF && !c.leaving.Load() {
		err = io.ErrUnexpectedEOF
	}
	c.stopWriting()
	timer := time.NewTimer(time.Second)
	defer timer.Stop()
	select {
	case <-c.wrote: // now it is known which lines were delivered
	case <-timer.C:
	}
	c.finish(err)
}

func (c *Client) greet(in *lines) error {
	line, err := in.next()
	if err == io.EOF {
		return fmt.Errorf("it left without one: %w", io.ErrUnexpectedEOF)
	}
	if err != nil {
		return err
	}
	var e shared.Event
	if json.Unmarshal(line, &e) != nil || e.Hello == nil {
		return errors.New("its first line is something else")
	}
	if e.Hello.Protocol != shared.Protocol {
		return fmt.Errorf("it speaks protocol %d, not %d", e.Hello.Protocol, shared.Protocol)
	}
	c.hello = *e.Hello
	return nil
}

// hear hands an event to the request that it belongs to. Whatever is not
// known is skipped.
func (c *Client) hear(line []byte) {
	var e shared.Event
	if err := json.Unmarshal(line, &e); err != nil || e.Result != nil && e.Result.Outcome == "" {
		e = unreadable(line)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	a := c.asked[e.ID]
	if a == nil && e.Problem != nil && e.ID == "" {
		a = c.written(e.Problem.Line)
	}
	if a != nil && !a.ended && a.hear(e, len(line)) {
		delete(c.asked, a.id)
	}
}

// unreadable stands for a last event that cannot be read: nobody has to wait
// for another. Of all else nothing is made.
func unreadable(line []byte) shared.Event {
	var head struct {
		Type string    `json:"type"`
		ID   shared.ID `json:"id"`
	}
	if json.Unmarshal(line, &head) != nil || head.ID == "" {
		return shared.Event{}
	}
	switch head.Type {
	case "result", "described", "error":
		return shared.Event{ID: head.ID, Problem: &shared.Problem{
			Code: shared.BadAnswer, Message: "the serving end's answer cannot be read: the request may have been carried out",
		}}
	}
	return shared.Event{}
}

// written finds the request whose line has the given number.
func (c *Client) written(line int64) *asked {
	for _, a := range c.asked {
		if line > 0 && a.line == line {
			return a
		}
	}
	return nil
}

func (c *Client) finish(why error) {
	c.overOnce.Do(func() {
		c.mu.Lock()
		c.end = why
		c.mu.Unlock()
		close(c.over)
	})
}

func (c *Client) ending() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.end
}
