package main

import (
	"context"
	"errors"
	"strings"
	"unicode"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/kes-respond/kes-respond/shared"
)

// desk answers calls. It decides nothing that kes-respond decides, and adds one
// thing: that somebody has agreed.
type desk struct {
	ask     func(context.Context) (shared.Responder, *shared.Error)
	confirm bool            // before a task changes a host
	staying context.Context // ends when this server leaves, and its calls with it
	plans   plans
}

// attend gives a call the context it runs in.
func (d *desk) attend(ctx context.Context) (context.Context, func()) {
	ctx, cancel := context.WithCancel(ctx)
	stop := context.AfterFunc(d.staying, cancel)
	return ctx, func() { stop(); cancel() }
}

// call is one call of a task's tool.
type call struct {
	*mcp.CallToolRequest
	task         task
	request      shared.Request
	confirmation string
	to           shared.Responder
	tell         func(shared.Event)
}

func (d *desk) task(ctx context.Context, r *mcp.CallToolRequest, t task) *mcp.CallToolResult {
	ctx, over := d.attend(ctx)
	defer over()
	c := call{CallToolRequest: r, task: t, request: shared.Request{Type: shared.TypeRespond, Task: t.Name}}
	refusal := c.read(d.confirm)
	c.request.ID = shared.NewID()
	if refusal != nil {
		return c.ended(shared.Refused, refusal)
	}
	c.request.Actor = actorOf(r.ClientInfo())
	if c.to, refusal = d.ask(ctx); refusal != nil {
		return c.ended(shared.Failed, refusal)
	}
	tell, done := progressOf(ctx, r)
	defer done()
	c.tell = tell
	switch {
	case !d.confirm || !t.changes():
		return c.answer(c.to.Respond(ctx, c.request, c.tell), "")
	case c.request.DryRun:
		return d.rehearsed(ctx, c)
	}
	agreed, end := d.consent(ctx, c)
	if end != nil {
		return end
	}
	return c.carriedOut(ctx, agreed)
}

// read fills in the request and the confirmation.
func (c *call) read(confirm bool) *shared.Error {
	names := append([]string{"params"}, taskMembers[:]...)
	if confirm && c.task.changes() {
		names = append(names, argConfirmation)
	}
	args, refusal := readArguments(c.Params.Arguments, names...)
	if refusal != nil {
		return refusal
	}
	if c.confirmation, refusal = args.text(argConfirmation); refusal != nil {
		return refusal
	}
	args["task"] = quoted(c.task.Name)
	r, refusal := args.request(shared.TypeRespond)
	if refusal == nil {
		c.request = r
	}
	return refusal
}

// carriedOut sends what was agreed to: to the host that was found then, even if
// its name leads to another one by now.
func (c call) carriedOut(ctx context.Context, agreed plan) *mcp.CallToolResult {
	bound := c.request
	bound.TargetHost, bound.HostLookup = agreed.host.ID, shared.LookupID
	result := c.to.Respond(ctx, bound, c.tell)
	if result.TargetHost != "" {
		result.TargetHost = c.request.TargetHost
	}
	return c.answer(result, "")
}

// rehearse is the dry run of a call.
func (c call) rehearse(ctx context.Context) shared.Result {
	dry := c.request
	dry.DryRun, dry.Wait = true, shared.WaitSubmit
	return c.to.Respond(ctx, dry, c.tell)
}

func (c call) ended(o shared.Outcome, e *shared.Error) *mcp.CallToolResult {
	return c.answer(shared.Result{Outcome: o, Task: c.task.Name, TargetHost: c.request.TargetHost, Message: e.Message, Error: e}, "")
}

func (c call) answer(r shared.Result, confirmation string) *mcp.CallToolResult {
	return answer(c.request.ID, r, confirmation, findable(c.request.ID, r)...)
}

// actorOf says for the ledger through what a request came, as the client calls
// itself. The person behind it is the user of the operating system.
func actorOf(client *mcp.Implementation) string {
	name := "a client without a name"
	if client != nil && client.Name != "" {
		name = strings.TrimSpace(client.Name + " " + client.Version)
	}
	name = strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) || strings.ContainsRune(" .,:;/_+-()@", r) {
			return r
		}
		return -1 // braces of templates, what is not to be seen, and what was lost
	}, "MCP: "+strings.ToValidUTF8(name, ""))
	if runes := []rune(name); len(runes) > 200 {
		name = string(runes[:200])
	}
	return strings.TrimSpace(name)
}

func (d *desk) status(ctx context.Context, r *mcp.CallToolRequest) (*mcp.CallToolResult, error) {
	ctx, over := d.attend(ctx)
	defer over()
	id := shared.NewID()
	refused := func(o shared.Outcome, e *shared.Error) (*mcp.CallToolResult, error) {
		return answer(id, shared.Result{Outcome: o, Message: e.Message, Error: e}, ""), nil
	}
	args, refusal := readArguments(r.Params.Arguments, argIncident, argRequest, "server", "wait", "timeout")
	if refusal != nil {
		return refused(shared.Refused, refusal)
	}
	if refusal = args.named(); refusal != nil {
		return refused(shared.Refused, refusal)
	}
	q, refusal := args.request(shared.TypeStatus)
	if refusal != nil {
		return refused(shared.Refused, refusal)
	}
	to, lost := d.ask(ctx)
	if lost != nil {
		return refused(shared.Failed, lost)
	}
	q.ID = id
	tell, done := progressOf(ctx, r)
	defer done()
	return answer(id, to.Status(ctx, q, tell), ""), nil
}

func (d *desk) check(ctx context.Context, r *mcp.CallToolRequest) (*mcp.CallToolResult, error) {
	ctx, over := d.attend(ctx)
	defer over()
	args, refusal := readArguments(r.Params.Arguments, "server")
	if refusal != nil {
		return notChecked(refusal), nil
	}
	q, refusal := args.request(shared.TypeCheck)
	if refusal != nil {
		return notChecked(refusal), nil
	}
	to, refusal := d.ask(ctx)
	if refusal != nil {
		return notChecked(refusal), nil
	}
	checked, err := to.Check(ctx, q)
	if err == nil {
		return checkedAnswer(checked), nil
	}
	if known, ok := errors.AsType[*shared.Error](err); ok {
		return notChecked(known), nil
	}
	return notChecked(&shared.Error{Code: shared.Internal, Message: err.Error()}), nil
}
