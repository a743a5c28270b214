package plugin

import (
	"fmt"
	"slices"

	"github.com/kes-respond/kes-respond/plugin/task"
	"github.com/kes-respond/kes-respond/shared"
)

// parse checks all of the request that can be checked without asking anyone,
// and names all that is wrong at once.
func (p *Plugin) parse(r shared.Request) (*order, *shared.Error) {
	o := &order{plugin: p, request: r, nonce: newNonce()}
	violations := append(p.notCarriedOut(r), o.unmarkable()...)
	var ok bool
	if o.task, ok = task.Lookup(r.Task); !ok {
		violations = append(violations, unknownTask(r.Task).Violations...)
	} else {
		var found []shared.Violation
		o.params, found = o.task.Parse(r.Params)
		violations = append(violations, found...)
	}
	to, found := p.destination(r, r.Server)
	if o.server = to.server; !o.needsNoServer() {
		violations = append(violations, found...)
	}
	if len(violations) > 0 {
		return o, shared.Refuse(violations...)
	}
	return o, o.enter(to)
}

// enter holds the server until leave.
func (o *order) enter(to destination) *shared.Error {
	s, release, refusal := o.plugin.enter(to)
	if refusal != nil {
		return refusal
	}
	o.server, o.leaving = s, append(o.leaving, release)
	return nil
}

// leave gives back what the request held, the last thing first.
func (o *order) leave() {
	for _, give := range slices.Backward(o.leaving) {
		give()
	}
}

// needsNoServer says that a request can be planned before anything is
// configured: a dry run that looks nothing up.
func (o *order) needsNoServer() bool {
	r := o.request
	return len(o.plugin.servers) == 0 && r.Server == "" && r.Connection == nil && r.DryRun && r.HostLookup == shared.LookupNever
}

// notCarriedOut refuses what this configuration does not carry out: to ignore it
// would be to promise what is not kept.
func (p *Plugin) notCarriedOut(r shared.Request) []shared.Violation {
	if r.Wait == shared.WaitDone && p.config.FollowCalls == 0 {
		return []shared.Violation{{Pointer: shared.Pointer("wait"), Message: "cannot be done here: the configuration has requests followed by no calls (followCalls: 0)"}}
	}
	return nil
}

// markerDigits is how much of a request's nonce stands in its area: one in four
// thousand million is the same.
const markerDigits = 8

// mostMarked is how long an area may be that gets a marker.
const mostMarked = 32 - markerDigits - 1

// unmarkable refuses an area that leaves no room for a marker.
func (o *order) unmarkable() []shared.Violation {
	if !o.request.Marker || len(o.plainArea()) <= mostMarked {
		return nil
	}
	return []shared.Violation{{
		Pointer: shared.Pointer("marker"),
		Message: fmt.Sprintf("needs room in responseEventIncidentArea, which has %d characters; at most %d are left for it", len(o.plainArea()), mostMarked),
	}}
}

// area is the calling application, part of the console task's name, and the
// marker behind it where the request wants one.
func (o *order) area() string {
	if o.request.Marker {
		return o.plainArea() + "-" + o.nonce[:markerDigits]
	}
	return o.plainArea()
}

func (o *order) plainArea() string {
	if o.request.ResponseEventIncidentArea != "" {
		return o.request.ResponseEventIncidentArea
	}
	return o.plugin.config.Area
}
