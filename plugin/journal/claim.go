package journal

import (
	"context"
	"errors"
	"time"

	"github.com/kes-respond/kes-respond/shared"
)

// Claim is one request's place in the ledger. Its methods are called by one
// goroutine, in the order of their names here, each before the next step
// leaves the process. An error from Sending means that nothing may be sent;
// after it the others write whatever becomes of ctx.
type Claim struct {
	j     *Journal // nil: nothing is kept
	at    place
	claim line
	progress
	record Record
	seq    uint64 // of the last line about it
}

// Record is what the ledger knows of the request. It is a copy from the moment
// of the claim.
func (c *Claim) Record() Record { return c.record }

// Sending records that the incident is about to be added, and the time that it
// will carry. It is not flushed: a killed process leaves it behind, and after a
// power failure a claim alone is in doubt.
func (c *Claim) Sending(ctx context.Context, added time.Time) error {
	p := c.progress
	p.Stage, p.AddedAt = Sending, &added
	return c.write(ctx, string(Sending), p, false, (*turn).here)
}

// Stored records the incident that KSC made. A killed process leaves that
// behind; Flush puts it on the disk, and may do so while the second step is on
// its way. After a power failure before that the claim is in doubt.
func (c *Claim) Stored(ctx context.Context, incident int64, added time.Time) error {
	return c.stored(ctx, incident, added, false, nil)
}

// Flush returns when all that was recorded of the request is on the disk. It may
// be called from another goroutine, and has returned before the next line is
// recorded.
func (c *Claim) Flush() error {
	if c.j == nil || c.seq == 0 {
		return nil
	}
	return c.j.sync(c.seq)
}

// Found is Stored and Flush for an incident whose number was lost and that a search
// brought back. Where another request of the same server has that incident it
// is an error of kind Taken, and nothing is recorded: of several who lost the
// same answer one gets the incident. Stored asks nobody, for KSC may count anew
// after it was brought back from a backup; then the newer request has it.
func (c *Claim) Found(ctx context.Context, incident int64, added time.Time) error {
	return c.stored(ctx, incident, added, true, func(t *turn) error {
		k, found, err := t.byIncident(c.claim.Server, incident)
		if err != nil || !found || k.claim.Seq == c.claim.Seq {
			return err
		}
		return &Error{
			Kind: Taken, Message: "incident " + decimal(incident) + " belongs to request " + k.claim.ID.Text(),
			Assistance: "Look on the console whether this request has an incident of its own.",
		}
	})
}

func (c *Claim) stored(ctx context.Context, incident int64, added time.Time, durable bool, may func(*turn) error) error {
	p := c.progress
	p.Stage, p.Incident, p.AddedAt = Stored, incident, &added
	return c.write(ctx, string(Stored), p, durable, may)
}

// Updated says that the incident's second step is done. It has no line of its
// own: the next one, by Ended or Release, tells it as well. A process that is
// killed before that leaves the request as stored, and whoever takes it over does
// the second step again, which may be repeated.
func (c *Claim) Updated() {
	if c.j != nil && c.Outcome == "" {
		c.progress.Stage = Updated
	}
}

// Ended records the outcome. It is flushed, save for Submitted, which says no
// more than Stored did and, where Updated was called, what may be repeated, and for
// Pending of a request whose end was asked for, which the claim says already.
func (c *Claim) Ended(ctx context.Context, o shared.Outcome, code shared.Code, message string) error {
	p := c.progress
	p.Outcome, p.Code, p.Message = o, code, shortened(message, maxMessage)
	known := o == shared.Submitted || o == shared.Pending && code == "" && p.Stage == Updated && c.claim.Wait == shared.WaitDone
	return c.write(ctx, eventEnded, p, !known, nil)
}

// Release gives the request back without an end: it is in doubt from here on, as
// if this process had died, and Adopt takes it over. The claim is of no use
// any more.
func (c *Claim) Release(ctx context.Context) error {
	err := c.write(ctx, eventReleased, c.progress, false, nil)
	if err == nil {
		c.Outcome = shared.Unknown // nothing more is written
	}
	return err
}

// recordBound is how long the ledger may take to write of what was sent.
const recordBound = 10 * time.Second

// write writes a line about the request, where may, asked in the same turn,
// lets it.
func (c *Claim) write(ctx context.Context, event string, p progress, durable bool, may func(*turn) error) error {
	if c.j == nil {
		return nil
	}
	if c.Outcome != "" {
		return errors.New("the request has ended already")
	}
	if event != string(Sending) {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(context.WithoutCancel(ctx), recordBound)
		defer cancel()
	}
	j := c.j
	if p.AddedAt != nil {
		added := p.AddedAt.UTC().Truncate(time.Millisecond)
		p.AddedAt = &added
	}
	l := line{Event: event, Of: c.claim.Seq, Claim: c.at, By: j.self, Boot: j.boot, progress: p}
	if event == eventReleased {
		l.By = ""
	}
	if p.Incident != 0 {
		l.Server = c.claim.Server
	}
	l.counted(c.claim)
	var seq uint64
	err := j.exclusive(ctx, func(t *turn) error {
		if may != nil {
			if err := may(t); err != nil {
				return err
			}
		}
		_, err := t.append(l)
		seq = t.x.covered.seq
		return err
	})
	if err == nil {
		c.seq = seq
	}
	if err == nil && durable {
		err = j.sync(seq)
	}
	switch e, is := errors.AsType[*Error](err); {
	case err == nil:
		c.progress = p
	case event == string(Stored) && (!is || e.Kind != Taken):
		// The incident is there, whatever the ledger says: the next line tells of it.
		c.progress.Incident, c.progress.AddedAt = p.Incident, p.AddedAt
	}
	return err
}
