package journal

import (
	"context"
	"math/rand/v2"

	"github.com/kes-respond/kes-respond/shared"
)

// buryAtMost bounds how many other processes one looks at when it begins, so
// that a crowd of short-lived ones does not look at each other.
const buryAtMost = 8

// bury removes the files of some processes that died without doing so.
func (j *Journal) bury() error {
	dir, err := j.root.Open(liveFolder)
	if err != nil {
		return j.placeError("its folder "+liveFolder+" cannot be read", err)
	}
	defer dir.Close()
	names, err := dir.Readdirnames(-1)
	if err != nil {
		return j.placeError("its folder "+liveFolder+" cannot be read", err)
	}
	rand.Shuffle(len(names), func(a, b int) { names[a], names[b] = names[b], names[a] })
	for _, name := range names[:min(len(names), buryAtMost)] {
		alive, err := j.isAlive(name)
		if err == nil && !alive {
			_ = j.root.Remove(liveName(name))
		}
	}
	return nil
}

// Unsettled lists what somebody has to look after, oldest first: requests
// without an outcome, and those that ended as pending or unknown. Its cost is
// theirs, not that of the ledger.
func (j *Journal) Unsettled(ctx context.Context) ([]Record, error) {
	if j.root == nil {
		return nil, nil
	}
	var all []Record
	err := j.exclusive(ctx, func(t *turn) error {
		claims, err := t.places()
		if err != nil {
			return err
		}
		for _, p := range claims {
			k, found, err := t.known(p)
			if err != nil {
				return err
			}
			if !found || !k.last.open() {
				continue
			}
			r, err := t.living(k)
			if err != nil {
				return err
			}
			all = append(all, r)
		}
		return nil
	})
	return all, err
}

// InDoubt lists the requests without an outcome whose process is dead, oldest
// first. Adopt takes one over.
func (j *Journal) InDoubt(ctx context.Context) ([]Record, error) {
	all, err := j.Unsettled(ctx)
	var dead []Record
	for _, r := range all {
		if r.InDoubt() {
			dead = append(dead, r)
		}
	}
	return dead, err
}

// Adopt takes over a request that is in doubt, or that ended as pending,
// unknown or submitted, to find out how it ended; until its Ended it has no
// outcome. Of several processes exactly one gets it; the others get an error of
// kind Taken. The claim is on the disk.
func (j *Journal) Adopt(ctx context.Context, r Record) (*Claim, error) {
	taken := &Error{Kind: Taken, Message: "request " + r.ID.Text() + " has been settled, or is being settled", Assistance: "Look it up again."}
	if j.root == nil {
		return nil, taken
	}
	var c *Claim
	var seq uint64
	err := j.present(ctx, func(t *turn) error {
		k, found, err := t.byNumber(r.Seq)
		if err != nil {
			return err
		}
		if !found || k.claim.Event != string(Claimed) {
			return taken
		}
		switch k.last.Outcome {
		case "":
			now, err := t.living(k)
			if err != nil {
				return err
			}
			if now.Running {
				return taken
			}
		case shared.Pending, shared.Unknown, shared.Submitted:
		default:
			return taken
		}
		c, err = t.adopt(k)
		seq = t.x.covered.seq
		return err
	})
	if err == nil {
		err = j.sync(seq)
	}
	if err != nil {
		return nil, err
	}
	return c, nil
}

func (t *turn) adopt(k known) (*Claim, error) {
	j := t.j
	p := k.last.progress
	p.Outcome, p.Code, p.Message = "", "", ""
	if p.Stage == Claimed && j.otherBoot(k.last.Boot) {
		p.Stage = Sending // the line that said so may be lost
	}
	l := line{Event: eventAdopted, Of: k.claim.Seq, Claim: k.at, By: j.self, Boot: j.boot, User: j.options.User, PID: j.options.PID, progress: p}
	if _, err := t.append(l); err != nil {
		return nil, err
	}
	k.last = l
	k.last.Seq = t.x.covered.seq
	return t.own(k), nil
}
