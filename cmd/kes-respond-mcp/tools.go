package main

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"unicode"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/kes-respond/kes-respond/manifest"
	"github.com/kes-respond/kes-respond/shared"
)

// task is a task as the manifest has it.
type task struct {
	Name    string          `json:"name"`
	Summary string          `json:"summary"`
	Effects []shared.Effect `json:"effects"`
	Hints   struct {
		ReadOnly    bool `json:"readOnly"`
		Destructive bool `json:"destructive"`
		Idempotent  bool `json:"idempotent"`
	} `json:"hints"`
}

// changes says that the task can change a host: all do whose effects are not
// known to leave it as it is.
func (t task) changes() bool {
	harmless := func(e shared.Effect) bool { return e == shared.Reads || e == shared.Scans }
	return len(t.Effects) == 0 || !each(t.Effects, harmless)
}

func each[T any](all []T, is func(T) bool) bool {
	return !slices.ContainsFunc(all, func(one T) bool { return !is(one) })
}

// tool is what a client is offered, and what answers its calls.
type tool struct {
	tool    *mcp.Tool
	handler mcp.ToolHandler
}

// The tools that are no tasks.
const (
	toolCheck  = "check"
	toolStatus = "status"
)

// offer makes the tools that the operator lets a client see.
func offer(d *desk, f flags) ([]tool, error) {
	all, err := everyTool(d)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, t := range all {
		names = append(names, t.tool.Name)
	}
	for _, name := range f.tools {
		if !slices.Contains(names, name) {
			return nil, usageError{fmt.Errorf("--tools: there is no tool %q; there are %s", name, strings.Join(names, ", "))}
		}
	}
	offered := slices.DeleteFunc(all, func(t tool) bool {
		return f.tools != nil && !slices.Contains(f.tools, t.tool.Name) || f.readOnly && !t.tool.Annotations.ReadOnlyHint
	})
	if len(offered) == 0 {
		return nil, usageError{fmt.Errorf("--tools and --read-only together leave no tool")}
	}
	return offered, nil
}

func everyTool(d *desk) ([]tool, error) {
	var m struct{ Tasks []task }
	if err := json.Unmarshal(manifest.Manifest(), &m); err != nil {
		return nil, fmt.Errorf("manifest: %w", err)
	}
	s, err := readSchemas()
	if err != nil {
		return nil, err
	}
	all := []tool{
		{&mcp.Tool{
			Name: toolCheck, Title: "Check the connection",
			Description: "Say how far a request would get: configuration, network, certificate, login, rights. Sends nothing to a host.",
			InputSchema: s.input(nil, "server"), OutputSchema: s.checked,
			Annotations: hints(true, false, true, false, "Check the connection"),
		}, d.check},
		{&mcp.Tool{
			Name: toolStatus, Title: "Where a request stands",
			Description: "Say what became of an earlier request, named by \"incident\" or by \"request\", the id of its result. With \"wait\": \"done\" it follows it to its end. Sends nothing to a host.",
			InputSchema: s.status(), OutputSchema: s.result,
			Annotations: hints(true, false, true, true, "Where a request stands"),
		}, d.status},
	}
	for _, t := range m.Tasks {
		one, err := taskTool(d, s, t)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", t.Name, err)
		}
		all = append(all, one)
	}
	return all, nil
}

func taskTool(d *desk, s schemas, t task) (tool, error) {
	input, err := s.task(t, d.confirm)
	if err != nil {
		return tool{}, err
	}
	var effects []string
	for _, e := range t.Effects {
		effects = append(effects, string(e))
	}
	says := fmt.Sprintf("On one host: %s. Effects: %s.", t.Summary, strings.Join(effects, ", "))
	if t.changes() && d.confirm {
		says += " A person is asked before anything is sent; where the client cannot ask, do a dry run first and bring the confirmation that it returns."
	}
	title := titleOf(t.Name)
	return tool{&mcp.Tool{
		Name: t.Name, Title: title, Description: says, InputSchema: input, OutputSchema: s.result,
		// Every task reaches a host, and words from there come back.
		Annotations: hints(t.Hints.ReadOnly && !t.changes(), t.Hints.Destructive, t.Hints.Idempotent, true, title),
	}, func(ctx context.Context, r *mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		return d.task(ctx, r, t), nil
	}}, nil
}

func hints(readOnly, destructive, idempotent, open bool, title string) *mcp.ToolAnnotations {
	return &mcp.ToolAnnotations{Title: title, ReadOnlyHint: readOnly, DestructiveHint: &destructive, IdempotentHint: idempotent, OpenWorldHint: &open}
}

// titleOf is a name as words: isolateHost is "Isolate host".
func titleOf(name string) string {
	var b strings.Builder
	for i, r := range name {
		switch {
		case i == 0:
			r = unicode.ToUpper(r)
		case unicode.IsUpper(r):
			b.WriteByte(' ')
			r = unicode.ToLower(r)
		}
		b.WriteRune(r)
	}
	return b.String()
}
