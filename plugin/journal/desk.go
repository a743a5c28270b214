package journal

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
