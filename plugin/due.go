package plugin

import (
	"cmp"
	"slices"
	"strings"
	"time"
)

// due is when the next look at a host is.
func (w *watcher) due() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	first := time.Now().Add(longestLook)
	for _, h := range w.hosts {
		if h.due.Before(first) {
			first = h.due
		}
	}
	return first
}

// putOff says when a host is looked at again: soon where there is more to be seen,
// else after a longer pause than the last one. A console task whose end is known and
// that is still to be made sure of is looked at when it can be.
func (w *watcher) putOff(h *hostWatch, moved bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	h.every = min(h.every*3/2, longestLook)
	if moved {
		h.every = nextLook
	}
	h.dueBy(time.Now().Add(h.every))
	if moved {
		return
	}
	for _, one := range h.waits {
		if s := one.now(); s.state.Final() && !one.settled {
			if _, next := one.doubtable(); !next.IsZero() {
				h.dueBy(next)
			}
		}
	}
}

// turn begins a look at a host: it gives who waits there now. When the next one is
// due is said by putOff, and by whoever comes before that.
func (w *watcher) turn(h *hostWatch) []*wait {
	w.mu.Lock()
	defer w.mu.Unlock()
	h.due = time.Time{}
	return slices.Clone(h.waits)
}

// dueBy has the next look at a host come no later than that.
func (h *hostWatch) dueBy(at time.Time) {
	if h.due.IsZero() || at.Before(h.due) {
		h.due = at
	}
}

// begin takes down the hosts that are due. Those come first of which the end can be
// told with a few calls more, in the order of their requests: where calls are short,
// else all would be begun and none ended while KSC still has its console task. Of the
// others the one that has been due for longest comes first, so that each has its turn.
func (w *watcher) begin(run *looking) *round {
	w.mu.Lock()
	defer w.mu.Unlock()
	l := &round{w: w, run: run, left: 2}
	now := time.Now()
	for _, h := range w.hosts {
		if h.due.After(now) {
			continue
		}
		l.hosts = append(l.hosts, h)
		l.left += 1 + 3*h.known(h.waits)
	}
	slices.SortFunc(l.hosts, func(a, b *hostWatch) int {
		first, second := a.ending(), b.ending()
		switch {
		case first.IsZero() && second.IsZero():
			return cmp.Or(a.due.Compare(b.due), strings.Compare(a.id, b.id))
		case first.IsZero():
			return 1
		case second.IsZero():
			return -1
		}
		return cmp.Or(first.Compare(second), strings.Compare(a.id, b.id))
	})
	return l
}

// ending is when the request was added that can be brought to its end first on a host:
// its console task is known, and has come to its end or was not looked at yet. The
// zero time: there is none. The watcher's mu is held.
func (h *hostWatch) ending() (added time.Time) {
	for _, one := range h.waits {
		s := one.now()
		near := s.task != nil && !s.over() && s.failed == nil && (s.state.Final() || !one.stood)
		if near && (added.IsZero() || one.added.Before(added)) {
			added = one.added
		}
	}
	return added
}

// endings says that a host is due on which something can be brought to its end.
func (w *watcher) endings() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	now := time.Now()
	for _, h := range w.hosts {
		if !h.due.IsZero() && !h.due.After(now) && !h.ending().IsZero() {
			return true
		}
	}
	return false
}
