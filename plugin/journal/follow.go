package journal

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"os"
	"strings"
)

// follow reads what the index has not seen yet, to the end of the ledger.
func (t *turn) follow() error {
	for {
		n := t.x.covered.at.segment()
		if err := t.j.activate(n); err != nil {
			return err
		}
		torn, err := t.replay()
		if err != nil {
			return err
		}
		if _, err := t.j.root.Stat(segmentName(n + 1)); !isMissing(err) {
			if err != nil {
				return t.j.placeError(segmentName(n+1)+" cannot be looked at", err)
			}
			if torn != nil {
				return t.j.damaged(t.x.covered.at, "its last line is not whole, though another file follows", nil)
			}
			t.x.sealed += t.x.covered.at.offset()
			t.x.covered.at = placeOf(n+1, 0)
			continue
		}
		return t.mend(torn)
	}
}

// mend cuts off what a crash left unfinished and says so in the ledger. What
// was cut was never durable, so nothing was done on the strength of it.
func (t *turn) mend(torn []byte) error {
	if torn != nil {
		if err := t.j.cut(t.x.covered.at); err != nil {
			return t.j.diskError("cannot be mended: its last line is not whole", err)
		}
	}
	if t.x.covered.at.offset() == 0 {
		if err := t.head(); err != nil {
			return err
		}
	}
	if torn == nil {
		return nil
	}
	_, err := t.append(line{Event: eventTorn, Bytes: int64(len(torn)), Cut: strings.ToValidUTF8(string(torn[:min(len(torn), 4<<10)]), "?")})
	return err
}

// replay reads the active segment from where the index stands. It returns the
// unfinished end of the segment, where there is one.
func (t *turn) replay() (torn []byte, err error) {
	at := t.x.covered.at
	info, err := t.j.active.Stat()
	if err != nil {
		return nil, t.j.placeError("it cannot be looked at", err)
	}
	if info.Size() < at.offset() {
		return nil, t.j.damaged(placeOf(at.segment(), info.Size()), "it ends before a line that was there", nil)
	}
	if info.Size() == at.offset() {
		return nil, nil
	}
	r := bufio.NewReaderSize(io.NewSectionReader(t.j.active, at.offset(), info.Size()-at.offset()), maxLine)
	for {
		at := t.x.covered.at
		raw, err := r.ReadBytes('\n')
		if err == io.EOF && len(raw) == 0 {
			return nil, nil
		}
		if err == io.EOF {
			return raw, nil
		}
		if err != nil {
			return nil, t.j.diskError("cannot be read", err)
		}
		l, m, err := decodeLine(raw[:len(raw)-1], t.j.prover, t.x.covered.mac)
		if err == nil && l.Seq != t.x.covered.seq+1 {
			err = errors.New("its number is not the next one")
		}
		if err != nil {
			rest, _ := io.ReadAll(r)
			if hasLine(rest) {
				return nil, t.j.damaged(at, "a line before others is not as it was written", err)
			}
			return append(raw, rest...), nil
		}
		t.covered(l, at, len(raw), m)
	}
}

// hasLine says whether there is a whole line in what follows a broken one.
func hasLine(rest []byte) bool {
	for raw := range bytes.Lines(rest) {
		if _, _, err := splitLine(bytes.TrimSuffix(raw, []byte("\n"))); err == nil {
			return true
		}
	}
	return false
}

// rebuild makes the index from the lines alone.
func (t *turn) rebuild() error {
	if t.rebuilt {
		return nil
	}
	t.rebuilt = true
	first, last, err := t.j.segments()
	if err != nil {
		return err
	}
	if last == 0 {
		return t.j.damaged(placeOf(1, 0), "the file is gone", nil)
	}
	start, err := t.j.start(first)
	if err != nil {
		return err
	}
	if t.x != nil {
		t.x.close()
	}
	t.stale = false
	t.use(newIndex(firstSizes()))
	t.x.first, t.x.covered, t.x.boot = first, start, t.j.boot
	if err := t.follow(); err != nil {
		return err
	}
	if n := t.x.covered.at.segment(); n != last {
		return t.j.damaged(placeOf(n+1, 0), "the file is gone", nil)
	}
	if first > t.pruned+1 {
		return t.j.damaged(placeOf(first-1, 0), "the file is gone, and the ledger does not say that it was dropped for its age", nil)
	}
	if t.stale {
		return errIndex
	}
	return t.install(t.x)
}

// start is the mark before the first line of the first segment.
func (j *Journal) start(first uint32) (mark, error) {
	start := mark{at: placeOf(first, 0)}
	f, err := j.open(segmentName(first), os.O_RDONLY)
	if err != nil {
		return start, j.wrap(segmentName(first)+" cannot be opened", err)
	}
	defer f.Close()
	l, whole, err := firstLine(f)
	if err != nil || !whole {
		if first == 1 {
			return start, nil // it is mended, or told of, by who follows
		}
		return start, j.damaged(start.at, "its first line is not whole", err)
	}
	start.seq = l.Seq - 1
	start.mac, err = parseMAC([]byte(l.Prev))
	if err != nil {
		return start, j.damaged(start.at, "its first line is not whole", err)
	}
	return start, nil
}

// firstLine reads the first line of a segment, without proving it; not whole
// when the file does not have one yet.
func firstLine(f *os.File) (l line, whole bool, err error) {
	buffer := make([]byte, 2<<10)
	n, err := f.ReadAt(buffer, 0)
	if err != nil && err != io.EOF {
		return l, false, err
	}
	raw, _, whole := bytes.Cut(buffer[:n], []byte("\n"))
	if !whole {
		return l, false, nil
	}
	l, err = readLine(raw)
	return l, true, err
}
