package plugin

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/kes-respond/kes-respond/plugin/ksc"
	"github.com/kes-respond/kes-respond/shared"
)

// state reads how the console task of one who waits stands.
func (h *hostWatch) state(ctx context.Context, l *round, waits []*wait, one *wait) {
	s := one.now()
	if s.task == nil || s.state.Final() {
		return
	}
	st, err := h.status(ctx, l, one, s.task)
	switch {
	case ksc.IsNotFound(err):
		if one.gone++; one.gone >= goneAfter {
			one.tell(func(s *sight) { s.lost = true })
		}
		l.moved = true
	case err == nil:
		one.gone = 0
		if !st.State.Final() { // who asks how it stands leaves as soon as that is told
			h.presence(ctx, l, waits)
		}
		one.stands(st)
		l.moved = l.moved || st.State.Final()
	}
}

// unseeing tells one who waits that there is no way left to see more.
func (h *hostWatch) unseeing(l *round, one *wait) {
	s := one.now()
	ways := []step{stepLocal, stepList}
	switch {
	case s.over() || s.state.Final():
		return
	case s.task != nil && isLocal(s.task.ID):
		ways = []step{stepView}
	case s.task != nil:
		ways = []step{stepState, stepOlder, stepCounts}
	case l.bar(h, stepName) != (bar{}):
		ways = []step{stepLocal}
	}
	var last bar
	for _, way := range ways {
		if last = l.bar(h, way); last == (bar{}) {
			return
		}
	}
	one.tell(func(s *sight) { s.blind = last.code })
}

// status asks in the way that this version of KSC and this account have.
func (h *hostWatch) status(ctx context.Context, l *round, one *wait, t *shared.ConsoleTask) (st ksc.TaskStatus, err error) {
	waits := []*wait{one}
	id, local := strings.CutPrefix(t.ID, localPrefix)
	ways := []struct {
		what  step
		calls int
		ask   func(context.Context, *ksc.Client) (ksc.TaskStatus, error)
	}{
		{stepState, 3, func(ctx context.Context, c *ksc.Client) (ksc.TaskStatus, error) { return c.TaskStatus(ctx, id, h.id) }},
		{stepOlder, 3, func(ctx context.Context, c *ksc.Client) (ksc.TaskStatus, error) {
			return c.TaskStatusOlder(ctx, id, h.id)
		}},
		{stepCounts, 1, func(ctx context.Context, c *ksc.Client) (ksc.TaskStatus, error) { return c.TaskCounts(ctx, id) }},
	}
	if local {
		ways = ways[:1]
		ways[0].what = stepView
		ways[0].ask = func(ctx context.Context, c *ksc.Client) (ksc.TaskStatus, error) {
			return c.LocalStatus(ctx, id, t.Name)
		}
	}
	err = errNotAsked
	for _, way := range ways {
		if l.barred(h, waits, way.what) {
			continue
		}
		err = l.ask(ctx, h, waits, way.what, way.calls, func(ctx context.Context, c *ksc.Client) (err error) {
			st, err = way.ask(ctx, c)
			return err
		})
		if !errors.Is(err, errNotAsked) || l.bar(h, way.what) == (bar{}) {
			return st, err
		}
	}
	return st, err
}

// stands tells how a console task stands.
func (one *wait) stands(st ksc.TaskStatus) {
	one.stood = true
	one.tell(func(s *sight) {
		t := *s.task
		t.State, t.Description = st.State.String(), st.Description
		t.StartedAt, t.FinishedAt = moment(st.Started), moment(st.Finished)
		s.task, s.state, s.percent, s.failed, s.whole = &t, st.State, nil, nil, true
		if st.PercentKnown {
			s.percent = &st.Percent
		}
	})
}

func moment(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

// console asks now and then whether what makes console tasks is there, while one is
// waited for.
func (h *hostWatch) console(ctx context.Context, l *round, waits []*wait) {
	if l.left < 1 || l.w.server.consoleKnown() {
		return
	}
	_ = l.ask(ctx, h, waits, stepOn, 1, func(ctx context.Context, _ *ksc.Client) error { return l.w.server.askConsole(ctx) }) // what is not known is not told
}

// presence looks now and then whether the host is there at all, while something
// waits for it, and tells who does not know yet.
func (h *hostWatch) presence(ctx context.Context, l *round, waits []*wait) {
	if time.Since(h.host) >= hostEvery && l.left >= 1 {
		h.host = time.Now()
		_ = l.ask(ctx, h, waits, stepHost, 1, func(ctx context.Context, c *ksc.Client) error { // what is not known is not told
			host, err := c.Host(ctx, h.id)
			if err == nil {
				h.stood = &host
			}
			return err
		})
	}
	for _, one := range waits {
		if one.now().host != h.stood {
			one.tell(func(s *sight) { s.host = h.stood })
		}
	}
}
