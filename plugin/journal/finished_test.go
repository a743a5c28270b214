package journal

import (
	"bytes"
	"encoding/binary"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kes-respond/kes-respond/shared"
)

func (j *Journal) mustFinish(t testing.TB, seq uint64, o shared.Outcome) Record {
	t.Helper()
	r, err := j.Finished(t.Context(), seq, o, "", "", shared.ConsoleTask{})
	require.NoError(t, err)
	return r
}

// TestWhatFinishedCountsOnce, whoever says so at the same time, and however the
// index came to know it.
func TestWhatFinishedCountsOnce(t *testing.T) {
	dir := newDir(t)
	js := []*Journal{open(t, dir), open(t, dir), open(t, dir)}
	for _, id := range []string{"1", "2"} {
		left(t, js[0], isolating(id), shared.Submitted)
	}
	e := isolating("3")
	e.HostID = "host-2"
	r := left(t, js[0], e, shared.Submitted)
	require.Equal(t, counted{3, 0, 3, 3, 2, true}, countOf(t, js[0]))
	var ends sync.WaitGroup
	for i := range 12 {
		ends.Go(func() {
			_, err := js[i%3].Finished(t.Context(), r.Seq, shared.Failed, "", decimal(int64(i)), task("17"))
			assert.NoError(t, err)
		})
	}
	ends.Wait()
	want := counted{3, 0, 3, 2, 1, true}
	assert.Equal(t, want, countOf(t, js[1]), "the host of the failed one is free")
	require.NoError(t, os.Remove(filepath.Join(dir, indexFile)))
	assert.Equal(t, want, countOf(t, js[2]))
	assert.Equal(t, 1, bytes.Count(readFile(t, dir, segmentName(1)), []byte(`"outcome":"failed"`)))
}

// TestWhatEndedCannotHoldAHost: only the isolation that failed lets go, and a
// release or a success keeps what was.
func TestWhatEndedCannotHoldAHost(t *testing.T) {
	j := open(t, newDir(t))
	first := left(t, j, isolating("1"), shared.Submitted)
	off := isolates("off", "off")
	off.Effects = []shared.Effect{shared.Releases}
	release := left(t, j, off, shared.Pending)
	second := left(t, j, isolating("2"), shared.Submitted)
	require.Equal(t, counted{2, 1, 2, 3, 1, true}, countOf(t, j))
	j.mustFinish(t, first.Seq, shared.Failed)
	assert.Equal(t, counted{2, 1, 2, 2, 1, true}, countOf(t, j), "the second isolates it")
	j.mustFinish(t, release.Seq, shared.Succeeded)
	assert.Equal(t, counted{2, 1, 2, 1, 1, true}, countOf(t, j))
	j.mustFinish(t, second.Seq, shared.Partial)
	assert.Equal(t, counted{2, 1, 2, 0, 1, true}, countOf(t, j))
}

// TestWhatFinishedAnswers: as for one that its own process followed.
func TestWhatFinishedAnswers(t *testing.T) {
	for name, c := range map[string]struct {
		entry   Entry
		outcome shared.Outcome
		answers bool
	}{
		"done once, wanted again": {deletes("1"), shared.Succeeded, false},
		"did not happen":          {deletes("1"), shared.Failed, false},
		"is as wanted":            {isolates("1", "on"), shared.Succeeded, true},
		"is mostly as wanted":     {isolates("1", "on"), shared.Partial, true},
		"is not as wanted":        {isolates("1", "on"), shared.Failed, false},
		"by key, even so":         {keyed(isolates("1", "on"), "k"), shared.Failed, true},
	} {
		t.Run(name, func(t *testing.T) {
			j := open(t, newDir(t))
			r := left(t, j, c.entry, shared.Submitted)
			require.Equal(t, r.Seq, j.mustPrior(t, c.entry).Seq)
			require.NoError(t, j.Matched(t.Context(), r.Seq, task("17")))
			require.Equal(t, shared.Submitted, j.mustPrior(t, c.entry).Outcome)
			j.mustFinish(t, r.Seq, c.outcome)
			if !c.answers {
				j.mustClaim(t, c.entry)
				return
			}
			p := j.mustPrior(t, c.entry)
			assert.Equal(t, []any{c.outcome, "17"}, []any{p.Outcome, taskOf(p.Record)})
		})
	}
}

// TestAMatchThatIsTooOld goes with its claim, even where its own file stays, and
// leaves the console task to another.
func TestAMatchThatIsTooOld(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := newDir(t)
		j := open(t, dir, smallFiles)
		early, late := left(t, j, isolating("early"), shared.Submitted), left(t, j, isolating("late"), shared.Pending)
		require.NoError(t, j.Matched(t.Context(), early.Seq, task("1")))
		fillUp(t, j, "old", 10)
		time.Sleep(20 * day)
		fillUp(t, j, "mid", 5)
		require.NoError(t, j.Matched(t.Context(), late.Seq, task("2")))
		require.Equal(t, late.Seq, j.mustFinish(t, late.Seq, shared.Succeeded).Seq)
		time.Sleep(20 * day)
		fillUp(t, j, "new", 5)
		require.Greater(t, segmentsOf(t, j)[0], uint32(1), "nothing was dropped")
		for _, index := range []bool{true, false} {
			if !index {
				require.NoError(t, os.Remove(filepath.Join(dir, indexFile)))
			}
			for _, id := range []string{"1", "2"} {
				_, found, err := j.ByConsoleTask(t.Context(), "main", "", id)
				require.NoError(t, err)
				assert.False(t, found, id)
			}
			isKind(t, j.Matched(t.Context(), early.Seq, task("1")), Held)
		}
		again := left(t, j, isolating("again"), shared.Submitted)
		require.NoError(t, j.Matched(t.Context(), again.Seq, task("2")))
		sound(t, open(t, dir, smallFiles), nil)
	})
}

// TestAnEndThatIsCutOff at any byte never was; what came before it is there.
func TestAnEndThatIsCutOff(t *testing.T) {
	dir := newDir(t)
	j := open(t, dir)
	r := left(t, j, isolating("1"), shared.Submitted)
	start := len(readFile(t, dir, segmentName(1)))
	require.NoError(t, j.Matched(t.Context(), r.Seq, task("17")))
	matched := len(readFile(t, dir, segmentName(1)))
	index := readFile(t, dir, indexFile)
	j.mustFinish(t, r.Seq, shared.Failed)
	require.NoError(t, j.Close())
	whole := readFile(t, dir, segmentName(1))
	for end := start; end < len(whole); end += 7 {
		writeFile(t, whole[:end], dir, segmentName(1))
		writeFile(t, index, dir, indexFile)
		if end < matched {
			require.NoError(t, os.Remove(filepath.Join(dir, indexFile)))
		}
		k := open(t, dir)
		got := bySeq(t, k, r.Seq)
		require.Equal(t, []any{shared.Submitted, end >= matched}, []any{got.Outcome, got.ConsoleTask != nil}, "cut at %d", end)
		require.Equal(t, counted{1, 0, 1, 1, 1, true}, countOf(t, k))
		got, err := k.Finished(t.Context(), r.Seq, shared.Failed, "", "", task("17"))
		require.NoError(t, err)
		require.True(t, got.Finished())
		require.Equal(t, counted{1, 0, 1, 0, 0, false}, countOf(t, k))
		sound(t, k, nil)
		require.NoError(t, k.Close())
	}
}

// TestAMatchThatWasLost with the power, though a page of the index tells of it,
// leaves the console task to another.
func TestAMatchThatWasLost(t *testing.T) {
	dir := newDir(t)
	j := open(t, dir)
	r, other := left(t, j, isolating("1"), shared.Submitted), left(t, j, isolating("2"), shared.Submitted)
	whole, header := readFile(t, dir, segmentName(1)), readFile(t, dir, indexFile)[:pageSize]
	require.NoError(t, j.Matched(t.Context(), r.Seq, task("17")))
	require.NoError(t, j.Close())
	pages := readFile(t, dir, indexFile)[pageSize:]
	writeFile(t, whole, dir, segmentName(1))
	writeFile(t, append(header, pages...), dir, indexFile)
	k := open(t, dir)
	_, found, err := k.ByConsoleTask(t.Context(), "main", "", "17")
	require.NoError(t, err)
	assert.False(t, found)
	require.NoError(t, k.Matched(t.Context(), other.Seq, task("17")))
	isKind(t, k.Matched(t.Context(), r.Seq, task("17")), Taken)
	sound(t, k, nil)
}

// TestAnIndexOfBefore knows of no match, and is made anew.
func TestAnIndexOfBefore(t *testing.T) {
	dir := newDir(t)
	j := open(t, dir)
	r := left(t, j, isolating("1"), shared.Submitted)
	require.NoError(t, j.Matched(t.Context(), r.Seq, task("17")))
	index := readFile(t, dir, indexFile)
	copy(index[pageHead:], "kesidx03")
	binary.LittleEndian.PutUint32(index, checksum(index[:pageSize], 0))
	writeFile(t, index, dir, indexFile)
	_, sure := j.Changed()
	assert.False(t, sure)
	got, found, err := j.ByConsoleTask(t.Context(), "main", "", "17")
	require.NoError(t, err)
	require.True(t, found)
	assert.Equal(t, r.Seq, got.Seq)
	assert.Equal(t, indexMagic, string(readFile(t, dir, indexFile)[pageHead:][:len(indexMagic)]))
}

// TestAFullLedgerStillHearsTheEnd of what it let through.
func TestAFullLedgerStillHearsTheEnd(t *testing.T) {
	dir := newDir(t)
	r := left(t, open(t, dir), isolating("1"), shared.Submitted)
	j := open(t, dir, func(o *Options) { o.MaxBytes = 1 })
	_, _, err := j.Claim(t.Context(), isolating("2"), nil)
	isKind(t, err, Full)
	require.NoError(t, j.Matched(t.Context(), r.Seq, task("17")))
	assert.True(t, j.mustFinish(t, r.Seq, shared.Succeeded).Finished())
}

// TestAnEndIsOnTheDisk before it is told, and a match need not be.
func TestAnEndIsOnTheDisk(t *testing.T) {
	dir := newDir(t)
	var steps []string
	j := open(t, dir, func(o *Options) { o.Step = func(s string) { steps = append(steps, s) } })
	r := left(t, j, isolating("1"), shared.Submitted)
	steps = nil
	require.NoError(t, j.Matched(t.Context(), r.Seq, task("17")))
	assert.Equal(t, []string{"append", "appended", "indexed"}, steps)
	steps = nil
	j.mustFinish(t, r.Seq, shared.Succeeded)
	assert.Equal(t, []string{"append", "appended", "indexed", "sync", "synced"}, steps)
	require.NoError(t, j.Close())
	isKind(t, j.Matched(t.Context(), r.Seq, task("17")), Closed)
	look, err := Open(t.Context(), dir, Options{ReadOnly: true})
	require.NoError(t, err)
	defer look.Close()
	isKind(t, look.Matched(t.Context(), r.Seq, task("17")), Closed)
	_, err = look.Finished(t.Context(), r.Seq, shared.Failed, "", "", task("17"))
	isKind(t, err, Closed)
	_, sure := look.Changed()
	assert.True(t, sure, "who only reads can wait as well")
}
