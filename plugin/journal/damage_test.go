package journal

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kes-respond/kes-respond/shared"
)

// small is a ledger of a few requests, closed, in several files.
func small(t testing.TB, requests int) (dir string, anchor []byte) {
	t.Helper()
	dir = newDir(t)
	var heads bytes.Buffer
	j, err := Open(t.Context(), dir, Options{SegmentBytes: 2 << 10, Anchor: &heads, PID: 1})
	require.NoError(t, err)
	for i := range requests {
		c := j.mustClaim(t, keyed(deletes(decimal(int64(i))), decimal(int64(i))))
		require.NoError(t, carry(t.Context(), c, int64(100+i), shared.Submitted))
	}
	require.NoError(t, j.Close())
	return dir, heads.Bytes()
}

func copyDir(t testing.TB, dir string) string {
	t.Helper()
	to := newDir(t)
	require.NoError(t, os.CopyFS(to, os.DirFS(dir)))
	for _, sub := range []string{to, filepath.Join(to, liveFolder)} {
		require.NoError(t, os.MkdirAll(sub, 0o700))
		require.NoError(t, os.Chmod(sub, 0o700))
	}
	files, err := os.ReadDir(to)
	require.NoError(t, err)
	for _, f := range files {
		if !f.IsDir() {
			require.NoError(t, os.Chmod(filepath.Join(to, f.Name()), 0o600))
		}
	}
	return to
}

func readFile(t testing.TB, path ...string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(path...))
	require.NoError(t, err)
	return data
}

func writeFile(t testing.TB, data []byte, path ...string) {
	t.Helper()
	require.NoError(t, os.WriteFile(filepath.Join(path...), data, 0o600))
}

// powerCut makes the next process believe that the machine was started anew:
// it then trusts what is flushed, and nothing else.
func powerCut(t testing.TB, dir string) {
	t.Helper()
	data := readFile(t, dir, indexFile)
	h, err := readHeader(data[:pageSize])
	require.NoError(t, err)
	h.boot = "an earlier boot "
	copy(data, h.page())
	writeFile(t, data, dir, indexFile)
}

// TestATornLastLineIsCutAndNoted cuts the ledger at every byte of its last
// line, with the index there (as after a power failure) and without it.
func TestATornLastLineIsCutAndNoted(t *testing.T) {
	whole, _ := small(t, 2)
	name := segmentName(1)
	data := readFile(t, whole, name)
	last := bytes.LastIndexByte(data[:len(data)-1], '\n') + 1
	step := 1
	if testing.Short() {
		step = 17
	}
	for cut := last; cut < len(data); cut += step {
		dir := copyDir(t, whole)
		powerCut(t, dir)
		if cut%2 == 0 {
			require.NoError(t, os.Remove(filepath.Join(dir, indexFile)))
		}
		tail := data[:cut]
		if cut%3 == 0 && cut > last {
			tail = append(bytes.Clone(tail), make([]byte, 40)...) // blocks that were never written
		}
		writeFile(t, tail, dir, name)
		j := open(t, dir)
		p := sound(t, j, nil)
		assert.Equal(t, min(cut-last, 1), p.Torn, "cut at %d", cut-last)
		r, found, err := j.ByKey(t.Context(), "1")
		require.NoError(t, err)
		require.True(t, found)
		assert.Equal(t, []any{Stored, shared.Outcome("")}, []any{r.Stage, r.Outcome}, "all but the last line is known")
		assert.True(t, r.InDoubt())
		doubt, err := j.InDoubt(t.Context())
		require.NoError(t, err)
		assert.Len(t, doubt, 1)
		j.mustPrior(t, keyed(deletes("again"), "1"))
		require.NoError(t, j.Close())
		if cut > last {
			noted := readFile(t, dir, name)
			assert.Contains(t, string(noted), fmt.Sprintf(`"bytes":%d`, len(tail)-last))
		}
	}
}

// TestATornClaimIsNoClaim: what was never durable was never sent.
func TestATornClaimIsNoClaim(t *testing.T) {
	dir := newDir(t)
	j := open(t, dir)
	j.mustClaim(t, keyed(deletes("1"), "k"))
	require.NoError(t, j.Close())
	data := readFile(t, dir, segmentName(1))
	powerCut(t, dir)
	writeFile(t, data[:len(data)-5], dir, segmentName(1))
	k := open(t, dir)
	_, found, err := k.ByKey(t.Context(), "k")
	require.NoError(t, err)
	assert.False(t, found, "the index still names its place, and is not believed")
	k.mustClaim(t, keyed(deletes("2"), "k"))
	assert.Equal(t, 1, sound(t, k, nil).Torn)
}

// TestABrokenMiddleIsNeverSkipped: nothing is claimed on such a ledger.
func TestABrokenMiddleIsNeverSkipped(t *testing.T) {
	whole, _ := small(t, 3)
	data := readFile(t, whole, segmentName(1))
	lines := bytes.SplitAfter(data, []byte("\n"))
	for name, change := range map[string]func() []byte{
		"a bit":   func() []byte { d := bytes.Clone(data); d[len(lines[0])+30] ^= 4; return d },
		"cut out": func() []byte { return bytes.Join(append(append([][]byte{}, lines[:2]...), lines[3:]...), nil) },
		"swapped": func() []byte {
			return bytes.Join([][]byte{lines[0], lines[2], lines[1], bytes.Join(lines[3:], nil)}, nil)
		},
		"twice":        func() []byte { return bytes.Join([][]byte{lines[0], lines[1], bytes.Join(lines[1:], nil)}, nil) },
		"zeros inside": func() []byte { d := bytes.Clone(data); clear(d[len(lines[0]) : len(lines[0])+20]); return d },
	} {
		dir := copyDir(t, whole)
		require.NoError(t, os.Remove(filepath.Join(dir, indexFile)))
		writeFile(t, change(), dir, segmentName(1))
		_, err := Open(t.Context(), dir, Options{})
		e := isKind(t, err, Damaged)
		assert.Contains(t, e.Message, segmentName(1), name)
		assert.Contains(t, e.Assistance, "journal verify", name)
	}
	dir := copyDir(t, whole)
	require.NoError(t, os.Remove(filepath.Join(dir, segmentName(1))))
	_, err := Open(t.Context(), dir, Options{})
	require.NoError(t, err, "the index knows what there was; it is met when it is asked for")
	require.NoError(t, os.Remove(filepath.Join(dir, indexFile)))
	_, err = Open(t.Context(), dir, Options{})
	isKind(t, err, Damaged)
}

// TestAChangedRecordAnswersForNothing: the index is whole, and the line it
// names was changed.
func TestAChangedRecordAnswersForNothing(t *testing.T) {
	dir, _ := small(t, 2)
	data := readFile(t, dir, segmentName(1))
	writeFile(t, bytes.Replace(data, []byte(`"host":"host-1"`), []byte(`"host":"host-2"`), 1), dir, segmentName(1))
	j := open(t, dir)
	_, _, err := j.Claim(t.Context(), keyed(deletes("again"), "0"), nil)
	isKind(t, err, Damaged)
}

func TestALedgerThatIsShorterThanItWasIsDamaged(t *testing.T) {
	dir, _ := small(t, 2)
	data := readFile(t, dir, segmentName(1))
	writeFile(t, data[:len(data)-10], dir, segmentName(1))
	_, err := Open(t.Context(), dir, Options{})
	isKind(t, err, Damaged)
	require.NoError(t, os.Remove(filepath.Join(dir, segmentName(1))))
	_, err = Open(t.Context(), dir, Options{})
	isKind(t, err, Damaged)
}

// TestTheIndexIsOnlyACache loses it, spoils it and goes back to an older one in
// every way; no key is ever forgotten, and nothing is found that is not there.
func TestTheIndexIsOnlyACache(t *testing.T) {
	dir, _ := small(t, 40)
	older := readFile(t, dir, indexFile)
	j := open(t, dir)
	for i := range 40 {
		require.NoError(t, carry(t.Context(), j.mustClaim(t, keyed(deletes(fmt.Sprint("late", i)), fmt.Sprint("late", i))), int64(1000+i), shared.Submitted))
	}
	require.NoError(t, j.Close())
	seed := uint64(rand.Int64())
	random := rand.New(rand.NewPCG(seed, 0))
	now := readFile(t, dir, indexFile)
	spoil := map[string]func() []byte{
		"gone":       func() []byte { return nil },
		"empty":      func() []byte { return []byte{} },
		"older":      func() []byte { return older },
		"half":       func() []byte { return now[:len(now)/2] },
		"zeros":      func() []byte { return make([]byte, len(now)) },
		"no version": func() []byte { d := bytes.Clone(now); d[pageHead]++; return d },
	}
	for i := range 20 {
		spoil[fmt.Sprint("bits ", i)] = func() []byte {
			d := bytes.Clone(now)
			for range 1 << random.IntN(9) {
				d[random.IntN(len(d))] ^= 1 << random.IntN(8)
			}
			return d
		}
	}
	spoil["a page of another place"] = func() []byte {
		d := bytes.Clone(now)
		copy(d[100*pageSize:], now[101*pageSize:102*pageSize])
		copy(d[101*pageSize:], now[100*pageSize:101*pageSize])
		return d
	}
	for name, change := range spoil {
		dir := copyDir(t, dir)
		if data := change(); data == nil {
			require.NoError(t, os.Remove(filepath.Join(dir, indexFile)))
		} else {
			writeFile(t, data, dir, indexFile)
		}
		j := open(t, dir)
		for i := range 40 {
			for _, key := range []string{fmt.Sprint(i), fmt.Sprint("late", i)} {
				p := j.mustPrior(t, keyed(deletes("again"), key))
				assert.Equal(t, key, p.ID.Text(), "%s, seed %d", name, seed)
				assert.Equal(t, shared.Submitted, p.Outcome)
			}
			_, found, err := j.ByKey(t.Context(), fmt.Sprint("none", i))
			require.NoError(t, err)
			assert.False(t, found)
		}
		sound(t, j, nil)
		require.NoError(t, j.Close())
	}
}
