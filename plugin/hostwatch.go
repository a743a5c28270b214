package plugin

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/kes-respond/kes-respond/plugin/ksc"
)

// The bounds of what is looked at on a host.
const (
	settleFor  = 10 * time.Second // a console task is called a request's own only when nothing has spoken against it for so long
	doubts     = 3                // times that the list is read meanwhile, the last included
	mostNames  = 30               // console tasks from before that are read all the same, to tell other requests' from this one's
	localAfter = 2                // lists without a console task before those of the host alone are looked through
	mostMisses = 3                // times that something cannot be read before the look goes on without
	goneAfter  = 2                // times that KSC has to say that a console task is not there
	mostEvents = 200              // of a console task
	hostEvery  = 5 * time.Minute  // how often is looked whether the host is there
)

// hostWatch is what the watcher knows of a host. What mu does not guard is used by
// one run of the watcher alone.
type hostWatch struct {
	id string

	// Guarded by the watcher's mu.
	waits []*wait
	due   time.Time     // the next look at it; zero: one is under way
	every time.Duration // the pause before that

	bars map[step]bar // what the account has no right to

	lists     int                         // so far
	listed    time.Time                   // when the last one was read
	undecided bool                        // it was not judged yet for all whose console task is known
	ids       []string                    // of its console tasks, as last listed; those of the host alone have localPrefix
	names     map[string]*ksc.ConsoleTask // that were read; nil: it is gone, or cannot be read
	others    []contender                 // incidents that may have made one of them
	asked     string                      // the console tasks that were there when others was read
	first     int64                       // and the first incident for whose sake
	since     time.Time                   // and when that was added
	extra     map[string]bool             // ids from before that others may have made
	pass      *ksc.LocalTasks             // through those of the host alone; nil: none is under way
	passed    []string                    // ids seen in it
	begun     time.Time                   // when it began
	local     []string                    // ids seen in the last whole one
	through   time.Time                   // when that began
	misses    int                         // passes since then that failed
	again     time.Time                   // the next pass does not begin before
	pause     time.Duration               // between two passes
	host      time.Time                   // it was looked at
	stood     *ksc.Host                   // as it was then; nil: not known
	owners    map[string]int64            // the incidents that have console tasks, by the ledger as it was then; 0: none has
	mark      uint64                      // when that was
}

func newHostWatch(id string) *hostWatch {
	return &hostWatch{id: id, bars: map[step]bar{}, names: map[string]*ksc.ConsoleTask{}, extra: map[string]bool{}}
}

// known counts the console tasks that are or may be somebody's who waits, and have
// not ended.
func (h *hostWatch) known(waits []*wait) int {
	own := map[string]bool{}
	for _, one := range waits {
		if s := one.now(); s.task != nil && !s.over() {
			own[s.task.ID] = true
		}
	}
	return len(own) + h.maybe(waits)
}

// maybe counts the console tasks that may be somebody's, where one is looked for.
func (h *hostWatch) maybe(waits []*wait) int {
	n := 0
	for _, t := range h.sighted() {
		if slices.ContainsFunc(waits, func(one *wait) bool { return one.now().task == nil && one.may(t) }) {
			n++
		}
	}
	return n
}

// look looks at a host for those who wait for something there.
func (h *hostWatch) look(ctx context.Context, l *round, waits []*wait) {
	if len(waits) == 0 {
		return
	}
	for _, one := range waits {
		h.state(ctx, l, waits, one)
	}
	unsettled := slices.DeleteFunc(slices.Clone(waits), func(one *wait) bool { return one.settled })
	if h.undecided || slices.ContainsFunc(unsettled, h.searching) {
		h.search(ctx, l, unsettled)
	}
	for _, one := range waits {
		h.finish(ctx, l, one)
	}
	for _, one := range waits {
		h.unseeing(l, one)
	}
	if !l.moved { // else it may soon have ended
		h.presence(ctx, l, waits)
	}
	if len(unsettled) > 0 {
		h.console(ctx, l, unsettled)
	}
}

// search lists the host's console tasks, reads the names of those that are new,
// and tells whose each is.
func (h *hostWatch) search(ctx context.Context, l *round, waits []*wait) {
	listed, passed := false, false
	if len(h.unread(waits)) == 0 && !h.undecided { // what was listed is judged before KSC can drop it
		listed = h.list(ctx, l, waits)
		passed = slices.ContainsFunc(waits, (*wait).ripe) && h.alone(ctx, l, waits)
		h.keep(waits)
	}
	for _, id := range h.unread(waits) {
		if !h.read(ctx, l, waits, id) {
			break
		}
	}
	whole := len(h.unread(waits)) == 0 && h.lists > 0
	h.undecided = false
	for _, one := range waits {
		fresh, known := listed, one.now().task
		if known != nil && isLocal(known.ID) {
			fresh = passed
		}
		judged := h.judge(ctx, l, waits, one, fresh)
		h.undecided = h.undecided || known != nil && !judged
		if whole && judged {
			all := h.checked(l, time.Time{})
			one.tell(func(s *sight) {
				s.whole, s.failed = s.task == nil && all || s.task != nil && (s.state != ksc.StateUnknown || one.told[stepState]), nil
			})
		}
	}
}

// searching says that the host's console tasks are to be looked through: for one's
// own, or at its time for what speaks against that.
func (h *hostWatch) searching(one *wait) bool {
	last, _ := one.doubtable()
	return one.ripe() || h.listed.Before(last)
}

// ripe says that one's console task is looked for, or has been known for long enough.
func (one *wait) ripe() bool {
	return one.now().task == nil || time.Since(one.since) >= settleFor
}

// doubtable are the last and the next moment at which the list of a host with a known
// console task is read for what speaks against it: when it has been known for long
// enough, and, where the name alone does not prove it, twice before. For what comes
// meanwhile KSC may drop before the end.
func (one *wait) doubtable() (last, next time.Time) {
	next = one.since
	for i := range time.Duration(doubts) {
		if i+1 < doubts && one.marked {
			continue
		}
		last, next = next, one.since.Add(settleFor*(i+1)/doubts)
		if next.After(time.Now()) {
			return last, next
		}
	}
	return next, time.Time{}
}

// sighted are the responses among the console tasks that were read.
func (h *hostWatch) sighted() []sighted {
	var out []sighted
	for _, id := range h.ids {
		t := h.names[id]
		if t == nil || t.Product != "" && !strings.EqualFold(t.Product, product) {
			continue
		}
		if name, ok := readTaskName(t.Name); ok {
			out = append(out, sighted{id, isLocal(id), name})
		}
	}
	return out
}

// product is what carries responses out.
const product = "KES"

func (h *hostWatch) response(id string) bool {
	return slices.ContainsFunc(h.sighted(), func(t sighted) bool { return t.id == id })
}
