package journal

import (
	"errors"
	"os"
	"time"
)

// turn is a stretch of time in which one goroutine of one process has the
// ledger for itself. It begins by learning what others have written.
type turn struct {
	j       *Journal
	x       *index
	saved   header              // as it stands in the file
	stale   bool                // the index missed a line, and reads it again next time
	rebuilt bool                // the index is as good as the lines
	pruned  uint32              // the last segment that a line read in this turn says is gone
	old     map[uint32]*os.File // segments before the active one
}

// turn begins a turn. The lock is held.
func (j *Journal) turn() (*turn, error) {
	t := &turn{j: j, old: map[uint32]*os.File{}}
	x, err := j.indexNow()
	if err == nil {
		t.use(x)
		t.saved = x.header
		if j.boot == "" || x.boot != j.boot {
			err = t.distrust()
		}
		if err == nil {
			err = t.follow()
		}
		if err == nil && t.stale {
			err = errIndex
		}
	}
	if errors.Is(err, errIndex) {
		err = t.rebuild()
	}
	if err != nil {
		t.stale = true
		t.close()
		return nil, j.wrap("its index cannot be used", err)
	}
	return t, nil
}

// use goes on with an index of which nothing is on the desk.
func (t *turn) use(x *index) {
	t.x, x.desk = x, t.j.desk
	x.desk.clear()
}

// close ends the turn. What is not saved here the next turn reads again.
func (t *turn) close() {
	for _, f := range t.old {
		_ = f.Close()
	}
	if t.x == nil {
		return
	}
	t.save()
	if t.stale {
		t.x.close()
	} else {
		t.j.keep(t.x)
	}
}

// save writes what the index knows now. What is not saved the next turn reads
// again.
func (t *turn) save() {
	if !t.stale && t.x.header != t.saved && t.x.saveHeader() == nil {
		t.saved = t.x.header
	}
}

// fit says that another errand may be done in this turn: its index is whole, and
// nothing went wrong.
func (t *turn) fit(err error) bool { return err == nil && !t.stale && !t.rebuilt }

func (x *index) close() {
	switch f := x.pages.(type) {
	case *os.File:
		_ = f.Close()
	case *window:
		_ = f.file.Close()
	}
}

// distrust goes back to what the index is known to have on the disk: the power
// may have failed since.
func (t *turn) distrust() error {
	t.x.boot = t.j.boot
	t.x.covered = t.x.flushed
	t.x.sealed = 0
	for n := t.x.first; n < t.x.covered.at.segment(); n++ {
		info, err := t.j.root.Stat(segmentName(n))
		if isMissing(err) {
			return t.j.gone(n)
		}
		if err != nil {
			return t.j.placeError(segmentName(n)+" cannot be looked at", err)
		}
		t.x.sealed += info.Size()
	}
	return nil
}

// append writes one line and tells the index of it. Nothing is durable until
// sync says so. On an error the line is not there.
func (t *turn) append(l line) (place, error) {
	j := t.j
	if e := j.broken.Load(); e != nil {
		return 0, e
	}
	l.Seq = t.x.covered.seq + 1
	if l.At.IsZero() {
		l.At = timeNow()
	}
	data, m, err := l.encode(j.prover, t.x.covered.mac)
	if err != nil {
		return 0, j.diskError("cannot take the record", err)
	}
	if err := t.reserve(); err != nil {
		return 0, err
	}
	at := t.x.covered.at
	j.options.Step("append")
	if _, err := j.active.Write(data); err != nil {
		// What cannot be cut off now the next turn cuts off.
		return 0, j.diskError("cannot be written", errors.Join(err, j.cut(at)))
	}
	j.options.Step("appended")
	t.covered(l, at, len(data), m)
	head := t.x.header.covered
	j.wrote.Store(&head)
	j.options.Step("indexed")
	return at, nil
}

// timeNow is the time of a line.
func timeNow() time.Time { return time.Now().UTC().Truncate(time.Millisecond) }

// covered takes a line that stands in the ledger into the index. A failure
// costs time, not truth: the line is read again.
func (t *turn) covered(l line, at place, size int, m mac) {
	t.stale = t.stale || t.learn(l, at) != nil
	t.x.header.covered = mark{at + place(size), l.Seq, m}
}

// install puts an index that was made in the place of the one on the disk.
func (t *turn) install(x *index) error {
	j := t.j
	if _, err := j.syncSegment(); err != nil {
		x.close()
		return err
	}
	x.flushed, x.boot = x.covered, j.boot
	err := x.saveHeader()
	j.options.Step("install")
	switch made := x.pages.(type) {
	case *window:
		if err == nil {
			err = made.flush()
		}
		err = j.endFile(made.file, indexFile, err)
	case memory:
		if err == nil {
			err = j.replace(indexFile, made)
		}
	}
	if err != nil {
		return j.diskError("cannot renew its index", err)
	}
	j.options.Step("installed")
	if t.x != nil {
		t.x.close()
	}
	y, err := j.openIndex()
	if err != nil {
		return err
	}
	t.use(y)
	t.saved = y.header
	return nil
}
