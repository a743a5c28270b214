package ksc

import (
	"context"
	"errors"
	"sync"
	"time"
	"unicode/utf8"
)

const (
	// refusedFor is how long a refused password is not tried again.
	refusedFor = 10 * time.Minute
	// maxRefused is how many passwords are tried within refusedFor: one that
	// was changed is tried at once, but an account that is blocked after ten
	// wrong ones must outlive a source that gives another each time.
	maxRefused = 3
	// maxKnown is how many passwords no error may show: the newest.
	maxKnown = 4
)

// passwords are what a client logs in with, and has logged in with.
type passwords struct {
	ask func(context.Context) (string, error) // nil: the one that is known counts for ever

	mu    sync.Mutex
	known []secret // the last is the newest
}

func passwordsOf(c Config) *passwords {
	if c.AskPassword == nil {
		return &passwords{known: []secret{hide(c.Password)}}
	}
	return &passwords{ask: c.AskPassword}
}

// now is the password for a login that is about to be made.
func (p *passwords) now(ctx context.Context) (string, error) {
	if p.ask == nil {
		return p.known[0](), nil
	}
	password, err := p.ask(ctx)
	switch {
	case err != nil:
		return "", err
	case !utf8.ValidString(password):
		return "", errors.New("the password is not UTF-8")
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for i, s := range p.known {
		if s() == password {
			p.known = append(p.known[:i:i], p.known[i+1:]...)
			break
		}
	}
	p.known = append(p.known, hide(password))
	p.known = p.known[max(0, len(p.known)-maxKnown):]
	return password, nil
}

// all are those that may be quoted by what answers us.
func (p *passwords) all() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	var all []string
	for _, s := range p.known {
		all = append(all, s())
	}
	return all
}

// refusals are the passwords that KSC has refused of late, the last one last.
type refusals []refusal

type refusal struct {
	password secret
	err      *Error
	since    time.Time
}

// of is the refusal that stands against a password: its own, or the last where
// no other password is tried any more. nil: it may be tried.
func (r *refusals) of(password string) *Error {
	*r = r.without(func(one refusal) bool { return time.Since(one.since) >= refusedFor })
	for _, one := range *r {
		if one.password() == password {
			return one.again()
		}
	}
	if len(*r) >= maxRefused {
		return r.last()
	}
	return nil
}

func (r refusals) last() *Error { return r[len(r)-1].again() }

func (r refusal) again() *Error {
	again := *r.err
	return &again
}

func (r *refusals) add(password string, err *Error) {
	r.accepted(password)
	*r = append(*r, refusal{hide(password), err, time.Now()})
}

// accepted forgets a password's refusal, and leaves room for another.
func (r *refusals) accepted(password string) {
	*r = r.without(func(one refusal) bool { return one.password() == password })
	*r = (*r)[max(0, len(*r)-maxRefused+1):]
}

func (r refusals) without(drop func(refusal) bool) refusals {
	var kept refusals
	for _, one := range r {
		if !drop(one) {
			kept = append(kept, one)
		}
	}
	return kept
}

// noPassword says that nobody logs in, because there is nothing to log in with.
func (c *Client) noPassword(ctx context.Context, err error) *Error {
	x := &exchange{client: c, method: startSession, hidden: c.hidden()}
	e := &Error{Kind: KindPassword, Method: startSession, Delivery: NotSent, Err: err, Message: "the password is not to be had: " + x.excerpt([]byte(err.Error()), 2*excerptBytes)}
	switch {
	case errors.Is(ctx.Err(), context.Canceled):
		e.Kind, e.Message = KindCanceled, "the call was given up while the password was asked for"
	case ctx.Err() != nil:
		e.Kind, e.Message = KindTimeout, "the password was asked for, and was not there in time"
	}
	return e
}
