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

// take waits until one more call may be made, and counts it. It says no when ctx
// ends first, and where no calls are allowed at all.
func (b *budget) take(ctx context.Context) bool {
	for len(b.made) > 0 {
		b.mu.Lock()
		oldest := b.made[b.next]
		left := time.Until(oldest.Add(time.Minute))
		if oldest.IsZero() || left <= 0 {
			b.made[b.next] = time.Now()
			b.next = (b.next + 1) % len(b.made)
			b.mu.Unlock()
			return ctx.Err() == nil
		}
		b.mu.Unlock()
		if !sleep(ctx, left) {
			return false
		}
	}
	return false
}
