package journal

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kes-respond/kes-respond/shared"
)

func smallFiles(o *Options) { o.SegmentBytes, o.KeepFor = 4<<10, 30*day }

// fillUp carries so many requests, each with a key of its own.
func fillUp(t testing.TB, j *Journal, prefix string, n int) {
	t.Helper()
	for i := range n {
		e := keyed(deletes(fmt.Sprint(prefix, i)), fmt.Sprint(prefix, i))
		require.NoError(t, carry(t.Context(), j.mustClaim(t, e), int64(i), shared.Succeeded))
	}
}

func segmentsOf(t testing.TB, j *Journal) [2]uint32 {
	t.Helper()
	first, last, err := j.segments()
	require.NoError(t, err)
	return [2]uint32{first, last}
}

// TestPruning drops whole files by age, keeps the chain, and forgets no key
// before its time.
func TestPruning(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := newDir(t)
		var heads bytes.Buffer
		anchor := func(o *Options) { o.Anchor = &heads }
		j, other := open(t, dir, smallFiles, anchor), open(t, dir, smallFiles)
		fillUp(t, j, "old", 20)
		old := segmentsOf(t, j)
		require.Greater(t, old[1], uint32(3))
		time.Sleep(29 * day)
		fillUp(t, other, "mid", 20)
		assert.Equal(t, uint32(1), segmentsOf(t, j)[0], "nothing is 30 days old")
		for i := range 20 {
			j.mustPrior(t, keyed(deletes("again"), fmt.Sprint("old", i)))
		}
		time.Sleep(2 * day)
		fillUp(t, j, "new", 10)
		now := segmentsOf(t, other)
		assert.GreaterOrEqual(t, now[0], old[1]-1)
		sound(t, other, heads.Bytes())
		_, found, err := other.ByKey(t.Context(), "old0")
		require.NoError(t, err)
		assert.False(t, found)
		for i := range 20 {
			other.mustPrior(t, keyed(deletes("again"), fmt.Sprint("mid", i)))
		}
		other.mustClaim(t, keyed(deletes("once more"), "old0"))
		for _, r := range all(t, j, Filter{}) {
			assert.False(t, r.DuplicateOf == 0 && r.IdempotencyKey == "old1", "it was dropped")
		}
		// The same without the index, and with one that went back in time.
		require.NoError(t, os.Remove(filepath.Join(dir, indexFile)))
		fresh := open(t, dir, smallFiles)
		_, found, err = fresh.ByKey(t.Context(), "old1")
		require.NoError(t, err)
		assert.False(t, found)
		fresh.mustPrior(t, keyed(deletes("again"), "mid0"))
		sound(t, fresh, heads.Bytes())

		// Files that were removed without the ledger saying so.
		require.NoError(t, os.Remove(filepath.Join(dir, segmentName(now[0]))))
		p, err := fresh.Verify(t.Context(), nil)
		require.NoError(t, err)
		assert.NotEmpty(t, p.Flaws)
	})
}

// TestAnUnfinishedRequestKeepsItsFile, and every later one; one that ended as
// unknown does not.
func TestAnUnfinishedRequestKeepsItsFile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j := open(t, newDir(t), smallFiles)
		unknown := j.mustClaim(t, keyed(deletes("u"), "u"))
		require.NoError(t, unknown.Ended(t.Context(), shared.Unknown, "", ""))
		fillUp(t, j, "a", 10)
		running := j.mustClaim(t, keyed(deletes("r"), "r"))
		at := running.at.segment()
		require.Greater(t, at, uint32(1))
		fillUp(t, j, "b", 10)
		time.Sleep(40 * day)
		fillUp(t, j, "c", 10)
		assert.Equal(t, at, segmentsOf(t, j)[0])
		unsettled, err := j.Unsettled(t.Context())
		require.NoError(t, err)
		require.Len(t, unsettled, 1)
		require.NoError(t, carry(t.Context(), running, 1, shared.Succeeded))
		fillUp(t, j, "d", 10)
		assert.Greater(t, segmentsOf(t, j)[0], at)
		sound(t, j, nil)
	})
}

// TestAPruneThatWasCutShortIsFinishedByTheNext.
func TestAPruneThatWasCutShort(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := newDir(t)
		j := open(t, dir, smallFiles)
		fillUp(t, j, "old", 20)
		keep := copyDir(t, dir)
		time.Sleep(40 * day)
		fillUp(t, j, "new", 5)
		first := segmentsOf(t, j)[0]
		require.Greater(t, first, uint32(2))
		back := readFile(t, keep, segmentName(first-1))
		writeFile(t, back, dir, segmentName(first-1)) // as if it had not been removed yet
		for _, index := range []bool{true, false} {
			if !index {
				require.NoError(t, os.Remove(filepath.Join(dir, indexFile)))
			}
			other := open(t, dir, smallFiles)
			_, found, err := other.ByKey(t.Context(), "old0")
			require.NoError(t, err)
			assert.False(t, found)
			other.mustPrior(t, keyed(deletes("again"), "new0"))
			sound(t, other, nil)
		}
		time.Sleep(40 * day)
		fillUp(t, j, "newer", 10)
		assert.Greater(t, segmentsOf(t, j)[0], first)
	})
}

// TestAMonthBeginsAFile.
func TestAMonthBeginsAFile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j := open(t, newDir(t))
		j.mustClaim(t, deletes("1"))
		assert.Equal(t, uint32(1), segmentsOf(t, j)[1])
		time.Sleep(32 * day)
		c := j.mustClaim(t, deletes("2"))
		require.NoError(t, c.Sending(t.Context(), added))
		assert.Equal(t, uint32(2), segmentsOf(t, j)[1])
		j.mustClaim(t, deletes3(t))
		assert.Equal(t, uint32(2), segmentsOf(t, j)[1])
	})
}

func deletes3(*testing.T) Entry { e := deletes("3"); e.AllowDuplicate = true; return e }

// TestTheBoundOfTheSize refuses new requests, forgets no key, and lets those
// under way come to their end.
func TestTheBoundOfTheSize(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := newDir(t)
		bound := func(o *Options) { o.SegmentBytes, o.MaxBytes, o.KeepFor = 28<<10, 32<<10, 10*day }
		j := open(t, dir, bound)
		c := j.mustClaim(t, keyed(deletes("first"), "first"))
		n := 0
		var err error
		for ; err == nil; n++ {
			var c *Claim
			if c, _, err = j.Claim(t.Context(), keyed(deletes("n"), fmt.Sprint(n)), nil); err == nil {
				require.NoError(t, carry(t.Context(), c, int64(n), shared.Succeeded))
			}
		}
		e := isKind(t, err, Full)
		assert.Contains(t, e.Assistance, "bound")
		refused := deletes("refused")
		refused.Allowed = false
		_, _, err = j.Claim(t.Context(), refused, nil)
		isKind(t, err, Full)
		for i := range n - 1 {
			j.mustPrior(t, keyed(deletes("again"), fmt.Sprint(i)))
		}
		require.NoError(t, carry(t.Context(), c, 1, shared.Succeeded))
		require.NoError(t, j.Close())
		require.NoError(t, os.Remove(filepath.Join(dir, indexFile)))
		k := open(t, dir, bound)
		_, _, err = k.Claim(t.Context(), deletes("new"), nil)
		isKind(t, err, Full)
		time.Sleep(11 * day) // in the same month, and the last file is small
		require.Equal(t, [2]uint32{1, 2}, segmentsOf(t, k))
		k.mustClaim(t, deletes("new"))
		require.Equal(t, [2]uint32{2, 2}, segmentsOf(t, k))
		total := int64(0)
		for n := segmentsOf(t, k)[0]; n <= segmentsOf(t, k)[1]; n++ {
			total += int64(len(readFile(t, dir, segmentName(n))))
		}
		require.NoError(t, k.exclusive(t.Context(), func(tu *turn) error {
			if size := tu.x.sealed + tu.x.covered.at.offset(); size != total {
				return errors.New(fmt.Sprint("the index says ", size, " and there are ", total))
			}
			return nil
		}))
	})
}

// TestTheIndexGrows far beyond its first size, and many requests are open at
// once.
func TestTheIndexGrows(t *testing.T) {
	dir := newDir(t)
	j := open(t, dir, func(o *Options) { o.SegmentBytes = 256 << 10 })
	const n = 3000
	claims := make([]*Claim, n)
	require.NoError(t, j.exclusive(t.Context(), func(tu *turn) error { // without a flush for each
		for i := range claims {
			w := writing{}
			if err := tu.claim(keyed(deletes(decimal(int64(i))), decimal(int64(i))), nil, &w); err != nil {
				return err
			}
			claims[i] = w.claim
		}
		assert.Greater(t, tu.x.hashPages, uint32(firstHashPages))
		assert.Greater(t, tu.x.openPages, uint32(firstOpenPages))
		return nil
	}))
	for _, when := range []string{"grown", "made anew"} {
		unsettled, err := j.Unsettled(t.Context())
		require.NoError(t, err)
		require.Len(t, unsettled, n, when)
		for i, r := range unsettled {
			require.Equal(t, decimal(int64(i)), r.ID.Text(), when)
		}
		for i := 0; i < n; i += 7 {
			r, found, err := j.ByKey(t.Context(), decimal(int64(i)))
			require.NoError(t, err)
			require.True(t, found, when)
			require.Equal(t, claims[i].claim.Seq, r.Seq, when)
		}
		require.NoError(t, os.Remove(filepath.Join(dir, indexFile)))
	}
	for i, c := range claims {
		if i%2 == 0 {
			require.NoError(t, c.Ended(t.Context(), shared.Submitted, "", ""))
		}
	}
	unsettled, err := j.Unsettled(t.Context())
	require.NoError(t, err)
	assert.Len(t, unsettled, n/2)
	sound(t, j, nil)
}
