package journal

import (
	"bytes"
	"context"
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

// TestVerifyFindsEachFlippedBit flips one bit at every byte of a ledger of
// several files.
func TestVerifyFindsEachFlippedBit(t *testing.T) {
	dir, anchor := small(t, 3)
	j := open(t, dir, func(o *Options) { o.ReadOnly = true })
	_, last, err := j.segments()
	require.NoError(t, err)
	require.Greater(t, last, uint32(1))
	sound(t, j, anchor)
	for n := uint32(1); n <= last; n++ {
		data := readFile(t, dir, segmentName(n))
		for i := range data {
			if testing.Short() && i%13 != 0 {
				continue
			}
			flipped := bytes.Clone(data)
			flipped[i] ^= 1 << (i % 8)
			writeFile(t, flipped, dir, segmentName(n))
			p, err := j.Verify(t.Context(), bytes.NewReader(anchor))
			require.NoError(t, err)
			if !assert.NotEmpty(t, p.Flaws, "byte %d of file %d", i, n) {
				return
			}
			at := p.Flaws[0]
			assert.Equal(t, segmentName(n), at.File, "byte %d", i)
			if end := bytes.IndexByte(flipped[i:], '\n'); end >= 0 && flipped[i] != '\n' && data[i] != '\n' {
				line := bytes.LastIndexByte(flipped[:i], '\n') + 1
				assert.Equal(t, int64(line), at.Offset, "byte %d", i)
			}
		}
		writeFile(t, data, dir, segmentName(n))
	}
}

// TestVerifyFindsCutsSwapsAndTruncation works on whole lines and whole files,
// with every MAC left as it was.
func TestVerifyFindsCutsSwapsAndTruncation(t *testing.T) {
	whole, anchor := small(t, 6)
	verify := func(dir string, anchor []byte) []Flaw {
		j := open(t, dir, func(o *Options) { o.ReadOnly = true })
		p, err := j.Verify(t.Context(), bytes.NewReader(anchor))
		require.NoError(t, err)
		return p.Flaws
	}
	require.Empty(t, verify(whole, anchor))
	_, last, err := open(t, whole, func(o *Options) { o.ReadOnly = true }).segments()
	require.NoError(t, err)
	require.GreaterOrEqual(t, last, uint32(3))
	for n := uint32(1); n <= last; n++ {
		lines := bytes.SplitAfter(readFile(t, whole, segmentName(n)), []byte("\n"))
		lines = lines[:len(lines)-1]
		for i := range lines {
			dir := copyDir(t, whole)
			without := append(append([][]byte{}, lines[:i]...), lines[i+1:]...)
			writeFile(t, bytes.Join(without, nil), dir, segmentName(n))
			flaws := verify(dir, anchor)
			require.NotEmpty(t, flaws, "line %d of file %d cut out", i+1, n)
			if i > 0 && i < len(lines)-1 {
				assert.Equal(t, []any{segmentName(n), i + 1}, []any{flaws[0].File, flaws[0].Line})
			}
			if i == 0 {
				continue
			}
			swapped := append([][]byte{}, lines...)
			swapped[i-1], swapped[i] = swapped[i], swapped[i-1]
			writeFile(t, bytes.Join(swapped, nil), dir, segmentName(n))
			flaws = verify(dir, anchor)
			require.NotEmpty(t, flaws, "line %d of file %d swapped", i+1, n)
			assert.Equal(t, segmentName(n), flaws[0].File)
		}
		dir := copyDir(t, whole)
		require.NoError(t, os.Remove(filepath.Join(dir, segmentName(n))))
		assert.NotEmpty(t, verify(dir, anchor), "file %d removed", n)
	}
	// Without the anchor the loss of the end cannot be seen, as the package says.
	dir := copyDir(t, whole)
	require.NoError(t, os.Remove(filepath.Join(dir, segmentName(last))))
	assert.Empty(t, verify(dir, nil))
	// A ledger that was cut and then written on shows by the anchor alone.
	require.NoError(t, os.Remove(filepath.Join(dir, indexFile)))
	j := open(t, dir)
	for i := range 20 {
		require.NoError(t, carry(t.Context(), j.mustClaim(t, keyed(deletes("new"), fmt.Sprint("new", i))), 1, shared.Submitted))
	}
	sound(t, j, nil)
	assert.NotEmpty(t, verify(dir, anchor))
	// Nor does another key make a chain that fits.
	key := readFile(t, dir, keyFile)
	key[0] = "01"[bytes.Count(key[:1], []byte("0"))] // another digit
	writeFile(t, key, dir, keyFile)
	assert.NotEmpty(t, verify(dir, nil))
}

// interrupted does something when it is asked for the nth time whether it has
// ended, which Verify does at each line.
type interrupted struct {
	context.Context
	nth  int
	then func()
}

func (c *interrupted) Err() error {
	if c.nth--; c.nth == 0 {
		c.then()
	}
	return c.Context.Err()
}

// TestPruningIsNoFlaw wherever in the ledger Verify is at that moment; files
// that somebody else takes away are one.
func TestPruningIsNoFlaw(t *testing.T) {
	for nth := 1; nth < 90; nth += 4 {
		for _, honest := range []bool{true, false} {
			if !honest && nth > 70 {
				continue // the files that go were read by then
			}
			synctest.Test(t, func(t *testing.T) {
				dir := newDir(t)
				j := open(t, dir, smallFiles)
				fillUp(t, j, "old", 25)
				reader := open(t, dir, func(o *Options) { o.ReadOnly = true })
				before := segmentsOf(t, j)
				done := false
				p, err := reader.Verify(&interrupted{t.Context(), nth, func() {
					done = true
					if !honest {
						for n := before[0]; n < before[1]; n++ {
							require.NoError(t, os.Remove(filepath.Join(dir, segmentName(n))))
						}
						return
					}
					time.Sleep(40 * day)
					fillUp(t, j, "new", 3)
					require.Equal(t, before[1], segmentsOf(t, j)[0]-1)
				}}, nil)
				require.NoError(t, err)
				require.True(t, done, "line %d was not reached", nth)
				if honest {
					assert.Empty(t, p.Flaws, "at line %d", nth)
				} else {
					assert.NotEmpty(t, p.Flaws, "at line %d", nth)
				}
			})
		}
	}
}
