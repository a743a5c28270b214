package journal

import (
	"bytes"
	"errors"
	"os"
	"slices"
)

// line reads the line at a place and proves it. errIndex says that the index
// led astray.
func (t *turn) line(p place) (line, error) {
	const before = 1 + len(macEnd) + 2*len(mac{}) // the MAC of the line before, and its end
	if p.offset() < int64(before) {
		return line{}, errIndex
	}
	f, err := t.segment(p.segment())
	if err != nil {
		return line{}, err
	}
	for size := 2 << 10; ; size = before + maxLine {
		buffer := make([]byte, size)
		n, _ := f.ReadAt(buffer, p.offset()-int64(before))
		buffer = buffer[:n]
		if n < before {
			return line{}, errIndex
		}
		end := bytes.IndexByte(buffer[before:], '\n')
		if end < 0 && n == size && size < before+maxLine {
			continue
		}
		prev, err := parseMAC(buffer[:2*len(mac{})])
		if end < 0 || err != nil || buffer[before-1] != '\n' {
			return line{}, errIndex
		}
		l, _, err := decodeLine(buffer[before:before+end], t.j.prover, prev)
		if err != nil {
			return line{}, errIndex
		}
		return l, nil
	}
}

func (t *turn) segment(n uint32) (*os.File, error) {
	if n == t.j.segment {
		return t.j.active, nil
	}
	if f, ok := t.old[n]; ok {
		return f, nil
	}
	f, err := t.j.open(segmentName(n), os.O_RDONLY)
	if isMissing(err) {
		return nil, errIndex
	}
	if err == nil {
		t.old[n] = f
	}
	return f, err
}

// places gives the open claims, those in segments that are gone left out. An
// index that cannot tell them is made anew.
func (t *turn) places() ([]place, error) {
	all, err := t.x.open()
	if errors.Is(err, errIndex) {
		if err := t.rebuild(); err != nil {
			return nil, err
		}
		all, err = t.x.open()
	}
	all = slices.DeleteFunc(all, func(p place) bool { return p.segment() < t.x.first })
	slices.Sort(all)
	return slices.Compact(all), err
}

// provedLine reads a line that another one names.
func (t *turn) provedLine(p place) (line, error) {
	l, err := t.line(p)
	if errors.Is(err, errIndex) {
		err = t.j.damaged(p, "the line there cannot be proved", nil)
	}
	return l, err
}
