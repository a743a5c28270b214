package ksc

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Call is a call that has ended, for people who ask what is waited for. It holds
// neither what was sent nor what was answered.
type Call struct {
	Addr   string // of the server: host:port
	Method string // Class.Method
	Took   time.Duration
	Err    error // nil: KSC has answered
}

// Outcome is how it ended: a word or two, with KSC's code or HTTP's status. What
// stands in it of the server's is its module's name alone.
func (c Call) Outcome() string {
	var e *Error
	if c.Err == nil {
		return "answered"
	}
	if !errors.As(c.Err, &e) {
		return "failed"
	}
	said := "refused"
	switch e.Kind {
	case KindUnreachable:
		said = "unreachable"
	case KindTLS:
		said = "not trusted"
	case KindTimeout:
		said = "no answer in time"
	case KindCanceled:
		said = "given up"
	case KindBadAnswer:
		said = "answer not understood"
	}
	switch {
	case e.Module != "" || e.Code != 0:
		said += fmt.Sprintf(" (%s %d)", printable(e.Module, excerptBytes, false), e.Code)
	case e.Status != 0 && e.Status != 200:
		said += fmt.Sprintf(" (HTTP %d)", e.Status)
	}
	return said
}

// post makes one HTTP call, and says so to who wants to hear it.
func (c *Client) post(ctx context.Context, a ask, headers ...header) error {
	if c.config.Heard == nil {
		return c.carry(ctx, a, headers...)
	}
	begun := time.Now()
	err := c.carry(ctx, a, headers...)
	c.config.Heard(Call{c.config.Addr, a.method, time.Since(begun), err})
	return err
}
