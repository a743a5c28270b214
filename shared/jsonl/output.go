package jsonl

import (
	"errors"
	"fmt"
	"io"
	"sync/atomic"
	"time"

	"github.com/kes-respond/kes-respond/shared"
)

// lock is held through a Write, which may last as long as a listener is slow.
// It is a channel because waiting for it can then be given up, and because
// testing/synctest takes who waits for a channel, but not for a mutex, as idle.
type lock chan struct{}

func newLock() lock { return make(lock, 1) }

func (l lock) lock()   { l <- struct{}{} }
func (l lock) unlock() { <-l }

// output writes events, one Write a line. A listener that is slow delays
// whoever writes and costs no memory; one that has gone away ends it all.
type output struct {
	w    io.Writer
	lose func() // called once, at the first failed write

	turn   lock // held while writing
	failed atomic.Pointer[error]
}

// write writes a line unless the output is lost; first runs under the lock,
// just before.
func (o *output) write(line []byte, first func()) {
	o.turn.lock()
	defer o.turn.unlock()
	first()
	if o.lost() != nil {
		return
	}
	n, err := o.w.Write(line)
	if err == nil && n < len(line) {
		err = io.ErrShortWrite
	}
	if err != nil {
		err = fmt.Errorf("%w: %w", ErrOutputLost, err)
		o.failed.Store(&err)
		o.lose()
	}
}

// lost says why nothing is written any more. It does not wait for a write.
func (o *output) lost() error {
	if err := o.failed.Load(); err != nil {
		return *err
	}
	return nil
}

var errServed = errors.New("Serve has returned")

// close lets nothing more be written once it has returned, save what a write
// that is stuck has begun: with stuck it does not wait for that, else a second.
func (o *output) close(stuck bool) {
	o.failed.CompareAndSwap(nil, &errServed)
	if stuck {
		return
	}
	timer := time.NewTimer(time.Second)
	defer timer.Stop()
	select {
	case o.turn <- struct{}{}:
		o.turn.unlock()
	case <-timer.C:
	}
}

// event writes an event that belongs to no call.
func (o *output) event(e shared.Event) {
	e.Time = time.Now().UTC()
	line, err := shared.EventLine(e)
	if err != nil {
		return
	}
	o.write(line, func() {})
}

// call is one request in flight. Its lock keeps its events in order; while a
// listener is slow it is held, and only this call waits for it.
type call struct {
	id         shared.ID
	line       int64
	size       int64
	task, host string
	cancel     func()
	lingers    bool // guarded by the flight's mu

	turn  lock
	seq   int64
	ended bool
}

// emit writes an accepted or progress event of a call that has not ended. All
// else is the carrier's to say and is dropped.
func (c *call) emit(o *output, e shared.Event) {
	if e.Accepted == nil && e.Progress == nil || e.Result != nil {
		return
	}
	c.turn.lock()
	defer c.turn.unlock()
	if !c.ended {
		c.put(o, e, func() {})
	}
}

// end writes the last event of a call, unless it has ended already. forget
// makes the id free for use again, before a caller can have read the event.
func (c *call) end(o *output, e shared.Event, forget func()) {
	c.turn.lock()
	defer c.turn.unlock()
	if !c.ended {
		c.ended = true
		c.put(o, e, forget)
	}
}

func (c *call) put(o *output, e shared.Event, first func()) {
	e.Time, e.ID, e.Seq = time.Now().UTC(), c.id, c.seq
	line, err := shared.EventLine(e)
	if err != nil && e.Accepted == nil && e.Progress == nil {
		line, err = shared.EventLine(substitute(e, c.line))
	}
	if err != nil {
		o.turn.lock()
		first()
		o.turn.unlock()
		return
	}
	c.seq++
	o.write(line, first)
}

// substitute stands in for a last event that cannot be written: what it said
// of the outcome stays true, the rest is left out.
func substitute(e shared.Event, line int64) shared.Event {
	const message = "the full answer could not be written as an event"
	head := shared.Event{Time: e.Time, ID: e.ID, Seq: e.Seq}
	if e.Result == nil {
		head.Problem = &shared.Problem{Code: shared.Internal, Message: message, Line: line}
		return head
	}
	head.Result = &shared.Result{
		Outcome: e.Result.Outcome, Message: message,
		Error: &shared.Error{Code: shared.Internal, Message: message},
	}
	if e.Result.Error != nil {
		head.Result.Error.Code = e.Result.Error.Code
	}
	if i := e.Result.Incident; i != nil && len(i.ID)+len(i.Server) < 1024 {
		head.Result.Incident = &shared.Incident{Server: i.Server, ID: i.ID}
	}
	return head
}
