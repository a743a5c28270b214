package journal

import (
	"errors"
	"slices"
	"time"

	"github.com/kes-respond/kes-respond/shared"
)

// answer finds the earlier request that answers for a new one.
func (t *turn) answer(e Entry) (known, bool, error) {
	if e.IdempotencyKey != "" {
		return t.answerByKey(e)
	}
	if !e.Allowed || e.AllowDuplicate || !changesHost(e.Effects) {
		return known{}, false, nil
	}
	at, l, found, err := t.lastEqual(e)
	for err == nil && found && l.Seq > e.Past && t.j.within(l.At) {
		k, err := t.become(at, l)
		if err != nil {
			return known{}, false, err
		}
		if yes, err := t.answers(k, e); err != nil || yes {
			return k, yes, err
		}
		at = l.EqualBefore
		if found = at.segment() >= t.x.first; found {
			l, err = t.provedLine(at)
		}
		if err != nil {
			return known{}, false, err
		}
	}
	return known{}, false, err
}

func (t *turn) answerByKey(e Entry) (known, bool, error) {
	at, l, found, err := t.find(t.j.hash(byKey, e.IdempotencyKey), func(l line) bool {
		return l.Event == string(Claimed) && l.IdempotencyKey == e.IdempotencyKey
	})
	if err != nil || !found {
		return known{}, false, err
	}
	k, err := t.become(at, l)
	if err != nil {
		return known{}, false, err
	}
	if l.Server == e.Server && l.Digest == e.Digest && l.HostID == e.HostID && l.Task == e.Task {
		return k, true, nil
	}
	r, err := t.living(k)
	if err != nil {
		return known{}, false, err
	}
	return known{}, false, &Error{
		Kind: Reused, Message: "the idempotency key was used on " + l.At.Format(time.RFC3339) + " for a different request (" + l.Task + ", id " + l.ID.Text() + ")",
		Assistance: "Give each request a key of its own; the same key is for the same request sent again.", Prior: &Prior{r, t.j},
	}
}

func (t *turn) lastEqual(e Entry) (place, line, bool, error) {
	return t.find(t.j.hash(byEqual, e.Server, e.Digest), func(l line) bool {
		return l.Event == string(Claimed) && l.Server == e.Server && l.Digest == e.Digest
	})
}

func (t *turn) lastOnSlot(e Entry) (place, line, bool, error) {
	return t.find(t.j.hash(bySlot, e.Server, e.HostID, e.Slot), func(l line) bool {
		return l.Event == string(Claimed) && l.Server == e.Server && l.HostID == e.HostID && l.Slot == e.Slot
	})
}

// answers says whether an equal request within the window answers for a new one.
func (t *turn) answers(k known, e Entry) (bool, error) {
	switch k.last.Outcome {
	case "", shared.Submitted, shared.Pending:
	case shared.Succeeded, shared.Partial:
		if e.Slot == "" || k.claim.Slot != e.Slot || k.claim.Value != e.Value {
			return false, nil
		}
	default:
		return false, nil
	}
	if e.Slot == "" {
		return true, nil
	}
	if again, err := t.isolatedSince(k, e); err != nil || again {
		return false, err
	}
	at, l, found, err := t.lastOnSlot(e)
	for err == nil && found && at > k.at {
		if l.Value != e.Value {
			newer, err := t.become(at, l)
			if err != nil {
				return false, err
			}
			if mayHaveSet(newer.last.Outcome) {
				return false, nil
			}
		}
		at = l.SlotBefore
		if found = at > k.at; found {
			l, err = t.provedLine(at)
		}
	}
	return err == nil, err
}

// isolatedSince says that a host was isolated since an earlier release of it, by
// what sets no slot as well: a scan does it when it finds something.
func (t *turn) isolatedSince(k known, e Entry) (bool, error) {
	if !slices.Contains(e.Effects, shared.Releases) {
		return false, nil
	}
	host := t.j.hash(ofHost, e.Server, e.HostID)
	since := func(h held) bool { return h.host == host && h.claim > k.at }
	_, page, _, err := t.x.eachHeld(since)
	if errors.Is(err, errIndex) && !t.rebuilt {
		if err = t.rebuild(); err == nil {
			_, page, _, err = t.x.eachHeld(since)
		}
	}
	return page != 0, t.j.wrap("its index cannot be read", err)
}

// mayHaveSet says whether a request with that outcome may have reached its
// host. One without an outcome is about to.
func mayHaveSet(o shared.Outcome) bool {
	switch o {
	case shared.Failed, shared.Refused, shared.Cancelled:
		return false
	}
	return true
}

// lookBack notes in a new claim which ones within the window came before it, so
// that a later one finds them.
func (t *turn) lookBack(l *line) error {
	if changesHost(l.Effects) {
		at, before, found, err := t.lastEqual(l.Entry)
		if err != nil {
			return err
		}
		if found && t.j.within(before.At) {
			l.EqualBefore = at
		}
	}
	if l.Slot != "" {
		at, before, found, err := t.lastOnSlot(l.Entry)
		if err != nil {
			return err
		}
		if found && t.j.within(before.At) {
			l.SlotBefore = at
		}
	}
	return nil
}

// within says whether a time is inside the duplicate window. A clock that was
// set back makes no window longer than it is.
func (j *Journal) within(at time.Time) bool {
	age := time.Since(at)
	return age.Abs() < j.options.DuplicateWindow
}
