package plugin

import (
	"context"
	"strconv"
	"strings"

	"github.com/kes-respond/kes-respond/plugin/journal"
	"github.com/kes-respond/kes-respond/plugin/ksc"
	"github.com/kes-respond/kes-respond/plugin/task"
	"github.com/kes-respond/kes-respond/shared"
)

// Status says where an earlier request stands: what the ledger knows of its end,
// or else what KSC's incident and console task tell now. With wait done it looks
// on until there is no more to see.
func (p *Plugin) Status(ctx context.Context, r shared.Request, emit func(shared.Event)) shared.Result {
	p.running.Add(1)
	defer p.running.Done()
	ctx, cancel := p.bounded(ctx, r)
	defer cancel()

	o := &order{plugin: p, request: r}
	refusal := o.about(ctx)
	defer o.leave()
	if refusal != nil {
		return o.refused(refusal)
	}
	if o.record.Seq != 0 && (o.record.Finished() || o.record.Incident == 0) {
		return o.fromLedger(ctx)
	}
	stored, refusal, err := o.held(ctx)
	switch {
	case refusal != nil:
		return o.refused(refusal)
	case err != nil:
		return o.notSent(ctx, err)
	case !o.server.follows():
		stored.Message += "; what becomes of its console task is not looked at here (followCalls: 0)"
		return stored
	}
	_ = o.server.once(ctx, func() error { return o.server.askConsole(ctx) }) // what it does not say is not told
	enough := func(s sight) bool { return s.over() || s.whole && !s.state.Final() }
	if r.Wait == shared.WaitDone {
		enough = sight.over
	}
	return o.concluded(ctx, stored, o.watch(ctx, 0, emit, enough))
}

// noSuch refuses what fits the contract and means nothing here.
func noSuch(pointer, what, message string) *shared.Error {
	return &shared.Error{
		Code: shared.BadRequest, Message: what + " " + message,
		Assistance: "Check it and the server: both stand in the result of the request.",
		Violations: []shared.Violation{{Pointer: pointer, Message: message}},
	}
}

// about finds the request that is asked about in the ledger, where that has it,
// and the server that its incident is on.
func (o *order) about(ctx context.Context) *shared.Error {
	r := o.request
	violations := o.plugin.notCarriedOut(r)
	name := r.Server
	if r.Incident != nil {
		if r.Incident.Server != "" {
			if name != "" && name != r.Incident.Server {
				violations = append(violations, shared.Violation{Pointer: "/incident/server", Message: "is another server than /server"})
			}
			name = r.Incident.Server
		}
		id, err := strconv.ParseInt(r.Incident.ID, 10, 64)
		if err != nil || id < 1 {
			violations = append(violations, shared.Violation{Pointer: "/incident/id", Message: "must be a number from 1 to 9223372036854775807"})
		}
		o.record.Incident = id
	} else if name == "" && r.Connection == nil { // the ledger says where it is
		if refusal := o.byID(ctx); refusal != nil {
			return refusal
		}
		name = o.record.Server
	}
	to, found := o.plugin.destination(r, name)
	if violations = append(violations, found...); len(violations) > 0 {
		return shared.Refuse(violations...)
	}
	if refusal := o.enter(to); refusal != nil {
		return refusal
	}
	if r.Incident != nil {
		o.ifAnyLedger(ctx) // what is refused leaves none behind
		if known, is, err := o.journal.ByIncident(ctx, o.server.name, o.record.Incident); err == nil && is {
			o.record = known
		}
		return nil
	}
	if refusal := o.byID(ctx); refusal != nil {
		return refusal
	}
	if o.record.Server != o.server.name {
		return shared.Refuse(shared.Violation{Pointer: "/target", Message: "is of a request to another server, " + o.record.Server})
	}
	return nil
}

// byID finds a request by its id; where another answered for it, that one.
func (o *order) byID(ctx context.Context) *shared.Error {
	o.ifAnyLedger(ctx)
	r, found, err := o.journal.ByID(ctx, o.request.Target)
	for err == nil && found && r.DuplicateOf != 0 {
		r, found, err = o.journal.BySeq(ctx, r.DuplicateOf)
	}
	if err != nil {
		e := journalError(err)
		e.Message = "the ledger cannot be asked: " + err.Error()
		return e
	}
	if !found {
		return noSuch("/target", "the id", "is of no request that the ledger on this machine knows")
	}
	o.record = r
	return nil
}

// fromLedger is the result of a request whose end the ledger knows, or which made
// no incident.
func (o *order) fromLedger(ctx context.Context) shared.Result {
	r := o.record
	o.request.Task, o.request.TargetHost = r.Task, r.Target
	if r.Outcome == "" {
		return o.stillRunning(ctx, r)
	}
	result := o.sameAs(r)
	result.DuplicateOf = ""
	result.Message, result.ConsoleTask = r.Message, r.ConsoleTask
	if r.Finished() {
		result = o.ended(result, r)
	}
	return result
}

// held reads the incident: KSC holds the request.
func (o *order) held(ctx context.Context) (stored shared.Result, refusal *shared.Error, err error) {
	const at, what = "/incident/id", "the number"
	var incident ksc.Incident
	err = o.server.talk(ctx, func() (err error) {
		incident, err = o.server.client.Incident(ctx, o.record.Incident)
		return err
	})
	if ksc.IsNotFound(err) {
		return stored, noSuch(at, what, "is no incident that this KSC server holds"), nil
	}
	if err != nil {
		return stored, nil, err
	}
	body, asks := readBody(incident.Body)
	if _, known := task.Lookup(body.Task); !asks || !known {
		return stored, noSuch(at, what, "is an incident, but not one that asks for a response task"), nil
	}
	if r := o.record; r.Seq != 0 && (body.Task != r.Task || incident.Host != "" && !strings.EqualFold(incident.Host, r.HostID)) {
		return stored, noSuch(at, what, "is another request's in KSC than in the ledger: KSC has counted anew"), nil
	}
	if o.record.Seq == 0 {
		o.record = journal.Record{Incident: incident.ID, Entry: journal.Entry{
			Server: o.server.name, Task: body.Task, Target: body.TargetHost, HostID: incident.Host, Area: body.Area,
		}}
		if params, flaws := parseParams(body); len(flaws) == 0 {
			o.record.Effects = params.Effects()
		}
	}
	o.host = shared.Host{ID: incident.Host, Name: o.record.HostName}
	stored = o.result(shared.Pending, nil)
	stored.Task, stored.TargetHost, stored.Undo = body.Task, o.record.Target, o.record.Undo
	stored.Incident = &shared.Incident{Server: o.server.name, ID: strconv.FormatInt(incident.ID, 10)}
	if !incident.Added.IsZero() {
		stored.Incident.AddedAt = &incident.Added
		o.record.AddedAt = &incident.Added
	}
	stored.Message = "KSC holds the request"
	if incident.HandledKnown {
		stored.Message += ", its incident marked as " + map[bool]string{true: "handled", false: "not handled"}[incident.Handled]
	}
	return stored, nil, nil
}
