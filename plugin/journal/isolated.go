package journal

import (
	"encoding/binary"
	"errors"
	"time"
)

// held is a host that a request isolates, as far as the ledger knows: from its
// claim until a release was stored, or a later one that isolates the host as
// well. Each request has its own, so that one that fails takes no host off that
// another isolates.
type held struct {
	host  hash
	claim place
	at    time.Time // of the claim
}

const (
	heldSize  = hashSize + 8 + 8
	pageHelds = (pageSize - pageHead) / heldSize

	// mostHeld is how many are known; of more the first ones are forgotten.
	mostHeld = heldPages * pageHelds
)

// helds reads the pages of the hosts, all at once and once in a turn: each
// isolation asks for all of them. Whoever changes one writes it.
func (x *index) helds() ([]byte, error) {
	d := x.desk
	all := d.helds[:]
	if d.read {
		return all, nil
	}
	if n, err := x.ReadAt(all, x.heldAt()*pageSize); n < len(all) {
		return nil, errors.Join(errIndex, err)
	}
	for i := range int64(heldPages) {
		if page := all[i*pageSize:][:pageSize]; !isSealed(page, x.heldAt()+i) || count(page) > pageHelds {
			return nil, errIndex
		}
	}
	d.read = true
	return all, nil
}

// eachHeld walks through the hosts until stop says so, and gives the page and
// the place in it where it stopped; number is 0 where it did not.
func (x *index) eachHeld(stop func(held) bool) (page []byte, number int64, at int, err error) {
	all, err := x.helds()
	if err != nil {
		return nil, 0, 0, err
	}
	for i := range int64(heldPages) {
		page := all[i*pageSize:][:pageSize]
		for at := range count(page) {
			if stop(readHeld(page[pageHead+at*heldSize:])) {
				return page, x.heldAt() + i, at, nil
			}
		}
	}
	return nil, 0, 0, nil
}

func readHeld(b []byte) (h held) {
	copy(h.host[:], b)
	h.claim = place(binary.LittleEndian.Uint64(b[hashSize:]))
	h.at = time.UnixMilli(int64(binary.LittleEndian.Uint64(b[hashSize+8:])))
	return h
}

func (h held) write(b []byte) {
	copy(b, h.host[:])
	binary.LittleEndian.PutUint64(b[hashSize:], uint64(h.claim))
	binary.LittleEndian.PutUint64(b[hashSize+8:], uint64(h.at.UnixMilli()))
}

// hold notes that a claim isolates a host, where that is not noted: where there
// is room, else in the place of the oldest.
func (x *index) hold(h held) error {
	all, err := x.helds()
	if err != nil {
		return err
	}
	const none = -1
	room, roomAt, old, oldAt := none, 0, none, 0
	oldest := h.claim
	for i := range heldPages {
		page := all[i*pageSize:][:pageSize]
		if n := count(page); room == none && n < pageHelds {
			room, roomAt = i, n
		}
		for at := range count(page) {
			other := readHeld(page[pageHead+at*heldSize:])
			if other.host == h.host && other.claim == h.claim {
				return nil
			}
			if other.claim < oldest {
				oldest, old, oldAt = other.claim, i, at
			}
		}
	}
	switch {
	case room == none && old == none:
		return nil // it is the oldest itself
	case room == none:
		room, roomAt = old, oldAt
	}
	page := all[room*pageSize:][:pageSize]
	h.write(page[pageHead+roomAt*heldSize:])
	setCount(page, max(count(page), roomAt+1))
	return x.write(page, x.heldAt()+int64(room))
}

// letGo forgets those that are over.
func (x *index) letGo(over func(held) bool) error {
	for {
		page, number, at, err := x.eachHeld(over)
		if err != nil || number == 0 {
			return err
		}
		last := count(page) - 1
		copy(page[pageHead+at*heldSize:][:heldSize], page[pageHead+last*heldSize:][:heldSize])
		setCount(page, last)
		if err := x.write(page, number); err != nil {
			return err
		}
	}
}
