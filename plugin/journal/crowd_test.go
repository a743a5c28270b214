//go:build unix

package journal

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// crowd is the requests of a job, so many at a time, which come all at once, so
// that they share turns.
func (w job) crowd(ctx context.Context, j *Journal) error {
	errs := make([]error, w.Keys)
	for first := 0; first < w.Keys; first += w.Crowd {
		var all sync.WaitGroup
		many := min(w.Crowd, w.Keys-first)
		err := j.exclusive(ctx, func(*turn) error {
			for i := first; i < first+many; i++ {
				all.Go(func() { errs[i] = w.request(ctx, j, i) })
			}
			j.await(many)
			return nil
		})
		all.Wait()
		if err := errors.Join(append(errs, err)...); err != nil {
			return err
		}
	}
	return nil
}

// TestKilledInASharedTurn kills a process at every step of turns in which it does
// what 24 goroutines want, and nothing is ever sent twice or forgotten.
func TestKilledInASharedTurn(t *testing.T) {
	for _, step := range []string{"append", "appended", "indexed", "sync", "synced", "sealed", "made"} {
		t.Run(step, func(t *testing.T) {
			t.Parallel()
			w := newJob(t)
			w.Keys, w.Crowd, w.Step = 72, 24, step
			kills := 0
			for n := 1; ; n++ {
				switch w.Nth = 1 + 11*n; step { // later each time: there are fewer in the end
				case "sync", "synced":
					w.Nth = n
				case "sealed", "made":
					w.Nth = 1 + n%3
				}
				_, end := w.start(t)
				if !end() {
					break
				}
				kills++
				require.Less(t, n, 200, "it never comes to an end")
				if n%3 == 0 {
					_ = os.Remove(filepath.Join(w.Dir, indexFile))
				}
			}
			require.Positive(t, kills, "the step was never reached")
			w.settled(t, step)
		})
	}
}

// TestAFullDiskInASharedTurn: what was not written was not sent, whoever's turn
// it was, and what was sent is known.
func TestAFullDiskInASharedTurn(t *testing.T) {
	for limit := uint64(200_000); limit < 201_000; limit += 250 {
		w := newJob(t)
		w.Large, w.Keys, w.Crowd, w.Limit = true, 240, 24, limit
		said := w.refused(t)
		assert.Contains(t, said, "cannot be written")
		j := open(t, w.Dir)
		sent := strings.Fields(string(readFile(t, w.World)))
		require.NotEmpty(t, sent)
		for _, key := range sent {
			r, found, err := j.ByKey(t.Context(), key)
			require.NoError(t, err)
			require.True(t, found)
			require.NotEqual(t, Claimed, r.Stage)
		}
		sound(t, j, nil)
		require.NoError(t, j.Close())
		w.Limit = 0
		_, end := w.start(t)
		require.False(t, end())
		w.settled(t, fmt.Sprint("limit ", limit))
	}
}
