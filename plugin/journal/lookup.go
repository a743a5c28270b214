package journal

import (
	"context"
	"os"
	"time"

	"github.com/kes-respond/kes-respond/shared"
)

// Prior is an earlier request that answers for a new one.
type Prior struct {
	Record
	j *Journal
}

// The pauses between two looks at the ledger in Wait: from the first, doubled,
// to the longest.
const (
	firstPause   = 2 * time.Millisecond
	longestPause = 250 * time.Millisecond
)

// Wait returns when the earlier request has an outcome, or is in doubt because
// its process died, wherever that process runs. When ctx ends first it returns
// what is known by then beside the error.
func (p *Prior) Wait(ctx context.Context) (Record, error) {
	r := p.Record
	pause := firstPause
	var seen uint64
	var looked time.Time
	for r.Outcome == "" && r.Running {
		select {
		case <-ctx.Done():
			return r, ctx.Err()
		case <-time.After(pause):
		}
		pause = min(2*pause, longestPause)
		now, sure := p.j.peek()
		if sure && now == seen && time.Since(looked) < time.Second {
			continue // nobody has written a line
		}
		seen, looked = now, time.Now()
		next, found, err := p.j.BySeq(ctx, r.Seq)
		if err != nil || !found {
			return r, err
		}
		r = next
	}
	return r, nil
}

// peek is the number of the last line, read without a turn; not sure when
// somebody was writing it.
func (j *Journal) peek() (seq uint64, sure bool) {
	f, err := j.root.OpenFile(indexFile, os.O_RDONLY|noFollow, 0)
	if err != nil {
		return 0, false
	}
	defer f.Close()
	var page [pageSize]byte
	if _, err := f.ReadAt(page[:], 0); err != nil {
		return 0, false
	}
	h, err := readHeader(page[:])
	return h.covered.seq, err == nil
}

// BySeq looks a request up by its number in the ledger.
func (j *Journal) BySeq(ctx context.Context, seq uint64) (Record, bool, error) {
	return j.lookUp(ctx, func(t *turn) (known, bool, error) { return t.byNumber(seq) })
}

// ByKey looks up the request that used an idempotency key.
func (j *Journal) ByKey(ctx context.Context, key string) (Record, bool, error) {
	return j.lookUp(ctx, func(t *turn) (known, bool, error) {
		return t.ask(t.j.hash(byKey, key), func(l line) bool { return l.Event == string(Claimed) && l.IdempotencyKey == key })
	})
}

// ByID looks up the last request with an id. It may be one that was refused, or
// that another answered.
func (j *Journal) ByID(ctx context.Context, id shared.ID) (Record, bool, error) {
	return j.lookUp(ctx, func(t *turn) (known, bool, error) {
		return t.ask(t.j.hash(byID, string(id)), func(l line) bool { return l.ID == id })
	})
}

// ByIncident looks up the request that made an incident, the newest where KSC
// counted anew.
func (j *Journal) ByIncident(ctx context.Context, server string, incident int64) (Record, bool, error) {
	return j.lookUp(ctx, func(t *turn) (known, bool, error) { return t.byIncident(server, incident) })
}

func (t *turn) byIncident(server string, incident int64) (known, bool, error) {
	k, found, err := t.ask(t.j.hash(byIncident, server, decimal(incident)), func(l line) bool {
		return l.Event == string(Claimed) && l.Server == server
	})
	return k, found && k.last.Incident == incident, err
}

func (t *turn) ask(h hash, fits func(line) bool) (known, bool, error) {
	at, l, found, err := t.find(h, fits)
	if err != nil || !found {
		return known{}, false, err
	}
	k, err := t.become(at, l)
	return k, err == nil, err
}

func (j *Journal) lookUp(ctx context.Context, question func(*turn) (known, bool, error)) (r Record, found bool, err error) {
	if j.root == nil {
		return r, false, nil
	}
	err = j.exclusive(ctx, func(t *turn) error {
		var k known
		if k, found, err = question(t); err != nil || !found {
			return err
		}
		r, err = t.living(k)
		return err
	})
	return r, found && err == nil, err
}
