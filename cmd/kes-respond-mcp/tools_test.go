package main

import (
	"encoding/json"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/modelcontextprotocol/go-sdk/mcp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kes-respond/kes-respond/manifest"
	"github.com/kes-respond/kes-respond/shared"
)

// samples are the parameters of each task that kes-respond itself shows.
func samples(t *testing.T) map[string]any {
	t.Helper()
	var m struct{ Tasks []task }
	require.NoError(t, json.Unmarshal(manifest.Manifest(), &m))
	all := map[string]any{}
	for _, one := range m.Tasks {
		out, err := exec.Command(program("kes-respond"), "sample", one.Name).Output()
		require.NoError(t, err)
		var r struct{ Params any }
		require.NoError(t, json.Unmarshal(out, &r))
		all[one.Name] = r.Params
	}
	require.GreaterOrEqual(t, len(all), 9)
	return all
}

func listed(t *testing.T, c *client) map[string]*mcp.Tool {
	t.Helper()
	all := map[string]*mcp.Tool{}
	for tool, err := range c.Tools(t.Context(), nil) {
		require.NoError(t, err)
		all[tool.Name] = tool
	}
	return all
}

// bare is a machine where nothing is configured.
func bare(t *testing.T) *scene {
	t.Helper()
	return &scene{t: t, dir: t.TempDir(), wire: &wire{}, environ: []string{"HOME=" + t.TempDir()}}
}

func TestToolsCanBeListedWhereNothingIsConfigured(t *testing.T) {
	c := bare(t).connect(newest, nil)
	tools, params := listed(t, c), samples(t)
	assert.Len(t, tools, len(params)+2)
	for name, tool := range tools {
		assert.NotEmpty(t, tool.Title, name)
		assert.NotEmpty(t, tool.Description, name)
		require.NotNil(t, tool.Annotations.DestructiveHint, name)
		require.NotNil(t, tool.Annotations.OpenWorldHint, name)
		if name == toolCheck || name == toolStatus {
			assert.True(t, tool.Annotations.ReadOnlyHint)
			assert.False(t, *tool.Annotations.DestructiveHint)
			continue
		}
		s := compiled(t, tool.InputSchema)
		good := map[string]any{"targetHost": "PC-12", "params": params[name], "wait": "done", "timeout": "5m", "dryRun": true, "reason": "why"}
		assert.NoError(t, s.Validate(again(t, good)), name)
		for _, extra := range []string{"connection", "actor", "allowDuplicate", "password", "task", "type", "id", "responseEventIncidentArea"} {
			bad := map[string]any{"targetHost": "PC-12", "params": params[name], extra: "x"}
			assert.Error(t, s.Validate(again(t, bad)), "%s: %s", name, extra)
		}
		assert.Error(t, s.Validate(again(t, map[string]any{"targetHost": "PC-12"})), name)
		assert.Error(t, s.Validate(again(t, map[string]any{"targetHost": "PC-12", "params": params[name], "hostLookup": "never"})), name)
	}
}

func TestHintsAreThoseOfTheEffects(t *testing.T) {
	tools := listed(t, bare(t).connect(newest, nil))
	var m struct{ Tasks []task }
	require.NoError(t, json.Unmarshal(manifest.Manifest(), &m))
	for _, one := range m.Tasks {
		h := tools[one.Name].Annotations
		assert.False(t, h.ReadOnlyHint, "%s makes a task at KSC", one.Name)
		assert.Equal(t, one.Hints.Idempotent, h.IdempotentHint, one.Name)
		assert.True(t, *h.OpenWorldHint, one.Name)
		for _, e := range one.Effects {
			if e != shared.Scans && e != shared.Reads {
				assert.True(t, *h.DestructiveHint, "%s %s", one.Name, e)
				assert.True(t, one.changes(), one.Name)
			}
		}
	}
	assert.True(t, task{}.changes(), "a task of which nothing is known")
	assert.True(t, task{Effects: []shared.Effect{"novelty"}}.changes())
	assert.True(t, task{Effects: []shared.Effect{shared.Scans, shared.Isolates}}.changes())
	assert.False(t, task{Effects: []shared.Effect{shared.Scans, shared.Reads}}.changes())
}

func TestOperatorChoosesTheTools(t *testing.T) {
	for _, c := range []struct {
		args []string
		want []string
	}{
		{[]string{"--read-only"}, []string{"check", "status"}},
		{[]string{"--read-only=true", "--tools", "status,isolateHost"}, []string{"status"}},
		{[]string{"--tools", "getFile,check"}, []string{"check", "getFile"}},
	} {
		session := bare(t).connect(newest, nil, c.args...)
		var names []string
		for name := range listed(t, session) {
			names = append(names, name)
		}
		slices.Sort(names)
		assert.Equal(t, c.want, names)
		_, err := session.CallTool(t.Context(), &mcp.CallToolParams{Name: "deleteFile", Arguments: map[string]any{}})
		assert.ErrorContains(t, err, "unknown tool", "what is not offered cannot be called")
	}
}

func TestCommandLine(t *testing.T) {
	for _, c := range []struct {
		args []string
		says string
	}{
		{[]string{"--tools", "nothing"}, `there is no tool "nothing"; there are check, status, deleteFile`},
		{[]string{"--tools", "isolatehost"}, `there is no tool "isolatehost"`},
		{[]string{"--tools="}, "leave no tool"},
		{[]string{"--read-only", "--tools", "isolateHost"}, "leave no tool"},
		{[]string{"--confirm", "always"}, `--confirm is "always"`},
		{[]string{"--confirm="}, `--confirm is ""`},
		{[]string{"--password", "x"}, "unknown flag"},
		{[]string{"--read-only", "false"}, `"false": there are flags only`},
		{[]string{"serve"}, "there are flags only"},
	} {
		cmd := bare(t).command(c.args...)
		var said wire
		cmd.Stdout, cmd.Stderr = &said, &said
		cmd.Stdin = strings.NewReader("")
		cmd.Run()
		assert.Equal(t, 64, cmd.ProcessState.ExitCode(), "%v: %s", c.args, &said)
		assert.Contains(t, said.String(), c.says)
	}
	cmd := bare(t).command()
	cmd.Stdin = strings.NewReader("")
	assert.NoError(t, cmd.Run(), "a client that leaves at once")
}

// TestTheOneShotStartPaysNothing: kes-respond links nothing of MCP, and this
// program nothing that talks to KSC.
func TestTheOneShotStartPaysNothing(t *testing.T) {
	links := func(name string) string {
		out, err := exec.Command("go", "list", "-deps", root+"/cmd/"+name).Output()
		require.NoError(t, err)
		return string(out)
	}
	assert.NotContains(t, links("kes-respond"), "modelcontextprotocol")
	ours := links("kes-respond-mcp")
	assert.Contains(t, ours, "modelcontextprotocol/go-sdk/mcp")
	assert.NotContains(t, ours, "kes-respond/plugin")
}
