package journal

import (
	"bytes"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// copyAt keeps the directory as it is at a step, as who is killed there leaves it.
func copyAt(t *testing.T, step string, do func(*Journal)) string {
	t.Helper()
	dir, copied := newDir(t), ""
	j := open(t, dir)
	require.NoError(t, j.Suspend(t.Context(), "the first"))
	require.NoError(t, j.Close())
	j = open(t, dir, func(o *Options) {
		o.Step = func(s string) {
			if s == step && copied == "" {
				copied = copyDir(t, dir)
			}
		}
	})
	copied = ""
	do(j)
	require.NotEmpty(t, copied, "the step %s was never reached", step)
	return copied
}

// withoutLast is a ledger whose last line the power failure took.
func withoutLast(t *testing.T, dir string) string {
	t.Helper()
	data := readFile(t, dir, segmentName(1))
	writeFile(t, data[:bytes.LastIndexByte(data[:len(data)-1], '\n')+1], dir, segmentName(1))
	require.NoError(t, os.Remove(filepath.Join(dir, indexFile)))
	return dir
}

// TestSuspendedWhereFileAndLineDiffer: whatever a crash, a power failure or a hand
// left, sending stops while the file is there, Verify says which of the two is
// missing, and either command brings them together again.
func TestSuspendedWhereFileAndLineDiffer(t *testing.T) {
	suspend := func(reason string) func(*Journal) {
		return func(j *Journal) { require.NoError(t, j.Suspend(t.Context(), reason)) }
	}
	resume := func(j *Journal) {
		_, err := j.Resume(t.Context())
		require.NoError(t, err)
	}
	changed := func(change func(dir string), do func(*Journal)) string {
		dir := newDir(t)
		j := open(t, dir)
		do(j)
		require.NoError(t, j.Close())
		change(dir)
		return dir
	}
	remove := func(dir string) { require.NoError(t, os.Remove(filepath.Join(dir, suspendedFile))) }
	put := func(text string) func(string) {
		return func(dir string) { writeFile(t, []byte(text), dir, suspendedFile) }
	}
	nothing := func(*Journal) {}
	for name, one := range map[string]struct {
		dir    string
		reason string // "": sending goes on
		says   string // "": nothing
	}{
		"killed before the line":          {copyAt(t, "suspended", suspend("the second")), "the second", "no line of it"},
		"the line was lost":               {withoutLast(t, changed(func(string) {}, suspend("lost"))), "lost", "no line of it"},
		"the second line was lost":        {withoutLast(t, copyAt(t, "synced", suspend("the second"))), "the second", "no line of it"},
		"killed before the file went":     {copyAt(t, "resumed", resume), "the first", "was resumed"},
		"the file was taken away":         {changed(remove, suspend("gone")), "", "the file is gone"},
		"the file was made by hand":       {changed(put(""), nothing), "cannot be read", "no line of it"},
		"made by hand after a resumption": {changed(put(""), resume), "cannot be read", "was resumed"},
		"an older version wrote the file": {changed(put(`{"at":"2026-11-30T10:00:00Z","user":"ann","reason":"old"}`), suspend("old")), "old", ""},
		"suspended":                       {changed(func(string) {}, suspend("whole")), "whole", ""},
		"resumed":                         {changed(func(string) {}, func(j *Journal) { suspend("whole")(j); resume(j) }), "", ""},
		"never suspended":                 {changed(func(string) {}, nothing), "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			for _, mend := range []func(*Journal){suspend("mended"), resume} {
				dir := copyDir(t, one.dir)
				j := open(t, dir)
				if s := j.Suspended(); one.reason == "" {
					assert.Nil(t, s)
				} else if assert.NotNil(t, s) {
					assert.Contains(t, s.Reason, one.reason)
				}
				p, err := j.Verify(t.Context(), nil)
				require.NoError(t, err)
				if one.says == "" {
					assert.Empty(t, p.Flaws)
				} else if assert.Len(t, p.Flaws, 1) {
					assert.Equal(t, suspendedFile, p.Flaws[0].File)
					assert.Contains(t, p.Flaws[0].What, one.says)
					assert.Contains(t, p.Flaws[0].What, "kes-respond suspend")
				}
				mend(j)
				sound(t, j, nil)
			}
		})
	}
}

// TestASuspensionOfDroppedFiles: that the line went with its age is no flaw.
func TestASuspensionOfDroppedFiles(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j := open(t, newDir(t), smallFiles)
		require.NoError(t, j.Suspend(t.Context(), "for good"))
		fillUp(t, j, "old", 20)
		time.Sleep(31 * day)
		fillUp(t, j, "new", 20)
		require.Greater(t, segmentsOf(t, j)[0], uint32(1), "the line is gone")
		sound(t, j, nil)
	})
}

// TestSuspendSaysWhatIsNotTakenDown: where the ledger takes no line sending is
// suspended all the same, and the error says so.
func TestSuspendSaysWhatIsNotTakenDown(t *testing.T) {
	j := open(t, newDir(t))
	j.broken.Store(&Error{Kind: Disk, Message: "a flush failed"})
	err := j.Suspend(t.Context(), "all the same")
	e := isKind(t, err, Disk)
	assert.Contains(t, e.Error(), "sending is suspended")
	assert.Contains(t, e.Error(), "a flush failed")
	require.NotNil(t, j.Suspended())
	_, err = j.Resume(t.Context())
	isKind(t, err, Disk)
	require.NotNil(t, j.Suspended(), "what cannot be taken down is not resumed")
}

// TestVerifyWhileOthersSuspend finds no flaw in what is half done.
func TestVerifyWhileOthersSuspend(t *testing.T) {
	dir := newDir(t)
	writer, reader := open(t, dir), open(t, dir, func(o *Options) { o.ReadOnly = true })
	done := make(chan struct{})
	var all sync.WaitGroup
	all.Go(func() {
		defer close(done)
		for range 60 {
			assert.NoError(t, writer.Suspend(t.Context(), "again"))
			_, err := writer.Resume(t.Context())
			assert.NoError(t, err)
		}
	})
	for looked := 0; ; looked++ {
		select {
		case <-done:
			require.Greater(t, looked, 10)
			all.Wait()
			return
		default:
			sound(t, reader, nil)
		}
	}
}
