package platforms

import (
	"encoding/json"
	"maps"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// insightSpec is plugin.spec.yaml, by the parser that the platform's tools use.
func (s *site) insightSpec(t *testing.T) map[string]any {
	t.Helper()
	if s.spec == nil {
		s.spec = yamlAsJSON(t, filepath.Join(s.pkg, "plugin.spec.yaml"))
	}
	return s.spec
}

// insight plays the part of the orchestrator: the defaults of the specification
// for what a step leaves out, one document in, one out.
func (s *site) insight(t *testing.T, verb, action string, connection, input map[string]any) (body map[string]any, a answer) {
	t.Helper()
	all := map[string]any{}
	if spec, ok := s.insightSpec(t)["actions"].(map[string]any)[action].(map[string]any); ok {
		inputs, _ := spec["input"].(map[string]any)
		for name, one := range inputs {
			if value, ok := one.(map[string]any)["default"]; ok {
				all[name] = value
			}
		}
	}
	maps.Copy(all, input)
	c := map[string]any{
		"kscHost": s.host, "kscPort": s.port, "kscCert": s.cert, "kscInternalUser": false, "kscDomain": "",
		"credentials": map[string]any{"username": "edr-operator", "password": password},
	}
	maps.Copy(c, connection)
	return s.insightSays(t, verb, text(t, map[string]any{"version": "v1", "type": "action_start", "body": map[string]any{
		"meta": map[string]any{"step": 7, "ключ": "Ü"}, "action": action, "connection": c, "input": all,
	}}))
}

func (s *site) insightSays(t *testing.T, verb, document string) (map[string]any, answer) {
	t.Helper()
	cmd := exec.Command(filepath.Join(s.pkg, "kes-respond-insightconnect"), verb)
	cmd.Env, cmd.Stdin = s.environment(), strings.NewReader(document)
	a := run(t, cmd)
	var answer struct {
		Version, Type string
		Body          map[string]any
	}
	require.NoError(t, json.Unmarshal([]byte(a.out), &answer), a.out+a.stderr)
	assert.Equal(t, "v1", answer.Version)
	assert.Equal(t, "action_event", answer.Type)
	assert.Equal(t, answer.Body["status"] == "ok", answer.Body["error"] == "", "%v", answer.Body)
	assert.Equal(t, answer.Body["status"] == "ok", a.code == 0)
	return answer.Body, a
}

func TestInsightConnectSpecificationIsComplete(t *testing.T) {
	t.Parallel()
	s := newSite(t, "insightconnect")
	spec := s.insightSpec(t)
	for _, name := range []string{"plugin_spec_version", "name", "title", "description", "version", "vendor", "support", "connection", "actions", "types", "version_history", "troubleshooting", "requirements", "supported_versions"} {
		assert.NotEmpty(t, spec[name], name)
	}
	assert.Equal(t, "credential_username_password", spec["connection"].(map[string]any)["credentials"].(map[string]any)["type"], "the platform's own type for an account")
	known := []string{"string", "integer", "boolean", "object", "bytes"}
	for name := range spec["types"].(map[string]any) {
		known = append(known, name, "[]"+name)
	}
	actions := spec["actions"].(map[string]any)
	assert.Len(t, actions, 9+2)
	for task := range samples(t) {
		assert.Contains(t, actions, task)
	}
	for name, action := range actions {
		for _, half := range []string{"input", "output"} {
			fields, _ := action.(map[string]any)[half].(map[string]any)
			for field, one := range fields {
				f := one.(map[string]any)
				assert.Contains(t, known, f["type"], "%s %s", name, field)
				assert.NotEmpty(t, f["title"], "%s %s", name, field)
				assert.NotEmpty(t, f["description"], "%s %s", name, field)
				assert.IsType(t, true, f["required"], "%s %s", name, field)
				assert.NotRegexp(t, `\.$`, f["description"], "%s %s", name, field)
			}
		}
	}
}

func TestInsightConnectRunsEveryAction(t *testing.T) {
	t.Parallel()
	s := newSite(t, "insightconnect")
	looked := s.watched(t)
	tested, _ := s.insight(t, "test", "isolateHost", nil, nil)
	assert.Equal(t, "ok", tested["status"], "%v", tested)
	checked, _ := s.insight(t, "run", "check", nil, nil)
	assert.Contains(t, checked["output"].(map[string]any)["message"], "nothing is in the way")
	for task, sample := range samples(t) {
		input := map[string]any{"targetHost": "PC-12", "dryRun": true}
		if one, ok := sample.(map[string]any); ok {
			maps.Copy(input, one)
		} else {
			input["params"] = sample
		}
		dry, _ := s.insight(t, "run", task, nil, input)
		assert.Equal(t, "planned", dry["output"].(map[string]any)["outcome"], "%s: %v", task, dry)
		input["dryRun"] = "false" // a template makes text of it
		body, _ := s.insight(t, "run", task, nil, input)
		output := body["output"].(map[string]any)
		require.Equal(t, "submitted", output["outcome"], "%s: %v", task, body)
		assert.Equal(t, map[string]any{"step": float64(7), "ключ": "Ü"}, body["meta"], "comes back untouched")
		sent := s.incidents(t)
		assert.Equal(t, sample, sent[len(sent)-1]["params"], task)
		declared := s.insightSpec(t)["actions"].(map[string]any)[task].(map[string]any)["output"].(map[string]any)
		for name := range output {
			assert.Contains(t, declared, name)
		}
	}
	looked()
	assert.Len(t, s.incidents(t), 9)
	holdsNoPassword(t, s.state)
}

// TestInsightConnectSamplesAreReadyToRun: info and sample ask for nothing, and a
// sample is a dry run of its action.
func TestInsightConnectSamplesAreReadyToRun(t *testing.T) {
	t.Parallel()
	s := newSite(t, "insightconnect")
	program := filepath.Join(s.pkg, "kes-respond-insightconnect")
	assert.Contains(t, run(t, exec.Command(program, "info")).out, "Actions: 9")
	for task := range samples(t) {
		out := run(t, exec.Command(program, "sample", task)).out
		var document map[string]any
		require.NoError(t, json.Unmarshal([]byte(out), &document), out)
		document["body"].(map[string]any)["connection"] = s.connection()
		body, _ := s.insightSays(t, "run", text(t, document))
		assert.Equal(t, "planned", body["output"].(map[string]any)["outcome"], "%s: %v", task, body)
	}
	byHand := s.indented(t, "./kes-respond-insightconnect")
	require.Len(t, byHand, 4, "info, sample, run, test")
	for i, line := range byHand {
		if i == 2 {
			document := jsonFile(t, filepath.Join(s.pkg, "start.json"))
			document["body"].(map[string]any)["connection"] = s.connection()
			write(t, filepath.Join(s.pkg, "start.json"), text(t, document))
		}
		cmd := exec.Command("sh", "-euc", line)
		cmd.Dir, cmd.Env = s.pkg, s.environment()
		a := run(t, cmd)
		assert.Equal(t, 0, a.code, "%s: %s%s", line, a.out, a.stderr)
	}
	assert.Empty(t, s.incidents(t))
	for _, args := range [][]string{{}, {"sample"}, {"sample", "makeCoffee"}, {"http"}, {"run", "more"}} {
		assert.Equal(t, 64, run(t, exec.Command(program, args...)).code, "%v", args)
	}
}

func TestInsightConnectHearsWhatIsWrong(t *testing.T) {
	t.Parallel()
	s := newSite(t, "insightconnect")
	host := func(host any) map[string]any { return map[string]any{"targetHost": host, "action": 1} }
	for name, c := range map[string]struct {
		action     string
		connection map[string]any
		input      map[string]any
		says       string
	}{
		"no host":        {"isolateHost", nil, host(""), "/targetHost"},
		"null":           {"isolateHost", nil, host(nil), "/targetHost"},
		"several hosts":  {"isolateHost", nil, host([]string{"PC-12", "PC-13"}), "names 2 hosts"},
		"unknown host":   {"isolateHost", nil, host("--dryRun"), "knows no such host"},
		"no parameter":   {"isolateHost", nil, map[string]any{"targetHost": "PC-12"}, "/params/action"},
		"empty":          {"isolateHost", nil, map[string]any{"targetHost": "PC-12", "action": ""}, "/params/action"},
		"wrong kind":     {"isolateHost", nil, map[string]any{"targetHost": "PC-12", "action": "one"}, "/params/action"},
		"unknown input":  {"isolateHost", nil, merge(host("PC-12"), "tagretHost", "PC-13"), "/tagretHost"},
		"another task":   {"isolateHost", nil, merge(host("PC-12"), "task", "deleteFile"), "task cannot be given"},
		"another place":  {"isolateHost", nil, merge(host("PC-12"), "connection", s.connection()), "connection cannot be given"},
		"another kind":   {"isolateHost", nil, merge(host("PC-12"), "type", "shutdown"), "type cannot be given"},
		"no action":      {"makeCoffee", nil, host("PC-12"), "is no action"},
		"an empty list":  {"onDemandScan", nil, map[string]any{"targetHost": "PC-12", "params": []any{}}, "/params"},
		"incident":       {"status", nil, map[string]any{"incident": "x"}, "decimal digits"},
		"nothing asked":  {"status", nil, nil, "incident"},
		"no account":     {"isolateHost", map[string]any{"credentials": nil}, host("PC-12"), "/connection/kscUser"},
		"half":           {"isolateHost", map[string]any{"credentials": map[string]any{"username": "x", "password": ""}}, host("PC-12"), "/connection/kscPassword"},
		"a bare account": {"isolateHost", map[string]any{"credentials": "edr-operator"}, host("PC-12"), "credentials are no username and password"},
		"wrong password": {"isolateHost", map[string]any{"credentials": map[string]any{"username": "edr-operator", "password": "wrong"}}, host("PC-12"), "password"},
	} {
		body, _ := s.insight(t, "run", c.action, c.connection, c.input)
		assert.Equal(t, "error", body["status"], name)
		assert.Contains(t, body["error"], c.says, name)
	}
	for document, says := range map[string]string{
		"":   "no document",
		"{}": "no document of type action_start",
		`{"version":"v1","type":"trigger_start","body":{}}`:                     "no document of type action_start",
		`{"version":"v1","type":"action_start","body":{"input":1}}`:             "no document of type action_start",
		`{"type":"action_start","body":{"input":{"a":1,"a":2}}}`:                "stands twice",
		`{"type":"action_start","body":{"action":"status","input":{"a\nb":1}}}`: "is not a member",
	} {
		body, _ := s.insightSays(t, "run", document)
		assert.Contains(t, body["error"], says, document)
	}
	assert.Empty(t, s.incidents(t))
	first, _ := s.insight(t, "run", "isolateHost", nil, merge(host("PC-12"), "idempotencyKey", "k"))
	second, _ := s.insight(t, "run", "isolateHost", nil, merge(host("PC-12"), "idempotencyKey", "k"))
	assert.Equal(t, first["output"].(map[string]any)["id"], second["output"].(map[string]any)["result"].(map[string]any)["duplicateOf"])
	assert.Len(t, s.incidents(t), 1)
}

// indented are the lines of the package's page that stand in blocks by their
// indentation and begin with a word.
func (s *site) indented(t *testing.T, word string) []string {
	t.Helper()
	var all []string
	for _, m := range regexp.MustCompile(`(?m)^ {4,}(`+regexp.QuoteMeta(word)+`.*)$`).FindAllStringSubmatch(read(t, filepath.Join(s.pkg, "README.md")), -1) {
		all = append(all, m[1])
	}
	require.NotEmpty(t, all, "no line with %s", word)
	return all
}

func jsonFile(t *testing.T, path string) map[string]any {
	t.Helper()
	var v map[string]any
	require.NoError(t, json.Unmarshal([]byte(read(t, path)), &v))
	return v
}
