package plugin

import (
	"context"
	"strconv"

	"github.com/kes-respond/kes-respond/plugin/ksc"
	"github.com/kes-respond/kes-respond/plugin/task"
	"github.com/kes-respond/kes-respond/shared"
)

// Status says where an earlier request stands, as far as its incident tells:
// that KSC holds it. What became of the console task is not followed in this
// version, so the best it says is pending.
func (p *Plugin) Status(ctx context.Context, r shared.Request, _ func(shared.Event)) shared.Result {
	p.running.Add(1)
	defer p.running.Done()
	ctx, cancel := p.bounded(ctx, r)
	defer cancel()

	o := &order{plugin: p, request: r}
	id, refusal := p.statusOf(o)
	defer o.leave()
	if refusal != nil {
		return o.refused(refusal)
	}
	var incident ksc.Incident
	err := o.server.talk(ctx, func() (err error) {
		incident, err = o.server.client.Incident(ctx, id)
		return err
	})
	if ksc.IsNotFound(err) {
		return o.refused(noSuch("is no incident that this KSC server holds"))
	}
	if err != nil {
		return o.notSent(ctx, err)
	}
	body, asks := readBody(incident.Body)
	if _, known := task.Lookup(body.Task); !asks || !known {
		return o.refused(noSuch("is an incident, but not one that asks for a response task"))
	}
	return o.standing(incident, body.Task, body.TargetHost)
}

// noSuch refuses a number that fits the contract and means nothing here.
func noSuch(message string) *shared.Error {
	return &shared.Error{
		Code: shared.BadRequest, Message: "the number " + message,
		Assistance: "Check the number and the server: both stand in the result of the request.",
		Violations: []shared.Violation{{Pointer: "/incident/id", Message: message}},
	}
}

func (p *Plugin) statusOf(o *order) (int64, *shared.Error) {
	violations := notCarriedOut(o.request)
	name := o.request.Server
	if o.request.Incident.Server != "" {
		if name != "" && name != o.request.Incident.Server {
			violations = append(violations, shared.Violation{Pointer: "/incident/server", Message: "is another server than /server"})
		}
		name = o.request.Incident.Server
	}
	to, found := p.destination(o.request, name)
	violations = append(violations, found...)
	id, err := strconv.ParseInt(o.request.Incident.ID, 10, 64)
	if err != nil || id < 1 {
		violations = append(violations, shared.Violation{Pointer: "/incident/id", Message: "must be a number from 1 to 9223372036854775807"})
	}
	if len(violations) > 0 {
		return 0, shared.Refuse(violations...)
	}
	return id, o.enter(to)
}

func (o *order) standing(incident ksc.Incident, name, target string) shared.Result {
	o.host = shared.Host{ID: incident.Host}
	result := o.result(shared.Pending, nil)
	result.Task, result.TargetHost = name, target
	result.Incident = &shared.Incident{Server: o.server.name, ID: strconv.FormatInt(incident.ID, 10)}
	if !incident.Added.IsZero() {
		result.Incident.AddedAt = &incident.Added
	}
	result.Message = "KSC holds the request"
	if incident.HandledKnown {
		result.Message += ", its incident marked as " + map[bool]string{true: "handled", false: "not handled"}[incident.Handled]
	}
	result.Message += "; look for the console task in KSC: this version does not follow it"
	return result
}
