package main

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/kes-respond/kes-respond/shared"
)

const (
	// planLife is how long somebody may think about a plan.
	planLife = 10 * time.Minute
	// mostPlans is how many wait for an answer; a further one costs the oldest.
	mostPlans = 256
)

// plan is what a dry run has shown: which call, and to which host.
type plan struct {
	call  [sha256.Size]byte
	host  shared.Host
	asked bool // a person is asked; else the caller confirms it itself
	made  time.Time
}

func newPlan(r shared.Request, h shared.Host, asked bool) plan {
	return plan{call: digest(r), host: h, asked: asked, made: time.Now()}
}

// digest is of all that decides what happens: two calls that differ only in how
// long they wait, or in the order of members, are one.
func digest(r shared.Request) [sha256.Size]byte {
	r.ID, r.DryRun, r.Wait, r.Timeout = "", false, "", 0
	r.Params = canonical(r.Params)
	line, err := shared.ASCIIJSON(r)
	if err != nil {
		panic(err) // it has been read from JSON
	}
	return sha256.Sum256(line)
}

func canonical(raw json.RawMessage) json.RawMessage {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	var v any
	if d.Decode(&v) != nil {
		return raw
	}
	data, err := json.Marshal(v)
	if err != nil {
		return raw
	}
	return data
}

// plans are those that wait for an answer. Each is used once.
type plans struct {
	mu      sync.Mutex
	waiting map[string]plan
	tokens  []string // oldest first
}

// keep gives the token under which a plan can be taken.
func (p *plans) keep(one plan) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.waiting == nil {
		p.waiting = map[string]plan{}
	}
	if len(p.tokens) == mostPlans {
		p.remove(p.tokens[0])
	}
	token := rand.Text()
	p.waiting[token] = one
	p.tokens = append(p.tokens, token)
	return token
}

func (p *plans) drop(token string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.remove(token)
}

func (p *plans) remove(token string) {
	delete(p.waiting, token)
	p.tokens = slices.DeleteFunc(p.tokens, func(t string) bool { return t == token })
}

var (
	errNoPlan    = errors.New("no dry run gave this confirmation, or it was used already, or it has expired")
	errOtherCall = errors.New("the confirmation was given for another call; it is used up")
)

// take uses a plan up, whether or not it is that of the call.
func (p *plans) take(token string, r shared.Request, asked bool) (plan, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	one, ok := p.waiting[token]
	p.remove(token)
	switch {
	case !ok || one.asked != asked || time.Since(one.made) > planLife:
		return plan{}, errNoPlan
	case one.call != digest(r):
		return plan{}, errOtherCall
	}
	return one, nil
}
