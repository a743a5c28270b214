package ksc

import (
	"context"
	"errors"
)

// Gate gives leave for one login (Session.StartSession), just before it is
// made, so that of all processes one at a time logs in as a user, and that a
// refusal is remembered by all: KSC blocks an account after too many wrong
// passwords (SPL 2013, KSCAPI a00337).
//
// It may wait while another logs in, for as long as ctx lasts, and should look
// at what is remembered after that. With its leave comes done, which is called
// exactly once when the login has ended, by a panic too: with nil, or with why
// there is no session. What is Final is worth remembering, and nothing else;
// nil is reason to forget. done may be nil.
//
// With an error nobody logs in. An Error that is Final is a refusal that is
// remembered, and becomes the answer to this login: its Kind and its Message
// are enough. Any other error says why there is no leave.
//
// What is remembered is of one password: another is tried at once. anew asks to
// look past what is remembered, see OpenAnew.
type Gate func(ctx context.Context, password string, anew bool) (done func(error), err error)

// Final says that KSC refused the login, and that to try it again by itself
// would only make it worse.
func (e *Error) Final() bool {
	switch e.Kind {
	case KindLogin, KindLocked, KindSecondFactor:
		return true
	}
	return false
}

// final picks what is Final.
func final(err error) *Error {
	var e *Error
	if errors.As(err, &e) && e.Final() {
		return e
	}
	return nil
}

// enter asks the gate, where there is one.
func (c *Client) enter(ctx context.Context, password string, anew bool) (done func(error), err error) {
	if c.config.Gate != nil {
		if done, err = c.config.Gate(ctx, password, anew); err != nil {
			return nil, c.keptOut(ctx, err)
		}
	}
	if done == nil {
		done = func(error) {}
	}
	return done, nil
}

// keptOut puts the gate's error into ours. A refusal that is remembered is
// KSC's answer, as it is where this client remembers it.
func (c *Client) keptOut(ctx context.Context, err error) *Error {
	x := &exchange{client: c, method: startSession, hidden: c.hidden()}
	if r := final(err); r != nil {
		return &Error{
			Kind: r.Kind, Method: startSession, Status: r.Status, Module: x.excerpt([]byte(r.Module), maxModuleBytes), Code: r.Code, Subcode: r.Subcode,
			Message: x.excerpt([]byte(r.Message), 4*excerptBytes), Delivery: Answered,
		}
	}
	e := &Error{Method: startSession, Delivery: NotSent, Err: err}
	switch {
	case errors.Is(err, context.Canceled), errors.Is(ctx.Err(), context.Canceled):
		e.Kind, e.Message = KindCanceled, "the call was given up while another process was logging in"
	case isTimeout(err), ctx.Err() != nil:
		e.Kind, e.Message = KindTimeout, "another process is logging in, and was not done in time"
	default:
		e.Kind, e.Message = KindRefused, "there is no leave to log in: "+x.excerpt([]byte(err.Error()), 2*excerptBytes)
	}
	return e
}

var errNoEnd = errors.New("the login came to no end")

// logIn starts a session, and tells done what came of it.
func (c *Client) logIn(ctx context.Context, password string, done func(error)) (id string, err error) {
	err = errNoEnd // what done hears of a panic
	defer func() { done(err) }()
	if c.session.closed.Load() {
		return "", errClosed(startSession)
	}
	return c.startSession(ctx, password)
}
