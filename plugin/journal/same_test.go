package journal

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kes-respond/kes-respond/shared"
)

// answers is everything that a ledger of small says, by every question.
func answers(t *testing.T, dir string, requests int) (list []any) {
	t.Helper()
	j := open(t, dir)
	for i := range int64(requests) {
		k, found, err := j.ByKey(t.Context(), decimal(i))
		require.NoError(t, err)
		require.True(t, found)
		d, found, err := j.ByID(t.Context(), shared.IDOf(decimal(i)))
		require.NoError(t, err)
		require.True(t, found)
		n, found, err := j.ByIncident(t.Context(), "main", 100+i)
		require.NoError(t, err)
		require.True(t, found)
		s, found, err := j.BySeq(t.Context(), k.Seq)
		require.NoError(t, err)
		require.True(t, found)
		list = append(list, k, d, n, s)
	}
	u, err := j.Unsettled(t.Context())
	require.NoError(t, err)
	require.NoError(t, j.Close())
	return append(list, u)
}

func TestALostIndexChangesNoAnswer(t *testing.T) {
	dir, _ := small(t, 6)
	j := open(t, dir)
	require.NoError(t, j.mustClaim(t, keyed(deletes("doubt"), "doubt")).Sending(t.Context(), added))
	require.NoError(t, j.Close())
	want := answers(t, dir, 6)
	require.Len(t, want[len(want)-1], 1)
	index := readFile(t, dir, indexFile)
	for at := 0; at < len(index); at += pageSize / 4 {
		d := bytes.Clone(index)
		d[at] ^= 0x10
		writeFile(t, d, dir, indexFile)
		require.Equal(t, want, answers(t, dir, 6), "byte %d", at)
		if at > 24*pageSize {
			at += 40 * pageSize
		}
	}
	require.NoError(t, os.Remove(filepath.Join(dir, indexFile)))
	assert.Equal(t, want, answers(t, dir, 6))
}

// TestFlipsShowWithoutAnAnchor but for the very last newline.
func TestFlipsShowWithoutAnAnchor(t *testing.T) {
	dir, _ := small(t, 2)
	j := open(t, dir, func(o *Options) { o.ReadOnly = true })
	_, last, err := j.segments()
	require.NoError(t, err)
	for n := uint32(1); n <= last; n++ {
		data := readFile(t, dir, segmentName(n))
		for i := range data {
			if n == last && i == len(data)-1 {
				break
			}
			d := bytes.Clone(data)
			d[i] ^= 1 << ((i + 3) % 8)
			writeFile(t, d, dir, segmentName(n))
			p, err := j.Verify(t.Context(), nil)
			require.NoError(t, err)
			require.NotEmpty(t, p.Flaws, "byte %d of file %d", i, n)
		}
		writeFile(t, data, dir, segmentName(n))
	}
}
