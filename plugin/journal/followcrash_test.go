//go:build unix

package journal

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kes-respond/kes-respond/shared"
)

// follow finishes each key that was left to KSC. Two keys claim each console
// task; who does not get it has failed.
func (w job) follow(ctx context.Context, j *Journal) error {
	for i := range w.Keys {
		r, found, err := j.ByKey(ctx, fmt.Sprint((i*7+int(w.Seed))%w.Keys))
		if err != nil || !found {
			return fmt.Errorf("key %d found: %t, %w", i, found, err)
		}
		if r.Outcome != shared.Submitted || r.Incident == 0 { // key 0 is not
			continue
		}
		t := task(fmt.Sprint("t", r.Incident/2))
		o := shared.Succeeded
		switch err := j.Matched(ctx, r.Seq, t); {
		case err == nil:
		case kindOf(err) == Taken:
			o, t = shared.Failed, shared.ConsoleTask{}
		case kindOf(err) == Held: // another one has finished it meanwhile
			continue
		default:
			return err
		}
		if _, err := j.Finished(ctx, r.Seq, o, "", "", t); err != nil {
			return err
		}
	}
	return nil
}

// followed proves that of two keys one has their console task.
func (w job) followed(t testing.TB, said string) {
	t.Helper()
	j := open(t, w.Dir)
	ends := map[uint64]int{}
	for n := range segmentsOf(t, j)[1] {
		f, err := os.Open(filepath.Join(w.Dir, segmentName(n+1)))
		require.NoError(t, err)
		for l, err := range backward(f, n+1) {
			require.NoError(t, err)
			if l.Event == eventEnded && l.finished() {
				ends[l.Of]++
			}
		}
		require.NoError(t, f.Close())
	}
	for i := range w.Keys / 2 {
		owner, found, err := j.ByConsoleTask(t.Context(), "main", "", fmt.Sprint("t", i))
		require.NoError(t, err)
		require.True(t, found, "console task %d: %s", i, said)
		for key := max(2*i, 1); key <= 2*i+1; key++ {
			r, _, err := j.ByKey(t.Context(), fmt.Sprint(key))
			require.NoError(t, err)
			require.Equal(t, 1, ends[r.Seq], "key %d: %s", key, said)
			if r.Seq == owner.Seq {
				require.Equal(t, []any{shared.Succeeded, fmt.Sprint("t", i)}, []any{r.Outcome, taskOf(r)}, said)
			} else {
				require.Equal(t, []any{shared.Failed, ""}, []any{r.Outcome, taskOf(r)}, said)
			}
		}
	}
	usage(t, j, func(u Usage) {
		many, _ := u.Outstanding(day, 1)
		used, _ := u.Used(shared.Deletes, day, 1)
		assert.Equal(t, []int{1, w.Keys}, []int{many, used}, said)
	})
	sound(t, j, nil)
	require.NoError(t, j.Close())
}

func kindOf(err error) Kind {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Kind
	}
	return ""
}

// TestKilledWhileFollowing kills a process at each step of a match and of an
// end, until all are finished: each once, and each console task with one.
func TestKilledWhileFollowing(t *testing.T) {
	for _, step := range []string{"append", "appended", "indexed", "sync", "synced"} {
		t.Run(step, func(t *testing.T) {
			t.Parallel()
			w := newJob(t)
			_, end := w.start(t)
			require.False(t, end())
			w.Follow, w.Step = true, step
			kills := 0
			for n := 1; ; n++ {
				w.Nth, w.Seed = 1+n%3, uint64(n)
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
			require.Greater(t, kills, 3)
			w.followed(t, step)
		})
	}
}

// TestManyFollowTheSame: each request is finished once, by whichever process,
// and all agree on who has a console task.
func TestManyFollowTheSame(t *testing.T) {
	w := newJob(t)
	w.Keys = 100
	_, end := w.start(t)
	require.False(t, end())
	w.Follow = true
	var ends []func() bool
	for i := range 6 {
		w.Seed = uint64(i * 13)
		_, end := w.start(t)
		ends = append(ends, end)
	}
	for _, end := range ends {
		require.False(t, end())
	}
	w.followed(t, "")
}
