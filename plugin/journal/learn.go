package journal

import (
	"errors"
	"strconv"

	"github.com/kes-respond/kes-respond/shared"
)

// The index answers these questions; each has a hash of its own.
const (
	byNumber   = "number"   // of a claim: the last line about it
	byID       = "id"       // of a request: its last claim, refusal or answer
	byKey      = "key"      // an idempotency key: the claim that used it
	byEqual    = "equal"    // server and digest: the last claim of an equal request
	bySlot     = "slot"     // server, host and slot: the last claim on it
	byIncident = "incident" // server and incident: its claim
	byTask     = "task"     // server and console task, and host where it is that host's alone: the claim of the request that it carries out

	ofEffect = "effect" // an effect, or all that counts: its gauge
	ofServer = "server" // a server: the gauge of its outstanding requests
	ofHost   = "host"   // server and host: that it is isolated
)

// hash is keyed, so that nobody can choose two requests that share one. It is
// used in turns.
func (j *Journal) hash(question string, parts ...string) (h hash) {
	b := append(make([]byte, 0, 256), question...)
	for _, p := range parts {
		b = append(b, ' ')
		b = strconv.AppendInt(b, int64(len(p)), 10)
		b = append(b, ':')
		b = append(b, p...)
	}
	m := j.prover.chain(mac{}, b)
	copy(h[:], m[:])
	return h
}

func decimal[T int64 | uint64](n T) string { return strconv.FormatInt(int64(n), 10) }

// learn takes a line into the index. Learning it again changes nothing.
func (t *turn) learn(l line, at place) error {
	for {
		err := t.note(l, at)
		room, is := errors.AsType[roomError](err)
		if !is {
			return err
		}
		if err := t.grow(room); err != nil {
			return err
		}
	}
}

func (t *turn) note(l line, at place) error {
	j, x := t.j, t.x
	switch l.Event {
	case eventOpened, eventTorn, eventSuspended, eventResumed:
		return nil
	case eventPruned:
		return t.forget(l)
	case eventRefused, eventAnswered:
		return errors.Join(x.put(j.hash(byNumber, decimal(l.Seq)), at), x.put(j.hash(byID, string(l.ID)), at))
	case string(Claimed):
		if err := t.noteClaim(l, at); err != nil {
			return err
		}
		return t.countClaim(l, at)
	}
	if err := x.put(j.hash(byNumber, decimal(l.Of)), at); err != nil || l.Claim.segment() < x.first {
		return err
	}
	if l.Incident != 0 && l.Server != "" {
		if err := x.put(j.hash(byIncident, l.Server, decimal(l.Incident)), l.Claim); err != nil {
			return err
		}
	}
	if l.ConsoleTask != nil && l.Event != eventAdopted { // that does not name the server
		if err := x.put(j.hashOfTask(l.Server, l.HostID, l.ConsoleTask.ID), l.Claim); err != nil {
			return err
		}
	}
	switch l.Event {
	case eventAdopted:
		return x.addOpen(l.Claim)
	case string(Stored):
		return t.countStored(l)
	case eventEnded:
		change := x.removeOpen
		if l.open() {
			change = x.addOpen
		}
		if err := change(l.Claim); err != nil {
			return err
		}
		return t.countEnd(l)
	}
	return nil
}

func (t *turn) noteClaim(l line, at place) error {
	j, x := t.j, t.x
	hashes := []hash{j.hash(byNumber, decimal(l.Seq)), j.hash(byID, string(l.ID))}
	if l.IdempotencyKey != "" {
		hashes = append(hashes, j.hash(byKey, l.IdempotencyKey))
	}
	if changesHost(l.Effects) {
		hashes = append(hashes, j.hash(byEqual, l.Server, l.Digest))
	}
	if l.Slot != "" {
		hashes = append(hashes, j.hash(bySlot, l.Server, l.HostID, l.Slot))
	}
	for _, h := range hashes {
		if err := x.put(h, at); err != nil {
			return err
		}
	}
	return x.addOpen(at)
}

// forget drops the segments that a line says were pruned.
func (t *turn) forget(l line) error {
	t.pruned = max(t.pruned, l.Through)
	if t.x.first > l.Through {
		return nil
	}
	t.x.sealed -= l.Bytes
	t.x.first = l.Through + 1
	all, err := t.x.open()
	for _, p := range all {
		if p.segment() < t.x.first {
			err = errors.Join(err, t.x.removeOpen(p))
		}
	}
	return err
}

// changesHost says whether an effect leaves a host other than it was: to
// repeat a look at it is harmless.
func changesHost(effects []shared.Effect) bool {
	for _, e := range effects {
		if e != shared.Reads && e != shared.Scans {
			return true
		}
	}
	return false
}

// known is a request as the ledger tells it: its claim and its last line.
type known struct {
	at    place
	claim line
	last  line
}

// find gives the line that the index has for a question, proved to be the one
// asked for. An index that leads astray is made anew, once.
func (t *turn) find(h hash, fits func(line) bool) (p place, l line, found bool, err error) {
	for {
		p, err = t.x.get(h)
		if err == nil && p.segment() < t.x.first {
			return 0, l, false, nil
		}
		if err == nil {
			if l, err = t.line(p); err == nil && fits(l) {
				return p, l, true, nil
			}
		}
		switch {
		case err != nil && !errors.Is(err, errIndex):
			return 0, l, false, err
		case t.rebuilt && err == nil:
			return 0, l, false, nil
		case t.rebuilt:
			return 0, l, false, t.j.damaged(p, "the line there cannot be proved", nil)
		}
		if err := t.rebuild(); err != nil {
			return 0, l, false, err
		}
	}
}

// known reads what became of the claim at a place; not found when there is none
// that can be proved.
func (t *turn) known(at place) (known, bool, error) {
	claim, err := t.line(at)
	if errors.Is(err, errIndex) && !t.rebuilt {
		if err = t.rebuild(); err == nil {
			claim, err = t.line(at)
		}
	}
	if errors.Is(err, errIndex) {
		return known{}, false, nil
	}
	if err != nil {
		return known{}, false, err
	}
	k, err := t.become(at, claim)
	return k, err == nil, err
}

// become reads what became of a claim.
func (t *turn) become(at place, claim line) (known, error) {
	k := known{at, claim, claim}
	if claim.Event != string(Claimed) {
		return k, nil
	}
	_, last, found, err := t.find(t.j.hash(byNumber, decimal(claim.Seq)), func(l line) bool {
		return l.Seq == claim.Seq || l.Of == claim.Seq
	})
	if err == nil && !found {
		err = t.j.damaged(at, "the last line about the claim there cannot be found", nil)
	}
	k.last = last
	return k, err
}

// byNumber reads a request by the number of its claim.
func (t *turn) byNumber(seq uint64) (k known, found bool, err error) {
	at, l, found, err := t.find(t.j.hash(byNumber, decimal(seq)), func(l line) bool { return l.Seq == seq || l.Of == seq })
	if err != nil || !found {
		return known{}, false, err
	}
	if l.Of == seq && l.Seq != seq {
		at = l.Claim
	}
	if at.segment() < t.x.first {
		return known{}, false, nil
	}
	return t.known(at)
}
