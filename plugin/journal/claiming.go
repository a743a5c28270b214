package journal

import "context"

// Claim records the decision on a request. It gives exactly one of these:
//
//   - a Claim, on the disk: go on;
//   - a Prior: an earlier request answers for this one, nothing may be sent;
//   - neither: the entry was a refusal, and is recorded;
//   - an *Error: nothing may be sent.
//
// An earlier request answers when it was claimed under the same idempotency
// key, whatever became of it; a different request under a used key is an error
// of kind Reused. Without a key, and where the effects change a host, an equal
// request answers that was claimed within the duplicate window and is not known
// to have come to its end (no outcome yet, submitted or pending), or that has
// ended well and had set the slot of this one to the same value; in both cases
// only while nothing newer may have set that slot otherwise.
//
// The ledger knows only what went through it. A caller who was answered without
// a key, and then reads from KSC that somebody else has changed the slot since,
// claims again with Past set to the number of that Prior: it and what came
// before do not answer any more. Of several who saw the same Prior, and claim
// again like this, one gets the Claim, and that one answers the others.
//
// What is allowed and answered by nobody is put before limit, unless that is
// nil: in the same turn, so that of several requests for the last place one gets
// it. What it refuses is recorded as refused. It must not call the ledger, nor
// wait for who does: it may run in the goroutine of another caller.
//
// ctx bounds the wait for the ledger. Concurrent claims share a flush.
func (j *Journal) Claim(ctx context.Context, e Entry, limit Limit) (*Claim, *Prior, error) {
	if j.root == nil {
		return &Claim{}, nil, nil
	}
	var w writing
	err := j.present(ctx, func(t *turn) error { return t.claim(j.recorded(e), limit, &w) })
	if err == nil && w.seq > 0 {
		err = j.sync(w.seq)
	}
	if err != nil {
		return nil, nil, err
	}
	if w.rotated {
		_ = j.settle(context.WithoutCancel(ctx)) // it costs time after a power failure, no more
	}
	return w.claim, w.prior, nil
}

// writing is what a claim comes to.
type writing struct {
	claim   *Claim
	prior   *Prior
	seq     uint64 // to be flushed
	rotated bool
}

func (t *turn) claim(e Entry, limit Limit, w *writing) (err error) {
	j := t.j
	k, answered, err := t.answer(e)
	if err != nil {
		return err
	}
	if e.Allowed && !answered {
		if err := t.limited(&e, limit); err != nil {
			return err
		}
	}
	l := line{Event: string(Claimed), By: j.self, Boot: j.boot, User: j.options.User, PID: j.options.PID, Entry: e, progress: progress{Stage: Claimed}}
	if answered {
		r, err := t.living(k)
		if err != nil {
			return err
		}
		w.prior = &Prior{r, j}
		l.Event, l.Of, l.Claim, l.Stage = eventAnswered, k.claim.Seq, k.at, ""
		l.Baseline = nil
		if t.room() != nil {
			return nil // where it is full it still answers
		}
		_, err = t.append(l)
		return err
	}
	if w.rotated, err = t.rotate(); err != nil {
		return err
	}
	if t.room() != nil {
		if err := t.prune(); err != nil {
			return err
		}
	}
	if err := t.room(); err != nil {
		return err
	}
	if !e.Allowed {
		l.Event, l.Stage, l.Baseline = eventRefused, "", nil
	} else if err := t.lookBack(&l); err != nil {
		return err
	}
	l.At = timeNow()
	at, err := t.append(l)
	if err != nil {
		return err
	}
	w.seq = t.x.covered.seq
	l.Seq = w.seq
	if e.Allowed {
		w.claim = t.own(known{at, l, l})
	}
	return nil
}

func (t *turn) own(k known) *Claim {
	r := t.j.record(k)
	r.Running = true
	return &Claim{j: t.j, at: k.at, claim: k.claim, progress: k.last.progress, record: r}
}

// room refuses what would make the ledger larger than it may be. What was
// claimed is written to its end even then.
func (t *turn) room() error {
	size := t.x.sealed + t.x.covered.at.offset()
	if size < t.j.options.MaxBytes {
		return nil
	}
	return &Error{
		Kind: Full, Message: "the ledger in " + t.j.dir + " has reached the bound of its size, and nothing in it is old enough to be dropped",
		Assistance: "Raise the bound of the ledger's size, or lower the time for which requests are remembered.",
	}
}
