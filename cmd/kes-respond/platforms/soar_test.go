package platforms

import (
	"encoding/json"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	santhosh "github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// soarApp is what SOAR reads of an app, as far as the rules of its own checks go.
type soarApp struct {
	Appid, Logo    string
	LogoDark       string `json:"logo_dark"`
	MainModule     string `json:"main_module"`
	Configuration  map[string]soarParam
	Actions        []soarAction
	PackageName    string `json:"package_name"`
	ProductVersion string `json:"product_version_regex"`
}

type soarParam struct {
	DataType  string `json:"data_type"`
	Order     *int
	Required  bool
	Default   any
	ValueList []any `json:"value_list"`
	Contains  []string
}

type soarAction struct {
	Action, Identifier, Type string
	ReadOnly                 bool `json:"read_only"`
	Parameters               map[string]soarParam
	Output                   []struct {
		DataPath    string `json:"data_path"`
		DataType    string `json:"data_type"`
		ColumnOrder *int   `json:"column_order"`
		Contains    []string
	}
}

func (s *site) soarApp(t *testing.T) soarApp {
	t.Helper()
	var app soarApp
	require.NoError(t, json.Unmarshal([]byte(read(t, filepath.Join(s.pkg, "kesrespond.json"))), &app))
	return app
}

// countsUp: SOAR wants orders from zero without a gap.
func countsUp(t *testing.T, orders []int, what string) {
	t.Helper()
	slices.Sort(orders)
	for i, order := range orders {
		assert.Equal(t, i, order, what)
	}
}

func TestSOARAppKeepsTheOfficialSchemaAndRules(t *testing.T) {
	t.Parallel()
	s := newSite(t, "splunk-soar")
	conforms(t, "splunk-soar-app-schema.json", santhosh.Draft2020, filepath.Join(s.pkg, "kesrespond.json"))
	app := s.soarApp(t)
	for _, file := range []string{app.MainModule, app.Logo, app.LogoDark} {
		assert.FileExists(t, filepath.Join(s.pkg, file))
	}
	assert.Equal(t, "password", app.Configuration["kscPassword"].DataType)
	var orders []int
	for name, p := range app.Configuration {
		if assert.NotNil(t, p.Order, name) {
			orders = append(orders, *p.Order)
		}
		if p.DataType == "password" {
			assert.Nil(t, p.Default)
			assert.Empty(t, p.ValueList)
		}
	}
	countsUp(t, orders, "configuration")
	seen := map[string]soarAction{}
	for _, a := range app.Actions {
		seen[a.Identifier] = a
		if a.Action == "test connectivity" {
			continue
		}
		orders, columns := []int{}, []int{}
		echoed, paths := map[string]bool{}, map[string]string{}
		for name, p := range a.Parameters {
			require.NotNil(t, p.Order, "%s %s", a.Action, name)
			orders = append(orders, *p.Order)
			echoed["action_result.parameter."+name] = true
		}
		for _, o := range a.Output {
			paths[o.DataPath] = o.DataType
			if o.ColumnOrder != nil {
				columns = append(columns, *o.ColumnOrder)
			}
			if name, ok := strings.CutPrefix(o.DataPath, "action_result.parameter."); ok {
				assert.True(t, echoed[o.DataPath], "%s: %s is of no parameter", a.Action, o.DataPath)
				assert.Equal(t, a.Parameters[name].DataType, o.DataType, o.DataPath)
				assert.Equal(t, a.Parameters[name].Contains, o.Contains, o.DataPath)
			}
		}
		for path := range echoed {
			assert.Contains(t, paths, path, a.Action)
		}
		for path, kind := range map[string]string{
			"action_result.status": "string", "action_result.message": "string", "summary.total_objects": "numeric", "summary.total_objects_successful": "numeric",
		} {
			assert.Equal(t, kind, paths[path], "%s: %s", a.Action, path)
		}
		countsUp(t, orders, a.Action)
		countsUp(t, columns, a.Action)
	}
	for task := range samples(t) {
		assert.Contains(t, seen, task)
	}
	assert.Contains(t, seen, "test_connectivity")
	assert.Len(t, seen, 9+2)
}

// soar runs the app's Python as SOAR does, with stand-ins for SOAR's modules: the
// defaults of what is left out, and all parameters that differ in one document.
func (s *site) soar(t *testing.T, action string, config map[string]any, params ...map[string]any) map[string]any {
	t.Helper()
	app := s.soarApp(t)
	i := slices.IndexFunc(app.Actions, func(a soarAction) bool { return a.Identifier == action })
	var all []any
	for _, given := range params {
		one := map[string]any{}
		if i >= 0 {
			for name, p := range app.Actions[i].Parameters {
				if p.Default != nil {
					one[name] = p.Default
				}
			}
		}
		maps.Copy(one, given)
		all = append(all, one)
	}
	port, err := strconv.Atoi(s.port)
	require.NoError(t, err)
	asset := merge(s.connection(), "kscPort", port)
	asset["kscInternalUser"] = false
	maps.Copy(asset, config)
	document := filepath.Join(s.dir, "soar.json")
	require.NoError(t, os.WriteFile(document, []byte(text(t, map[string]any{"identifier": action, "config": asset, "parameters": all})), 0o600))
	defer os.Remove(document)
	stubs, err := filepath.Abs("testdata/soar")
	require.NoError(t, err)
	cmd := exec.Command(need(t, "/usr/bin/python3", "python3"), "-B", filepath.Join(s.pkg, "kesrespond_connector.py"), document)
	cmd.Env = append(append([]string{"PYTHONPATH=" + stubs, "SOAR_STATE=" + s.state}, s.environment()...), s.locale...)
	cmd.Env = slices.DeleteFunc(cmd.Env, func(v string) bool { return strings.HasPrefix(v, "STATE_DIRECTORY=") }) // the app's state folder counts
	a := run(t, cmd)
	require.Equal(t, 0, a.code, a.stderr)
	var answer map[string]any
	require.NoError(t, json.Unmarshal([]byte(a.out), &answer), a.out)
	return answer
}

// soarResult is the one result of a run.
func soarResult(t *testing.T, answer map[string]any) (summary any, message string, good bool) {
	t.Helper()
	all := answer["result_data"].([]any)
	require.Len(t, all, 1, "%v", answer)
	one := all[0].(map[string]any)
	return one["summary"].(map[string]any)["outcome"], one["message"].(string), one["status"] == "success"
}

func TestSOARRunsEveryAction(t *testing.T) {
	t.Parallel()
	s := newSite(t, "splunk-soar")
	looked := s.watched(t)
	tested := s.soar(t, "test_connectivity", nil, map[string]any{})
	assert.Equal(t, true, tested["status"], "%v", tested)
	assert.Contains(t, tested["progress"], "Test Connectivity Passed")
	for task, sample := range samples(t) {
		one := sample
		if list, ok := sample.([]any); ok {
			one = list[0]
		}
		params := asForm(one).(map[string]any)
		params["targetHost"], params["dryRun"] = "PC-12", true
		outcome, message, good := soarResult(t, s.soar(t, task, nil, params))
		assert.Equal(t, "planned", outcome, "%s: %s", task, message)
		assert.True(t, good)
		params["dryRun"] = false
		answer := s.soar(t, task, nil, params)
		outcome, message, _ = soarResult(t, answer)
		require.Equal(t, "submitted", outcome, "%s: %s", task, message)
		sent := s.incidents(t)
		assert.Equal(t, sample, sent[len(sent)-1]["params"], task)
		assert.Contains(t, text(t, answer), `"incident":{"`)
	}
	looked()
	assert.Len(t, s.incidents(t), 9)
	answer := s.soar(t, "isolateHost", nil, map[string]any{"targetHost": "HOST-1", "action": "1"}, map[string]any{"targetHost": "no-such-host", "action": "1"}, map[string]any{"targetHost": "HOST-2", "action": "1"})
	assert.Equal(t, false, answer["status"])
	assert.Equal(t, float64(2), answer["result_summary"].(map[string]any)["total_objects_successful"], "one that fails keeps no other from being done")
	several, message, _ := soarResult(t, s.soar(t, "onDemandScan", nil, map[string]any{"targetHost": "PC-13", "params": `[{"enabled":true,"path":"","recursive":false,"type":14}]`}))
	assert.Equal(t, "submitted", several, message)
	holdsNoPassword(t, s.state)
	assert.NotEmpty(t, read(t, firstFile(t, s.state)), "the record lies in the app's state folder")
}

func firstFile(t *testing.T, dir string) string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(dir, "ledger", "ledger-*"))
	require.NoError(t, err)
	for _, f := range found {
		if info, err := os.Stat(f); err == nil && info.Mode().IsRegular() && info.Size() > 0 {
			return f
		}
	}
	t.Fatalf("no file of the ledger below %s: %v", dir, found)
	return ""
}

func TestSOARHearsWhatIsWrong(t *testing.T) {
	t.Parallel()
	s := newSite(t, "splunk-soar")
	isolate := map[string]any{"targetHost": "PC-12", "action": "1"}
	for name, c := range map[string]struct {
		action string
		config map[string]any
		params map[string]any
		says   string
	}{
		"no host":        {"isolateHost", nil, merge(isolate, "targetHost", ""), "/targetHost"},
		"several hosts":  {"isolateHost", nil, merge(isolate, "targetHost", []string{"PC-12", "PC-13"}), "names 2 hosts"},
		"in one":         {"isolateHost", nil, merge(isolate, "targetHost", "PC-12, PC-13"), "knows no such host"},
		"a line break":   {"isolateHost", nil, merge(isolate, "targetHost", "PC-12\nPC-13"), "control character"},
		"a template":     {"isolateHost", nil, merge(isolate, "targetHost", "{0}"), "knows no such host"},
		"no action":      {"isolateHost", nil, map[string]any{"targetHost": "PC-12"}, "/params/action"},
		"wrong action":   {"isolateHost", nil, merge(isolate, "action", "on"), "/params/action"},
		"a bad boolean":  {"deleteFile", nil, map[string]any{"targetHost": "PC-12", "path": `C:\x`, "searchInSubfolders": "maybe"}, "/params/searchInSubfolders"},
		"both":           {"onDemandScan", nil, map[string]any{"targetHost": "PC-12", "params": "[]", "type": "14"}, "exclude each other"},
		"no json":        {"onDemandScan", nil, map[string]any{"targetHost": "PC-12", "params": "[{"}, "/params"},
		"no account":     {"isolateHost", map[string]any{"kscUser": ""}, isolate, "/connection/kscUser"},
		"wrong password": {"isolateHost", map[string]any{"kscPassword": "wrong"}, isolate, "password"},
		"incident":       {"status", nil, map[string]any{"incident": "{x}"}, "decimal digits"},
	} {
		_, message, good := soarResult(t, s.soar(t, c.action, c.config, c.params))
		assert.False(t, good, name)
		assert.Contains(t, message, c.says, name)
	}
	tested := s.soar(t, "test_connectivity", map[string]any{"kscCert": strings.Repeat("ab", 32)}, map[string]any{})
	assert.Equal(t, false, tested["status"])
	assert.Contains(t, tested["progress"], "Test Connectivity Failed")
	assert.Contains(t, s.soar(t, "makeCoffee", nil, map[string]any{})["message"], "is no action")
	assert.Empty(t, s.incidents(t))
	first := s.soar(t, "isolateHost", nil, merge(isolate, "idempotencyKey", "k"))
	second := s.soar(t, "isolateHost", nil, merge(isolate, "idempotencyKey", "k"))
	assert.NotContains(t, text(t, first), "duplicateOf")
	assert.Contains(t, text(t, second), "duplicateOf")
	assert.Len(t, s.incidents(t), 1)

	program := filepath.Join(s.pkg, "kes-respond")
	require.NoError(t, os.Remove(program))
	_, message, good := soarResult(t, s.soar(t, "isolateHost", nil, isolate))
	assert.False(t, good)
	assert.Contains(t, message, "nothing was sent")
	require.NoError(t, os.WriteFile(program, []byte("#!/bin/sh\ncat >/dev/null\necho '{\"exit\":'\n"), 0o755))
	outcome, message, good := soarResult(t, s.soar(t, "isolateHost", nil, isolate))
	assert.False(t, good)
	assert.Equal(t, "unknown", outcome)
	assert.Contains(t, message, "it may have happened")
}
