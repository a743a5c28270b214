package journal

import (
	"encoding/binary"
	"errors"
)

// reserve makes the index large enough for another line beforehand.
func (t *turn) reserve() error {
	if !t.x.crowded() && t.x.openUsed < t.x.openPages {
		return nil
	}
	err := t.grow(t.x.short(0))
	if errors.Is(err, errIndex) && !t.rebuilt {
		err = t.rebuild() // what cannot be copied is read again
	}
	return err
}

// short says which parts of the index have to grow: those that are full, and
// what found no room.
func (h header) short(room roomError) roomError {
	if h.openUsed == h.openPages {
		room |= roomOpen
	}
	return room
}

// grow gives the index more room: a new file, in the place of the old one. It is
// not made in memory, where it would be most of what a long run takes.
func (t *turn) grow(room roomError) error {
	if _, ok := t.x.pages.(memory); ok {
		bigger, err := t.x.grown(room, func(sizes header) (*index, error) { return newIndex(sizes), nil })
		if err == nil {
			t.use(bigger)
		}
		return err
	}
	f, err := t.j.beginFile(indexFile)
	if err != nil {
		return t.j.diskError("cannot renew its index", err)
	}
	bigger, err := t.x.grown(room, func(sizes header) (*index, error) { return newIndexIn(f, sizes) })
	switch {
	case err == nil:
		return t.install(bigger)
	case !errors.Is(err, errIndex):
		err = t.j.diskError("cannot renew its index", err)
	}
	return errors.Join(err, f.Close())
}

// crowded says that another line may not find room in the table.
func (h header) crowded() bool {
	return float64(h.used+8) >= fill*pageSlots*float64(h.hashPages)
}

// grown is a copy with room for more, in what makes an empty index. What stands in segments that
// are gone is left out. The header may know of fewer entries than there are: a
// process that is killed between the two has written them, and not that.
func (x *index) grown(room roomError, empty func(header) (*index, error)) (*index, error) {
	sizes := x.header
	room &^= roomHash // what is gone may make room enough
	if room&roomGauge != 0 {
		idle, err := x.idleGauges()
		if err != nil {
			return nil, err
		}
		if 4*idle > int(x.gaugePages) {
			room &^= roomGauge // the same; one line brings back fewer than that
		}
	}
	for {
		if room&roomOpen != 0 {
			sizes.openPages *= 2
		}
		if room&roomGauge != 0 {
			sizes.gaugePages = min(2*sizes.gaugePages, mostGauges)
		}
		if room&roomHash != 0 {
			sizes.hashPages *= 2
		}
		bigger, err := x.copied(sizes, empty)
		if err == nil && !bigger.crowded() {
			return bigger, nil
		}
		short, is := errors.AsType[roomError](err)
		if err != nil && !is {
			return nil, err
		}
		if room = short; err == nil {
			room = roomHash
		}
	}
}

// copied is a copy of other sizes. Its error is of type roomError where one of
// them does not do.
func (x *index) copied(sizes header, empty func(header) (*index, error)) (*index, error) {
	sizes.used, sizes.openUsed = 0, 0
	bigger, err := empty(sizes)
	if err != nil {
		return nil, err
	}
	all, err := x.open()
	if err != nil {
		return nil, err
	}
	for _, p := range all {
		if err := bigger.addOpen(p); err != nil {
			return nil, err
		}
	}
	if err := x.copyTable(bigger); err != nil {
		return nil, err
	}
	if err := x.copyGauges(bigger); err != nil {
		return nil, err
	}
	return bigger, x.copyHeld(bigger)
}

func (x *index) copyTable(bigger *index) error {
	for n := range int64(x.hashPages) {
		page, err := x.read(1 + int64(x.openPages) + n)
		if err != nil {
			return err
		}
		for at := range min(count(page), pageSlots) {
			slot := page[pageHead+at*slotSize:][:slotSize]
			p := place(binary.LittleEndian.Uint64(slot[hashSize:]))
			if p.segment() < x.first {
				continue
			}
			if err := bigger.put(hash(slot[:hashSize]), p); err != nil {
				return err
			}
		}
	}
	return nil
}

// idleGauges is how many gauges count nothing any more. They are left out of a
// copy: requests may name any number of servers.
func (x *index) idleGauges() (idle int, err error) {
	now := timeNow()
	for n := range int64(x.gaugePages) {
		page, err := x.read(x.gaugesAt() + n)
		if err != nil {
			return 0, err
		}
		if count(page) != 0 && isIdle(page, now) {
			idle++
		}
	}
	return idle, nil
}

func (x *index) copyGauges(bigger *index) error {
	now := timeNow()
	for n := range int64(x.gaugePages) {
		page, err := x.read(x.gaugesAt() + n)
		if err != nil {
			return err
		}
		if count(page) == 0 || isIdle(page, now) {
			continue
		}
		number := bigger.gaugesAt()
		if n > 0 {
			_, number, _, err = bigger.gauge(hash(page[pageHead:][:hashSize]))
		}
		if err == nil {
			err = bigger.write(page, number)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (x *index) copyHeld(bigger *index) error {
	for n := range int64(heldPages) {
		page, err := x.read(x.heldAt() + n)
		if err == nil {
			err = bigger.write(page, bigger.heldAt()+n)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
