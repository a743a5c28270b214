package plugin

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/kes-respond/kes-respond/plugin/guard"
	"github.com/kes-respond/kes-respond/plugin/journal"
	"github.com/kes-respond/kes-respond/shared"
)

// decide looks for a suspension, anew for each request, and then asks the policy.
func (o *order) decide() guard.Decision {
	if s := o.journal.Suspended(); s != nil && changesHost(o.params.Effects()) {
		return guard.Decision{Rule: "suspended", Code: shared.Suspended, Reason: fmt.Sprintf("sending is suspended since %s by %s: %s", s.At.Format(time.RFC3339), s.User, s.Reason)}
	}
	return o.policy().Decide(o.question())
}

// changesHost says whether effects leave a host otherwise than a person who has
// suspended all wants it: a release undoes what may have been done too much.
func changesHost(effects []shared.Effect) bool {
	return slices.ContainsFunc(effects, func(e shared.Effect) bool {
		return e != shared.Reads && e != shared.Scans && e != shared.Releases
	})
}

func (o *order) question() guard.Question {
	q := guard.Question{Task: o.task.Name, Effects: o.params.Effects(), Host: o.facts}
	for _, p := range o.params.Paths() {
		q.Paths = append(q.Paths, guard.Path(p))
	}
	return q
}

// limit asks the policy how much may be sent, in the turn in which the request is
// claimed. Where that is too much, d says so from then on.
func (o *order) limit(u journal.Usage, d *guard.Decision) *journal.Refusal {
	o.outstanding, _ = u.Outstanding(guard.QuotaSpan, 1)
	limited := o.policy().Limit(o.question(), u)
	if limited.Allowed {
		return nil
	}
	*d = limited
	return &journal.Refusal{Code: limited.Code, Rule: limited.Rule, Reason: limited.Reason}
}

// foresee is decide for a request that is not claimed: it says as well what the
// limits would make of it now. A ledger that cannot be asked refuses nothing.
func (o *order) foresee(ctx context.Context) guard.Decision {
	d := o.decide()
	if d.Allowed {
		_, _ = o.journal.Rehearse(ctx, o.entry(d), func(u journal.Usage) *journal.Refusal { return o.limit(u, &d) })
	}
	return d
}

// forbidden refuses what a decision does not allow.
func (o *order) forbidden(d guard.Decision) shared.Result {
	e := &shared.Error{Code: d.Code, Message: d.Reason}
	switch d.Code {
	case shared.Policy:
		e.Assistance = "Ask those who keep the policy; kes-respond policy test shows what each of its rules says."
	case shared.Suspended:
		e.Assistance = "Ask those who suspended it; kes-respond resume ends it."
	case shared.Cap:
		e.Retryable, e.Assistance = true, "Send it again when it is possible, or have the policy's cap raised; kes-respond journal shows what was sent."
	case shared.Quota:
		e.Retryable, e.Assistance = true, "Send it again when some tasks have finished; the console shows them. The policy's quota decides how many places are kept."
	}
	return o.refused(e)
}
