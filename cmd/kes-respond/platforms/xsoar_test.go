package platforms

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"unicode"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// dashed is a task's name as XSOAR's commands have it: isolateHost is isolate-host.
func dashed(name, dash string) string {
	var b strings.Builder
	for _, r := range name {
		if unicode.IsUpper(r) {
			b.WriteString(dash)
		}
		b.WriteRune(unicode.ToLower(r))
	}
	return b.String()
}

// yamlAsJSON reads YAML with the parser that the platform's own tools use.
func yamlAsJSON(t *testing.T, path string) map[string]any {
	t.Helper()
	return yamlsAsJSON(t, path)[0]
}

// yamlsAsJSON reads several in one go.
func yamlsAsJSON(t *testing.T, paths ...string) []map[string]any {
	t.Helper()
	out, err := exec.Command(debianPython(t, "yaml"), append([]string{"-c", "import json,sys,yaml; json.dump([yaml.safe_load(open(f)) for f in sys.argv[1:]], sys.stdout)"}, paths...)...).Output()
	require.NoError(t, err, "%v", paths)
	var v []map[string]any
	require.NoError(t, json.Unmarshal(out, &v))
	require.Len(t, v, len(paths))
	return v
}

func TestXSOARIntegrationKeepsTheOfficialSchema(t *testing.T) {
	t.Parallel()
	s := newSite(t, "xsoar")
	file := filepath.Join(s.pkg, "Integrations/KESRespond/KESRespond.yml")
	y := yamlAsJSON(t, file)
	script := y["script"].(map[string]any)
	seen := map[string]bool{}
	takes := map[string]bool{} // "command argument"
	for _, c := range script["commands"].([]any) {
		command := c.(map[string]any)
		seen[command["name"].(string)] = true
		for _, a := range command["arguments"].([]any) {
			takes[fmt.Sprint(command["name"], " ", a.(map[string]any)["name"])] = true
		}
		for _, o := range command["outputs"].([]any) {
			path := o.(map[string]any)["contextPath"].(string)
			assert.LessOrEqual(t, strings.Count(path, "."), 4, "BA127")
		}
	}
	for task := range samples(t) {
		assert.True(t, seen["kes-"+dashed(task, "-")], task)
	}
	lines := s.indented(t, "!kes-")
	require.Len(t, lines, len(samples(t)), "an example of each task")
	for _, line := range lines {
		command, rest, _ := strings.Cut(line[1:], " ")
		for _, m := range regexp.MustCompile("(\\w+)=(?:`[^`]*`|\\S+)").FindAllStringSubmatch(rest, -1) {
			assert.True(t, takes[command+" "+m[1]], "%s has no argument %s", command, m[1])
		}
	}
	assert.Regexp(t, `^demisto/[^:]+:\d`, script["dockerimage"], "DO100, DO101")
	for _, c := range y["configuration"].([]any) {
		param := c.(map[string]any)
		assert.NotEqual(t, float64(4), param["type"], "IN145: secrets are credentials")
		assert.Regexp(t, `^[A-Z][^_]*$`, param["display"])
	}
	schema, ok := official(t, "xsoar-integration.yml")
	if !ok {
		return
	}
	python := debianPython(t, "pykwalify.core")
	out, err := exec.Command(python, "-c", "import sys; from pykwalify.core import Core; Core(source_file=sys.argv[1], schema_files=[sys.argv[2]]).validate(raise_exception=True)", file, schema).CombinedOutput()
	require.NoError(t, err, "%s", out)
}

// xsoar runs the integration's Python as XSOAR does, with stand-ins for the two
// modules that XSOAR brings.
func (s *site) xsoar(t *testing.T, command string, params, args map[string]any) map[string]any {
	t.Helper()
	all := map[string]any{
		"kscHost": s.host, "kscPort": s.port, "kscCert": read(t, s.cert), "program": filepath.Join(s.pkg, "image/kes-respond"),
		"credentials": map[string]any{"identifier": "edr-operator", "password": password}, "kscInternalUser": false,
	}
	maps.Copy(all, params)
	stubs, err := filepath.Abs("testdata/xsoar")
	require.NoError(t, err)
	cmd := exec.Command(need(t, "/usr/bin/python3", "python3"), "-B", filepath.Join(s.pkg, "Integrations/KESRespond/KESRespond.py"))
	cmd.Env = append(append(s.environment(), "PYTHONPATH="+stubs), s.locale...)
	cmd.Stdin = strings.NewReader(text(t, map[string]any{"command": command, "params": all, "args": args}))
	a := run(t, cmd)
	require.Equal(t, 0, a.code, a.stderr)
	answer := map[string]any{} // results, and an error after them
	for line := range strings.Lines(a.out) {
		require.NoError(t, json.Unmarshal([]byte(line), &answer), a.out)
	}
	require.NotEmpty(t, answer, a.stderr)
	return answer
}

func TestXSOARRunsEveryCommand(t *testing.T) {
	t.Parallel()
	s := newSite(t, "xsoar")
	looked := s.watched(t)
	assert.Equal(t, "ok", s.xsoar(t, "test-module", nil, nil)["text"])
	for task, sample := range samples(t) {
		args := map[string]any{"targetHost": "PC-12", "dryRun": "true"}
		one := sample
		if list, ok := sample.([]any); ok {
			one = list[0]
		}
		maps.Copy(args, asForm(one).(map[string]any)) // XSOAR hands everything over as text
		dry := s.xsoar(t, "kes-"+dashed(task, "-"), nil, args)
		assert.Contains(t, dry["text"], "planned", "%v", dry)
		args["dryRun"] = "false"
		a := s.xsoar(t, "kes-"+dashed(task, "-"), nil, args)
		require.Contains(t, a["text"], "submitted", "%v", a)
		sent := s.incidents(t)
		assert.Equal(t, sample, sent[len(sent)-1]["params"], task)
		assert.Contains(t, text(t, a["outputs"]), `"Outcome":"submitted"`)
		assert.Contains(t, text(t, a["outputs"]), `"Hostname":"PC-12"`)
	}
	looked()
	require.Len(t, s.incidents(t), 9)
	scan := s.xsoar(t, "kes-on-demand-scan", nil, map[string]any{"targetHost": "PC-12", "allowDuplicate": "true", "params": text(t, []any{
		map[string]any{"enabled": "true", "path": "", "recursive": "false", "type": "14"}, map[string]any{"enabled": true, "path": `C:\x`, "recursive": true, "type": 22},
	})})
	assert.Contains(t, scan["text"], "submitted", "%v", scan)
	holdsNoPassword(t, s.state)
}

// TestXSOARPollsUntilTheEndIsKnown: what is not known is asked again, and is an
// error when the time is up.
func TestXSOARPollsUntilTheEndIsKnown(t *testing.T) {
	t.Parallel()
	s := newSite(t, "xsoar", "--task-outcome", "never")
	sent := s.xsoar(t, "kes-isolate-host", nil, map[string]any{"targetHost": "PC-12", "action": "1"})
	require.Contains(t, sent["text"], "submitted", "%v", sent)
	st := s.xsoar(t, "kes-request-status", nil, map[string]any{"incident": "1", "interval_in_seconds": "30", "timeout_in_seconds": "100"})
	assert.Contains(t, st["text"], "pending")
	assert.Nil(t, st["error"])
	assert.Equal(t, map[string]any{"incident": "1", "interval_in_seconds": float64(30), "timeout_in_seconds": float64(70)}, st["scheduled"].(map[string]any)["args"])
	st = s.xsoar(t, "kes-request-status", nil, st["scheduled"].(map[string]any)["args"].(map[string]any))
	assert.NotNil(t, st["scheduled"])
	st = s.xsoar(t, "kes-request-status", nil, map[string]any{"incident": "1", "interval_in_seconds": "30", "timeout_in_seconds": "20"})
	assert.Nil(t, st["scheduled"], "the time is up")
	assert.Contains(t, st["error"], "pending")
	assert.Contains(t, text(t, st["outputs"]), `"Outcome":"pending"`)
}

// TestXSOARKeepsAnOutcomeThatItCannotAskFor: that KSC cannot be reached says
// nothing of the host.
func TestXSOARKeepsAnOutcomeThatItCannotAskFor(t *testing.T) {
	t.Parallel()
	s := newSite(t, "xsoar")
	sent := s.xsoar(t, "kes-isolate-host", nil, map[string]any{"targetHost": "PC-12", "action": "1"})
	require.Contains(t, sent["text"], "submitted", "%v", sent)
	s.stop()
	st := s.xsoar(t, "kes-request-status", nil, map[string]any{"incident": "1", "interval_in_seconds": "30", "timeout_in_seconds": "100"})
	assert.Nil(t, st["outputs"], "the isolation has not failed")
	assert.NotContains(t, st["text"], "failed")
	assert.Contains(t, st["text"], "no connection")
	assert.Nil(t, st["error"])
	assert.NotNil(t, st["scheduled"], "it may be reached again")
	st = s.xsoar(t, "kes-request-status", nil, map[string]any{"incident": "1", "interval_in_seconds": "30", "timeout_in_seconds": "20"})
	assert.Nil(t, st["outputs"])
	assert.Nil(t, st["scheduled"], "the time is up")
	assert.Contains(t, st["error"], "no connection")
	refused := s.xsoar(t, "kes-request-status", map[string]any{"kscCert": strings.Repeat("a", 64)}, map[string]any{"incident": "x", "interval_in_seconds": "30", "timeout_in_seconds": "100"})
	assert.NotNil(t, refused["error"], "to ask again would help nobody")
}

// TestXSOARUsesTheProxyWhereItIsTold: the engine's proxy stands in the environment
// whether or not this instance is to use it.
func TestXSOARUsesTheProxyWhereItIsTold(t *testing.T) {
	t.Parallel()
	s := newSite(t, "xsoar")
	s.locale = []string{"HTTPS_PROXY=http://proxy.corp.example:3128"}
	program := filepath.Join(s.dir, "program")
	require.NoError(t, os.WriteFile(program, []byte(`#!/bin/sh
cat >/dev/null
echo '{"exit":0,"outcome":"planned","message":"by way of '"${HTTPS_PROXY:-none}"'","result":{}}'
`), 0o755))
	for proxy, way := range map[any]string{true: "http://proxy.corp.example:3128", false: "none", nil: "none"} {
		a := s.xsoar(t, "kes-isolate-host", map[string]any{"program": program, "proxy": proxy}, map[string]any{"targetHost": "PC-12", "action": "1"})
		assert.Contains(t, a["text"], "by way of "+way, "%v", proxy)
	}
}

func TestXSOARHearsOfAPolicy(t *testing.T) {
	t.Parallel()
	s := newSite(t, "xsoar")
	s.forbids(t, "deny: [{name: never, reason: not in this test, effects: [isolates]}]\n")
	a := s.xsoar(t, "kes-isolate-host", nil, map[string]any{"targetHost": "PC-12", "action": "1"})
	assert.Contains(t, a["error"], "not in this test")
	assert.Empty(t, s.incidents(t))
}

func TestXSOARHearsWhatIsWrong(t *testing.T) {
	t.Parallel()
	s := newSite(t, "xsoar")
	two := map[string]any{"several": true}
	several := s.xsoar(t, "kes-isolate-host", two, map[string]any{"targetHost": "PC-12,no-such-host,PC-13", "action": "1", "idempotencyKey": "alert-1"})
	assert.Regexp(t, `(?s)PC-12: submitted.*no-such-host: refused.*PC-13: submitted`, several["text"])
	again := s.xsoar(t, "kes-isolate-host", two, map[string]any{"targetHost": []string{"PC-12", "PC-13"}, "action": "1", "idempotencyKey": "alert-1"})
	assert.Contains(t, text(t, again["outputs"]), `"DuplicateOf":`)
	assert.Len(t, s.incidents(t), 2)
	gone := s.xsoar(t, "kes-isolate-host", map[string]any{"program": "/nosuch/kes-respond"}, map[string]any{"targetHost": "PC-12", "action": "1"})
	assert.Contains(t, gone["error"], "PC-12: failed: /nosuch/kes-respond cannot be started", "it is known that nothing was sent")
	for name, c := range map[string]struct {
		command string
		params  map[string]any
		args    map[string]any
		says    string
	}{
		"no host":      {"kes-isolate-host", nil, map[string]any{"targetHost": "", "action": "1"}, "names no host"},
		"two hosts":    {"kes-isolate-host", nil, map[string]any{"targetHost": "PC-12,DC-1", "action": "1"}, "names 2 hosts"},
		"two, a list":  {"kes-isolate-host", map[string]any{"several": "false"}, map[string]any{"targetHost": []string{"PC-12", "PC-13"}, "action": "1"}, "names 2 hosts"},
		"a line break": {"kes-isolate-host", nil, map[string]any{"targetHost": "PC-12\nPC-13", "action": "1"}, "control character"},
		"a flag":       {"kes-isolate-host", nil, map[string]any{"targetHost": "--dryRun", "action": "1"}, "knows no such host"},
		"a boolean":    {"kes-delete-file", nil, map[string]any{"targetHost": "PC-12", "path": `C:\x`, "searchInSubfolders": "maybe"}, "/params/searchInSubfolders"},
		"no parameter": {"kes-isolate-host", nil, map[string]any{"targetHost": "PC-12"}, "/params/action"},
		"empty":        {"kes-isolate-host", nil, map[string]any{"targetHost": "PC-12", "action": ""}, "/params/action"},
		"unknown":      {"kes-make-coffee", nil, nil, "is no command"},
		"password":     {"test-module", map[string]any{"credentials": map[string]any{"identifier": "edr-operator", "password": "wrong"}}, nil, "password"},
		"account":      {"test-module", map[string]any{"credentials": nil}, nil, "kscUser"},
		"program":      {"test-module", map[string]any{"program": "/nosuch/kes-respond"}, nil, "nothing was sent"},
		"died":         {"kes-isolate-host", map[string]any{"program": "/bin/false"}, map[string]any{"targetHost": "PC-12", "action": "1"}, "it may have happened"},
		"two ways":     {"kes-on-demand-scan", nil, map[string]any{"targetHost": "PC-12", "type": "14", "params": `[{"enabled":true,"path":"","recursive":true,"type":16}]`}, "exclude each other"},
		"incident":     {"kes-request-status", nil, map[string]any{"incident": "x"}, "decimal digits"},
	} {
		a := s.xsoar(t, c.command, c.params, c.args)
		assert.Contains(t, a["error"], c.says, "%s: %v", name, a)
	}
	assert.Len(t, s.incidents(t), 2)
}
