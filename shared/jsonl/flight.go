package jsonl

import (
	"errors"
	"sync"

	"github.com/kes-respond/kes-respond/shared"
)

var (
	errInFlight = errors.New("the id is in flight")
	errLeaving  = errors.New("no more requests are taken")
)

// flight holds the requests that were let in and have not ended, and the line
// that is being taken. It bounds their number and their bytes.
type flight struct {
	maxBytes int64
	maxCalls int

	mu    sync.Mutex
	room  sync.Cond
	calls map[shared.ID]*call
	count int // calls that hold room; one more than in calls while a result is being written
	late  int // calls that hold none any more but that of their bytes: they linger
	bytes int64
	door  bool // a line was read and is being taken
	shut  bool
	idle  chan struct{} // closed once shut and empty, the door too
}

func newFlight(bytes int64, calls int) *flight {
	f := &flight{maxBytes: bytes, maxCalls: calls, calls: map[shared.ID]*call{}, idle: make(chan struct{})}
	f.room.L = &f.mu
	return f
}

// arrive says that a line was read: until done is called there is no idling.
// It is false when that line came too late for anybody to answer.
func (f *flight) arrive() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.door = !f.shut || f.count+f.late > 0
	return f.door
}

func (f *flight) done() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.door = false
	f.settle()
}

// enter lets a call in, waiting until there is room for it. Once shut it waits
// no more: the one call that stood at the door is let in to hear so.
func (f *flight) enter(c *call) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.calls[c.id] != nil {
		return errInFlight
	}
	for !f.shut && f.count+f.late > 0 && (f.count >= f.maxCalls || f.bytes+c.size > f.maxBytes) {
		f.room.Wait()
	}
	f.calls[c.id] = c
	f.count++
	f.bytes += c.size
	return nil
}

// linger takes a call out of the number of those that run: it waits for what a
// host does, which may take half an hour. There is no place for it where too many
// do so already, or where it does already.
func (f *flight) linger(c *call) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if c.lingers || f.late >= lingering*f.maxCalls {
		return c.lingers
	}
	c.lingers = true
	f.late++
	f.count--
	f.room.Broadcast()
	return true
}

// lingering is how many calls may linger for each that may be held.
const lingering = 4

// forget frees the id of a call, leave its room.
func (f *flight) forget(c *call) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.calls[c.id] == c {
		delete(f.calls, c.id)
	}
}

func (f *flight) leave(c *call) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if c.lingers {
		f.late--
	} else {
		f.count--
	}
	f.bytes -= c.size
	f.room.Broadcast()
	f.settle()
}

func (f *flight) has(id shared.ID) bool { return f.find(id) != nil }

func (f *flight) find(id shared.ID) *call {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.calls[id]
}

// running lists the calls that have no last event yet.
func (f *flight) running() []*call {
	f.mu.Lock()
	defer f.mu.Unlock()
	all := make([]*call, 0, len(f.calls))
	for _, c := range f.calls {
		all = append(all, c)
	}
	return all
}

// close ends all waiting for room; idle is closed when the last has left.
func (f *flight) close() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.shut {
		f.shut = true
		f.room.Broadcast()
		f.settle()
	}
}

func (f *flight) settle() {
	if f.shut && f.count+f.late == 0 && !f.door {
		close(f.idle)
	}
}
