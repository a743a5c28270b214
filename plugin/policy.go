package plugin

import (
	"context"
	"fmt"
	"slices"

	"github.com/kes-respond/kes-respond/plugin/guard"
	"github.com/kes-respond/kes-respond/shared"
)

// ruling is the policy of one request, with what a person should know of it.
type ruling struct {
	policy  guard.Policy
	warning string
}

// ruling asks what counts now; without a policy nothing is forbidden.
func (c Config) ruling() *ruling {
	var r ruling
	if c.Policy != nil {
		r.policy, r.warning = c.Policy()
	}
	return &r
}

// policy is taken when the request first needs it, as late as can be, and is
// its policy from then on: what is read of its host and what decides must not
// come from two.
func (o *order) policy() guard.Policy {
	if o.ruling == nil {
		o.ruling = o.plugin.config.ruling()
	}
	return o.ruling.policy
}

// warnings are what a person should know of a request that was judged.
func (o *order) warnings() []string {
	all := append(slices.Clip(o.params.Warnings()), o.remarks...)
	if o.ruling != nil && o.ruling.warning != "" {
		all = append([]string{o.ruling.warning}, all...)
	}
	if o.outstanding >= guard.QuotaWarning {
		all = append(all, fmt.Sprintf("%d requests of the last %d minutes to this server are not known to have finished; KSC keeps %d console tasks and drops the oldest, finished or not",
			o.outstanding, int(guard.QuotaSpan.Minutes()), guard.QuotaPlaces))
	}
	return all
}

// warnOfPolicy says under which policy a request was judged that is not
// accepted: of one that is, tell says it.
func (o *order) warnOfPolicy(emit func(shared.Event)) {
	if o.ruling != nil && o.ruling.warning != "" {
		emit(shared.Event{Progress: &shared.Progress{Stage: shared.StageWarning, Message: o.ruling.warning}})
	}
}

// judged says whether the policy that counts is the one that is written down.
func (c *checkup) judged(context.Context) (message, warning string, err error) {
	return "what is forbidden is known", c.ruling().warning, nil
}
