package plugin

import (
	"github.com/kes-respond/kes-respond/plugin/task"
	"github.com/kes-respond/kes-respond/shared"
)

// parse checks all of the request that can be checked without asking anyone,
// and names all that is wrong at once.
func (p *Plugin) parse(r shared.Request) (*order, *shared.Error) {
	o := &order{plugin: p, request: r}
	violations := notCarriedOut(r)
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
	o.server, o.release = s, release
	return nil
}

func (o *order) leave() {
	if o.release != nil {
		o.release()
	}
}

// needsNoServer says that a request can be planned before anything is
// configured: a dry run that looks nothing up.
func (o *order) needsNoServer() bool {
	r := o.request
	return len(o.plugin.servers) == 0 && r.Server == "" && r.Connection == nil && r.DryRun && r.HostLookup == shared.LookupNever
}

// notCarriedOut refuses the members that this version knows and does not
// carry out yet: to ignore one would be to promise what is not kept.
func notCarriedOut(r shared.Request) []shared.Violation {
	var found []shared.Violation
	for _, m := range []struct {
		name string
		used bool
	}{
		{"wait", r.Wait == shared.WaitDone},
	} {
		if m.used {
			found = append(found, shared.Violation{Pointer: shared.Pointer(m.name), Message: "is not carried out by this version; leave it out"})
		}
	}
	return found
}

// area is the calling application, part of the console task's name.
func (o *order) area() string {
	if o.request.ResponseEventIncidentArea != "" {
		return o.request.ResponseEventIncidentArea
	}
	return o.plugin.config.Area
}
