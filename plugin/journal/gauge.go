package journal

import (
	"bytes"
	"encoding/binary"
	"time"
)

// A gauge counts requests over time, so that a policy can cap them at a cost
// that does not grow with their number. It is a page of the index for one
// subject, and holds a wheel of counts for each span that can be asked for: a
// count for each of its steps, so that a request is counted for at most one step
// longer than the span.
//
// The page remembers the last line that it counted: a line that is read again
// is counted once. After a power failure it may have counted lines that were
// lost with it; their numbers are given anew, and those lines are not counted in
// their place.
type wheel struct {
	step time.Duration
	many int // steps: one more than the span has, for it may begin within one
	at   int // where in the page
}

var (
	minuteWheel = wheel{time.Second, 61, gaugeHead}
	hourWheel   = wheel{time.Minute, 61, gaugeHead + 8 + 2*61}
	dayWheel    = wheel{15 * time.Minute, 97, gaugeHead + 2*(8+2*61)}
	wheels      = []wheel{minuteWheel, hourWheel, dayWheel}
)

// gaugeHead is what stands in a gauge's page before its wheels: subject, and
// the number of the last line that was counted.
const gaugeHead = pageHead + hashSize + 8

func (w wheel) span() time.Duration { return time.Duration(w.many-1) * w.step }

// bucket is the number of the step that a time lies in.
func (w wheel) bucket(at time.Time) int64 { return at.UnixNano() / int64(w.step) }

func (w wheel) head(page []byte) int64 { return int64(binary.LittleEndian.Uint64(page[w.at:])) }

func (w wheel) count(page []byte, bucket int64) []byte {
	i := int(bucket % int64(w.many))
	return page[w.at+8+2*i:][:2]
}

// turnTo makes room for a step. A clock that was set back by more than the wheel
// holds begins it anew: what it holds then is of a time that has not come.
func (w wheel) turnTo(page []byte, bucket int64) {
	head := w.head(page)
	switch many := int64(w.many); {
	case bucket > head+many || bucket <= head-many:
		clear(page[w.at+8:][:2*w.many])
	case bucket <= head:
		return
	default:
		for b := head + 1; b <= bucket; b++ {
			clear(w.count(page, b))
		}
	}
	binary.LittleEndian.PutUint64(page[w.at:], uint64(bucket))
}

// add counts one more, or one less; not below nothing, nor beyond what is held.
func (w wheel) add(page []byte, at time.Time, by int) {
	bucket := w.bucket(at)
	if head := w.head(page); by < 0 && (bucket <= head-int64(w.many) || bucket > head) {
		return // it is not held: it is too old, or of a time that a clock was set back from
	}
	w.turnTo(page, bucket)
	c := w.count(page, bucket)
	n := int(binary.LittleEndian.Uint16(c)) + by
	binary.LittleEndian.PutUint16(c, uint16(min(max(n, 0), 1<<16-1)))
}

// within walks through the steps of a span that ends at a time, oldest first,
// and through those that a clock which was set back has left after it.
func (w wheel) within(page []byte, now time.Time, span time.Duration, each func(ends time.Time, n int)) {
	head, last := w.head(page), w.bucket(now)
	steps := int64(span / w.step)
	if head-last >= int64(w.many) {
		return
	}
	for b := max(last-steps, head-int64(w.many)+1); b <= head; b++ {
		if n := int(binary.LittleEndian.Uint16(w.count(page, b))); n > 0 {
			each(time.Unix(0, (b+1)*int64(w.step)), n)
		}
	}
}

// isIdle says that a gauge holds nothing that can still be asked for.
func isIdle(page []byte, now time.Time) bool {
	return dayWheel.bucket(now)-dayWheel.head(page) >= int64(dayWheel.many)
}

// wheelOf is the wheel for a span; ok where there is one.
func wheelOf(span time.Duration) (wheel, bool) {
	for _, w := range wheels {
		if span <= w.span() {
			return w, true
		}
	}
	return wheel{}, false
}

// mostProbes is how many pages are looked at for a subject: requests may bring
// any number of servers, and none of them slows the others.
const mostProbes = 16

// mostGauges bounds their pages. Who finds no room in so many shares the first
// one with all the others: then more is counted for each, and never less.
const mostGauges = 1024

// gauge finds the page of a subject; used is false where it has none yet, and
// then the page is the free one that it would have.
func (x *index) gauge(subject hash) (page []byte, number int64, used bool, err error) {
	many := int64(x.gaugePages) - 1
	start := int64(binary.LittleEndian.Uint64(subject[:8]) % uint64(many))
	for i := range min(many, mostProbes) {
		number = x.gaugesAt() + 1 + (start+i)%many
		if page, err = x.read(number); err != nil {
			return nil, 0, false, err
		}
		if count(page) == 0 {
			return page, number, false, nil
		}
		if bytes.Equal(page[pageHead:][:hashSize], subject[:]) {
			return page, number, true, nil
		}
	}
	if x.gaugePages < mostGauges {
		return nil, 0, false, roomGauge
	}
	page, err = x.read(x.gaugesAt())
	return page, x.gaugesAt(), err == nil && count(page) != 0, err
}

// tally counts a line about a request of a subject that was claimed at a time.
func (x *index) tally(subject hash, seq uint64, at time.Time, by int) error {
	page, number, used, err := x.gauge(subject)
	if !used && by < 0 && (err == nil || isRoom(err)) {
		return nil // it was left out, so nothing of it is counted
	}
	if err != nil {
		return err
	}
	if !used {
		copy(page[pageHead:], subject[:])
		setCount(page, 1)
	}
	counted := page[pageHead+hashSize:][:8]
	switch last := binary.LittleEndian.Uint64(counted); {
	case !used:
	case last > seq, last == seq && number != x.gaugesAt(): // there a line may count for two
		return nil
	}
	binary.LittleEndian.PutUint64(counted, seq)
	for _, w := range wheels {
		w.add(page, at, by)
	}
	return x.write(page, number)
}
