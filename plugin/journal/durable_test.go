package journal

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kes-respond/kes-respond/shared"
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

// index proves the same of what the index says is on the disk.
func (d *disk) index(t testing.TB, j *Journal) {
	t.Helper()
	x, err := j.openIndex()
	if err != nil {
		return // somebody is writing it
	}
	defer x.close()
	d.holds(t, j, x.flushed.at, 0, "what the index says is flushed")
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

// TestTheIndexIsNotAheadOfTheLines: what it says is on the disk is not read again
// after a power failure, and missed where the lines end before it.
func TestTheIndexIsNotAheadOfTheLines(t *testing.T) {
	d := &disk{flushed: map[uint32]int64{}}
	dir := newDir(t)
	a, b := d.process(t, dir, 1<<20), d.process(t, dir, 1<<20)
	c := a.mustClaim(t, keyed(deletes("1"), "1"))
	b.mustClaim(t, keyed(deletes("2"), "2"))
	require.NoError(t, c.Sending(t.Context(), added))
	require.NoError(t, b.settle(t.Context()))
	d.index(t, b)
	require.NoError(t, b.exclusive(t.Context(), func(tu *turn) error {
		require.Equal(t, tu.x.covered.seq, tu.x.flushed.seq, "it says nothing new")
		return nil
	}))
}

// TestNothingIsToldBeforeItIsOnTheDisk: of many at once in two processes nobody
// goes on before the line is flushed, and all that it stands on.
func TestNothingIsToldBeforeItIsOnTheDisk(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	d := &disk{flushed: map[uint32]int64{}}
	dir := newDir(t)
	js := []*Journal{d.process(t, dir, 8<<10), d.process(t, dir, 8<<10)}
	var all sync.WaitGroup
	for i := range 16 {
		random := rand.New(rand.NewPCG(seed, uint64(i)))
		j := js[i%2]
		all.Go(func() {
			for n := range 12 {
				id := fmt.Sprint(i, "-", n)
				c, _, err := j.Claim(t.Context(), keyed(deletes(id), id), nil)
				if !assert.NoError(t, err) {
					return
				}
				d.holds(t, j, c.at, 1, "a claim")
				assert.NoError(t, c.Sending(t.Context(), added))
				if random.IntN(3) == 0 {
					continue
				}
				assert.NoError(t, c.Stored(t.Context(), int64(i*100+n), added))
				var at place
				assert.NoError(t, j.exclusive(t.Context(), func(tu *turn) (err error) {
					at, err = tu.x.get(j.hash(byNumber, decimal(c.claim.Seq)))
					return err
				}))
				assert.NoError(t, c.Flush())
				assert.NotEqual(t, c.at, at)
				d.holds(t, j, at, 1, "an incident")
				if r, found, err := j.ByKey(t.Context(), id); assert.NoError(t, err) && assert.True(t, found) {
					assert.Equal(t, Stored, r.Stage)
				}
				c.Updated()
				assert.NoError(t, c.Ended(t.Context(), shared.Submitted, "", ""))
				d.index(t, j)
			}
		})
	}
	all.Wait()
	require.Greater(t, segmentsOf(t, js[0])[1], uint32(4), "no file was followed by another")
	sound(t, js[0], nil)
}

// TestOneFlushAtATime: of two at once on one file the system tells only one that
// it failed, and the other would say that all is well.
func TestOneFlushAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hold, armed, installed := make(chan struct{}), false, false
		j := open(t, newDir(t), func(o *Options) {
			o.Step = func(step string) {
				switch {
				case step == "sync" && armed:
					armed = false
					<-hold
				case step == "install":
					installed = true
				}
			}
		})
		installed, armed = false, true
		var all sync.WaitGroup
		all.Go(func() { j.mustClaim(t, deletes("1")) })
		synctest.Wait()
		all.Go(func() {
			assert.NoError(t, j.exclusive(t.Context(), func(tu *turn) error { return tu.grow(roomHash) }))
		})
		synctest.Wait()
		assert.False(t, installed, "the file was flushed a second time meanwhile")
		close(hold)
		all.Wait()
		assert.True(t, installed)
	})
}
