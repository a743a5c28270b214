package journal

import (
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"time"
)

// segments gives the numbers of the first and the last segment; 0 when there
// is none.
func (j *Journal) segments() (first, last uint32, err error) {
	dir, err := j.root.Open(".")
	if err != nil {
		return 0, 0, j.placeError("it cannot be read", err)
	}
	defer dir.Close()
	names, err := dir.Readdirnames(-1)
	if err != nil {
		return 0, 0, j.placeError("it cannot be read", err)
	}
	for _, name := range names {
		if n := segmentNumber(name); n > 0 {
			last = max(last, n)
			if first == 0 || n < first {
				first = n
			}
		}
	}
	return first, last, nil
}

// makeSegment makes an empty segment. One that a crash left is taken over.
func (j *Journal) makeSegment(n uint32) error {
	if err := j.makeFile(segmentName(n)); err != nil {
		return err
	}
	if err := syncFolder(j.root); err != nil {
		return j.diskError("cannot be flushed", err)
	}
	return nil
}

// activate makes a segment the one that is written to. What this process wrote
// to the one before is flushed first. It refuses a segment that this program
// cannot read or has another key for.
func (j *Journal) activate(n uint32) error {
	if j.segment == n {
		return nil
	}
	f, err := j.open(segmentName(n), os.O_RDWR|os.O_APPEND)
	if isMissing(err) {
		return j.gone(n)
	}
	if err != nil {
		return j.wrap(segmentName(n)+" cannot be opened", err)
	}
	if err := j.readable(f, n); err != nil {
		return errors.Join(err, f.Close())
	}
	j.syncing <- struct{}{}
	defer func() { <-j.syncing }()
	if j.active != nil {
		if err := j.flush(); err != nil {
			return errors.Join(err, f.Close())
		}
		_ = j.active.Close()
	}
	j.active, j.segment = f, n
	return nil
}

// cut ends the active segment at a place. A file that is open for appending
// cannot be cut on every system.
func (j *Journal) cut(p place) error {
	f, err := j.open(segmentName(p.segment()), os.O_RDWR)
	if err != nil {
		return err
	}
	return errors.Join(f.Truncate(p.offset()), f.Close())
}

// gone tells a segment that was pruned, of which the index does not know yet,
// from one that somebody took away.
func (j *Journal) gone(n uint32) error {
	first, _, err := j.segments()
	if err != nil {
		return err
	}
	if n < first {
		return errIndex
	}
	return j.damaged(placeOf(n, 0), "the file is gone", nil)
}

func (j *Journal) readable(f *os.File, n uint32) error {
	l, whole, err := firstLine(f)
	switch {
	case err != nil || !whole:
		j.born = time.Now().UTC()
		return nil // whoever reads on finds out, or writes it
	case l.Format > formatVersion:
		return &Error{
			Format, fmt.Sprintf("the ledger in %s has format %d; this program writes format %d", j.dir, l.Format, formatVersion),
			"A newer kes-respond wrote it. Use that one here too, or give this one a ledger of its own.", nil, nil,
		}
	case l.Segment != n:
		return j.damaged(placeOf(n, 0), fmt.Sprintf("it says that it is file %d", l.Segment), nil)
	case l.Secret != j.secretName():
		return &Error{
			Secret, "the ledger in " + j.dir + " was written with another key", "Bring the key back that it was written with. If that is lost, set the directory aside as evidence; a new one starts empty.", nil, nil,
		}
	}
	j.born = l.At
	return nil
}

// head writes the first line of the active segment, which binds it to the one
// before.
func (t *turn) head() error {
	j := t.j
	at := t.x.covered.at
	prev := t.x.covered.mac
	_, err := t.append(line{
		Event: eventOpened, Format: formatVersion, Segment: at.segment(), Prev: hex.EncodeToString(prev[:]), Secret: j.secretName(),
	})
	if err == nil {
		err = j.syncAll()
	}
	return err
}

// rotate begins a new segment where the active one is large or of another
// month, and prunes what is too old. It reports whether it did.
func (t *turn) rotate() (bool, error) {
	j := t.j
	info, err := j.active.Stat()
	if err != nil {
		return false, j.diskError("cannot be looked at", err)
	}
	now := time.Now().UTC()
	if info.Size() < j.options.SegmentBytes && j.born.Year() == now.Year() && j.born.Month() == now.Month() {
		return false, nil
	}
	if err := t.next(); err != nil {
		return false, err
	}
	return true, t.prune()
}

// next begins a new segment. The one before is on the disk, whole, before the
// new one has a line: also what another process wrote to it, and did not flush.
func (t *turn) next() error {
	j := t.j
	if _, err := j.syncSegment(); err != nil {
		return err
	}
	j.options.Step("sealed")
	n := t.x.covered.at.segment() + 1
	if err := j.makeSegment(n); err != nil {
		return err
	}
	j.options.Step("made")
	if err := j.activate(n); err != nil {
		return err
	}
	t.x.sealed += t.x.covered.at.offset()
	t.x.covered.at = placeOf(n, 0)
	return t.head()
}
