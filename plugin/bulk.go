package plugin

import (
	"context"
	"time"

	"github.com/kes-respond/kes-respond/plugin/guard"
	"github.com/kes-respond/kes-respond/plugin/journal"
)

// What a sender of many requests may ask before it sends the next one. None of
// it asks KSC.

// DefaultServer is the server of a request that names none; "" where there is
// none.
func (p *Plugin) DefaultServer() string { return p.config.Default }

// Outstanding says how many requests to a server are not known to have finished,
// of all processes that share the ledger, and when there will be fewer than most
// though none is seen to finish.
func (p *Plugin) Outstanding(ctx context.Context, server string, most int) (many int, free time.Time, err error) {
	j, err := p.ledger.get(ctx)
	if err != nil {
		return 0, free, err
	}
	_, err = j.Rehearse(ctx, journal.Entry{Server: server}, func(u journal.Usage) *journal.Refusal {
		many, free = u.Outstanding(guard.QuotaSpan, most)
		return nil
	})
	return many, free, err
}

// Earlier is the request in the ledger that used an idempotency key.
func (p *Plugin) Earlier(ctx context.Context, key string) (journal.Record, bool, error) {
	j, err := p.ledger.get(ctx)
	if err != nil {
		return journal.Record{}, false, err
	}
	return j.ByKey(ctx, key)
}

// Digest names a text in a way that tells nothing of it to those who cannot read
// the key of the ledger: keys are made of what may be secret.
func (p *Plugin) Digest(ctx context.Context, text string) (string, error) {
	j, err := p.ledger.get(ctx)
	if err != nil {
		return "", err
	}
	return j.Digest(text), nil
}
