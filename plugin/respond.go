package plugin

import (
	"context"
	"crypto/sha256"
	"encoding/hex"

	"github.com/kes-respond/kes-respond/plugin/guard"
	"github.com/kes-respond/kes-respond/plugin/journal"
	"github.com/kes-respond/kes-respond/plugin/task"
	"github.com/kes-respond/kes-respond/shared"
)

// order is a request on its way: each stage of Respond adds what it found.
type order struct {
	request shared.Request
	server  *server
	task    *task.Task
	params  task.Params
	host    shared.Host
	body    string
	claim   *journal.Claim
}

// Respond carries out one request: parse, resolve, decide, claim, send. It
// never lets an error pass for a success: what is not known is unknown.
func (p *Plugin) Respond(ctx context.Context, r shared.Request, emit func(shared.Event)) shared.Result {
	p.running.Add(1)
	defer p.running.Done()
	ctx, cancel := p.bounded(ctx, r)
	defer cancel()

	o, refusal := p.parse(r)
	if refusal != nil {
		return o.refused(refusal)
	}
	var err error
	if o.host, err = o.resolve(ctx); err != nil {
		return o.notSent(ctx, err)
	}
	o.body = task.Body(o.host.ID, o.task.Name, o.params.JSON(), p.area(r))
	decision := p.config.Policy.Decide(guard.Question{Task: o.task.Name, Effects: o.params.Effects(), Host: o.host})
	if r.DryRun {
		return o.planned(decision, emit)
	}
	j, err := p.ledger.get(ctx)
	if err != nil {
		return o.refused(journalError(err))
	}
	if o.claim, _, err = j.Claim(ctx, o.entry(decision)); err != nil {
		return o.refused(journalError(err))
	}
	if !decision.Allowed {
		return o.refused(&shared.Error{Code: decision.Code, Message: decision.Reason})
	}
	emit(shared.Event{Accepted: &shared.Accepted{Host: o.host}})
	for _, w := range o.params.Warnings() {
		emit(shared.Event{Progress: &shared.Progress{Stage: shared.StageWarning, Message: w}})
	}
	result := o.send(ctx)
	if result.Incident != nil {
		emit(shared.Event{Progress: &shared.Progress{Stage: shared.StageSubmitted, Incident: result.Incident}})
	}
	return result
}

// bounded is ctx with the request's own time limit; it ends early when the
// Plugin is closed.
func (p *Plugin) bounded(ctx context.Context, r shared.Request) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithTimeout(ctx, r.TimeLimit())
	unhook := context.AfterFunc(p.closing, cancel)
	return ctx, func() { unhook(); cancel() }
}

// parse checks all of the request that can be checked without asking anyone,
// and names all that is wrong at once.
func (p *Plugin) parse(r shared.Request) (*order, *shared.Error) {
	o := &order{request: r}
	violations := notCarriedOut(r)
	var ok bool
	if o.task, ok = task.Lookup(r.Task); !ok {
		violations = append(violations, unknownTask(r.Task).Violations...)
	} else {
		var found []shared.Violation
		o.params, found = o.task.Parse(r.Params)
		violations = append(violations, found...)
	}
	var missing *shared.Violation
	if o.server, missing = p.server(r.Server); missing != nil && !o.needsNoServer(p) {
		violations = append(violations, *missing)
	}
	if len(violations) > 0 {
		return o, shared.Refuse(violations...)
	}
	return o, nil
}

// needsNoServer says that a request can be planned before anything is
// configured: a dry run that looks nothing up.
func (o *order) needsNoServer(p *Plugin) bool {
	r := o.request
	return len(p.servers) == 0 && r.Server == "" && r.DryRun && r.HostLookup == shared.LookupNever
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
		{"idempotencyKey", r.IdempotencyKey != ""},
		{"allowDuplicate", r.AllowDuplicate},
		{"connection", r.Connection != nil},
		{"actor", r.Actor != ""},
		{"reason", r.Reason != ""},
		{"caseId", r.CaseID != ""},
	} {
		if m.used {
			found = append(found, shared.Violation{Pointer: shared.Pointer(m.name), Message: "is not carried out by this version; leave it out"})
		}
	}
	return found
}

func (p *Plugin) area(r shared.Request) string {
	if r.ResponseEventIncidentArea != "" {
		return r.ResponseEventIncidentArea
	}
	return p.config.Area
}

func (o *order) entry(d guard.Decision) journal.Entry {
	return journal.Entry{
		ID: o.request.ID, Server: o.server.name, Task: o.task.Name, HostID: o.host.ID,
		Effects: o.params.Effects(), Digest: o.digest(), Allowed: d.Allowed, Rule: d.Rule, Decision: d.Reason, RefusalCode: d.Code,
	}
}

func (o *order) digest() string {
	sum := sha256.Sum256([]byte(o.body))
	return hex.EncodeToString(sum[:])
}

// planned is the end of a dry run: everything but the sending.
func (o *order) planned(d guard.Decision, emit func(shared.Event)) shared.Result {
	if !d.Allowed {
		return o.refused(&shared.Error{Code: d.Code, Message: d.Reason})
	}
	emit(shared.Event{Accepted: &shared.Accepted{Host: o.host}})
	plan := &shared.Plan{
		BodySHA256: o.digest(), BodyBytes: len(o.body), Decision: d.Reason, Warnings: o.params.Warnings(),
	}
	if !o.params.Sensitive() {
		plan.Body = o.body
	}
	result := o.result(shared.Planned, nil)
	result.Plan = plan
	result.Message = "dry run: nothing was sent"
	return result
}
