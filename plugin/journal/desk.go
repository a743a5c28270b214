package journal

import "errors"

// desk is what is held in memory of an index while a turn lasts: nobody else
// changes it then. The memory serves from one turn to the next, what is in it does
// not.
type desk struct {
	pages [64]struct {
		number int64 // 0: none, for that page is the header, which is never here
		page   [pageSize]byte
	}
	helds [heldPages * pageSize]byte // all pages of the isolated hosts
	read  bool                       // they are there
}

// clear begins a turn.
func (d *desk) clear() {
	d.read = false
	for i := range d.pages {
		d.pages[i].number = 0
	}
}

// at is where a page lies, or may be put.
func (d *desk) at(number int64) (page []byte, there bool) {
	s := &d.pages[number%int64(len(d.pages))]
	there = s.number == number
	s.number = number
	return s.page[:], there
}

// drop forgets a page.
func (d *desk) drop(number int64) {
	d.pages[number%int64(len(d.pages))].number = 0
	d.read = false
}

// read gives a page, which is the caller's to change until the next call.
func (x *index) read(number int64) ([]byte, error) {
	page := x.buffer[:]
	if x.desk == nil || number == 0 {
		return page, x.fetch(page, number)
	}
	kept, there := x.desk.at(number)
	if !there {
		if err := x.fetch(kept, number); err != nil {
			x.desk.drop(number)
			return nil, err
		}
	}
	copy(page, kept)
	return page, nil
}

func (x *index) fetch(page []byte, number int64) error {
	if n, err := x.ReadAt(page, number*pageSize); n < pageSize {
		return errors.Join(errIndex, err)
	}
	if !isSealed(page, number) {
		return errIndex
	}
	return nil
}

func (x *index) write(page []byte, number int64) error {
	seal(page, number)
	_, err := x.WriteAt(page, number*pageSize)
	switch {
	case x.desk == nil:
	case err != nil:
		x.desk.drop(number) // what is there now is not known
	case number > 0:
		kept, _ := x.desk.at(number)
		copy(kept, page)
	}
	return err
}
