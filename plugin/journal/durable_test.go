package journal

import (
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// disk knows how far each file of a ledger is flushed, whichever of the processes
// that share it did that.
type disk struct {
	mu      sync.Mutex
	flushed map[uint32]int64
}

// process is one that shares the ledger, and whose flushes the disk hears of.
func (d *disk) process(t testing.TB, dir string, segmentBytes int64) *Journal {
	t.Helper()
	var j *Journal
	var of uint32
	var size int64
	j = open(t, dir, func(o *Options) {
		o.SegmentBytes = segmentBytes
		o.Step = func(step string) {
			switch {
			case j == nil: // it is being opened
			case step == "sync": // syncing is held
				info, err := j.active.Stat()
				if assert.NoError(t, err) {
					of, size = j.segment, info.Size()
				}
			case step == "synced":
				d.mu.Lock()
				defer d.mu.Unlock()
				d.flushed[of] = max(d.flushed[of], size)
			}
		}
	})
	if info, err := j.root.Stat(segmentName(1)); assert.NoError(t, err) && len(d.flushed) == 0 {
		d.flushed[1] = info.Size() // the first line, which the ledger begins with
	}
	return j
}

// holds proves that what stands before a place would be there after a power
// failure, and what stands at it where there is a line.
func (d *disk) holds(t testing.TB, j *Journal, at place, line int64, what string) {
	t.Helper()
	d.mu.Lock()
	defer d.mu.Unlock()
	assert.GreaterOrEqual(t, d.flushed[at.segment()], at.offset()+line, "%s in file %d", what, at.segment())
	for n := uint32(1); n < at.segment(); n++ {
		info, err := j.root.Stat(segmentName(n))
		if assert.NoError(t, err) {
			assert.Equal(t, info.Size(), d.flushed[n], "%s in file %d: what file %d ends with", what, at.segment(), n)
		}
	}
}

// TestAFileIsFlushedWholeBeforeTheNext: also what another process wrote, and did
// not flush.
func TestAFileIsFlushedWholeBeforeTheNext(t *testing.T) {
	d := &disk{flushed: map[uint32]int64{}}
	dir := newDir(t)
	a, b := d.process(t, dir, 1), d.process(t, dir, 1)
	c := a.mustClaim(t, keyed(deletes("1"), "1"))
	require.NoError(t, c.Sending(t.Context(), added)) // is not flushed
	d.holds(t, b, b.mustClaim(t, keyed(deletes("2"), "2")).at, 1, "a claim")
}
