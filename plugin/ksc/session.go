package ksc

import (
	"context"
	"encoding/base64"
	"errors"
	"net/http"
	"strings"
	"sync/atomic"
)

// session is the one session that all calls share. It is started when first
// needed and renewed when KSC has ended it. A refused password is remembered for
// refusedFor: forty alerts with a wrong one would block the account, and a
// refusal for ever would outlive the mistake. Each login asks what the password
// is, so that a changed one is tried at once. What other processes were refused
// is for the gate to remember. Any other failure is shared with those who
// waited for it, so that they do not wait one after the other for the same
// silence.
type session struct {
	turn     chan struct{} // held while starting; a channel, so that a waiter can give up
	closed   atomic.Bool
	failures atomic.Int64 // starts that failed, not for a reason of their caller's
	refusals atomic.Int64 // starts that KSC refused

	// Guarded by turn.
	id      secret // nil: none
	refused refusals
	failure *Error // the last of failures
}

// get returns a session other than ended.
func (s *session) get(ctx context.Context, c *Client, ended string) (string, error) {
	return s.open(ctx, c, ended, false)
}

// open is get; anew looks past a refusal from before it was asked.
func (s *session) open(ctx context.Context, c *Client, ended string, anew bool) (string, error) {
	failures, refusals := s.failures.Load(), s.refusals.Load()
	if err := s.take(ctx, c); err != nil {
		return "", err
	}
	defer s.leave()
	switch {
	case s.closed.Load():
		return "", errClosed(startSession)
	case s.refusals.Load() != refusals && len(s.refused) > 0: // in the meantime
		return "", s.refused.last()
	case s.id != nil && s.id() != ended:
		return s.id(), nil
	case s.failures.Load() != failures && !anew:
		again := *s.failure
		return "", &again
	}
	s.id = nil
	id, err := s.start(ctx, c, anew)
	if err != nil {
		return "", err
	}
	if s.closed.Load() { // Close has not waited, so nobody else will end it
		c.endSession(ctx, id) //nolint:errcheck // what Close would say of it, nobody hears
		return "", errClosed(startSession)
	}
	s.id = hide(id)
	return id, nil
}

// start logs in, with the password as it is now.
func (s *session) start(ctx context.Context, c *Client, anew bool) (string, error) {
	password, err := c.passwords.now(ctx)
	if err != nil {
		err := c.noPassword(ctx, err)
		s.failed(ctx, err)
		return "", err
	}
	if refused := s.refused.of(password); refused != nil && !anew {
		return "", refused
	}
	done, err := c.enter(ctx, password, anew)
	if err != nil {
		s.failed(ctx, err) // not refused: how long that is remembered is the gate's affair
		return "", err
	}
	id, err := c.logIn(ctx, password, done)
	if refused := final(err); refused != nil {
		s.refused.add(password, refused)
		s.refusals.Add(1)
		return "", err
	}
	if err != nil {
		s.failed(ctx, err)
		return "", err
	}
	s.refused.accepted(password)
	return id, nil
}

// failed shares a failure with those who wait, unless it is its caller's own.
func (s *session) failed(ctx context.Context, err error) {
	if ctx.Err() == nil && errors.As(err, &s.failure) {
		s.failures.Add(1)
	}
}

func (s *session) take(ctx context.Context, c *Client) *Error {
	select {
	case s.turn <- struct{}{}:
		return nil
	case <-ctx.Done():
		return (&exchange{client: c, method: startSession}).lost(ctx, ctx.Err(), NotSent)
	}
}

func (s *session) leave() { <-s.turn }

func errClosed(method string) *Error {
	return &Error{Kind: KindCanceled, Method: method, Message: "the client has been closed", Delivery: NotSent}
}

const (
	startSession    = "Session.StartSession"
	maxSessionBytes = 4096
)

// startSession logs in (KSCAPI a00608). Nothing was ordered by it, so a lost
// answer is as good as none: every error of it is NotSent or Answered.
func (c *Client) startSession(ctx context.Context, password string) (string, error) {
	var answer struct{ PxgRetVal string }
	err := c.post(ctx, ask{method: startSession, args: struct{}{}, answer: &answer},
		header{"Authorization", c.config.authorization(password)}, header{"X-KSC-VServer", base64.StdEncoding.EncodeToString([]byte(c.config.VServer))})
	var e *Error
	switch {
	case errors.As(err, &e):
		if e.Delivery == Unknown {
			e.Delivery = NotSent
		}
		if strings.Contains(e.Excerpt, "PxgRetVal") {
			e.Excerpt = "" // half of such an answer may hold the session all the same
		}
		if e.Kind == KindSession && e.Module == "" { // KLWAT 1445 says nothing of a password
			e.Kind, e.Message = KindLogin, "KSC refused user or password; a blocked account may look the same"
			if e.Status == http.StatusForbidden {
				e.Message = "KSC refused the login"
			}
		}
		return "", e
	case answer.PxgRetVal == "" || hasControl(answer.PxgRetVal) || len(answer.PxgRetVal) > maxSessionBytes:
		return "", &Error{Kind: KindBadAnswer, Method: startSession, Status: http.StatusOK, Message: "KSC answered without a session", Delivery: NotSent}
	}
	return answer.PxgRetVal, nil
}

// authorization is the header that KSC calls KSCBasic: user and password in
// base64, the domain as it is.
func (c Config) authorization(password string) string {
	internal := "0"
	if c.InternalUser {
		internal = "1"
	}
	b64 := base64.StdEncoding.EncodeToString
	return `KSCBasic user="` + b64([]byte(c.User)) + `", pass="` + b64([]byte(password)) + `", domain="` + c.Domain + `", internal="` + internal + `"`
}

// end ends the session at the server, and lets none be started again. While
// one is being started it waits, but not for ever: who starts it ends it then.
func (s *session) end(ctx context.Context, c *Client) error {
	s.closed.Store(true)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), endTimeout)
	defer cancel()
	if err := s.take(ctx, c); err != nil {
		return err
	}
	defer s.leave()
	if s.id == nil {
		return nil
	}
	id := s.id()
	s.id = nil
	return c.endSession(ctx, id)
}

// endSession is bounded in time by itself; ctx only lends its values.
func (c *Client) endSession(ctx context.Context, id string) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), endTimeout)
	defer cancel()
	err := c.post(ctx, ask{method: "Session.EndSession", args: struct{}{}}, inSession(id))
	if sessionEnded(err) {
		return nil
	}
	return err
}
