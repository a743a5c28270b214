package journal

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/kes-respond/kes-respond/shared"
)

// Limit judges a request by what the ledger has counted. It returns nil where
// the request may go on.
type Limit func(Usage) *Refusal

// Refusal is what a Limit says of a request that may not be sent now.
type Refusal struct {
	Code   shared.Code
	Rule   string
	Reason string
}

// Usage answers how much was asked for lately, by all who share the ledger.
// What is counted is what was claimed, from its claim on: refusals and requests
// that another answers are not, and what ended without having been sent is not
// any more. It is of use only while the Limit runs.
type Usage struct {
	t   *turn
	e   Entry
	now time.Time
	err *error
}

// Used says how many requests with an effect there were within a span that ends
// now, and when there will be fewer than most. The empty effect stands for all
// but releases. A span may be a minute, an hour or a day, or shorter than that;
// requests are counted for up to a second, a minute, a quarter of an hour longer.
func (u Usage) Used(effect shared.Effect, span time.Duration, most int) (used int, free time.Time) {
	return u.within(u.t.j.hash(ofEffect, string(effect)), span, most)
}

// Outstanding says how many requests to the server of this one were claimed
// within a span and are not known to have finished, and when there will be fewer
// than most. It counts as Used does.
func (u Usage) Outstanding(span time.Duration, most int) (many int, free time.Time) {
	return u.within(u.t.j.hash(ofServer, u.e.Server), span, most)
}

// within reads the gauge of a subject.
func (u Usage) within(subject hash, span time.Duration, most int) (used int, free time.Time) {
	w, ok := wheelOf(span)
	if !ok {
		u.fail(errors.New("a span of more than a day is not counted"))
		return 0, u.now
	}
	page, _, there, err := u.t.x.gauge(subject)
	if isRoom(err) {
		there, err = false, nil // so nothing of it was counted
	}
	u.fail(err)
	if !there {
		return 0, u.now
	}
	type step struct {
		ends time.Time
		n    int
	}
	var steps []step
	w.within(page, u.now, span, func(ends time.Time, n int) {
		used += n
		steps = append(steps, step{ends, n})
	})
	free = u.now
	left := used
	for _, s := range steps {
		if left < most {
			break
		}
		left -= s.n
		free = s.ends.Add(span)
	}
	return used, free
}

// Isolated says how many hosts were isolated within a span that ends now and not
// released since, as far as the ledger knows, at most 1044; whether the host of
// this request is one of them; and when there will be fewer than most by time
// alone. A host that is isolated again counts from then on.
func (u Usage) Isolated(span time.Duration, most int) (hosts int, already bool, free time.Time) {
	ends := map[hash]time.Time{}
	_, _, _, err := u.t.x.eachHeld(func(h held) bool {
		if end := h.at.Add(span); end.After(u.now) && end.After(ends[h.host]) {
			ends[h.host] = end
		}
		return false
	})
	u.fail(err)
	_, already = ends[u.t.j.hash(ofHost, u.e.Server, u.e.HostID)]
	free = u.now
	if over := len(ends) - most; over >= 0 && over < len(ends) {
		free = slices.SortedFunc(maps.Values(ends), time.Time.Compare)[over]
	}
	return len(ends), already, free
}

func (u Usage) fail(err error) {
	if *u.err == nil {
		*u.err = err
	}
}

// Rehearse says what a limit makes of a request now. It claims nothing, and
// records nothing.
func (j *Journal) Rehearse(ctx context.Context, e Entry, limit Limit) (refusal *Refusal, err error) {
	if j.root == nil || limit == nil {
		return nil, nil
	}
	err = j.exclusive(ctx, func(t *turn) error {
		refusal, err = t.judge(e, limit)
		return err
	})
	return refusal, err
}

// limited puts an entry before its limit.
func (t *turn) limited(e *Entry, limit Limit) error {
	if limit == nil {
		return nil
	}
	refusal, err := t.judge(*e, limit)
	if err == nil && refusal != nil {
		e.Allowed, e.RefusalCode, e.Rule = false, refusal.Code, shortened(refusal.Rule, maxName)
		e.Decision = shortened(refusal.Reason, maxMessage)
	}
	return err
}

// judge asks the limit, and again where the index had to be made anew.
func (t *turn) judge(e Entry, limit Limit) (*Refusal, error) {
	for {
		var err error
		refusal := limit(Usage{t, e, time.Now(), &err})
		if !errors.Is(err, errIndex) || t.rebuilt {
			return refusal, t.j.wrap("what it has counted cannot be read", err)
		}
		if err := t.rebuild(); err != nil {
			return nil, err
		}
	}
}

// counts says whether a request counts among all: a release must always be
// possible, and so nothing is kept from it by what it uses up.
func counts(effects []shared.Effect) bool {
	return len(effects) == 0 || slices.ContainsFunc(effects, func(e shared.Effect) bool { return e != shared.Releases })
}

// countClaim counts a claim from here on.
func (t *turn) countClaim(l line, at place) error {
	if err := t.tally(l, l.At, 1); err != nil {
		return err
	}
	if err := t.x.tally(t.j.hash(ofServer, l.Server), l.Seq, l.At, 1); err != nil {
		return err
	}
	if slices.Contains(l.Effects, shared.Isolates) {
		return t.x.hold(held{t.j.hash(ofHost, l.Server, l.HostID), at, l.At})
	}
	return nil
}

func (t *turn) tally(l line, claimed time.Time, by int) error {
	subjects := l.Effects
	if counts(l.Effects) {
		subjects = append(slices.Clip(subjects), "")
	}
	for _, e := range subjects {
		if err := t.x.tally(t.j.hash(ofEffect, string(e)), l.Seq, claimed, by); err != nil {
			return err
		}
	}
	return nil
}

// counted puts into a line about a request what is counted by it.
func (l *line) counted(claim line) {
	switch {
	case l.Event == string(Stored) && slices.ContainsFunc(claim.Effects, isolation):
	case l.Event == eventEnded && (l.finished() || l.unsent()):
	default:
		return
	}
	began := claim.At
	l.Began, l.Effects, l.HostID, l.Server = &began, claim.Effects, claim.HostID, claim.Server
}

func isolation(e shared.Effect) bool { return e == shared.Isolates || e == shared.Releases }

// unsent says that a request ended and nothing of it had been sent.
func (p progress) unsent() bool {
	return p.Incident == 0 && (p.Outcome == shared.Failed || p.Outcome == shared.Cancelled || p.Outcome == shared.Refused)
}

// finished says that a request ended and KSC has no more to do for it.
func (p progress) finished() bool {
	switch p.Outcome {
	case shared.Succeeded, shared.Partial:
		return true
	}
	return p.Outcome == shared.Failed && p.Incident != 0
}

// countStored counts a request that KSC has: a release ends an isolation.
func (t *turn) countStored(l line) error {
	host := t.j.hash(ofHost, l.Server, l.HostID)
	switch {
	case l.Began == nil:
	case slices.Contains(l.Effects, shared.Releases):
		return t.x.letGo(func(h held) bool { return h.host == host })
	case slices.Contains(l.Effects, shared.Isolates):
		if err := t.x.letGo(func(h held) bool { return h.host == host && h.claim < l.Claim }); err != nil {
			return err
		}
		return t.x.hold(held{host, l.Claim, *l.Began})
	}
	return nil
}

// countEnd counts a request no more that was not sent, or that has finished.
func (t *turn) countEnd(l line) error {
	if l.Began == nil {
		return nil
	}
	if l.unsent() {
		if err := t.tally(l, *l.Began, -1); err != nil {
			return err
		}
	}
	if l.Outcome == shared.Failed || l.unsent() {
		host := t.j.hash(ofHost, l.Server, l.HostID)
		if err := t.x.letGo(func(h held) bool { return h.host == host && h.claim == l.Claim }); err != nil {
			return err
		}
	}
	return t.x.tally(t.j.hash(ofServer, l.Server), l.Seq, *l.Began, -1)
}
