package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/kes-respond/kes-respond/shared"
)

const (
	// question is the one that is put to a person; carryOut what they answer.
	question = "consent"
	carryOut = "carryOut"

	// severalRounds is the first revision in which a server asks through the
	// result of a call, and may not ask otherwise.
	severalRounds = "2026-07-28"
)

// consent gets a yes to exactly this call, or says how the call ends without.
func (d *desk) consent(ctx context.Context, c call) (plan, *mcp.CallToolResult) {
	switch {
	case !canAsk(c.ClientCapabilities()):
		return d.confirmed(c)
	case len(c.Params.InputResponses) > 0 || c.Params.RequestState != "":
		answer, _ := c.Params.InputResponses[question].(*mcp.ElicitResult)
		return d.decided(c, c.Params.RequestState, answer)
	}
	result := c.rehearse(ctx)
	if result.Outcome != shared.Planned {
		return plan{}, c.answer(result, "")
	}
	if result.Host == nil || result.Host.ID == "" {
		return plan{}, c.ended(shared.Refused, noConsent("the dry run found no host to ask about"))
	}
	kept := d.plans.keep(newPlan(c.request, *result.Host, true))
	form := formOf(c.task, c.request, result)
	if c.ProtocolVersion() >= severalRounds {
		return plan{}, &mcp.CallToolResult{InputRequests: mcp.InputRequestMap{question: form}, RequestState: kept}
	}
	answer, err := c.Session.Elicit(ctx, form)
	if err != nil {
		d.plans.drop(kept)
		return plan{}, c.ended(shared.Refused, noConsent("the client could not ask a person: "+err.Error()))
	}
	return d.decided(c, kept, answer)
}

// decided judges a person's answer to the plan that is kept under token.
func (d *desk) decided(c call, token string, answer *mcp.ElicitResult) (plan, *mcp.CallToolResult) {
	p, err := d.plans.take(token, c.request, true)
	switch {
	case err != nil:
		return p, c.ended(shared.Refused, noConsent("the answer belongs to no question that is open: "+err.Error()))
	case answer == nil:
		return p, c.ended(shared.Refused, noConsent("nobody has answered"))
	case answer.Action == "decline":
		return p, c.ended(shared.Refused, noConsent("the person declined"))
	case answer.Action != "accept":
		return p, c.ended(shared.Refused, noConsent("the person gave no answer"))
	case answer.Content[carryOut] != true:
		return p, c.ended(shared.Refused, noConsent("the person did not tick that it be carried out"))
	}
	return p, nil
}

// confirmed wants the confirmation that the dry run of this call has returned.
// That is the model's own: it shows that the plan was seen, not that a person
// has agreed. Asking the person is then up to the client.
func (d *desk) confirmed(c call) (plan, *mcp.CallToolResult) {
	if c.confirmation == "" {
		e := noConsent("this client cannot ask a person, and the call brings no confirmation")
		e.Assistance = "Do a dry run of the same call (\"dryRun\": true), show its plan to the person, and call again without dryRun and with the \"confirmation\" that it returned."
		return plan{}, c.ended(shared.Refused, e)
	}
	p, err := d.plans.take(c.confirmation, c.request, false)
	if err != nil {
		return p, c.ended(shared.Refused, noConsent(err.Error()))
	}
	return p, nil
}

// rehearsed is a dry run that was asked for. Where no person can be asked it
// returns what confirms the call.
func (d *desk) rehearsed(ctx context.Context, c call) *mcp.CallToolResult {
	result := c.rehearse(ctx)
	if result.Outcome != shared.Planned || result.Host == nil || result.Host.ID == "" || canAsk(c.ClientCapabilities()) {
		return c.answer(result, "")
	}
	return c.answer(result, d.plans.keep(newPlan(c.request, *result.Host, false)))
}

func noConsent(why string) *shared.Error {
	return &shared.Error{
		Code: shared.ApprovalRequired, Message: "not confirmed: " + why + "; nothing was sent",
		Assistance: "Do not ask again unless the person wants it.",
	}
}

// canAsk says that a client shows forms to a person. One that names no kind of
// question shows forms: that was all there was at first.
func canAsk(c *mcp.ClientCapabilities) bool {
	return c != nil && c.Elicitation != nil && (c.Elicitation.Form != nil || c.Elicitation.URL == nil)
}

// formOf is what a person is shown and asked. All that a model or an event may
// have written stands in quotes, on a line of its own.
func formOf(t task, r shared.Request, result shared.Result) *mcp.ElicitParams {
	return &mcp.ElicitParams{
		Mode: "form", Message: describe(t, r, result),
		RequestedSchema: schema{
			"type": "object", "required": []string{carryOut},
			"properties": schema{carryOut: schema{
				"type": "boolean", "title": "Carry it out", "description": fmt.Sprintf("%s on %s", titleOf(t.Name), shown(nameOf(*result.Host))),
			}},
		},
	}
}

func nameOf(h shared.Host) string {
	if h.Name != "" {
		return h.Name
	}
	return h.ID
}

func describe(t task, r shared.Request, result shared.Result) string {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	line("%s: %s.", titleOf(t.Name), t.Summary)
	line("Host: %s, id %s, asked for as %s", shown(nameOf(*result.Host)), shown(result.Host.ID), shown(r.TargetHost))
	line("Parameters: %s", shownJSON(r.Params))
	if r.Reason != "" {
		line("Reason, as the model gives it: %s", shown(r.Reason))
	}
	if r.CaseID != "" {
		line("Case: %s", shown(r.CaseID))
	}
	if r.Server != "" {
		line("Server: %s", shown(r.Server))
	}
	if result.Plan != nil {
		line("Policy: %s", shown(result.Plan.Decision))
		for _, w := range result.Plan.Warnings {
			line("Warning: %s", shown(w))
		}
	}
	if result.Undo != nil {
		line("It can be taken back: %s %s", result.Undo.Task, shownJSON(result.Undo.Params))
	}
	b.WriteString("Nothing has been sent. What stands in quotes was written by the model or comes from KSC.")
	return b.String()
}
