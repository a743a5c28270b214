package plugin

import (
	"context"
	"sync"
	"time"
)

// DefaultFollowCalls is how many calls a minute may be made to one KSC server to
// follow requests, whatever waits.
const DefaultFollowCalls = 120

// budget bounds the calls by which requests are followed: within any minute there
// are no more than it holds. A burst that leaves nothing for the rest of the
// minute is not forbidden, for the watcher spreads its looks by itself.
type budget struct {
	mu   sync.Mutex
	made []time.Time // a ring of the last calls
	next int
}

func newBudget(aMinute int) *budget { return &budget{made: make([]time.Time, aMinute)} }

// room waits until n calls may be made one after the other, or as many as a minute
// has where that is less. It says no when ctx ends first, and where no calls are
// allowed at all.
func (b *budget) room(ctx context.Context, n int) bool {
	n = min(n, len(b.made))
	return n > 0 && b.until(ctx, n, func() {})
}

// take waits until one more call may be made, and counts it.
func (b *budget) take(ctx context.Context) error {
	taken := b.until(ctx, 1, func() {
		b.made[b.next] = time.Now()
		b.next = (b.next + 1) % len(b.made)
	})
	if !taken {
		return context.Cause(ctx)
	}
	return nil
}

// until does something as soon as the n oldest calls are a minute old.
func (b *budget) until(ctx context.Context, n int, do func()) bool {
	for ctx.Err() == nil {
		b.mu.Lock()
		oldest := b.made[(b.next+n-1)%len(b.made)]
		left := time.Until(oldest.Add(time.Minute))
		if oldest.IsZero() || left <= 0 {
			do()
			b.mu.Unlock()
			return true
		}
		b.mu.Unlock()
		if !sleep(ctx, left) {
			return false
		}
	}
	return false
}
