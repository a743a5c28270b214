package platforms

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

// draft3 holds files against an official schema of StackStorm's, which only a
// validator of draft 3 reads.
func draft3(t *testing.T, schema string, doc map[string]any, name string) {
	t.Helper()
	path, ok := official(t, schema)
	if !ok {
		return
	}
	cmd := exec.Command(debianPython(t, "jsonschema"), "-c", "import json,sys,jsonschema; jsonschema.Draft3Validator(json.load(open(sys.argv[1]))).validate(json.load(sys.stdin))", path)
	cmd.Stdin = strings.NewReader(text(t, doc))
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s: %s", name, out)
}

func TestStackStormPackKeepsTheOfficialSchemas(t *testing.T) {
	t.Parallel()
	s := newSite(t, "stackstorm")
	pack := yamlAsJSON(t, filepath.Join(s.pkg, "pack.yaml"))
	for _, name := range []string{"name", "description", "version", "author"} {
		assert.NotEmpty(t, pack[name], name)
	}
	assert.Regexp(t, `^[a-z0-9_]+$`, pack["ref"])
	draft3(t, "stackstorm-pack.json", pack, "pack.yaml")
	for name, action := range s.actions(t) {
		draft3(t, "stackstorm-action.json", action, name)
		for param := range action["parameters"].(map[string]any) {
			assert.Regexp(t, `^\w+$`, param, name)
		}
		assert.FileExists(t, filepath.Join(s.pkg, "actions", action["entry_point"].(string)))
	}
}

// actions are the pack's, by the word that each hands over.
func (s *site) actions(t *testing.T) map[string]map[string]any {
	t.Helper()
	if s.packed == nil {
		files, err := filepath.Glob(filepath.Join(s.pkg, "actions", "*.yaml"))
		require.NoError(t, err)
		s.packed = map[string]map[string]any{}
		for _, action := range yamlsAsJSON(t, files...) {
			s.packed[action["parameters"].(map[string]any)["word"].(map[string]any)["default"].(string)] = action
		}
	}
	return s.packed
}

// stackStorm plays the part of the local-shell-script runner: defaults, then
// --name=value for what is neither null nor empty, true as a bare flag and false
// left out, then what has a position; all of it quoted for a shell.
func (s *site) stackStorm(t *testing.T, action map[string]any, given map[string]any) (map[string]any, answer) {
	t.Helper()
	params := action["parameters"].(map[string]any)
	line := filepath.Join(s.pkg, "actions", action["entry_point"].(string))
	positional := ""
	for _, name := range slices.Sorted(maps.Keys(params)) {
		spec := params[name].(map[string]any)
		value, ok := given[name]
		if !ok {
			value = spec["default"]
		}
		switch quoted := "'" + strings.ReplaceAll(fmt.Sprint(value), "'", `'"'"'`) + "'"; {
		case slices.Contains([]string{"kwarg_op", "sudo", "timeout"}, name) || value == nil || value == "" || value == false:
		case spec["position"] != nil:
			positional = " " + quoted
		case value == true:
			line += " --" + name
		default:
			line += " --" + name + "=" + quoted
		}
	}
	cmd := exec.Command("bash", "-c", line+positional)
	cmd.Env = append(s.environment(), "KES_RESPOND_CONFIG="+filepath.Join(s.dir, "config", "config.yaml"))
	a := run(t, cmd)
	var reply map[string]any
	require.NoError(t, json.Unmarshal([]byte(a.out), &reply), "%s%s", a.out, a.stderr)
	assert.Equal(t, float64(a.code), reply["exit"])
	return reply, a
}

// configured writes a configuration whose password comes from a helper, as from
// a platform's own store.
func (s *site) configured(t *testing.T) {
	t.Helper()
	dir := filepath.Join(s.dir, "config")
	require.NoError(t, os.MkdirAll(dir, 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "secret"), []byte(password+"\n"), 0o600))
	cat, err := exec.LookPath("cat")
	require.NoError(t, err)
	write(t, filepath.Join(dir, "config.yaml"), fmt.Sprintf("kscHost: %s\nkscPort: %s\nkscUser: edr-operator\nkscCert: %s\nkscPasswordCommand: [%s, %s]\n%s",
		s.host, s.port, s.cert, cat, filepath.Join(dir, "secret"), s.policy))
}

// stackStormPage follows the package's page: check runs with the configuration
// that it shows, whose helper is a stand-in here, and its workflow asks an action
// that is there.
func (s *site) stackStormPage(t *testing.T, actions map[string]map[string]any) {
	t.Helper()
	secret, helper := filepath.Join(s.dir, "config", "secret"), filepath.Join(s.dir, "st2")
	write(t, helper, "#!/bin/sh\n[ \"$*\" = 'key get ksc_password --decrypt --attr value' ] && exec cat "+secret+"\n")
	require.NoError(t, os.Chmod(helper, 0o700))
	config := strings.NewReplacer("ksc.example", s.host, "/etc/kes-respond/ksc.pem", s.cert, "/usr/bin/st2", helper).Replace(s.block(t, "yaml", 0))
	require.Contains(t, config, helper)
	file := filepath.Join(s.dir, "page.yaml")
	write(t, file, config+"kscPort: "+s.port+"\n")
	cmd := exec.Command(filepath.Join(built, "kes-respond"), "check", "--config", file)
	cmd.Env = s.environment()
	assert.Contains(t, run(t, cmd).out, `"passed":true`)

	var workflow map[string]struct {
		Action string
		Retry  struct{ Count, Delay int }
	}
	require.NoError(t, yaml.Unmarshal([]byte(s.block(t, "yaml", 1)), &workflow))
	require.Len(t, workflow, 1)
	for _, step := range workflow {
		name, given, _ := strings.Cut(step.Action, " ")
		word, ours := strings.CutPrefix(name, "kes_respond.")
		require.True(t, ours, name)
		param, _, _ := strings.Cut(given, "=")
		require.Contains(t, actions, word)
		assert.Contains(t, actions[word]["parameters"], param)
		assert.Positive(t, step.Retry.Count*step.Retry.Delay)
	}
}

func TestStackStormRunsEveryAction(t *testing.T) {
	t.Parallel()
	s := newSite(t, "stackstorm")
	s.configured(t)
	actions := s.actions(t)
	require.Len(t, actions, 9+2)
	s.stackStormPage(t, actions)
	looked := s.watched(t)
	reply, _ := s.stackStorm(t, actions["check"], nil)
	assert.Equal(t, float64(0), reply["exit"], "%v", reply)
	indicators := filepath.Join(s.dir, "one file.ioc")
	write(t, indicators, `<ioc xmlns="http://schemas.mandiant.com/2010/ioc" id="1"><definition/></ioc>`)
	for task, sample := range samples(t) {
		one := sample
		if list, ok := sample.([]any); ok {
			one = list[0]
		}
		given := map[string]any{"targetHost": "PC-12", "dryRun": "true"}
		for name, value := range one.(map[string]any) {
			if _, isBool := value.(bool); isBool {
				value = fmt.Sprint(value)
			}
			given[name] = value
		}
		if task == "iocScan" {
			given["ioc"] = indicators
		}
		reply, _ := s.stackStorm(t, actions[task], given)
		assert.Equal(t, "planned", reply["outcome"], "%s: %v", task, reply)
		given["dryRun"] = "false"
		reply, _ = s.stackStorm(t, actions[task], given)
		require.Equal(t, "submitted", reply["outcome"], "%s: %v", task, reply)
		sent := s.incidents(t)
		if task != "iocScan" {
			assert.Equal(t, sample, sent[len(sent)-1]["params"], task)
		}
	}
	looked()
	assert.Len(t, s.incidents(t), 9)
	reply, _ = s.stackStorm(t, actions["status"], map[string]any{"incident": "1", "wait": "done"})
	assert.Equal(t, "succeeded", reply["outcome"])
	holdsNoPassword(t, s.state)
}

// given is an action whose author has added a parameter.
func given(action map[string]any, name string) map[string]any {
	params := maps.Clone(action["parameters"].(map[string]any))
	params[name] = map[string]any{"type": "string"}
	return merge(action, "parameters", params)
}

func TestStackStormHearsWhatIsWrong(t *testing.T) {
	t.Parallel()
	s := newSite(t, "stackstorm")
	s.configured(t)
	isolate := s.actions(t)["isolateHost"]
	scan := s.actions(t)["onDemandScan"]
	for name, c := range map[string]struct {
		action map[string]any
		given  map[string]any
		says   string
	}{
		"no host":    {isolate, map[string]any{"action": 1}, "/targetHost"},
		"no action":  {isolate, map[string]any{"targetHost": "PC-12"}, "/params/action"},
		"several":    {isolate, map[string]any{"targetHost": "PC-12,PC-13", "action": 1}, "knows no such host"},
		"a list":     {isolate, map[string]any{"targetHost": `["PC-12","PC-13"]`, "action": 1}, "knows no such host"},
		"two lines":  {isolate, map[string]any{"targetHost": "PC-12\nPC-13", "action": 1}, "control character"},
		"shell":      {isolate, map[string]any{"targetHost": "PC-12'; touch x; '", "action": 1}, "knows no such host"},
		"a flag":     {isolate, map[string]any{"targetHost": "--dryRun=true", "action": 1}, "knows no such host"},
		"wrong":      {isolate, map[string]any{"targetHost": "PC-12", "action": 2}, "/params/action"},
		"bare":       {isolate, map[string]any{"targetHost": "PC-12", "action": 1, "dryRun": true}, "--dryRun has no value"},
		"both":       {scan, map[string]any{"targetHost": "PC-12", "type": 14, "params": "[]"}, "exclude each other"},
		"no file":    {s.actions(t)["iocScan"], map[string]any{"targetHost": "PC-12", "ioc": "/nosuch"}, "/nosuch"},
		"no config":  {isolate, map[string]any{"targetHost": "PC-12", "action": 1, "config": "/nosuch"}, "/nosuch"},
		"a secret":   {given(isolate, "connection"), map[string]any{"targetHost": "PC-12", "action": 1, "connection": "{}"}, "connection cannot be given here"},
		"another":    {given(isolate, "task"), map[string]any{"targetHost": "PC-12", "action": 1, "task": "deleteFile"}, "task cannot be given here"},
		"no integer": {isolate, map[string]any{"targetHost": "PC-12", "action": "one"}, "/params/action"},
	} {
		reply, a := s.stackStorm(t, c.action, c.given)
		assert.Contains(t, reply["message"], c.says, name)
		assert.NotEqual(t, 0, a.code, name)
	}
	assert.Empty(t, s.incidents(t))
	first, _ := s.stackStorm(t, isolate, map[string]any{"targetHost": "PC-12", "action": 1, "idempotencyKey": "k"})
	second, _ := s.stackStorm(t, isolate, map[string]any{"targetHost": "PC-12", "action": 1, "idempotencyKey": "k"})
	assert.Equal(t, first["id"], second["result"].(map[string]any)["duplicateOf"])
	assert.Len(t, s.incidents(t), 1)
}
