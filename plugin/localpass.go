package plugin

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/kes-respond/kes-respond/plugin/ksc"
)

// alone goes on through the console tasks of the host alone, where the others do
// not show what is looked for, and says that it has come to their end. Each takes a
// call, so it may take several looks.
func (h *hostWatch) alone(ctx context.Context, l *round, waits []*wait) bool {
	if h.pass == nil {
		early := h.lists < localAfter && l.bar(h, stepList) == (bar{})
		due := h.unchecked(waits) || !time.Now().Before(h.again)
		if early || !h.wantsLocal(waits) || !due || !h.begin(ctx, l, waits) {
			return false
		}
	}
	for l.left > 0 {
		var t ksc.ConsoleTask
		more := false
		err := l.ask(ctx, h, waits, stepLocal, 1, func(ctx context.Context, c *ksc.Client) (err error) {
			t, more, err = h.pass.Next(ctx)
			return err
		})
		switch {
		case err != nil: // it may have died of age: the next one begins anew
			h.pass = nil
			h.missed(err)
			return false
		case !more:
			h.ids = append(slices.DeleteFunc(h.ids, isLocal), h.passed...)
			h.local, h.pass, h.through, h.misses = h.passed, nil, h.begun, 0
			h.pause = min(max(firstLook, h.pause*3/2), 2*longestLook)
			h.again = time.Now().Add(h.pause)
			l.moved = l.moved || h.maybe(waits) > 0
			return true
		}
		id := localPrefix + t.ID
		h.names[id] = &t
		h.passed = append(h.passed, id)
	}
	l.moved = true
	return false
}

// begin begins a pass through the console tasks of the host alone.
func (h *hostWatch) begin(ctx context.Context, l *round, waits []*wait) bool {
	err := l.ask(ctx, h, waits, stepLocal, 2, func(ctx context.Context, c *ksc.Client) (err error) {
		h.pass, err = c.LocalTasks(ctx, h.id)
		return err
	})
	if err != nil {
		h.pass = nil
		h.missed(err)
	}
	h.passed, h.begun = nil, time.Now()
	return err == nil
}

// missed counts the passes that failed.
func (h *hostWatch) missed(err error) {
	if !errors.Is(err, errNotAsked) {
		h.misses++
	}
}

// checked says that the console tasks of the host alone were looked through since a
// moment, or that this cannot be done: one of them may be what another only looks
// like.
func (h *hostWatch) checked(l *round, since time.Time) bool {
	return !h.through.IsZero() && !h.through.Before(since) || l.bar(h, stepLocal) != (bar{}) || h.misses >= mostMisses
}

// unchecked says that the console tasks of the host alone may still speak against
// what looks like somebody's own.
func (h *hostWatch) unchecked(waits []*wait) bool {
	return slices.ContainsFunc(waits, func(one *wait) bool {
		s := one.now()
		return s.task != nil && !isLocal(s.task.ID) && h.through.Before(one.since) && h.misses < mostMisses
	})
}

// wantsLocal says that the console tasks of the host alone may show what somebody
// looks for, or what speaks against what was found, or that one of them is still to
// be made sure of.
func (h *hostWatch) wantsLocal(waits []*wait) bool {
	return h.unchecked(waits) || slices.ContainsFunc(waits, func(one *wait) bool {
		if s := one.now(); s.task != nil {
			return isLocal(s.task.ID)
		}
		return !slices.ContainsFunc(h.sighted(), one.may)
	})
}
