package journal

import (
	"context"
	"fmt"
	"runtime/debug"
	"slices"
	"sync"
	"time"
)

// mostErrands is how many errands are done in one turn: then other processes
// have theirs.
const mostErrands = 16

// errand is what a goroutine wants done in a turn. Whoever has the turn does
// those of others with it: a turn costs more than most errands.
type errand struct {
	do    func(*turn) error
	done  chan struct{} // closed when another has done it
	err   error
	ended bool   // do returned
	panic string // what it panicked with, for its owner
}

// queue is of errands that nobody has begun.
type queue struct {
	mu   sync.Mutex
	wait []*errand
}

func (q *queue) join(e *errand) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.wait = append(q.wait, e)
}

// leave takes an errand out; it is too late where somebody has begun it.
func (q *queue) leave(e *errand) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	at := slices.Index(q.wait, e)
	if at < 0 {
		return false
	}
	q.wait = slices.Delete(q.wait, at, at+1)
	return true
}

// next takes out the oldest; nil where there is none.
func (q *queue) next() *errand {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.wait) == 0 {
		return nil
	}
	e := q.wait[0]
	q.wait = slices.Delete(q.wait, 0, 1)
	return e
}

// exclusive runs f in a turn, perhaps in another goroutine's. It waits for it
// until ctx ends.
func (j *Journal) exclusive(ctx context.Context, f func(*turn) error) error {
	if j.options.ReadOnly {
		return j.readOnlyError()
	}
	e := &errand{do: f, done: make(chan struct{})}
	j.queue.join(e)
	select {
	case j.turns <- struct{}{}:
		return j.lead(ctx, e)
	case <-e.done:
	case <-ctx.Done():
		if j.queue.leave(e) {
			return &Error{Busy, "the time ran out in the wait for the ledger in " + j.dir, "Look whether its disk is slow.", nil, ctx.Err()}
		}
		<-e.done // it was begun
	}
	return e.result()
}

// lead takes a turn, and does in it what is wanted: the errand of this goroutine
// first. The one place in turns is this goroutine's, and free when it returns.
func (j *Journal) lead(ctx context.Context, own *errand) error {
	defer func() { <-j.turns }()
	if !j.queue.leave(own) { // the leader before has done it
		<-own.done
		return own.result()
	}
	if j.closed {
		return j.closedError()
	}
	free, err := j.take(ctx)
	if err != nil {
		return err
	}
	full := false
	defer func() {
		free()
		if full { // another process looks at the lock so often
			time.Sleep(lockPause)
		}
	}()
	t, err := j.turn()
	if err != nil && j.away != nil {
		err = j.away // that it cannot be used there says no more
	}
	if err != nil {
		return err
	}
	defer t.close()
	if err = own.do(t); t.fit(err) {
		full = j.others(t)
	}
	return err
}

// others does the errands of others in a turn, and says whether there may be
// more. What each has done is as safe from a kill as if it had had a turn of its
// own.
func (j *Journal) others(t *turn) (full bool) {
	for n := 1; n < mostErrands; n++ {
		e := j.queue.next()
		if e == nil {
			return false
		}
		t.save()
		if e.run(t); !e.ended || !t.fit(e.err) {
			return false
		}
	}
	return true
}

// run does an errand for another goroutine, which it is to break and not this
// one.
func (e *errand) run(t *turn) {
	defer close(e.done)
	defer func() {
		if !e.ended {
			e.panic = fmt.Sprintf("%v\n\nin the turn of another:\n%s", recover(), debug.Stack())
		}
	}()
	e.err = e.do(t)
	e.ended = true
}

// result is what the errand came to, for its owner.
func (e *errand) result() error {
	if !e.ended {
		panic(e.panic)
	}
	return e.err
}
