package journal

import (
	"context"

	"github.com/kes-respond/kes-respond/shared"
)

// Left records that a request is open, and what whoever waited for its end was
// told instead of it: pending, or unknown, and why. Empty, code and message say
// that somebody waits.
//
// It is for a request that KSC has taken whole and whose claim has ended. What is
// known better stays, and nothing is written: that it has finished, is unknown, or
// that its second step is not done. Nor is what stands there already.
//
// It is not flushed: what it adds is not needed to look the request up again. It is
// written whatever becomes of ctx.
func (j *Journal) Left(ctx context.Context, seq uint64, o shared.Outcome, code shared.Code, message string) error {
	if o != shared.Pending && o != shared.Unknown {
		return notFollowed(seq, "nobody is left waiting by "+string(o))
	}
	if j.root == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), recordBound)
	defer cancel()
	message = shortened(message, maxMessage)
	return j.exclusive(ctx, func(turn *turn) error {
		k, found, err := turn.byNumber(seq)
		if err != nil || !found || !j.record(k).followable() {
			return err
		}
		p := k.last.progress
		if code == "" {
			if p.Outcome != shared.Submitted {
				return nil
			}
			message = p.Message
		}
		if p.Outcome == o && p.Code == code && p.Message == message {
			return nil
		}
		p.Outcome, p.Code, p.Message = o, code, message
		_, err = turn.append(k.next(eventEnded, p))
		return err
	})
}

// followable says that KSC has taken a request whole, and no more is known of it.
func (r Record) followable() bool {
	return r.Incident != 0 && r.TakenByKSC() && !r.Finished()
}
