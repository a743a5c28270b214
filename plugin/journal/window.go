package journal

import (
	"io"
	"os"
)

// window is a file of pages that is being made, of which some blocks are held in
// memory: most of them, while it is filled, are changed again soon. It is read and
// written by whole pages.
type window struct {
	file  *os.File
	size  int64
	slots []slot
}

// slot holds a block. Each block has the one slot that it may be in.
type slot struct {
	number int64 // from 1; 0: none
	dirty  bool
	block  [blockSize]byte
}

const (
	blockSize  = 8 * pageSize
	windowBits = 8 // the logarithm of the number of slots, which take a megabyte
)

// newIndexIn is an empty index in a file, of the sizes that a header says.
// install ends the window.
func newIndexIn(f *os.File, sizes header) (*index, error) {
	if err := f.Truncate(0); err != nil {
		return nil, err
	}
	const many = 128
	pages := make([]byte, many*pageSize)
	for first := int64(0); first < sizes.size()/pageSize; first += many {
		for n := range int64(many) {
			page := pages[n*pageSize:][:pageSize]
			clear(page)
			if first+n > 0 {
				seal(page, first+n)
			}
		}
		most := min(int64(len(pages)), sizes.size()-first*pageSize)
		if _, err := f.WriteAt(pages[:most], first*pageSize); err != nil {
			return nil, err
		}
	}
	return &index{pages: &window{file: f, size: sizes.size(), slots: make([]slot, 1<<windowBits)}, header: sizes}, nil
}

// page brings a page's block in, and puts out the one that was there. Those that
// are filled one after the other lie apart, and so do both halves of a table that
// was doubled.
func (w *window) page(off int64) (*slot, []byte, error) {
	number := off/blockSize + 1
	s := &w.slots[uint64(number)*0x9e3779b97f4a7c15>>(64-windowBits)]
	if s.number != number {
		if err := w.put(s); err != nil {
			return nil, nil, err
		}
		s.number = 0
		if _, err := w.file.ReadAt(s.block[:], off-off%blockSize); err != nil && err != io.EOF {
			return nil, nil, err
		}
		s.number = number
	}
	return s, s.block[off%blockSize:][:pageSize], nil
}

func (w *window) put(s *slot) error {
	if !s.dirty {
		return nil
	}
	off := (s.number - 1) * blockSize
	_, err := w.file.WriteAt(s.block[:min(blockSize, w.size-off)], off) // the last one is not whole
	s.dirty = err != nil
	return err
}

// ReadAt reads a page.
func (w *window) ReadAt(p []byte, off int64) (int, error) {
	_, page, err := w.page(off)
	return copy(p, page), err
}

// WriteAt writes a page.
func (w *window) WriteAt(p []byte, off int64) (int, error) {
	s, page, err := w.page(off)
	if err != nil {
		return 0, err
	}
	s.dirty = true
	return copy(page, p), nil
}

// flush puts all blocks out.
func (w *window) flush() error {
	for i := range w.slots {
		if err := w.put(&w.slots[i]); err != nil {
			return err
		}
	}
	return nil
}
