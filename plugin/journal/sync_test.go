package journal

import (
	"bytes"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kes-respond/kes-respond/shared"
)

// TestTwoFlushesToSubmitted: one for the claim, one for the incident.
func TestTwoFlushesToSubmitted(t *testing.T) {
	var flushes atomic.Int64
	count := func(o *Options) {
		o.Step = func(s string) {
			if s == "synced" {
				flushes.Add(1)
			}
		}
	}
	var heads bytes.Buffer
	j := open(t, newDir(t), count, func(o *Options) { o.Anchor = &heads })
	before, lines := flushes.Load(), bytes.Count(heads.Bytes(), []byte("\n"))
	c := j.mustClaim(t, keyed(deletes("1"), "k"))
	require.EqualValues(t, 1, flushes.Load()-before, "a claim is on the disk")
	require.NoError(t, carry(t.Context(), c, 1, shared.Submitted))
	assert.EqualValues(t, 2, flushes.Load()-before)
	assert.Equal(t, 2, bytes.Count(heads.Bytes(), []byte("\n"))-lines, "the anchor hears of each flush")
	j.mustPrior(t, keyed(deletes("2"), "k"))
	assert.EqualValues(t, 2, flushes.Load()-before, "an answer costs none")
	require.NoError(t, j.Close())
	assert.EqualValues(t, 3, flushes.Load()-before, "the anchor hears of the end")
}

// TestAWaitCostsNoFlush: that the end of a request was asked for stands in its claim,
// so that it is open without a flush of its own. What the claim does not tell has one.
func TestAWaitCostsNoFlush(t *testing.T) {
	var flushes atomic.Int64
	j := open(t, newDir(t), func(o *Options) {
		o.Step = func(s string) {
			if s == "synced" {
				flushes.Add(1)
			}
		}
	})
	for _, one := range []struct {
		wait string
		code shared.Code
		more int64
	}{{shared.WaitDone, "", 2}, {"", "", 3}, {shared.WaitDone, shared.Denied, 3}} {
		e := deletes(fmt.Sprint(one))
		e.Wait, e.AllowDuplicate = one.wait, true
		from := flushes.Load()
		c := j.mustClaim(t, e)
		require.NoError(t, c.Sending(t.Context(), timeNow()))
		require.NoError(t, c.Stored(t.Context(), int64(c.Record().Seq), timeNow()))
		require.NoError(t, c.Flush())
		c.Updated()
		require.NoError(t, c.Ended(t.Context(), shared.Pending, one.code, "stored"))
		assert.EqualValues(t, one.more, flushes.Load()-from, "%+v: the claim tells that it waits", one)
	}
}

// TestConcurrentClaimsShareAFlush: while one flush is held up, the others wait
// for one more, all together.
func TestConcurrentClaimsShareAFlush(t *testing.T) {
	var flushes, appended atomic.Int64
	full := make(chan struct{})
	const n = 64
	var armed atomic.Bool
	j := open(t, newDir(t), func(o *Options) {
		o.Step = func(s string) {
			switch {
			case !armed.Load():
			case s == "indexed":
				if appended.Add(1) == n {
					close(full)
				}
			case s == "sync":
				if flushes.Add(1) == 1 {
					<-full // the first flush takes until all have written
				}
			}
		}
	})
	armed.Store(true)
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			_, _, err := j.Claim(t.Context(), keyed(deletes(fmt.Sprint(i)), fmt.Sprint(i)), nil)
			assert.NoError(t, err)
		})
	}
	wg.Wait()
	assert.EqualValues(t, 2, flushes.Load())
	armed.Store(false)
	sound(t, j, nil)
}

// TestManyGoroutinesOneKey: of 40 equal requests, with and without a key, one
// is claimed.
func TestManyGoroutinesOneKey(t *testing.T) {
	dir := newDir(t)
	js := []*Journal{open(t, dir), open(t, dir), open(t, dir)}
	for _, key := range []string{"", "k"} {
		var claims, priors atomic.Int64
		var wg sync.WaitGroup
		for i := range 40 {
			wg.Go(func() {
				e := keyed(deletes(fmt.Sprint(i)), key)
				e.HostID = "host" + key
				e.Digest += key
				c, p, err := js[i%3].Claim(t.Context(), e, nil)
				if !assert.NoError(t, err) {
					return
				}
				if c != nil {
					claims.Add(1)
					assert.NoError(t, carry(t.Context(), c, 77, shared.Submitted))
					return
				}
				r, err := p.Wait(t.Context())
				assert.NoError(t, err)
				assert.Equal(t, []any{shared.Submitted, int64(77)}, []any{r.Outcome, r.Incident})
				priors.Add(1)
			})
		}
		wg.Wait()
		assert.Equal(t, []int64{1, 39}, []int64{claims.Load(), priors.Load()})
	}
	sound(t, js[0], nil)
}

// TestAFlushThatFailsEndsAllWriting: what is on the disk is not known any more.
func TestAFlushThatFailsEndsAllWriting(t *testing.T) {
	dir := newDir(t)
	closed, err := os.Open(t.TempDir())
	require.NoError(t, err)
	require.NoError(t, closed.Close())
	var j *Journal
	var good *os.File
	var armed bool
	j = open(t, dir, func(o *Options) {
		o.Step = func(s string) {
			if armed && s == "sync" {
				good, j.active = j.active, closed
			}
		}
	})
	c := j.mustClaim(t, deletes("1"))
	armed = true
	_, _, err = j.Claim(t.Context(), keyed(deletes("2"), "k"), nil)
	isKind(t, err, Disk)
	armed, j.active = false, good
	before := readFile(t, dir, segmentName(1))
	isKind(t, c.Sending(t.Context(), added), Disk)
	_, _, err = j.Claim(t.Context(), deletes("3"), nil)
	isKind(t, err, Disk)
	assert.Equal(t, before, readFile(t, dir, segmentName(1)))
}

// TestAFlushThatFailsIsToldToAll who waited for it, and to who comes later; what
// was written stays in doubt, for a process that can flush.
func TestAFlushThatFailsIsToldToAll(t *testing.T) {
	const many = 30
	dir := newDir(t)
	closed, err := os.Open(t.TempDir())
	require.NoError(t, err)
	require.NoError(t, closed.Close())
	var j *Journal
	var good *os.File
	var armed atomic.Bool
	var flushes atomic.Int64
	j = open(t, dir, func(o *Options) {
		o.Step = func(s string) {
			if s == "sync" && armed.Load() && flushes.Add(1) == 1 {
				j.turns <- struct{}{} // nobody writes meanwhile
				good, j.active = j.active, closed
				<-j.turns
			}
		}
	})
	armed.Store(true)
	crowd(t, j, many, func(i int) {
		c, p, err := j.Claim(t.Context(), keyed(deletes(fmt.Sprint(i)), fmt.Sprint(i)), nil)
		assert.Nil(t, c)
		assert.Nil(t, p)
		assert.Error(t, err)
	})
	assert.EqualValues(t, 1, flushes.Load(), "a second flush would not say that the first one failed")
	j.active = good
	_, _, err = j.Claim(t.Context(), deletes("later"), nil)
	isKind(t, err, Disk)
	require.NoError(t, j.Close())
	other := open(t, dir)
	list, err := other.InDoubt(t.Context())
	require.NoError(t, err)
	require.Greater(t, len(list), 1, "they shared no flush")
	for _, r := range list {
		assert.False(t, r.MayBeSent)
	}
	sound(t, other, nil)
}

// TestALineTheIndexMissedIsNotForgotten: a process was killed after its line
// and before the index, and a page of the index that the line needs, but not
// its key, is spoilt.
func TestALineTheIndexMissedIsNotForgotten(t *testing.T) {
	dir := newDir(t)
	j := open(t, dir)
	fillUp(t, j, "before", 3)
	older := readFile(t, dir, indexFile)
	late := ""
	require.NoError(t, j.exclusive(t.Context(), func(tu *turn) error {
		_, spoilt, _, err := tu.x.slot(j.hash(byNumber, decimal(tu.x.covered.seq+1)))
		require.NoError(t, err)
		for n, key := 0, spoilt; key == spoilt; n++ { // its key lies on another page
			late = fmt.Sprint("late", n)
			_, key, _, err = tu.x.slot(j.hash(byKey, late))
			require.NoError(t, err)
		}
		older[spoilt*pageSize+100] ^= 1
		return nil
	}))
	j.mustClaim(t, keyed(deletes(late), late))
	require.NoError(t, j.Close())
	writeFile(t, older, dir, indexFile)
	k := open(t, dir)
	assert.Equal(t, late, k.mustPrior(t, keyed(deletes("again"), late)).ID.Text())
}
