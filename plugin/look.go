package plugin

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/kes-respond/kes-respond/plugin/ksc"
)

// step is one kind of question that a look asks. What the account has no right
// to, or this version of KSC does not know, is not asked again; the look goes on
// with what is left.
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
	waits map[*hostWatch][]*wait
	left  int  // calls that it may still make
	moved bool // there is more to be seen soon
}

// begin takes down who waits. The host that comes first is another one each time,
// so that where calls are short each has its turn.
func (w *watcher) begin(run *looking) *round {
	w.mu.Lock()
	defer w.mu.Unlock()
	l := &round{w: w, run: run, waits: map[*hostWatch][]*wait{}, left: len(w.hosts) + 2}
	names := slices.Sorted(maps.Keys(w.hosts))
	for i := range names {
		h := w.hosts[names[(w.turn+i)%len(names)]]
		l.hosts = append(l.hosts, h)
		l.waits[h] = slices.Clone(h.waits)
		l.left += 3 * h.known(h.waits)
	}
	w.turn++
	return l
}

func (l *round) all(ctx context.Context) {
	for _, h := range l.hosts {
		if ctx.Err() != nil {
			return
		}
		h.look(ctx, l, slices.DeleteFunc(l.waits[h], func(one *wait) bool { return l.elsewhere(ctx, one) || one.now().over() }))
	}
}

// elsewhere says that another process has seen the end of a request, or its
// console task: what the ledger knows nobody has to ask KSC for.
func (l *round) elsewhere(ctx context.Context, one *wait) bool {
	if one.seq == 0 {
		return false
	}
	r, found, err := one.journal.BySeq(ctx, one.seq)
	if err != nil || !found {
		return false
	}
	if r.Finished() {
		one.tell(func(s *sight) { s.recorded = &r })
		return true
	}
	if r.ConsoleTask != nil && !one.settled {
		one.since, one.settled = time.Now(), true
		one.tell(func(s *sight) { s.task = r.ConsoleTask })
	}
	return false
}

// spend says that a question of n calls may be asked, in this look and this
// minute.
func (l *round) spend(ctx context.Context, n int) bool {
	if l.left < n {
		l.moved = true
		return false
	}
	l.left -= n
	for range n {
		if !l.w.calls.take(ctx) {
			return false
		}
	}
	return true
}

// errNotAsked says that a question is left to another look, or to nobody.
var errNotAsked = errors.New("not asked")

// ask asks KSC one question of n calls for those who wait. Its error is
// errNotAsked, or KSC's where that tells of the thing asked about.
func (l *round) ask(ctx context.Context, waits []*wait, what step, n int, do func(context.Context, *ksc.Client) error) error {
	if l.barred(waits, what) || !l.spend(ctx, n) {
		return errNotAsked
	}
	err := l.w.server.once(ctx, func() error {
		ctx, cancel := context.WithTimeout(ctx, callBound)
		defer cancel()
		return do(ctx, l.w.server.client)
	})
	switch e, ok := errors.AsType[*ksc.Error](err); {
	case err == nil || ctx.Err() != nil:
	case ok && e.Kind == ksc.KindNotFound:
		return err
	case ok && (e.Kind == ksc.KindDenied || e.Kind == ksc.KindUnsupported):
		l.run.bars[what] = cannot(what, err)
		l.barred(waits, what)
		l.moved = true // there may be another way
		return errNotAsked
	default:
		for _, one := range waits {
			one.tell(func(s *sight) { s.failed, s.whole = err, false })
		}
		return errNotAsked
	}
	if err != nil {
		return errNotAsked
	}
	return nil
}

// barred says that something is not to be asked any more, and tells that to those
// who wait, once.
func (l *round) barred(waits []*wait, what step) bool {
	why, barred := l.run.bars[what]
	if barred {
		for _, one := range waits {
			if !one.told[what] {
				one.told[what] = true
				one.tell(func(s *sight) { s.warnings = append(s.warnings, why) })
			}
		}
	}
	return barred
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
