package bulk

import (
	"slices"
	"time"

	"github.com/kes-respond/kes-respond/plugin/guard"
	"github.com/kes-respond/kes-respond/shared"
)

// place is that of one request among the console tasks that KSC keeps. Its methods
// are called by one goroutine.
type place struct {
	pace   *pace
	number int
	asked  bool // it was admitted, and the ledger does not count it yet

	// Guarded by pace.mu.
	since time.Time // its claim; zero: not yet
	moved time.Time // its console task was last seen to; zero: not seen
	over  bool      // it has come to an end
}

// enlist gives a request its place; since is its claim, or the zero time where it
// was just admitted.
func (p *pace) enlist(since time.Time) *place {
	p.mu.Lock()
	defer p.mu.Unlock()
	a := &place{pace: p, number: p.made, since: since, asked: since.IsZero()}
	p.made++
	if p.grace > 0 && p.most > 0 {
		p.begun = append(p.begun, a)
	}
	return a
}

// heard takes what an event tells of the request.
func (a *place) heard(e shared.Event) {
	if e.Accepted != nil {
		a.counted()
	}
	if e.Progress != nil && (e.Progress.Stage == shared.StageTaken || e.Progress.Stage == shared.StageRunning) {
		a.pace.mu.Lock()
		defer a.pace.mu.Unlock()
		a.moved = time.Now()
	}
}

// counted says that the ledger counts the request from here on.
func (a *place) counted() {
	if !a.asked {
		return
	}
	a.asked = false
	a.pace.mu.Lock()
	a.since = time.Now()
	a.pace.mu.Unlock()
	a.pace.open.Add(-1)
	a.pace.change()
}

// ended says that the request has ended, whether or not it was ever counted.
func (a *place) ended() {
	a.counted()
	a.pace.mu.Lock()
	a.over = true
	a.pace.mu.Unlock()
	a.pace.change()
}

// until is how long the request is to keep its console task: for its grace from when
// that was last seen to move, and before it is seen for as long as the request counts
// as outstanding.
func (a *place) until(now time.Time) time.Time {
	switch {
	case a.since.IsZero():
		return now.Add(a.pace.grace) // it may be on its way
	case a.moved.IsZero():
		return a.since.Add(guard.QuotaSpan)
	}
	return a.moved.Add(a.pace.grace)
}

// change has whoever waits for room look again.
func (p *pace) change() {
	select {
	case p.changed <- struct{}{}:
	default:
	}
}

// held says that one more might cost a request the console task that it is to keep,
// and how long it is.
func (p *pace) held() (held bool, until time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	p.begun = slices.DeleteFunc(p.begun, func(a *place) bool { return a.over })
	for _, a := range p.begun {
		if p.made-a.number <= newerAtMost {
			break
		}
		if until := a.until(now); until.After(now) {
			return true, until
		}
	}
	return false, until
}
