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

// eachHeld walks through the hosts until stop says so, and gives the page and
// the place in it where it stopped; number is 0 where it did not.
func (x *index) eachHeld(stop func(held) bool) (page []byte, number int64, at int, err error) {
	all := make([]byte, heldPages*pageSize) // at once: each isolation asks for all of them
	if n, err := x.ReadAt(all, x.heldAt()*pageSize); n < len(all) {
		return nil, 0, 0, errors.Join(errIndex, err)
	}
	for i := range int64(heldPages) {
		n, page := x.heldAt()+i, all[i*pageSize:][:pageSize]
		if !isSealed(page, n) || count(page) > pageHelds {
			return nil, 0, 0, errIndex
		}
		for at := range count(page) {
			if stop(readHeld(page[pageHead+at*heldSize:])) {
				return page, n, at, nil
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

// hold notes that a claim isolates a host, where that is not noted.
func (x *index) hold(h held) error {
	oldest, many, there := h, 0, false
	if _, _, _, err := x.eachHeld(func(other held) bool {
		if many++; other.claim < oldest.claim {
			oldest = other
		}
		there = other.host == h.host && other.claim == h.claim
		return there
	}); err != nil || there {
		return err
	}
	if many == mostHeld {
		if oldest == h {
			return nil
		}
		if err := x.letGo(func(other held) bool { return other == oldest }); err != nil {
			return err
		}
	}
	for i := range int64(heldPages) {
		page, err := x.read(x.heldAt() + i)
		if err != nil {
			return err
		}
		if n := count(page); n < pageHelds {
			h.write(page[pageHead+n*heldSize:])
			setCount(page, n+1)
			return x.write(page, x.heldAt()+i)
		}
	}
	return errIndex
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
