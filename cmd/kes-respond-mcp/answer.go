package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/kes-respond/kes-respond/shared"
)

// result is a result for a model: with the id of its request, by which status
// finds it, and after a dry run with what confirms it.
type result struct {
	ID string `json:"id"`
	shared.Result
	Confirmation string `json:"confirmation,omitempty"`
}

// answer is a result as the answer to a call: for programs as it is, and in words,
// with further lines.
func answer(id shared.ID, r shared.Result, confirmation string, further ...string) *mcp.CallToolResult {
	a := &mcp.CallToolResult{
		StructuredContent: result{id.Text(), r, confirmation},
		IsError:           failed(r.Outcome),
	}
	text := strings.Join(slices.Concat(said(r), further, confirming(confirmation)), "\n")
	a.Content = []mcp.Content{&mcp.TextContent{Text: text}}
	return a
}

// failed says that a call did not end as it was meant to, or that nobody knows.
// What is pending is under way, and what is partial has been done.
func failed(o shared.Outcome) bool {
	switch o {
	case shared.Succeeded, shared.Submitted, shared.Planned, shared.Partial, shared.Pending:
		return false
	}
	return true
}

// meaning is what must not be read into an outcome.
func meaning(r shared.Result) string {
	incident := "it"
	if r.Incident != nil {
		incident = "incident " + r.Incident.ID
	}
	switch r.Outcome {
	case shared.Submitted:
		return "Stored, not done: nothing is known of the host yet. \"status\" of " + incident + " tells what became of it; with \"wait\": \"done\" it waits for the end."
	case shared.Pending:
		return "Stored, its end is not known. \"status\" of " + incident + " goes on from here."
	case shared.Planned:
		return "Nothing was sent: this is what would be done."
	case shared.Partial:
		return "The host has finished with a warning: read it before you call this done."
	case shared.Unknown:
		return "It may have happened, or not. Find out before it is tried again."
	case shared.Cancelled:
		return "Nothing was sent."
	}
	return ""
}

// findable says by what status finds a request that may have been sent: clients
// show a model the words, and not always the object.
func findable(id shared.ID, r shared.Result) []string {
	switch {
	case r.Outcome == shared.Refused, r.Outcome == shared.Planned, r.Outcome == shared.Cancelled, r.Outcome == shared.Failed && r.Incident == nil:
		return nil
	}
	return []string{fmt.Sprintf("\"status\" finds it as \"request\": %s", shown(id.Text()))}
}

// said are the lines of a result.
func said(r shared.Result) []string {
	lines := []string{strings.TrimSuffix(string(r.Outcome)+": "+r.Message, ": ")}
	add := func(format string, args ...any) { lines = append(lines, fmt.Sprintf(format, args...)) }
	if m := meaning(r); m != "" {
		add("%s", m)
	}
	if r.Host != nil {
		add("Host: %s, id %s", shown(nameOf(*r.Host)), shown(r.Host.ID))
	}
	if r.DuplicateOf != "" {
		add("Not sent again: this is what became of the equal request %s.", shown(r.DuplicateOf))
	}
	if p := r.Plan; p != nil {
		add("Policy: %s", p.Decision)
		for _, w := range p.Warnings {
			add("Warning: %s", w)
		}
	}
	if r.Undo != nil {
		add("Taken back by: %s %s", r.Undo.Task, shownJSON(r.Undo.Params))
	}
	return append(lines, flaws(r.Error)...)
}

// flaws are the lines of an error.
func flaws(e *shared.Error) []string {
	if e == nil {
		return nil
	}
	var lines []string
	add := func(format string, args ...any) { lines = append(lines, fmt.Sprintf(format, args...)) }
	if len(e.Violations) > 1 {
		for _, v := range e.Violations {
			add("%s %s", v.Pointer, v.Message)
		}
	}
	for _, c := range e.Candidates {
		add("Could be: %s, id %s", shown(c.Name), shown(c.ID))
	}
	if e.Omitted > 0 {
		add("and %d more", e.Omitted)
	}
	if e.Assistance != "" {
		add("%s", e.Assistance)
	}
	return lines
}

func confirming(token string) []string {
	if token == "" {
		return nil
	}
	return []string{fmt.Sprintf("To carry it out, show this plan to the person, then make the same call without dryRun and with \"confirmation\": %q. It works once, for %s.", token, planLife)}
}

// checkedAnswer is the answer to check.
func checkedAnswer(c shared.Checked) *mcp.CallToolResult {
	lines := []string{"passed: a request would get through"}
	if !c.Passed {
		lines[0] = "failed: a request would not get through"
	}
	for _, s := range c.Steps {
		lines = append(lines, strings.TrimSuffix(s.Name+": "+s.State+": "+s.Message, ": "))
	}
	lines = append(lines, flaws(c.Error)...)
	return &mcp.CallToolResult{
		StructuredContent: c, IsError: !c.Passed,
		Content: []mcp.Content{&mcp.TextContent{Text: strings.Join(lines, "\n")}},
	}
}

// notChecked is the answer to a check that could not be made.
func notChecked(e *shared.Error) *mcp.CallToolResult {
	a := checkedAnswer(shared.Checked{Steps: []shared.CheckStep{}, Error: e})
	a.Content = []mcp.Content{&mcp.TextContent{Text: strings.Join(append([]string{"failed: " + e.Message}, flaws(e)...), "\n")}}
	return a
}
