package journal

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
	"os"
)

// The index is a file of pages that each carry a checksum: a header, the set
// of open requests, a hash table that holds, for a keyed hash, the place of a
// line, the gauges, and the set of isolated hosts. It is changed in place, a page at a time, and never flushed on the
// way: after a kill the kernel still has it, and after a power failure what was
// written since the last flush is read again from the ledger.
//
// A changed entry is only ever replaced by a newer one, so reading the same
// lines twice gives the same table.
const (
	pageSize   = 512
	pageHead   = 8 // checksum, count
	slotSize   = hashSize + 8
	pageSlots  = (pageSize - pageHead) / slotSize
	pagePlaces = (pageSize - pageHead) / 8
	hashSize   = 12

	firstHashPages  = 256
	firstOpenPages  = 4
	firstGaugePages = 16
	heldPages       = 58  // for mostHeld hosts
	fill            = 0.7 // of the slots, then the table grows
)

// errIndex says that the index cannot be used; it is made anew.
var errIndex = errors.New("the index is not whole")

// roomError says which parts of the index have to grow first.
type roomError uint8

const (
	roomHash roomError = 1 << iota
	roomOpen
	roomGauge
)

// Error is for tests: whoever gets it makes room.
func (roomError) Error() string { return "the index is full" }

func isRoom(err error) bool {
	_, is := errors.AsType[roomError](err)
	return is
}

type hash [hashSize]byte

// pages is what an index lies in: a file, or memory while it is made.
type pages interface {
	io.ReaderAt
	io.WriterAt
}

type memory []byte

func (m memory) ReadAt(p []byte, off int64) (int, error)  { return copy(p, m[off:]), nil }
func (m memory) WriteAt(p []byte, off int64) (int, error) { return copy(m[off:], p), nil }

// index is the cache of one ledger. It is used in turns only.
type index struct {
	pages
	header
	buffer [pageSize]byte
	file   os.FileInfo
	desk   *desk // nil for one that is being made
}

// seal writes the checksum of a page; its number is part of it.
func seal(page []byte, number int64) {
	binary.LittleEndian.PutUint32(page, checksum(page, number))
}

// checksum is by the one polynomial whose table is made at no start-up.
func checksum(page []byte, number int64) uint32 {
	var n [8]byte
	binary.LittleEndian.PutUint64(n[:], uint64(number)+1)
	return crc32.Update(crc32.ChecksumIEEE(n[:]), crc32.IEEETable, page[4:])
}

func isSealed(page []byte, number int64) bool {
	return binary.LittleEndian.Uint32(page) == checksum(page, number)
}

func count(page []byte) int       { return int(binary.LittleEndian.Uint16(page[4:])) }
func setCount(page []byte, n int) { binary.LittleEndian.PutUint16(page[4:], uint16(n)) }

// slot finds the slot of a hash: its page, and where in it; count(page) where
// it is not there.
func (x *index) slot(h hash) (page []byte, number int64, at int, err error) {
	start := int64(binary.LittleEndian.Uint64(h[:8]) % uint64(x.hashPages))
	for i := range int64(x.hashPages) {
		number = 1 + int64(x.openPages) + (start+i)%int64(x.hashPages)
		if page, err = x.read(number); err != nil {
			return nil, 0, 0, err
		}
		n := count(page)
		if n > pageSlots {
			return nil, 0, 0, errIndex
		}
		for at = range n {
			if bytes.Equal(page[pageHead+at*slotSize:][:hashSize], h[:]) {
				return page, number, at, nil
			}
		}
		if n < pageSlots {
			return page, number, n, nil
		}
	}
	return nil, 0, 0, roomHash
}

// get gives the place that was put last under a hash.
func (x *index) get(h hash) (place, error) {
	page, _, at, err := x.slot(h)
	if isRoom(err) || err == nil && at == count(page) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	return place(binary.LittleEndian.Uint64(page[pageHead+at*slotSize+hashSize:])), nil
}

// put keeps the place under a hash, instead of the one that was there.
func (x *index) put(h hash, p place) error {
	page, number, at, err := x.slot(h)
	if err != nil {
		return err
	}
	slot := page[pageHead+at*slotSize:][:slotSize]
	if at == count(page) {
		if float64(x.used) >= fill*pageSlots*float64(x.hashPages) {
			return roomHash
		}
		copy(slot, h[:])
		setCount(page, at+1)
		x.used++
	}
	binary.LittleEndian.PutUint64(slot[hashSize:], uint64(p))
	return x.write(page, number)
}

// open gives the claims that are not settled, in no order.
func (x *index) open() ([]place, error) {
	var all []place
	_, _, err := x.eachOpen(func(p place) bool {
		all = append(all, p)
		return false
	})
	return all, err
}

// eachOpen walks through the open claims until stop says so, and gives the
// page and the place in it where it stopped.
func (x *index) eachOpen(stop func(place) bool) (number int64, at int, err error) {
	for number = int64(1); number <= int64(x.openUsed); number++ {
		page, err := x.read(number)
		if err != nil {
			return 0, 0, err
		}
		n := count(page)
		if n > pagePlaces {
			return 0, 0, errIndex
		}
		for at = range n {
			if stop(place(binary.LittleEndian.Uint64(page[pageHead+at*8:]))) {
				return number, at, nil
			}
		}
	}
	return 0, 0, nil
}

// addOpen makes a claim one of the open.
func (x *index) addOpen(p place) error {
	if number, _, err := x.eachOpen(func(q place) bool { return p == q }); err != nil || number != 0 {
		return err
	}
	for number := int64(1); number <= int64(x.openPages); number++ {
		page, err := x.read(number)
		if err != nil {
			return err
		}
		if n := count(page); n < pagePlaces {
			binary.LittleEndian.PutUint64(page[pageHead+n*8:], uint64(p))
			setCount(page, n+1)
			x.openUsed = max(x.openUsed, uint32(number))
			return x.write(page, number)
		}
	}
	return roomOpen
}

// removeOpen ends that.
func (x *index) removeOpen(p place) error {
	number, at, err := x.eachOpen(func(q place) bool { return p == q })
	if err != nil || number == 0 {
		return err
	}
	page, err := x.read(number)
	if err != nil {
		return err
	}
	last := count(page) - 1
	copy(page[pageHead+at*8:][:8], page[pageHead+last*8:][:8])
	setCount(page, last)
	return x.write(page, number)
}
