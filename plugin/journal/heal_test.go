package journal

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kes-respond/kes-respond/shared"
)

// spoilPages changes a byte in the pages from first to last of an index.
func spoilPages(t *testing.T, dir string, first, last int64) {
	t.Helper()
	f, err := os.OpenFile(filepath.Join(dir, indexFile), os.O_RDWR, 0)
	require.NoError(t, err)
	defer f.Close()
	for n := first; n <= last; n++ {
		_, err := f.WriteAt([]byte{0xff, 0xff, 0xff}, n*pageSize)
		require.NoError(t, err)
	}
}

// TestASpoiledPageOfOpenClaimsIsMadeAnew: recovery depends on that list.
func TestASpoiledPageOfOpenClaimsIsMadeAnew(t *testing.T) {
	dir := newDir(t)
	j := open(t, dir)
	j.mustClaim(t, deletes("1"))
	require.NoError(t, j.Close())
	spoilPages(t, dir, 1, firstOpenPages)
	k := open(t, dir)
	doubt, err := k.InDoubt(t.Context())
	require.NoError(t, err)
	require.Len(t, doubt, 1)
	assert.Equal(t, "1", doubt[0].ID.Text())
}

// TestASpoiledIndexGrows: what cannot be copied is made anew.
func TestASpoiledIndexGrows(t *testing.T) {
	dir := newDir(t)
	j := open(t, dir)
	e := deletes("1")
	e.Effects = []shared.Effect{shared.Reads} // looks nothing up
	for range (firstOpenPages-1)*pagePlaces + 1 {
		j.mustClaim(t, e)
	}
	spoilPages(t, dir, 1+firstOpenPages, firstOpenPages+firstHashPages)
	for range 3 {
		j.mustClaim(t, e)
	}
	open, err := j.Unsettled(t.Context())
	require.NoError(t, err)
	assert.Len(t, open, (firstOpenPages-1)*pagePlaces+4)
	sound(t, j, nil)
}

// TestASpoiledIndexThatCannotBeReplaced is an error, and the request that was
// sent can still be recorded afterwards.
func TestASpoiledIndexThatCannotBeReplaced(t *testing.T) {
	dir := newDir(t)
	aside := filepath.Join(t.TempDir(), "index")
	var spoiled bool
	j := open(t, dir, func(o *Options) {
		o.Step = func(s string) {
			if s == "install" && spoiled {
				// A folder in its place cannot be replaced by a file.
				require.NoError(t, os.Rename(filepath.Join(dir, indexFile), aside))
				require.NoError(t, os.MkdirAll(filepath.Join(dir, indexFile, "x"), 0o700))
				spoiled = false
			}
		}
	})
	e := deletes("1")
	e.Effects = []shared.Effect{shared.Reads}
	var c *Claim
	for range (firstOpenPages-1)*pagePlaces + 1 {
		c = j.mustClaim(t, e)
	}
	spoilPages(t, dir, 1+firstOpenPages, firstOpenPages+firstHashPages)
	spoiled = true
	isKind(t, c.Sending(t.Context(), added), Disk)
	require.False(t, spoiled)
	require.NoError(t, os.RemoveAll(filepath.Join(dir, indexFile)))
	require.NoError(t, os.Rename(aside, filepath.Join(dir, indexFile)))
	require.NoError(t, c.Sending(t.Context(), added))
	sound(t, j, nil)
}

// TestAnIndexThatHoldsMoreThanItSays grows all the same: processes that are
// killed after they have written an entry, and before they have counted it,
// leave it so.
func TestAnIndexThatHoldsMoreThanItSays(t *testing.T) {
	dir := newDir(t)
	j := open(t, dir)
	e := deletes("")
	e.Effects = []shared.Effect{shared.Reads}
	most := pageSlots * firstHashPages
	for i := 0; 3*i < most; i++ { // three entries each
		e.ID, e.IdempotencyKey = shared.IDOf(fmt.Sprint("r", i)), fmt.Sprint("k", i)
		j.mustClaim(t, e)
		if 3*i == most/2/3*3 {
			x, err := j.openIndex()
			require.NoError(t, err)
			x.used = 100
			require.NoError(t, x.saveHeader())
			x.close()
		}
	}
	for i := 0; 3*i < most; i += 100 {
		_, found, err := j.ByKey(t.Context(), fmt.Sprint("k", i))
		require.NoError(t, err)
		require.True(t, found, "key %d", i)
	}
	sound(t, j, nil)
}
