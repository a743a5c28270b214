package bulk

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// countedLedger is a ledger of nothing but a count.
type countedLedger struct {
	mu   sync.Mutex
	many int
	err  error
}

func (l *countedLedger) Outstanding(context.Context, string, int) (int, time.Time, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.many, time.Now().Add(time.Minute), l.err
}

func (l *countedLedger) add(n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.many += n
}

// TestPaceNeverLetsThroughMoreThanThereIsRoomFor has many ask at once, and the
// ledger count each only a moment after it was admitted.
func TestPaceNeverLetsThroughMoreThanThereIsRoomFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ledger := &countedLedger{}
		var said []string
		p := newPace(ledger, "default", 7, 0, func(why string) { said = append(said, why) })
		var mu sync.Mutex
		running, most := 0, 0
		count := func(n int) {
			mu.Lock()
			defer mu.Unlock()
			running += n
			most = max(most, running)
		}
		var all sync.WaitGroup
		for range 100 {
			all.Go(func() {
				at, err := p.admit(t.Context())
				if !assert.NoError(t, err) {
					return
				}
				count(1)
				time.Sleep(20 * time.Millisecond) // fake time: on its way to the ledger
				ledger.add(1)
				at.counted()
				time.Sleep(3 * time.Second) // on the host
				count(-1)
				ledger.add(-1)
				at.ended()
			})
		}
		all.Wait()
		assert.Equal(t, 7, most)
		assert.Contains(t, said[0], "7 requests to server default are not known to have finished")
		assert.Equal(t, "", said[len(said)-1], "it is said when it goes on")
	})
}

func TestPaceEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPace(&countedLedger{many: 3}, "default", 3, 0, func(string) {})
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		errs := make(chan error)
		for range 2 { // one holds the turn, one waits for it
			go func() {
				_, err := p.admit(ctx)
				errs <- err
			}()
		}
		require.ErrorIs(t, <-errs, context.DeadlineExceeded)
		require.ErrorIs(t, <-errs, context.DeadlineExceeded)
	})
}

func TestPaceEndsWhereTheLedgerCannotBeAsked(t *testing.T) {
	broken := errors.New("broken")
	p := newPace(&countedLedger{err: broken}, "default", 3, 0, func(string) {})
	_, err := p.admit(t.Context())
	require.ErrorIs(t, err, broken)
	unbounded := newPace(&countedLedger{err: broken}, "default", 0, time.Minute, func(string) {})
	at, err := unbounded.admit(t.Context())
	require.NoError(t, err, "it is not asked")
	at.counted()
	at.ended()
}
