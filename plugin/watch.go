package plugin

import (
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/kes-respond/kes-respond/plugin/journal"
	"github.com/kes-respond/kes-respond/plugin/ksc"
	"github.com/kes-respond/kes-respond/shared"
)

// The pauses between two looks at a server.
const (
	nextLook    = time.Second      // where a look had to leave something to the next, or has seen something new
	firstLook   = 3 * time.Second  // after somebody came to wait
	longestLook = 30 * time.Second // each pause is half as long again as the one before
)

// watcher looks at one server's console tasks for all who wait for one. It looks
// while somebody waits, in one goroutine, at each host when that is due, and keeps
// to its budget: a look makes at most one call for each host that is looked at,
// three for each console task there that is known and has not ended, and two. What
// is over that is left to the next look.
type watcher struct {
	server *server
	calls  *budget

	mu      sync.Mutex
	hosts   map[string]*hostWatch // by host id in lower case
	waiting int
	run     *looking // nil: nobody waits
}

// looking is one run of the watcher's goroutine: from the first who waits to the
// last.
type looking struct {
	stop context.CancelFunc
	over chan struct{}
	news chan struct{} // of capacity 1: somebody has come, and the next look may be due earlier
	bars map[step]bar  // what this version of KSC does not know; used by the run alone
}

func newWatcher(s *server, callsAMinute int) *watcher {
	return &watcher{server: s, calls: newBudget(callsAMinute), hosts: map[string]*hostWatch{}}
}

// followed is a request whose console task is looked for. What is not of the
// ledger has no seq and no baseline.
type followed struct {
	journal  *journal.Journal
	seq      uint64
	incident int64
	added    time.Time
	host     string
	contender
}

// wait is one who waits for a console task.
type wait struct {
	followed
	news chan struct{} // of capacity 1: what is known has changed

	mu   sync.Mutex
	seen sight

	// Used by the watcher alone.
	since   time.Time // its console task is known
	stood   bool      // and KSC has said how it stands
	settled bool      // and the ledger has it
	told    map[step]bool
	gone    int    // looks in a row in which KSC did not know the console task
	misses  int    // times that its events could not be read
	mute    int    // looks in a row in which the ledger did not say whose console tasks are
	mark    uint64 // the ledger, when it was asked last
	asked   bool   // it was
}

// sight is what is known of a request's console task.
type sight struct {
	whole    bool // a look has seen all that there is
	task     *shared.ConsoleTask
	state    ksc.TaskState
	percent  *int
	doubt    string              // why no console task is surely its own
	lost     bool                // its console task was there, and KSC knows it no more
	finished bool                // it has come to its end, and nothing speaks against its being the one
	events   []shared.HostEvents // besides its states
	unheard  bool                // KSC gave not even that of its end
	host     *ksc.Host           // as it was seen last
	recorded *journal.Record     // another process saw its end
	warnings []string            // what cannot be looked at, and why
	blind    shared.Code         // none of the ways to see more is left: why not, where warnings say it for people
	failed   error               // why the last look saw nothing; nil: it did
}

// over says that looking on would tell no more.
func (s sight) over() bool {
	return s.recorded != nil || s.lost || s.doubt != "" || s.finished || s.blind != ""
}

// join has the watcher look for a request's console task until leave, which
// returns when nothing of that goes on any more. It looks first after soon.
func (w *watcher) join(ctx context.Context, f followed, soon time.Duration) (one *wait, leave func()) {
	one = &wait{followed: f, news: make(chan struct{}, 1), told: map[step]bool{}}
	w.mu.Lock()
	defer w.mu.Unlock()
	h := w.hosts[strings.ToLower(f.host)]
	if h == nil {
		h = newHostWatch(f.host)
		w.hosts[strings.ToLower(f.host)] = h
	}
	h.waits = append(h.waits, one)
	h.every = firstLook
	h.dueBy(time.Now().Add(soon))
	w.waiting++
	if w.run == nil {
		running, stop := context.WithCancel(context.WithoutCancel(ctx))
		w.run = &looking{stop, make(chan struct{}), make(chan struct{}, 1), map[step]bar{}}
		go func(run *looking) {
			defer close(run.over)
			w.look(running, run)
		}(w.run)
	}
	select {
	case w.run.news <- struct{}{}:
	default: // somebody else has just come
	}
	return one, func() { w.leave(one) }
}

func (w *watcher) leave(one *wait) {
	w.mu.Lock()
	name := strings.ToLower(one.host)
	h := w.hosts[name]
	h.waits = slices.DeleteFunc(h.waits, func(other *wait) bool { return other == one })
	if len(h.waits) == 0 {
		delete(w.hosts, name)
	}
	w.waiting--
	var last *looking
	if w.waiting == 0 {
		last, w.run = w.run, nil
		last.stop() // before anybody can come: their hosts are of the next run alone
	}
	w.mu.Unlock()
	if last != nil {
		<-last.over
	}
}

// look looks again and again until ctx ends.
func (w *watcher) look(ctx context.Context, run *looking) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-run.news:
		case <-time.After(time.Until(w.due())):
			w.begin(run).all(ctx)
		}
	}
}

// tell changes what is known to one who waits, who hears of it.
func (one *wait) tell(change func(*sight)) {
	one.mu.Lock()
	change(&one.seen)
	one.mu.Unlock()
	select {
	case one.news <- struct{}{}:
	default:
	}
}

// now is what is known.
func (one *wait) now() sight {
	one.mu.Lock()
	defer one.mu.Unlock()
	s := one.seen
	s.warnings = slices.Clone(s.warnings)
	return s
}
