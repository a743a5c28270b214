package platforms

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/modelcontextprotocol/go-sdk/mcp"
	santhosh "github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// npm is a folder with the packages that .ci/test-platforms installs.
func npm(t *testing.T) string {
	t.Helper()
	dir, err := filepath.Abs(filepath.Join(root, "bin", "npm", "node_modules"))
	require.NoError(t, err)
	for _, name := range []string{"@modelcontextprotocol/sdk", "@anthropic-ai/mcpb"} {
		if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
			need(t, "npm package "+name)
		}
	}
	return dir
}

// served is how a client starts the server, as its configuration has it.
type served struct {
	Command string            `json:"command"`
	Args    []string          `json:"args"`
	Env     map[string]string `json:"env"`
}

// mcpCall is a call, and what came of it.
type (
	mcpCall struct {
		Name        string         `json:"name"`
		Arguments   map[string]any `json:"arguments"`
		CancelAfter string         `json:"cancelAfter,omitempty"`
	}
	mcpAnswer struct {
		Tools  []struct{ Name string }
		Result struct {
			Content           []struct{ Text string }
			StructuredContent map[string]any
			IsError           bool
		}
		Error    string
		Asked    []struct{ Message string }
		Progress []struct {
			Progress float64
			Message  string
		}
	}
)

// typescript calls tools with the official client for TypeScript. The first answer
// is the list of tools.
func (s *site) typescript(t *testing.T, how served, answer any, calls ...mcpCall) []mcpAnswer {
	t.Helper()
	node := need(t, "node", "nodejs")
	dir := t.TempDir()
	require.NoError(t, os.Symlink(npm(t), filepath.Join(dir, "node_modules")))
	write(t, filepath.Join(dir, "client.mjs"), read(t, "testdata/mcp/client.mjs"))
	todo := map[string]any{"command": how.Command, "args": how.Args, "env": how.Env, "answer": answer, "calls": calls}
	cmd := exec.Command(node, filepath.Join(dir, "client.mjs"), text(t, todo))
	cmd.Dir, cmd.Env = s.dir, s.environment()
	a := run(t, cmd)
	require.Equal(t, 0, a.code, a.out+a.stderr)
	var all []mcpAnswer
	for line := range strings.Lines(a.out) {
		var one mcpAnswer
		require.NoError(t, json.Unmarshal([]byte(line), &one), line)
		all = append(all, one)
	}
	require.Len(t, all, 1+len(calls))
	return all
}

// block is the nth block of a kind in the package's page.
func (s *site) block(t *testing.T, kind string, n int) string {
	t.Helper()
	all := regexp.MustCompile("(?ms)^( *)```"+kind+"\n(.*?)^ *```$").FindAllStringSubmatch(read(t, filepath.Join(s.pkg, "README.md")), -1)
	require.Greater(t, len(all), n)
	return strings.TrimPrefix(strings.ReplaceAll("\n"+all[n][2], "\n"+all[n][1], "\n"), "\n")
}

// modelsClient follows the package's page: its configuration of kes-respond and of
// the client, with the places of this site.
func (s *site) modelsClient(t *testing.T) served {
	t.Helper()
	secret := filepath.Join(s.dir, "password")
	require.NoError(t, os.WriteFile(secret, []byte(password), 0o600))
	config := strings.NewReplacer(
		"ksc.example", s.host, "/etc/kes-respond/ksc.pem", s.cert, "/etc/kes-respond/password", secret,
	).Replace(s.block(t, "yaml", 0)) + "kscPort: " + s.port + "\n"
	write(t, filepath.Join(s.dir, "config.yaml"), config)
	var client struct {
		Servers map[string]served `json:"mcpServers"`
	}
	require.NoError(t, json.Unmarshal([]byte(strings.NewReplacer(
		"/opt/kes-respond", s.pkg, "/etc/kes-respond/config.yaml", filepath.Join(s.dir, "config.yaml"),
	).Replace(s.block(t, "json", 0))), &client))
	how := client.Servers["kes-respond"]
	require.NotEmpty(t, how.Command)
	how.Env = map[string]string{}
	for _, line := range s.environment() {
		name, value, _ := strings.Cut(line, "=")
		how.Env[name] = value
	}
	return how
}

// example is the call that the page shows: of the first task in its table.
func (s *site) example(t *testing.T) mcpCall {
	t.Helper()
	var c mcpCall
	require.NoError(t, json.Unmarshal([]byte(s.block(t, "json", 1)), &c.Arguments))
	task := regexp.MustCompile("(?m)^\\| `status` .*\n\\| `(\\w+)`").FindStringSubmatch(read(t, filepath.Join(s.pkg, "README.md")))
	require.NotNil(t, task)
	c.Name = task[1]
	return c
}

func TestMCPServesTheClientForTypeScript(t *testing.T) {
	s := newSite(t, "mcp", "--task-outcome", "never")
	how := s.modelsClient(t)
	looked := s.watched(t)
	isolate := map[string]any{"targetHost": "Бухгалтерия-1", "params": map[string]any{"action": 1}, "reason": "an alert"}
	var calls []mcpCall
	for name, params := range samples(t) {
		calls = append(calls, mcpCall{Name: name, Arguments: map[string]any{"targetHost": "PC-12", "params": params}})
	}
	example := s.example(t)
	yes := map[string]any{"action": "accept", "content": map[string]any{"carryOut": true}}
	all := s.typescript(t, how, yes, append(calls,
		mcpCall{Name: "check"},
		mcpCall{Name: "isolateHost", Arguments: isolate},
		mcpCall{Name: "isolateHost", Arguments: map[string]any{"targetHost": "PC-12", "params": map[string]any{"action": "1"}}},
		mcpCall{Name: "status", Arguments: map[string]any{"incident": "1"}},
		mcpCall{Name: "nothing"},
		example,
	)...)
	looked()
	assert.Len(t, all[0].Tools, len(calls)+2)
	for i := range calls {
		a := all[1+i]
		assert.Equal(t, "submitted", a.Result.StructuredContent["outcome"], "%s: %+v", calls[i].Name, a)
		assert.NotEmpty(t, a.Progress)
	}
	rest := all[1+len(calls):]
	assert.Equal(t, true, rest[0].Result.StructuredContent["passed"], "%+v", rest[0].Result)
	assert.Equal(t, "submitted", rest[1].Result.StructuredContent["outcome"])
	if assert.Len(t, rest[1].Asked, 1) {
		assert.Contains(t, rest[1].Asked[0].Message, `Host: "Бухгалтерия-1", id "id-of-cyrillic"`)
	}
	assert.True(t, rest[2].Result.IsError)
	assert.Contains(t, rest[2].Result.Content[0].Text, "/params/action")
	assert.Equal(t, "pending", rest[3].Result.StructuredContent["outcome"], rest[3])
	assert.Contains(t, rest[4].Error+text(t, rest[4].Result), "nothing")
	assert.Equal(t, "planned", rest[5].Result.StructuredContent["outcome"], "the example of the page")
	assert.Len(t, s.incidents(t), len(calls)+1)
	os.Remove(filepath.Join(s.dir, "password"))
	holdsNoPassword(t, s.state)
}

func TestMCPSendsNothingWithoutAYesToTypeScript(t *testing.T) {
	s := newSite(t, "mcp", "--task-outcome", "never")
	how := s.modelsClient(t)
	isolate := func(more map[string]any) map[string]any {
		a := map[string]any{"targetHost": "PC-12", "params": map[string]any{"action": 1}}
		for name, v := range more {
			a[name] = v
		}
		return a
	}
	no := map[string]any{"action": "decline"}
	for _, a := range s.typescript(t, how, no, mcpCall{Name: "isolateHost", Arguments: isolate(nil)})[1:] {
		assert.Equal(t, "refused", a.Result.StructuredContent["outcome"])
		assert.True(t, a.Result.IsError)
	}
	all := s.typescript(t, how, nil,
		mcpCall{Name: "isolateHost", Arguments: isolate(nil)},
		mcpCall{Name: "isolateHost", Arguments: isolate(map[string]any{"dryRun": true})})
	assert.Equal(t, "refused", all[1].Result.StructuredContent["outcome"])
	assert.Equal(t, "planned", all[2].Result.StructuredContent["outcome"])
	assert.NotEmpty(t, all[2].Result.StructuredContent["confirmation"])
	assert.Empty(t, s.incidents(t))
	// A call that the client gives up has been sent, and is found.
	yes := map[string]any{"action": "accept", "content": map[string]any{"carryOut": true}}
	all = s.typescript(t, how, yes,
		mcpCall{Name: "isolateHost", Arguments: isolate(map[string]any{"wait": "done"}), CancelAfter: "submitted"},
		mcpCall{Name: "status", Arguments: map[string]any{"incident": "1"}})
	assert.NotEmpty(t, all[1].Error)
	assert.Equal(t, "pending", all[2].Result.StructuredContent["outcome"])
	assert.Len(t, s.incidents(t), 1)
}

// TestMCPBundle holds the bundle and the registry's entry against the official
// schemas and the official tool, and runs what comes out of it.
func TestMCPBundle(t *testing.T) {
	s := newSite(t, "mcp")
	conforms(t, "mcpb-manifest-v0.3.schema.json", santhosh.Draft7, filepath.Join(s.pkg, "manifest.json"))
	mcpb := filepath.Join(npm(t), ".bin", "mcpb")
	tool := func(program string, args ...string) {
		out, err := exec.Command(program, args...).CombinedOutput()
		require.NoError(t, err, "%s", out)
	}
	tool(mcpb, "validate", filepath.Join(s.pkg, "manifest.json"))
	spoilt := filepath.Join(t.TempDir(), "manifest.json")
	write(t, spoilt, strings.Replace(read(t, filepath.Join(s.pkg, "manifest.json")), `"binary"`, `"anything"`, 1))
	require.Error(t, exec.Command(mcpb, "validate", spoilt).Run(), "the validator refuses what is wrong")

	// What npm leaves behind in this folder, and what else may lie there.
	for _, name := range []string{"package.json", "package-lock.json", "node_modules/x/index.js", "password", ".git/config"} {
		write(t, filepath.Join(s.pkg, name), "{}")
	}
	node := need(t, "node", "nodejs")
	lines := strings.Split(strings.TrimSpace(s.block(t, "sh", 0)), "\n")
	require.Len(t, lines, 2, "to install the tool and to pack")
	version := struct{ Version string }{}
	require.NoError(t, json.Unmarshal([]byte(read(t, filepath.Join(npm(t), "@anthropic-ai", "mcpb", "package.json"))), &version))
	assert.Equal(t, "npm install @anthropic-ai/mcpb@"+version.Version, lines[0], "another one than is tested")
	pack, _, _ := strings.Cut(lines[1], " #")
	words := strings.Fields(strings.NewReplacer("pack.mjs", filepath.Join(s.pkg, "pack.mjs"), "node_modules/.bin/mcpb", mcpb).Replace(pack))
	require.Equal(t, "node", words[0])
	tool(node, words[1:]...)
	bundle := read(t, filepath.Join(s.dir, "kes-respond.mcpb"))
	sum := sha256.Sum256([]byte(bundle))
	entry := filepath.Join(s.dir, "server.json")
	assert.Contains(t, read(t, entry), `"fileSha256": "`+hex.EncodeToString(sum[:])+`"`)
	registered(t, entry, filepath.Join(s.pkg, "server.json"))

	inside := filepath.Join(s.dir, "unpacked")
	tool(mcpb, "unpack", filepath.Join(s.dir, "kes-respond.mcpb"), inside)
	var inThere []string
	for _, pattern := range []string{"*", ".*", "server/*"} {
		names, err := filepath.Glob(filepath.Join(inside, pattern))
		require.NoError(t, err)
		for _, name := range names {
			inThere = append(inThere, strings.TrimPrefix(name, inside+"/"))
		}
	}
	assert.Equal(t, []string{"README.md", "manifest.json", "server", "server/kes-respond", "server/kes-respond-mcp"}, inThere)
	var m struct {
		Server struct {
			Config served `json:"mcp_config"`
		}
		UserConfig map[string]struct {
			Default   any
			Sensitive bool
		} `json:"user_config"`
	}
	require.NoError(t, json.Unmarshal([]byte(read(t, filepath.Join(inside, "manifest.json"))), &m))
	assert.True(t, m.UserConfig["kscPassword"].Sensitive)
	// What a client does with it.
	given := map[string]string{"kscHost": s.host, "kscPort": s.port, "kscCert": s.cert, "kscUser": "edr-operator", "kscPassword": password}
	fill := []string{"${__dirname}", inside}
	for name, c := range m.UserConfig {
		value := given[name]
		if value == "" {
			value = strings.Trim(text(t, c.Default), `"`)
		}
		fill = append(fill, "${user_config."+name+"}", value)
	}
	filled := strings.NewReplacer(fill...)
	cmd := exec.Command(filled.Replace(m.Server.Config.Command))
	for _, arg := range m.Server.Config.Args {
		cmd.Args = append(cmd.Args, filled.Replace(arg))
	}
	cmd.Dir, cmd.Env = s.dir, s.environment()
	for name, value := range m.Server.Config.Env {
		cmd.Env = append(cmd.Env, name+"="+filled.Replace(value))
	}
	assert.NotContains(t, strings.Join(cmd.Args, " "), "${")
	assert.NotContains(t, strings.Join(cmd.Env, " "), "${")
	assertServes(t, cmd)
}

// assertServes runs the server and has it check.
func assertServes(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	c, err := mcp.NewClient(&mcp.Implementation{Name: "go", Version: "1"}, nil).Connect(ctx, &mcp.CommandTransport{Command: cmd}, nil)
	require.NoError(t, err)
	r, err := c.CallTool(ctx, &mcp.CallToolParams{Name: "check"})
	require.NoError(t, err)
	assert.False(t, r.IsError, "%s", text(t, r))
	require.NoError(t, c.Close())
}

// registered holds entries against the schema of the registry, which lies in the
// registry's own Go module.
func registered(t *testing.T, entries ...string) {
	t.Helper()
	cmd := exec.Command("go", "mod", "download", "-json", "-modfile=.ci/mcp-registry.mod", "github.com/modelcontextprotocol/registry")
	cmd.Dir = root
	out, err := cmd.Output()
	var module struct{ Dir string }
	if err != nil || json.Unmarshal(out, &module) != nil || module.Dir == "" {
		need(t, "the Go module of the registry (no network?)")
	}
	c := santhosh.NewCompiler()
	c.DefaultDraft(santhosh.Draft7)
	s, err := c.Compile("file://" + filepath.Join(module.Dir, "internal", "validators", "schemas", "2025-12-11.json"))
	require.NoError(t, err)
	for _, entry := range entries {
		doc, err := santhosh.UnmarshalJSON(strings.NewReader(read(t, entry)))
		require.NoError(t, err)
		assert.NoError(t, s.Validate(doc), entry)
	}
	assert.Error(t, s.Validate(map[string]any{"name": "no slash", "description": "x", "version": "1.0.0"}))
}

// TestMCPPackageNeedsItsSibling: half a package helps nobody.
func TestMCPPackageNeedsItsSibling(t *testing.T) {
	dir := t.TempDir()
	program := filepath.Join(dir, "kes-respond")
	require.NoError(t, os.Link(filepath.Join(built, "kes-respond"), program))
	a := run(t, exec.Command(program, "manifest", "mcp", "--out", filepath.Join(dir, "out")))
	assert.Equal(t, 1, a.code)
	assert.Contains(t, a.stderr, "kes-respond-mcp has to lie beside kes-respond")
	assert.NoFileExists(t, filepath.Join(dir, "out", "manifest.json"))
}
