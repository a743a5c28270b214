package plugin

import (
	"context"

	"github.com/kes-respond/kes-respond/plugin/guard"
	"github.com/kes-respond/kes-respond/plugin/journal"
	"github.com/kes-respond/kes-respond/plugin/ksc"
	"github.com/kes-respond/kes-respond/plugin/task"
	"github.com/kes-respond/kes-respond/shared"
)

// order is a request on its way: each stage of Respond adds what it found.
type order struct {
	plugin  *Plugin
	request shared.Request
	server  *server
	leaving []func() // what is to be given back
	task    *task.Task
	params  task.Params
	host    shared.Host
	facts   guard.Host // what the policy may look at
	ruling  *ruling    // nil until the policy was asked
	body    string     // without the mark

	journal  *journal.Journal
	first    *journal.Record // under the same key; nil where there was none
	recalled bool            // host comes from there
	claim    *journal.Claim
	open     bool // the claim has no end yet, and is ours to end

	outstanding int // requests to the server, when this one was claimed

	nonce    string            // by which its incident, and where it has a marker its console task, is known
	seen     *ksc.Host         // as it was looked up
	baseline *journal.Baseline // the host's console tasks before it was sent; nil: not read
	remarks  []string          // of what may keep it from being carried out
	entered  journal.Entry     // as it was put before the ledger
	record   journal.Record    // of what is followed
}

// Respond carries out one request: parse, resolve, decide, claim, send, follow.
// It never lets an error pass for a success: what is not known is unknown.
func (p *Plugin) Respond(ctx context.Context, r shared.Request, emit func(shared.Event)) shared.Result {
	p.running.Add(1)
	defer p.running.Done()
	ctx, cancel := p.bounded(ctx, r)
	defer cancel()

	o, refusal := p.parse(r)
	defer o.leave()
	if refusal != nil {
		return o.refused(refusal)
	}
	if r.DryRun {
		return o.rehearse(ctx, emit)
	}
	var err error
	if o.first, err = o.recall(ctx); err != nil {
		return o.notRecorded(ctx, err)
	}
	if err := o.address(ctx); err != nil {
		return o.notAddressed(ctx, err)
	}
	decision := o.decide()
	if decision.Allowed && !o.recalled {
		o.survey(ctx)
	}
	if result := o.take(ctx, decision); result != nil {
		o.warnOfPolicy(emit)
		return o.follow(ctx, *result, emit)
	}
	defer o.broken(ctx)
	if result := o.tell(ctx, emit); result != nil {
		return *result
	}
	result := o.send(ctx)
	if result.Incident != nil {
		emit(shared.Event{Progress: &shared.Progress{Stage: shared.StageSubmitted, Incident: result.Incident}})
	}
	o.warnOfExpiry(emit) // the first connection may be that of the order
	return o.follow(ctx, result, emit)
}

// tell says that the request was accepted, and what to know of it. Where nobody
// listens until ctx ends nothing is sent, and the claim ends at once: an equal
// request does not have to wait for that listener.
func (o *order) tell(ctx context.Context, emit func(shared.Event)) *shared.Result {
	var result *shared.Result
	gaveUp := make(chan struct{})
	heard := context.AfterFunc(ctx, func() {
		defer close(gaveUp)
		result = new(o.end(ctx, o.notSent(ctx, ctx.Err())))
	})
	inTime := false
	defer func() { // a listener that panics leaves nobody behind
		if !inTime && !heard() {
			<-gaveUp
		}
	}()
	emit(shared.Event{Accepted: &shared.Accepted{Host: o.host}})
	for _, w := range o.warnings() {
		emit(shared.Event{Progress: &shared.Progress{Stage: shared.StageWarning, Message: w}})
	}
	o.warnOfExpiry(emit)
	if inTime = heard(); inTime {
		return nil
	}
	<-gaveUp
	return result
}

// bounded is ctx with the request's own time limit; it ends early when the
// Plugin is closed.
func (p *Plugin) bounded(ctx context.Context, r shared.Request) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithTimeout(ctx, r.TimeLimit())
	unhook := context.AfterFunc(p.closing, cancel)
	return ctx, func() { unhook(); cancel() }
}

// address finds the host, where the ledger has not named it already, reads of it
// what the policy looks at, and writes the incident's body for it.
func (o *order) address(ctx context.Context) (err error) {
	if !o.recalled { // else the first request was judged already
		if o.host, err = o.resolve(ctx); err != nil {
			return err
		}
		if err := o.learn(ctx); err != nil {
			return err
		}
	}
	o.body = task.Body(o.host.ID, o.task.Name, o.params.JSON(), o.area())
	return nil
}
