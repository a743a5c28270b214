package journal

import (
	"io"
	"time"
)

// prune removes the oldest segments whose every line is older than KeepFor and
// that hold no claim without an outcome. That they are gone stands in the chain
// before they go.
func (t *turn) prune() error {
	j := t.j
	through, err := t.tooOld()
	if err != nil || through < t.x.first {
		return err
	}
	first, _, err := j.segments() // an earlier prune may not have come to its end
	if err != nil {
		return err
	}
	var size int64
	for n := t.x.first; n <= through; n++ {
		if info, err := j.root.Stat(segmentName(n)); err == nil {
			size += info.Size()
		}
	}
	if _, err := t.append(line{Event: eventPruned, Through: through, Bytes: size}); err != nil {
		return err
	}
	if err := j.syncAll(); err != nil {
		return err
	}
	if !t.stale {
		_ = t.x.saveHeader() // or the next one finds out
	}
	j.options.Step("pruned")
	for n := first; n <= through; n++ {
		if f := t.old[n]; f != nil {
			_ = f.Close()
			delete(t.old, n)
		}
		_ = j.root.Remove(segmentName(n)) // where another process keeps it open, the next prune does it
		j.options.Step("removed")
	}
	return nil
}

// tooOld is the last segment that may go; one before the first when none may.
func (t *turn) tooOld() (through uint32, err error) {
	j := t.j
	keep := t.x.covered.at.segment()
	claims, err := t.places()
	if err != nil {
		return 0, err
	}
	for _, p := range claims {
		if p.segment() >= keep {
			break // they are sorted
		}
		if k, found, err := t.known(p); err != nil {
			return 0, err
		} else if found && k.last.Outcome == "" {
			keep = p.segment()
		}
	}
	through = t.x.first - 1
	for n := t.x.first; n < keep; n++ {
		last, err := t.lastTime(n)
		if err != nil || time.Since(last) < j.options.KeepFor {
			break
		}
		through = n
	}
	return through, nil
}

// lastTime is when the last line of a segment that is not active was written.
func (t *turn) lastTime(n uint32) (time.Time, error) {
	f, err := t.segment(n)
	if err != nil {
		return time.Time{}, err
	}
	for l, err := range backward(f, n) {
		return l.At, err
	}
	return time.Time{}, io.ErrUnexpectedEOF
}
