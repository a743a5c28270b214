package plugin

import (
	"context"

	"github.com/kes-respond/kes-respond/plugin/guard"
	"github.com/kes-respond/kes-respond/shared"
)

// Judged is what each rule of the policy says of a request.
type Judged struct {
	Allowed  bool            `json:"allowed"`
	Reason   string          `json:"reason"`
	Host     shared.Host     `json:"host"`
	Verdicts []guard.Verdict `json:"verdicts"`
}

// Judge finds the host of a request and says what the policy makes of it, rule
// by rule. It sends nothing to a host and leaves nothing in the ledger. Without
// an answer the result says why there is none.
func (p *Plugin) Judge(ctx context.Context, r shared.Request) (*Judged, *shared.Result) {
	p.running.Add(1)
	defer p.running.Done()
	ctx, cancel := p.bounded(ctx, r)
	defer cancel()
	r.DryRun = true
	o, refusal := p.parse(r)
	defer o.leave()
	if refusal != nil {
		return nil, new(o.refused(refusal))
	}
	o.ifAnyLedger(ctx)
	if err := o.address(ctx); err != nil {
		return nil, new(o.notSent(ctx, err))
	}
	d := o.foresee(ctx)
	return &Judged{d.Allowed, d.Reason, o.host, o.policy().Verdicts(o.question())}, nil
}
