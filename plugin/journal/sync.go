package journal

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"os"
	"time"
)

// anchored is what the anchor is told: the head of the chain.
type anchored struct {
	At  time.Time `json:"at"`
	Seq uint64    `json:"seq"`
	MAC string    `json:"mac"`
}

// sync returns when the line with that number is on the disk. Those that come
// while another's is being flushed share the next flush, and all go on when it has
// ended. After one that failed nothing is known to be there, and this Journal
// writes nothing more.
func (j *Journal) sync(seq uint64) error {
	for {
		flushed := *j.flushed.Load()
		if j.broken.Load() == nil && j.synced.Load() >= seq {
			return nil
		}
		select {
		case <-flushed:
		case j.syncing <- struct{}{}:
			defer func() { <-j.syncing }()
			if j.broken.Load() == nil && j.synced.Load() >= seq {
				return nil
			}
			return j.flush()
		}
	}
}

// syncAll flushes all that this process wrote.
func (j *Journal) syncAll() error {
	j.syncing <- struct{}{}
	defer func() { <-j.syncing }()
	return j.flush()
}

// syncSegment puts the active segment on the disk, whoever wrote what is in it,
// and says which one that was.
func (j *Journal) syncSegment() (uint32, error) {
	j.syncing <- struct{}{}
	defer func() { <-j.syncing }()
	before := j.synced.Load()
	if err := j.flush(); err != nil || j.synced.Load() > before {
		return j.segment, err
	}
	return j.segment, j.flushFile()
}

// flush puts on the disk what was written until now, and tells the anchor.
// syncing is the caller's.
func (j *Journal) flush() error {
	if e := j.broken.Load(); e != nil {
		return e
	}
	head := j.wrote.Load()
	if head == nil || head.seq <= j.synced.Load() {
		return nil
	}
	if err := j.flushFile(); err != nil {
		return err
	}
	if j.options.Anchor != nil {
		j.tell(head)
	}
	j.synced.Store(head.seq) // nobody goes on before the anchor knows
	j.wake()
	return nil
}

// flushFile flushes the active segment. syncing is the caller's: of two flushes of
// one file at once the system may tell only one that it failed.
func (j *Journal) flushFile() error {
	j.options.Step("sync")
	if err := j.active.Sync(); err != nil {
		return j.brokenBy(err)
	}
	j.options.Step("synced")
	return nil
}

// tell tells the anchor the head of the chain.
func (j *Journal) tell(head *mark) {
	data, err := json.Marshal(anchored{time.Now().UTC().Truncate(time.Millisecond), head.seq, hex.EncodeToString(head.mac[:])})
	if err == nil {
		_, err = j.options.Anchor.Write(append(data, '\n'))
	}
	if j.anchor == nil {
		j.anchor = err
	}
}

// wake lets all go on that wait for the flush which has ended.
func (j *Journal) wake() {
	next := make(chan struct{})
	close(*j.flushed.Swap(&next))
}

// brokenBy ends all writing: after a flush that failed the kernel may have
// dropped what it could not write, and a second flush would not say so.
func (j *Journal) brokenBy(err error) error {
	e := &Error{
		Kind: Disk, Message: "the ledger in " + j.dir + " could not be flushed to the disk", Err: err,
		Assistance: "Look at the disk that holds the ledger (dmesg), then start this program again.",
	}
	if noSpace(err) {
		e.Assistance = makeRoom
	}
	j.broken.CompareAndSwap(nil, e)
	return j.broken.Load()
}

// settle notes how much of the index is on the disk, and the lines that it knows,
// so that after a power failure no more than a segment has to be read again. It
// flushes outside of any turn: nobody else waits for it.
func (j *Journal) settle(ctx context.Context) error {
	x, err := j.openIndex()
	if err != nil {
		return nil // it is being made anew, which does the same
	}
	defer x.close()
	switch segment, err := j.syncSegment(); {
	case err != nil:
		return err
	case x.covered.at.segment() > segment:
		return nil // who began that one settles it
	}
	file := x.pages.(*os.File)
	if err := file.Sync(); err != nil {
		return j.brokenBy(err)
	}
	ours, err := file.Stat()
	if err != nil {
		return j.diskError("cannot be looked at", err)
	}
	return j.exclusive(ctx, func(t *turn) error {
		now, err := t.x.pages.(*os.File).Stat()
		if err == nil && os.SameFile(ours, now) && x.covered.seq > t.x.flushed.seq {
			t.x.flushed = x.covered
		}
		return err
	})
}
