package plugin

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/kes-respond/kes-respond/plugin/ksc"
	"github.com/kes-respond/kes-respond/shared"
)

// step is one kind of question that a look asks. What the account has no right
// to for a host, or this version of KSC does not know, is not asked again; the look
// goes on with what is left.
type step string

// The steps, by what they are for.
const (
	stepList   step = "to list the host's console tasks"
	stepName   step = "to read a console task"
	stepOthers step = "to see which other requests the host was sent"
	stepState  step = "to read how a console task stands"
	stepOlder  step = "to read how a console task stands, in the way of older versions"
	stepCounts step = "to read the counts of a console task"
	stepEvents step = "to read a console task's events"
	stepLocal  step = "to list the console tasks of the host alone"
	stepView   step = "to read how a console task of the host alone stands"
	stepHost   step = "to read how the host stands"
	stepOn     step = "to ask whether a service console is connected"
)

// callBound is how long a look waits for one answer.
const callBound = 20 * time.Second

// round is one look.
type round struct {
	w     *watcher
	run   *looking
	hosts []*hostWatch
	left  int  // calls that it may still make
	moved bool // there is more to be seen soon on the host that is looked at
}

// all looks at the hosts one after the other, until one is due that comes before
// those that are left.
func (l *round) all(ctx context.Context) {
	for i, h := range l.hosts {
		if ctx.Err() != nil || i > 0 && l.w.endings() {
			return
		}
		l.moved = false
		h.look(ctx, l, slices.DeleteFunc(l.w.turn(h), func(one *wait) bool { return l.elsewhere(ctx, one) || one.now().over() }))
		l.w.putOff(h, l.moved)
	}
}

// elsewhere says that another process has seen the end of a request, or its
// console task: what the ledger knows nobody has to ask KSC for.
func (l *round) elsewhere(ctx context.Context, one *wait) bool {
	if one.seq == 0 || one.unchanged() {
		return false
	}
	r, found, err := one.journal.BySeq(ctx, one.seq)
	if err != nil || !found {
		one.asked = false
		return false
	}
	if r.Finished() {
		one.tell(func(s *sight) { s.recorded = &r })
		return true
	}
	if r.ConsoleTask == nil {
		return false
	}
	if s := one.now(); s.task == nil || s.task.ID != r.ConsoleTask.ID {
		one.since = time.Now()
		one.tell(func(s *sight) { // how another one stood says nothing of it
			s.task, s.state, s.percent, s.whole = r.ConsoleTask, ksc.StateUnknown, nil, false
		})
	}
	one.settled = true
	return false
}

// unchanged says that nobody has written to the ledger since it was asked last.
func (one *wait) unchanged() bool {
	mark, sure := one.journal.Changed()
	same := sure && one.asked && one.mark == mark
	one.mark, one.asked = mark, true
	return same
}

// room says that a question of n calls may be asked, in this look and this minute.
func (l *round) room(ctx context.Context, n int) bool {
	if l.left < n {
		l.moved = true
		return false
	}
	return l.w.calls.room(ctx, n)
}

// take counts one call.
func (l *round) take(ctx context.Context) error {
	if err := l.w.calls.take(ctx); err != nil {
		return err
	}
	l.left--
	return nil
}

// errNotAsked says that a question is left to another look, or to nobody.
var errNotAsked = errors.New("not asked")

// ask asks KSC one question of n calls for those who wait. Where it takes more,
// for a session that has ended or an answer of many pages, each of those waits for
// its place in the budget. Its error is errNotAsked where nobody answered for want of
// room, right or time, else KSC's.
func (l *round) ask(ctx context.Context, h *hostWatch, waits []*wait, what step, n int, do func(context.Context, *ksc.Client) error) error {
	if l.barred(h, waits, what) || !l.room(ctx, n) {
		return errNotAsked
	}
	err := l.w.server.once(ctx, func() error {
		ctx, cancel := context.WithTimeout(ctx, callBound)
		defer cancel()
		return do(ksc.Metered(ctx, l.take), l.w.server.client)
	})
	switch e, ok := errors.AsType[*ksc.Error](err); {
	case err == nil || ctx.Err() != nil:
	case ok && e.Kind == ksc.KindNotFound:
		return err
	case ok && (e.Kind == ksc.KindDenied || e.Kind == ksc.KindUnsupported):
		bars := h.bars // rights are given by group
		if e.Kind == ksc.KindUnsupported {
			bars = l.run.bars
		}
		bars[what] = bar{cannot(what, err), fromKSC(err).Code}
		l.barred(h, waits, what)
		l.moved = true // there may be another way
		return errNotAsked
	default:
		for _, one := range waits {
			one.tell(func(s *sight) { s.failed, s.whole = err, false })
		}
		return err
	}
	if err != nil {
		return errNotAsked
	}
	return nil
}

// bar is why something is not asked any more.
type bar struct {
	why  string
	code shared.Code
}

// bar finds why something is not to be asked any more; the zero bar: it may be.
func (l *round) bar(h *hostWatch, what step) bar {
	if b, everywhere := l.run.bars[what]; everywhere {
		return b
	}
	return h.bars[what]
}

// barred says that something is not to be asked any more, and tells that to those
// who wait, once.
func (l *round) barred(h *hostWatch, waits []*wait, what step) bool {
	b := l.bar(h, what)
	if b == (bar{}) {
		return false
	}
	for _, one := range waits {
		if !one.told[what] {
			one.told[what] = true
			one.tell(func(s *sight) { s.warnings = append(s.warnings, b.why) })
		}
	}
	return true
}

// cannot says for people what is not to be had, and which right or version it
// needs.
func cannot(what step, err error) string {
	problem := fromKSC(err)
	e, _ := errors.AsType[*ksc.Error](err)
	if e != nil && e.Kind == ksc.KindUnsupported {
		return fmt.Sprintf("this version of KSC does not know %s, which is needed %s", e.Method, what)
	}
	return fmt.Sprintf("KSC does not let this account call what is needed %s: %s %s", what, problem.Message, problem.Assistance)
}
