package ksc

import (
	"context"
	"encoding/base64"
	"errors"
	"net/http"
)

// session is the one session that all calls share. It is started when first
// needed and renewed when KSC has ended it. A refused login is remembered and
// never tried again: forty alerts with a wrong password would block the account.
type session struct {
	turn    chan struct{} // held while starting; a channel, so that a waiter can give up
	id      string        // guarded by turn
	refused *Error        // guarded by turn
}

// get returns a session other than ended.
func (s *session) get(ctx context.Context, c *Client, ended string) (string, error) {
	select {
	case s.turn <- struct{}{}:
		defer func() { <-s.turn }()
	case <-ctx.Done():
		return "", c.lost(ctx, "Session.StartSession", ctx.Err(), NotSent)
	}
	if s.refused != nil {
		again := *s.refused
		return "", &again
	}
	if s.id != "" && s.id != ended {
		return s.id, nil
	}
	s.id = ""
	id, err := c.startSession(ctx)
	if err != nil {
		s.refused = final(err)
		return "", err
	}
	s.id = id
	return id, nil
}

// final picks the refusals that trying again would only make worse.
func final(err error) *Error {
	var e *Error
	if errors.As(err, &e) {
		switch e.Kind {
		case KindLogin, KindLocked, KindSecondFactor:
			return e
		}
	}
	return nil
}

// startSession logs in (KSCAPI a00608). Nothing was ordered by it, so a lost
// answer is as good as none: every error of it is NotSent or Answered.
func (c *Client) startSession(ctx context.Context) (string, error) {
	const method = "Session.StartSession"
	var answer struct{ PxgRetVal string }
	err := c.post(ctx, method, struct{}{}, &answer,
		header{"Authorization", c.config.authorization()}, header{"X-KSC-VServer", base64.StdEncoding.EncodeToString([]byte(c.config.VServer))})
	var e *Error
	switch {
	case errors.As(err, &e):
		if e.Delivery == Unknown {
			e.Delivery = NotSent
		}
		if e.Kind == KindSession {
			e.Kind, e.Message = KindLogin, "KSC refused user or password; a blocked account may look the same"
			if e.Status == http.StatusForbidden {
				e.Message = "KSC refused the login"
			}
		}
		return "", e
	case err != nil:
		return "", err
	case answer.PxgRetVal == "" || hasControl(answer.PxgRetVal):
		return "", &Error{Kind: KindBadAnswer, Method: method, Status: http.StatusOK, Message: "KSC answered without a session", Delivery: NotSent}
	}
	return answer.PxgRetVal, nil
}

// authorization is the header that KSC calls KSCBasic: user and password in
// base64, the domain as it is.
func (c Config) authorization() string {
	internal := "0"
	if c.InternalUser {
		internal = "1"
	}
	b64 := base64.StdEncoding.EncodeToString
	return `KSCBasic user="` + b64([]byte(c.User)) + `", pass="` + b64([]byte(c.Password)) + `", domain="` + c.Domain + `", internal="` + internal + `"`
}

// end ends the session at the server.
func (s *session) end(ctx context.Context, c *Client) error {
	select {
	case s.turn <- struct{}{}:
		defer func() { <-s.turn }()
	case <-ctx.Done():
		return ctx.Err()
	}
	if s.id == "" {
		return nil
	}
	id := s.id
	s.id = ""
	err := c.post(ctx, "Session.EndSession", struct{}{}, nil, header{"X-KSC-Session", id})
	if sessionEnded(err) {
		return nil
	}
	return err
}
