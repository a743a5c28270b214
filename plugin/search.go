package plugin

import (
	"context"
	"errors"
	"time"

	"github.com/kes-respond/kes-respond/plugin/journal"
	"github.com/kes-respond/kes-respond/plugin/ksc"
	"github.com/kes-respond/kes-respond/shared"
)

// lost is an order that was sent and whose answer nobody has read.
type lost struct {
	record  journal.Record
	journal *journal.Journal
	added   time.Time // as it was sent; zero where that is not known
	since   time.Time // nothing of it is older
	from    time.Time // about when its answer was lost
}

// lost is this request as one whose answer was just lost.
func (o *order) lost(added time.Time) lost {
	return lost{record: o.claim.Record(), journal: o.journal, added: added, since: added, from: time.Now()}
}

// look is one time at which KSC is asked for a lost order.
type look struct {
	at   time.Time
	last bool
}

const (
	lookTime = 2 * time.Second // what a look needs of the time that is left
	// dayBefore is how much earlier the last look begins: KSC may hold the time
	// of an incident otherwise than it was sent, by a zone's offset at most.
	dayBefore = 25 * time.Hour
)

// looks are 1, 3, 10 and 30 s after the loss. Of those that are due at once one
// is enough, and the last is taken before the deadline; whole says that it
// still is what it should be.
func (l lost) looks(now time.Time, deadline time.Time) (all []look, whole bool) {
	from := l.from
	if from.After(now) { // the clock was set back
		from = now
	}
	for _, after := range []time.Duration{time.Second, 3 * time.Second, 10 * time.Second, 30 * time.Second} {
		at := from.Add(after)
		if !deadline.IsZero() && at.After(deadline.Add(-lookTime)) {
			return append(all, look{deadline.Add(-lookTime), true}), false
		}
		if n := len(all); n > 0 && !all[n-1].at.After(now) && !at.After(now) {
			all = all[:n-1]
		}
		all = append(all, look{at, after == 30*time.Second})
	}
	return all, true
}

// finding is what a search for a lost order came to.
type finding struct {
	hits   []ksc.Incident // that are its own
	unsure int            // incidents of which that cannot be told
	whole  bool           // every look was taken, and the last saw all there is
	err    error          // why the last look saw nothing
}

// nothing says that KSC surely shows nothing of it.
func (f finding) nothing() bool { return f.whole && len(f.hits) == 0 && f.unsure == 0 }

// ended says that searching on would find no more.
func (f finding) ended() bool { return f.whole || len(f.hits) > 0 }

// search looks for a lost order. It ends with the first look that finds
// something, or with ctx. A look that fails is repeated only where it is the
// last.
func (s *server) search(ctx context.Context, l lost) (f finding) {
	deadline, _ := ctx.Deadline()
	all, whole := l.looks(time.Now(), deadline)
	for _, one := range all {
		if !sleep(ctx, time.Until(one.at)) {
			return finding{err: ctx.Err()}
		}
		ask := s.once
		if one.last {
			ask = s.talk
		}
		err := ask(ctx, func() (err error) {
			f, err = l.look(ctx, s, one.last)
			return err
		})
		f.err, f.whole = err, err == nil && one.last && whole
		if len(f.hits) > 0 {
			break
		}
	}
	return f
}

// look gives the incidents that are this order's. One that carries its mark
// surely is. Where none carries a mark, for that was switched off or KSC does
// not keep white space, one is that says the same, was added with the same
// time, and may be nobody else's. Each look goes over a new connection: those
// of the pool may still wait for what was lost.
func (l lost) look(ctx context.Context, s *server, last bool) (f finding, err error) {
	c, release := s.client.Apart()
	defer release()
	since := l.since.Truncate(time.Second)
	if last {
		since = since.Add(-dayBefore)
	}
	all, err := c.FindIncidents(ctx, l.record.HostID, since, mostIncidents)
	if e, ok := errors.AsType[*ksc.Error](err); err != nil && !(ok && e.Kind == ksc.KindTruncated) {
		return finding{}, err
	}
	var alike []ksc.Incident
	for _, in := range all {
		switch nonce, isMarked := nonceOf(in.Body); {
		case isMarked && nonce == l.record.Nonce:
			f.hits = append(f.hits, in)
		case !isMarked && l.same(in):
			alike = append(alike, in)
		}
	}
	if len(f.hits) > 0 {
		return f, nil // its mark is enough, though not all was seen
	}
	if err != nil {
		return finding{}, err
	}
	return l.ours(ctx, alike)
}

// ours tells which of the incidents that say the same may be nobody else's.
func (l lost) ours(ctx context.Context, alike []ksc.Incident) (f finding, err error) {
	if len(alike) == 0 {
		return f, nil
	}
	open, err := l.journal.Unsettled(ctx)
	if err != nil {
		return f, err
	}
	rival := false
	for _, r := range open {
		rival = rival || r.Seq != l.record.Seq && r.Incident == 0 && r.Server == l.record.Server && r.Digest == l.record.Digest
	}
	for _, in := range alike {
		owner, owned, err := l.journal.ByIncident(ctx, l.record.Server, in.ID)
		switch {
		case err != nil:
			return finding{}, err
		case owned && owner.Seq != l.record.Seq:
		case rival || l.added.IsZero() || !in.Added.Equal(l.added):
			f.unsure++
		default:
			f.hits = append(f.hits, in)
		}
	}
	return f, nil
}

// same says that an incident asks for the same, and was added with the same
// time as far as that is known.
func (l lost) same(in ksc.Incident) bool {
	a, ok := readBody(in.Body)
	if !ok || a.Task != l.record.Task || !l.added.IsZero() && !in.Added.Equal(l.added) {
		return false
	}
	params, flaws := parseParams(a)
	return len(flaws) == 0 && l.journal.SameDigest(l.record, digest(a.TargetHost, a.Task, params.JSON()))
}

// adopt ends a request whose order was lost: with the one incident that is its
// own, or as unknown. Where the search has not come to its end the request is
// given back, so that the next who cares searches on. cause is what became of
// the answer; nil where its process is dead.
func (o *order) adopt(ctx context.Context, added time.Time, f finding, cause error) shared.Result {
	if len(f.hits) == 1 {
		in := f.hits[0]
		if added.IsZero() {
			added = in.Added
		}
		err := o.claim.Found(ctx, in.ID, added)
		if err == nil || !isTaken(err) {
			return o.stored(ctx, attempt{added: added, incident: in.ID, second: errNotTried, lapses: err})
		}
		f.hits = nil
	}
	result := o.unknown(added, f, cause)
	if f.ended() {
		return o.end(ctx, result)
	}
	o.open = false
	return unrecorded(result, o.claim.Release(ctx))
}
