package plugin

import (
	"context"
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
	sent    time.Time // about when it left; nothing of it is older
}

// lost is this request as one whose answer was lost.
func (o *order) lost(added time.Time) lost {
	l := lost{record: o.claim.Record(), journal: o.journal, added: added, sent: added}
	if added.IsZero() {
		l.sent = l.record.At
	}
	return l
}

// looks are when KSC is asked for a lost order, counted from its sending.
func looks() []time.Duration {
	return []time.Duration{time.Second, 3 * time.Second, 10 * time.Second, 30 * time.Second}
}

const (
	lookTime = 2 * time.Second // what a look needs of the time that is left
	// dayBefore is how much earlier the last look begins: KSC may hold the time
	// of an incident otherwise than it was sent, by a zone's offset at most.
	dayBefore = 25 * time.Hour
)

// finding is what a search for a lost order came to.
type finding struct {
	hits  []ksc.Incident // that are ours, or may be
	whole bool           // every look was taken, and the last saw all there is
	err   error          // why the last look saw nothing
}

// nothing says that KSC surely shows nothing of it.
func (f finding) nothing() bool { return f.whole && len(f.hits) == 0 }

// search looks for a lost order. It ends with the first look that finds
// something, or with ctx; the last look is taken before the time is over. A
// look that fails is repeated only where it is the last.
func (s *server) search(ctx context.Context, l lost) (f finding) {
	at := looks()
	for i, after := range at {
		when, last := l.sent.Add(after), i == len(at)-1
		f.whole = last
		if deadline, bounded := ctx.Deadline(); bounded && when.After(deadline.Add(-lookTime)) {
			when, last = deadline.Add(-lookTime), true
		}
		if !last && i+1 < len(at) && time.Now().After(l.sent.Add(at[i+1])) {
			continue // the next is due as well
		}
		if !sleep(ctx, time.Until(when)) {
			return finding{err: ctx.Err()}
		}
		ask := s.once
		if last {
			ask = s.talk
		}
		f.err = ask(ctx, func() (err error) {
			f.hits, err = l.look(ctx, s, last)
			return err
		})
		f.whole = f.whole && f.err == nil
		if last || f.err == nil && len(f.hits) > 0 {
			return f
		}
	}
	return f
}

// look gives the incidents that are this order's. One that carries its mark
// surely is. Where none carries a mark, for that was switched off or KSC does
// not keep white space, one is that says the same, was added with the same
// time, and is known to the ledger as nobody else's. Each look goes over a new
// connection: those of the pool may still wait for what was lost.
func (l lost) look(ctx context.Context, s *server, last bool) ([]ksc.Incident, error) {
	c, release := s.client.Apart()
	defer release()
	since := l.sent.Truncate(time.Second)
	if last {
		since = since.Add(-dayBefore)
	}
	all, err := c.FindIncidents(ctx, l.record.HostID, since, mostIncidents)
	if err != nil {
		return nil, err
	}
	var sure, alike []ksc.Incident
	for _, in := range all {
		nonce, isMarked := nonceOf(in.Body)
		switch {
		case isMarked && nonce == l.record.Nonce:
			sure = append(sure, in)
		case isMarked || !l.same(in):
		default:
			owner, owned, err := l.journal.ByIncident(ctx, l.record.Server, in.ID)
			if err != nil {
				return nil, err
			}
			if !owned || owner.Seq == l.record.Seq {
				alike = append(alike, in)
			}
		}
	}
	if len(sure) > 0 {
		return sure, nil
	}
	return alike, nil
}

// same says that an incident asks for the same and was added with the same time.
func (l lost) same(in ksc.Incident) bool {
	a, ok := readBody(in.Body)
	if !ok || a.Task != l.record.Task || !l.added.IsZero() && !in.Added.Equal(l.added) {
		return false
	}
	params, flaws := parseParams(a)
	return len(flaws) == 0 && l.journal.SameDigest(l.record, digest(a.TargetHost, a.Task, params.JSON()))
}

// adopt ends a request whose order was lost: with the one incident that is its
// own, or as unknown. cause is what became of the answer; nil where its process
// is dead.
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
	if f.err != nil && o.leaving.Err() != nil {
		o.open = false
		return o.unknown(added, f, cause) // this process leaves it in doubt, and the next one searches on
	}
	return o.end(ctx, o.unknown(added, f, cause))
}
