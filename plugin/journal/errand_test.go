package journal

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// crowd has so many goroutines wait for a turn while this one has it, and ends
// its own when they do.
func crowd(t *testing.T, j *Journal, many int, one func(i int)) {
	t.Helper()
	var all sync.WaitGroup
	require.NoError(t, j.exclusive(t.Context(), func(*turn) error {
		for i := range many {
			all.Go(func() { one(i) })
		}
		j.await(many)
		return nil
	}))
	all.Wait()
}

// TestATurnIsShared: what many want is done in few turns, each of them gets its
// own answer, and the chain is whole.
func TestATurnIsShared(t *testing.T) {
	dir := newDir(t)
	j := open(t, dir)
	const many = 40
	turns := map[*turn]int{}
	crowd(t, j, many, func(i int) {
		want := errors.New(fmt.Sprint(i))
		if i%2 == 0 {
			want = nil
		}
		e := deletes(fmt.Sprint(i))
		err := j.exclusive(t.Context(), func(tu *turn) error {
			turns[tu]++
			seq, sure := j.peek()
			assert.Equal(t, []any{tu.x.covered.seq, true}, []any{seq, sure}, "a kill would have it read again what the errand before wrote")
			_, err := tu.append(line{Event: string(Claimed), By: j.self, Boot: j.boot, Entry: e, progress: progress{Stage: Claimed}})
			return errors.Join(err, want)
		})
		if want == nil {
			assert.NoError(t, err)
		} else {
			assert.ErrorIs(t, err, want)
		}
	})
	done := 0
	for _, n := range turns {
		assert.LessOrEqual(t, n, mostErrands)
		done += n
	}
	assert.Equal(t, many, done)
	assert.Less(t, len(turns), many, "no turn was shared")
	for i := range many {
		_, found, err := j.ByID(t.Context(), deletes(fmt.Sprint(i)).ID)
		require.NoError(t, err)
		require.True(t, found, i)
	}
	sound(t, j, nil)
}

// TestAPanicBreaksItsOwner, whoever had the turn, and nobody else.
func TestAPanicBreaksItsOwner(t *testing.T) {
	j := open(t, newDir(t))
	const many = 20
	crowd(t, j, many, func(i int) {
		do := func() error {
			return j.exclusive(t.Context(), func(*turn) error {
				if i%3 == 0 {
					panic(fmt.Sprint("errand ", i))
				}
				return nil
			})
		}
		if i%3 > 0 {
			assert.NoError(t, do())
			return
		}
		defer func() { assert.Contains(t, recover(), fmt.Sprint("errand ", i)) }()
		_ = do()
		assert.Fail(t, "it did not panic")
	})
	j.mustClaim(t, deletes("1"))
	sound(t, j, nil)
}

// TestWhoGivesUpIsNotServed: an errand that was not begun when its time ended is
// done by nobody.
func TestWhoGivesUpIsNotServed(t *testing.T) {
	j := open(t, newDir(t))
	ctx, cancel := context.WithCancel(t.Context())
	gaveUp := make(chan error, 1)
	require.NoError(t, j.exclusive(t.Context(), func(*turn) error {
		go func() {
			gaveUp <- j.exclusive(ctx, func(*turn) error {
				assert.Fail(t, "it was done")
				return nil
			})
		}()
		j.await(1)
		cancel()
		isKind(t, <-gaveUp, Busy)
		return nil
	}))
	require.Empty(t, j.waiting())
	require.NoError(t, j.exclusive(t.Context(), func(*turn) error { return nil }))
}

func (j *Journal) waiting() []*errand {
	j.queue.mu.Lock()
	defer j.queue.mu.Unlock()
	return slices.Clone(j.queue.wait)
}

// await returns when so many wait for a turn.
func (j *Journal) await(many int) {
	for len(j.waiting()) < many {
		runtime.Gosched()
	}
}

// TestAnErrandThatSpoilsTheTurn is the last in it: the next one sees an index that
// is whole.
func TestAnErrandThatSpoilsTheTurn(t *testing.T) {
	j := open(t, newDir(t))
	spoilt := map[*turn]bool{}
	crowd(t, j, 12, func(i int) {
		assert.NoError(t, j.exclusive(t.Context(), func(tu *turn) error {
			assert.False(t, spoilt[tu])
			assert.False(t, tu.stale)
			if i%2 == 0 {
				spoilt[tu], tu.stale = true, true
			}
			return nil
		}))
	})
	sound(t, j, nil)
}

// TestALedgerInUseSeesWhatBecameOfItsIndex: the file that is left open between two
// turns stands for the index only as long as it is that.
func TestALedgerInUseSeesWhatBecameOfItsIndex(t *testing.T) {
	needUnix(t)
	index := func(dir string) string { return filepath.Join(dir, indexFile) }
	for name, spoil := range map[string]func(t *testing.T, dir string, earlier []byte){
		"as it was": func(*testing.T, string, []byte) {},
		"gone":      func(t *testing.T, dir string, _ []byte) { require.NoError(t, os.Remove(index(dir))) },
		"an earlier one in its place": func(t *testing.T, dir string, earlier []byte) {
			require.NoError(t, os.Remove(index(dir)))
			writeFile(t, earlier, dir, indexFile)
		},
		"an earlier one written over it": func(t *testing.T, dir string, earlier []byte) { writeFile(t, earlier, dir, indexFile) },
		"cut short":                      func(t *testing.T, dir string, _ []byte) { require.NoError(t, os.Truncate(index(dir), 700)) },
		"empty":                          func(t *testing.T, dir string, _ []byte) { require.NoError(t, os.Truncate(index(dir), 0)) },
		"renewed by another process": func(t *testing.T, dir string, _ []byte) {
			other := open(t, dir)
			require.NoError(t, other.exclusive(t.Context(), func(tu *turn) error { return tu.grow(roomHash | roomOpen | roomGauge) }))
			other.mustClaim(t, keyed(deletes("other"), "other"))
		},
		"used by another process": func(t *testing.T, dir string, _ []byte) {
			other := open(t, dir)
			for i := range 20 {
				other.mustClaim(t, keyed(isolates(fmt.Sprint("other", i), "on"), fmt.Sprint("other", i)))
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := newDir(t)
			j := open(t, dir)
			j.mustClaim(t, keyed(deletes("1"), "one"))
			earlier := readFile(t, dir, indexFile)
			for i := range 30 {
				j.mustClaim(t, keyed(deletes(fmt.Sprint("more", i)), fmt.Sprint("more", i)))
			}
			spoil(t, dir, earlier)
			for i := range 30 {
				r, found, err := j.ByKey(t.Context(), fmt.Sprint("more", i))
				require.NoError(t, err)
				require.True(t, found)
				require.Equal(t, fmt.Sprint("more", i), r.ID.Text())
			}
			j.mustClaim(t, keyed(deletes("2"), "two"))
			require.NoError(t, j.exclusive(t.Context(), func(tu *turn) error {
				now, err := os.Lstat(index(dir))
				require.NoError(t, err)
				require.True(t, os.SameFile(now, tu.x.file), "it uses another than the others")
				return nil
			}))
			_, found, err := open(t, dir).ByKey(t.Context(), "one")
			require.NoError(t, err)
			require.True(t, found)
			sound(t, j, nil)
		})
	}
	for name, spoil := range map[string]func(t *testing.T, dir string){
		"others may write to it": func(t *testing.T, dir string) { chmod(t, index(dir), 0o666) },
		"a link": func(t *testing.T, dir string) {
			require.NoError(t, os.Rename(index(dir), index(dir)+"-moved"))
			require.NoError(t, os.Symlink(index(dir)+"-moved", index(dir)))
		},
		"a folder": func(t *testing.T, dir string) {
			require.NoError(t, os.Remove(index(dir)))
			require.NoError(t, os.Mkdir(index(dir), 0o700))
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := newDir(t)
			j := open(t, dir)
			j.mustClaim(t, deletes("1"))
			spoil(t, dir)
			_, _, err := j.Claim(t.Context(), deletes("2"), nil)
			isKind(t, err, Place)
		})
	}
}

// TestNobodyKeepsTheLock: another process comes to its turns beside one that
// always wants more.
func TestNobodyKeepsTheLock(t *testing.T) {
	dir := newDir(t)
	busy, other := open(t, dir), open(t, dir)
	ctx, cancel := context.WithCancel(t.Context())
	var all sync.WaitGroup
	for range 2 * mostErrands {
		all.Go(func() {
			for ctx.Err() == nil {
				_ = busy.exclusive(ctx, func(*turn) error { return nil })
			}
		})
	}
	for i := range 20 {
		other.mustClaim(t, keyed(deletes(fmt.Sprint(i)), fmt.Sprint(i)))
	}
	cancel()
	all.Wait()
	sound(t, other, nil)
}
