package journal

import (
	"encoding/binary"
	"os"
)

// mark is a point between two lines of the ledger.
type mark struct {
	at  place // where the next line begins
	seq uint64
	mac mac // of the line before
}

// header is the first page of an index.
type header struct {
	hashPages  uint32
	openPages  uint32
	openUsed   uint32 // no open claim stands in a page after this
	gaugePages uint32
	first      uint32 // the first segment that there is
	used       uint64 // slots in use
	sealed     int64  // bytes in the segments before the last
	covered    mark   // what the index knows, while the machine runs
	flushed    mark   // what it knows after the power failed
	boot       string
}

const (
	indexMagic = "kesidx05"
	bootSize   = 16
	markSize   = 16 + len(mac{})
)

func (m mark) append(b []byte) []byte {
	b = binary.LittleEndian.AppendUint64(b, uint64(m.at))
	b = binary.LittleEndian.AppendUint64(b, m.seq)
	return append(b, m.mac[:]...)
}

func readMark(b []byte) (m mark) {
	m.at = place(binary.LittleEndian.Uint64(b))
	m.seq = binary.LittleEndian.Uint64(b[8:])
	copy(m.mac[:], b[16:])
	return m
}

func (h header) page() []byte {
	b := make([]byte, pageHead, pageSize)
	b = append(b, indexMagic...)
	for _, n := range []uint32{h.hashPages, h.openPages, h.openUsed, h.gaugePages, h.first} {
		b = binary.LittleEndian.AppendUint32(b, n)
	}
	b = binary.LittleEndian.AppendUint64(b, h.used)
	b = binary.LittleEndian.AppendUint64(b, uint64(h.sealed))
	b = h.flushed.append(h.covered.append(b))
	b = append(b, h.boot...)
	b = b[:pageSize]
	seal(b, 0)
	return b
}

func readHeader(b []byte) (h header, err error) {
	if len(b) < pageSize || binary.LittleEndian.Uint32(b) != checksum(b, 0) || string(b[pageHead:][:len(indexMagic)]) != indexMagic {
		return h, errIndex
	}
	b = b[pageHead+len(indexMagic):]
	for i, n := range []*uint32{&h.hashPages, &h.openPages, &h.openUsed, &h.gaugePages, &h.first} {
		*n = binary.LittleEndian.Uint32(b[4*i:])
	}
	b = b[20:]
	h.used = binary.LittleEndian.Uint64(b)
	h.sealed = int64(binary.LittleEndian.Uint64(b[8:]))
	b = b[16:]
	h.covered, h.flushed = readMark(b), readMark(b[markSize:])
	b = b[2*markSize:]
	if b[0] != 0 {
		h.boot = string(b[:bootSize])
	}
	if h.hashPages == 0 || h.openPages == 0 || h.openUsed > h.openPages || h.gaugePages == 0 {
		return h, errIndex
	}
	return h, nil
}

// firstSizes are those of a new index.
func firstSizes() header {
	return header{hashPages: firstHashPages, openPages: firstOpenPages, gaugePages: firstGaugePages}
}

// newIndex is an empty index in memory, of the sizes that a header says.
func newIndex(sizes header) *index {
	m := make(memory, sizes.size())
	for n := int64(1); n < int64(len(m))/pageSize; n++ {
		seal(m[n*pageSize:][:pageSize], n)
	}
	return &index{pages: m, header: sizes}
}

// openIndex opens the index as it lies on the disk.
func (j *Journal) openIndex() (*index, error) {
	f, err := j.open(indexFile, os.O_RDWR)
	if isMissing(err) {
		return nil, errIndex
	}
	if err != nil {
		return nil, j.wrap("its index cannot be opened", err)
	}
	x := &index{pages: f}
	if x.file, err = f.Stat(); err == nil {
		err = x.readHeader(x.file)
	}
	if err != nil {
		_ = f.Close()
		return nil, errIndex
	}
	return x, nil
}

// readHeader learns how the index lies on the disk.
func (x *index) readHeader(file os.FileInfo) error {
	page, err := x.read(0)
	if err != nil {
		return err
	}
	if x.header, err = readHeader(page); err == nil && file.Size() != x.size() {
		err = errIndex
	}
	return err
}

// keep leaves an index open for the next turn.
func (j *Journal) keep(x *index) {
	if _, ok := x.pages.(*os.File); !ok || !keepsIndex {
		x.close()
		return
	}
	j.kept = x
}

// indexNow is openIndex, with the file that the turn before had open, where that
// is still the index: another process may have put a new one in its place, or
// somebody may have changed who can write to it.
func (j *Journal) indexNow() (*index, error) {
	x := j.kept
	if x == nil {
		return j.openIndex()
	}
	j.kept = nil
	file, err := j.root.Lstat(indexFile)
	if err == nil && os.SameFile(file, x.file) && untrusted(file, j.options.Group) == "" && x.readHeader(file) == nil {
		return x, nil
	}
	x.close()
	return j.openIndex()
}

func (h header) gaugesAt() int64 { return 1 + int64(h.openPages) + int64(h.hashPages) }
func (h header) heldAt() int64   { return h.gaugesAt() + int64(h.gaugePages) }
func (h header) size() int64     { return (h.heldAt() + heldPages) * pageSize }

// saveHeader writes what the index knows now.
func (x *index) saveHeader() error {
	_, err := x.WriteAt(x.page(), 0)
	return err
}
