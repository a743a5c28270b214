package plugin

import (
	"context"

	"github.com/kes-respond/kes-respond/plugin/guard"
	"github.com/kes-respond/kes-respond/plugin/journal"
	"github.com/kes-respond/kes-respond/plugin/task"
	"github.com/kes-respond/kes-respond/shared"
)

// order is a request on its way: each stage of Respond adds what it found.
type order struct {
	plugin  *Plugin
	leaving context.Context // when it ends, so does this process: what is in doubt is left to the next
	request shared.Request
	server  *server
	task    *task.Task
	params  task.Params
	host    shared.Host
	facts   guard.Host // what the policy may look at
	body    string // without the mark

	journal  *journal.Journal
	recalled bool // host comes from the first request under the key
	claim    *journal.Claim
	open     bool // the claim has no end yet, and is ours to end
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
	if r.DryRun {
		return o.rehearse(ctx, emit)
	}
	first, err := o.recall(ctx)
	if err != nil {
		return o.notRecorded(ctx, err)
	}
	if err := o.address(ctx); err != nil {
		return o.notAddressed(ctx, first, err)
	}
	if result := o.take(ctx, o.decide()); result != nil {
		return *result
	}
	defer o.broken(ctx)
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

// address finds the host, where the ledger has not named it already, reads of it
// what the policy looks at, and writes the incident's body for it.
func (o *order) address(ctx context.Context) (err error) {
	if !o.recalled {
		if o.host, err = o.resolve(ctx); err != nil {
			return err
		}
	}
	if !o.recalled { // else the first request was judged already
		if err := o.learn(ctx); err != nil {
			return err
		}
	}
	o.body = task.Body(o.host.ID, o.task.Name, o.params.JSON(), o.area())
	return nil
}

func (o *order) decide() guard.Decision {
	return o.plugin.config.Policy.Decide(o.question())
}

func (o *order) question() guard.Question {
	q := guard.Question{Task: o.task.Name, Effects: o.params.Effects(), Host: o.facts}
	for _, p := range o.params.Paths() {
		q.Paths = append(q.Paths, guard.Path(p))
	}
	return q
}
