package ksc

import (
	"context"
	"errors"
)

// order posts a method that must not be repeated. It is sent a second time
// only where the first cannot have been carried out: KSC checks the session
// before it looks at a method, so that much is known once the session is
// proved to have ended. KSC's own error proves it. A bare 401 or 403 does not,
// for a proxy may have put it in the place of KSC's answer: then the old
// session must be refused once more, and a new one pass by the same way.
// Short of that, what became of the order is unknown.
func (c *Client) order(ctx context.Context, a ask) error {
	a.once = true
	id, err := c.session.get(ctx, c, "")
	if err != nil {
		return err
	}
	for again := false; ; again = true {
		err := c.post(ctx, a, inSession(id))
		var refused *Error
		if !errors.As(err, &refused) || refused.Kind != KindSession {
			return err
		}
		if id, err = c.afterSession(ctx, id, refused); err != nil {
			return err
		}
		if again {
			refused.Delivery = Answered
			return refused
		}
	}
}

// afterSession gives the session that follows the one in which an order was
// refused. An error is that this one is not proved to have ended.
func (c *Client) afterSession(ctx context.Context, id string, refused *Error) (string, error) {
	proved := refused.Delivery == Answered
	if !proved {
		switch c.ping(ctx, id) {
		case sessionLives:
			refused.Kind = KindBadAnswer
			refused.Message = "the session lives, so it was not KSC that refused the call; it may have been carried out"
			return "", refused
		case sessionUnclear:
			return "", refused
		}
	}
	fresh, err := c.session.get(ctx, c, id)
	var e *Error
	switch {
	case err == nil && (proved || c.ping(ctx, fresh) == sessionLives):
		return fresh, nil
	case err == nil:
		return "", refused
	case proved || !errors.As(err, &e):
		return "", err
	}
	silent := *e // the session keeps e for others; of the order it says nothing
	silent.Method, silent.Delivery = refused.Method, Unknown
	return "", &silent
}

// life is what is known of a session.
type life int

const (
	sessionUnclear life = iota
	sessionLives
	sessionRefused
)

// ping asks for nothing but whether a session lives (KSCAPI a00608).
func (c *Client) ping(ctx context.Context, id string) life {
	err := c.post(ctx, ask{method: "Session.Ping", args: struct{}{}}, inSession(id))
	switch {
	case err == nil:
		return sessionLives
	case sessionEnded(err):
		return sessionRefused
	}
	return sessionUnclear
}
