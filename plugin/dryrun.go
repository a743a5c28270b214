package plugin

import (
	"context"
	"crypto/sha256"
	"encoding/hex"

	"github.com/kes-respond/kes-respond/plugin/journal"
	"github.com/kes-respond/kes-respond/shared"
)

// ifAnyLedger takes the ledger for a request that sends nothing.
func (o *order) ifAnyLedger(ctx context.Context) {
	var err error
	if o.journal, err = o.plugin.ledger.get(ctx); err != nil {
		o.journal = &journal.Journal{}
	}
}

// rehearse is a dry run: everything but the claim and the sending. It needs no
// ledger and leaves nothing in it; where there is one a suspension counts, and so
// does what was sent lately.
func (o *order) rehearse(ctx context.Context, emit func(shared.Event)) shared.Result {
	o.ifAnyLedger(ctx)
	if err := o.address(ctx); err != nil {
		return o.notSent(ctx, err)
	}
	decision := o.foresee(ctx)
	if !decision.Allowed {
		o.warnOfPolicy(emit)
		return o.forbidden(decision)
	}
	emit(shared.Event{Accepted: &shared.Accepted{Host: o.host}})
	o.warnOfExpiry(emit)
	o.warnOfPolicy(emit)
	sum := sha256.Sum256([]byte(o.body))
	plan := &shared.Plan{
		BodySHA256: hex.EncodeToString(sum[:]), BodyBytes: len(o.body), Decision: decision.Reason, Warnings: o.warnings(),
	}
	if !o.params.Sensitive() {
		plan.Body = o.body
	}
	result := o.result(shared.Planned, nil)
	result.Plan = plan
	result.Message = "dry run: nothing was sent"
	return result
}
