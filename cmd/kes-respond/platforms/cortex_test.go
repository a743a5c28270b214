package platforms

import (
	"encoding/json"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	santhosh "github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// flavour is what Cortex reads of a responder (WorkerDefinition.scala).
type flavour struct {
	Name, Version, Description, Author, URL, License, Command, BaseConfig string
	DataTypeList                                                          []string
	Config                                                                map[string]any
	ConfigurationItems                                                    []struct {
		Name, Description, Type string
		Multi, Required         bool
		DefaultValue            any
	}
}

func flavours(t *testing.T, pkg string) map[string]flavour {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(pkg, "KES", "*.json"))
	require.NoError(t, err)
	conforms(t, "cortex-flavor-schema.json", santhosh.Draft7, files...)
	all := map[string]flavour{}
	for _, file := range files {
		var f flavour
		require.NoError(t, json.Unmarshal([]byte(read(t, file)), &f), file)
		assert.Regexp(t, `^\S+$`, f.Name)
		for _, text := range []string{f.Version, f.Description, f.Author, f.URL, f.License, f.BaseConfig} {
			assert.NotEmpty(t, text, file)
		}
		assert.NotEmpty(t, f.DataTypeList, file)
		assert.FileExists(t, filepath.Join(pkg, f.Command))
		for _, item := range f.ConfigurationItems {
			assert.Contains(t, []string{"text", "string", "number", "boolean"}, item.Type, "%s %s", file, item.Name)
		}
		all[f.Config["service"].(string)] = f
	}
	return all
}

// cortex plays Cortex's part in a job: the configuration with its defaults, the
// directory, the command with its working directory, and what it reads of it all.
func (s *site) cortex(t *testing.T, f flavour, config map[string]any, job map[string]any) (map[string]any, answer) {
	t.Helper()
	all := maps.Clone(f.Config)
	for _, item := range f.ConfigurationItems {
		if item.DefaultValue != nil {
			all[item.Name] = item.DefaultValue
		}
	}
	maps.Copy(all, s.connection())
	maps.Copy(all, config)
	for name, value := range all {
		if value == nil {
			delete(all, name)
		}
	}
	doc := map[string]any{"tlp": 2, "pap": 2, "message": "", "parameters": map[string]any{}, "config": all}
	maps.Copy(doc, job)
	dir, err := os.MkdirTemp(s.dir, "cortex-job-")
	require.NoError(t, err)
	for _, sub := range []string{"input", "output"} {
		require.NoError(t, os.Mkdir(filepath.Join(dir, sub), 0o700))
	}
	require.NoError(t, os.WriteFile(filepath.Join(dir, "input", "input.json"), []byte(text(t, doc)), 0o600))
	cmd := exec.Command(filepath.Join(s.pkg, f.Command), dir)
	cmd.Dir, cmd.Env = s.pkg, s.environment()
	a := run(t, cmd)
	var report map[string]any
	output := read(t, filepath.Join(dir, "output", "output.json"))
	require.NoError(t, json.Unmarshal([]byte(output), &report), output)
	assert.NotContains(t, output, password)
	assert.Equal(t, report["success"] == true, a.code == 0)
	require.NoError(t, os.RemoveAll(dir)) // the input holds the password
	return report, a
}

// observable is what TheHive hands over when a responder is started on one.
func observable(kind, value string, tags ...string) map[string]any {
	return map[string]any{"dataType": "thehive:case_artifact", "data": map[string]any{
		"dataType": kind, "data": value, "tags": tags, "message": "seen by a person", "tlp": 2,
		"case": map[string]any{"caseId": 7, "title": "a case", "tags": []string{"other"}},
	}}
}

func TestCortexRunsEveryFlavour(t *testing.T) {
	t.Parallel()
	s := newSite(t, "cortex")
	all := flavours(t, s.pkg)
	require.Len(t, all, 9+2)
	looked := s.watched(t)
	for name, sample := range samples(t) {
		f, ok := all[name]
		require.True(t, ok, name)
		one := sample
		if list, ok := sample.([]any); ok {
			one = list[0]
		}
		config := map[string]any{}
		for param, value := range one.(map[string]any) {
			config["param_"+param] = value
		}
		dry, _ := s.cortex(t, f, maps.Collect(func(yield func(string, any) bool) {
			for n, v := range config {
				yield(n, v)
			}
			yield("dryRun", true)
		}), observable("hostname", "PC-12"))
		assert.Equal(t, true, dry["success"], "%v", dry)
		assert.Equal(t, "planned", dry["full"].(map[string]any)["outcome"])
		assert.Empty(t, dry["operations"])
		report, _ := s.cortex(t, f, config, observable("fqdn", "pc-12.corp.example"))
		require.Equal(t, true, report["success"], "%s: %v", name, report)
		assert.Contains(t, text(t, report["operations"]), `"type":"AddTagToArtifact"`)
		assert.Contains(t, text(t, report["operations"]), `kes-result:`+name)
		sent := s.incidents(t)
		assert.Equal(t, sample, sent[len(sent)-1]["params"])
		assert.Equal(t, "TheHive", sent[len(sent)-1]["responseEventIncidentArea"])
	}
	looked()
	assert.Len(t, s.incidents(t), 9)
	report, _ := s.cortex(t, all["check"], nil, map[string]any{"dataType": "thehive:case", "data": map[string]any{"title": "a case"}})
	assert.Equal(t, true, report["success"], "%v", report)
	report, _ = s.cortex(t, all["status"], map[string]any{"wait": "done"}, observable("hostname", "PC-12", `kes:incident="1"`))
	assert.Equal(t, true, report["success"], "%v", report)
	assert.Equal(t, "succeeded", report["full"].(map[string]any)["outcome"])
	assert.Contains(t, text(t, report["operations"]), `=\"succeeded\"`)
	holdsNoPassword(t, s.state)
}

// TestCortexTakesWhatTheObservableSays: hosts, addresses, files and hashes, from
// the observable and from tags.
func TestCortexTakesWhatTheObservableSays(t *testing.T) {
	t.Parallel()
	s := newSite(t, "cortex")
	all := flavours(t, s.pkg)
	md5, sha := strings.Repeat("ab", 16), strings.Repeat("cd", 32)
	host := `kes:targetHost="PC-13"`
	for name, c := range map[string]struct {
		task   string
		config map[string]any
		job    map[string]any
		host   string
		params string
	}{
		"address":   {"isolateHost", map[string]any{"param_action": 1}, observable("ip", "10.0.0.12"), "id-of-pc-12", `{"action":1}`},
		"file":      {"deleteFile", nil, observable("filename", `C:\t\x.exe`, host), "id-of-pc-13", `{"md5hash":"","sha256hash":"","path":"C:\\t\\x.exe","searchInSubfolders":false}`},
		"md5":       {"getFile", nil, observable("hash", md5, host), "id-of-pc-13", `{"md5hash":"` + md5 + `","sha256hash":"","path":""}`},
		"sha256":    {"quarantineFile", nil, observable("hash", sha, host), "id-of-pc-13", `{"md5hash":"","sha256hash":"` + sha + `","path":""}`},
		"programme": {"startProcess", nil, observable("filename", `C:\t\x.exe`, "kes:targetHost=PC-13"), "id-of-pc-13", `{"executablePath":"C:\\t\\x.exe"}`},
		"tags":      {"getFile", nil, observable("hostname", "PC-13", `kes:path="C:\t\y.exe"`, host), "id-of-pc-13", `{"md5hash":"","sha256hash":"","path":"C:\\t\\y.exe"}`},
		"case":      {"isolateHost", map[string]any{"param_action": "0"}, map[string]any{"dataType": "thehive:case", "data": map[string]any{"caseId": 8, "tags": []string{host}}}, "id-of-pc-13", `{"action":0}`},
	} {
		report, _ := s.cortex(t, all[c.task], c.config, c.job)
		require.Equal(t, true, report["success"], "%s: %v", name, report)
		sent := s.incidents(t)
		last := sent[len(sent)-1]
		assert.JSONEq(t, c.params, text(t, last["params"]), name)
		assert.Equal(t, c.host, last["targetHost"], name)
	}
}

func TestCortexSaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	s := newSite(t, "cortex")
	all := flavours(t, s.pkg)
	isolate := map[string]any{"param_action": 1}
	for name, c := range map[string]struct {
		task   string
		config map[string]any
		job    map[string]any
		says   string
	}{
		"no parameter":     {"isolateHost", nil, observable("hostname", "PC-12"), "/params/action"},
		"wrong parameter":  {"isolateHost", map[string]any{"param_action": "yes"}, observable("hostname", "PC-12"), "/params/action"},
		"wrong kind":       {"isolateHost", isolate, observable("url", "http://x.example"), "of type url is none"},
		"a short hash":     {"getFile", nil, observable("hash", "abcd", `kes:targetHost="PC-12"`), "is none that this task can use"},
		"no host":          {"getFile", nil, observable("filename", `C:\x.exe`), "no host is named"},
		"two hosts":        {"isolateHost", isolate, observable("hostname", "PC-12", `kes:targetHost="PC-13"`), "not clear which is meant"},
		"two values":       {"isolateHost", isolate, observable("hostname", "PC-12", `kes:action="0"`), "not clear which is meant"},
		"unknown host":     {"isolateHost", isolate, observable("hostname", "no-such-host"), "knows no such host"},
		"a line break":     {"isolateHost", isolate, observable("hostname", "PC-12\nPC-13"), "control character"},
		"a flag":           {"isolateHost", isolate, observable("hostname", "--dryRun"), "knows no such host"},
		"a list":           {"isolateHost", isolate, observable("hostname", `["PC-12","PC-13"]`), "knows no such host"},
		"a field left":     {"isolateHost", isolate, observable("hostname", "{{.Host}}"), "/targetHost"},
		"empty host":       {"isolateHost", isolate, observable("hostname", ""), "no host is named"},
		"several in one":   {"isolateHost", isolate, observable("hostname", "PC-12,PC-13"), "knows no such host"},
		"no such one":      {"status", nil, observable("hostname", "PC-12", `kes:incident="7"`, `kes:incident="10"`), "no incident that this KSC server holds"},
		"no incident":      {"status", nil, observable("hostname", "PC-12"), "no tag kes:incident"},
		"half an account":  {"isolateHost", map[string]any{"param_action": 1, "kscUser": nil}, observable("hostname", "PC-12"), "/connection/kscUser"},
		"a wrong account":  {"isolateHost", map[string]any{"param_action": 1, "kscUser": "stranger"}, observable("hostname", "PC-12"), "password"},
		"no address":       {"isolateHost", map[string]any{"param_action": 1, "kscHost": nil}, observable("hostname", "PC-12"), "/connection/kscHost"},
		"no configuration": {"isolateHost", map[string]any{"param_action": 1, "kscHost": nil, "kscUser": nil, "kscPassword": nil, "kscCert": nil}, observable("hostname", "PC-12"), "server"},
		"confidential":     {"isolateHost", isolate, merge(observable("hostname", "PC-12"), "tlp", 3), "TLP is 3"},
		"not permitted":    {"isolateHost", isolate, merge(observable("hostname", "PC-12"), "pap", 3), "PAP is 3"},
	} {
		report, _ := s.cortex(t, all[c.task], c.config, c.job)
		assert.Equal(t, false, report["success"], name)
		assert.Contains(t, report["errorMessage"], c.says, name)
		assert.Empty(t, report["operations"], name)
	}
	assert.Empty(t, s.incidents(t))
	report, _ := s.cortex(t, all["isolateHost"], map[string]any{"param_action": 1, "max_tlp": "3"}, merge(observable("hostname", "PC-12"), "tlp", 3))
	assert.Equal(t, true, report["success"], "the administrator allows it: %v", report)
	for name, c := range map[string]struct {
		config   map[string]any
		tlp, pap any
		says     string // where it is refused
	}{
		"amber, as it is set":     {nil, 2, 2, ""},
		"nothing marked":          {nil, nil, nil, ""},
		"stricter than red":       {nil, 4, 2, "TLP is 4"},
		"bounds taken out":        {map[string]any{"max_tlp": nil, "check_tlp": nil}, 3, 2, "TLP is 3"},
		"bounds left empty":       {map[string]any{"max_pap": "", "check_pap": ""}, 2, 3, "PAP is 3"},
		"a check switched off":    {map[string]any{"check_tlp": "false"}, 4, 2, ""},
		"only one of them":        {map[string]any{"check_tlp": false}, 4, 3, "PAP is 3"},
		"white alone":             {map[string]any{"max_tlp": 0}, 1, 0, "TLP is 1"},
		"a bound that is none":    {map[string]any{"max_tlp": "amber"}, 1, 0, "max_tlp must be a number"},
		"a check that is none":    {map[string]any{"check_pap": "maybe"}, 1, 0, "check_pap must be true or false"},
		"a mark that is none":     {nil, "red", 0, "not one that Cortex writes"},
		"a mark that is no whole": {nil, 2.5, 0, "not one that Cortex writes"},
	} {
		config := map[string]any{"param_action": 1, "dryRun": true}
		maps.Copy(config, c.config)
		report, _ := s.cortex(t, all["isolateHost"], config, merge(merge(observable("hostname", "PC-12"), "tlp", c.tlp), "pap", c.pap))
		assert.Equal(t, c.says == "", report["success"], "%s: %v", name, report)
		if c.says != "" {
			assert.Contains(t, report["errorMessage"], c.says, name)
		}
	}
	assert.Len(t, s.incidents(t), 1)
}

func merge(doc map[string]any, name string, value any) map[string]any {
	doc = maps.Clone(doc)
	doc[name] = value
	return doc
}

// TestCortexKillsAtItsTimeout: what was on its way is in the ledger.
func TestCortexKillsAtItsTimeout(t *testing.T) {
	t.Parallel()
	s := newSite(t, "cortex", "--latency", "500ms")
	dir := filepath.Join(s.dir, "job")
	config := s.connection()
	maps.Copy(config, map[string]any{"service": "isolateHost", "param_action": 1, "hostLookup": "never"})
	job := merge(observable("hostname", "id-of-pc-12"), "config", config)
	require.NoError(t, os.MkdirAll(filepath.Join(dir, "input"), 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "input", "input.json"), []byte(text(t, job)), 0o600))
	cmd := exec.Command(filepath.Join(s.pkg, "KES/kes-respond-cortex"), dir)
	cmd.Env = s.environment()
	require.NoError(t, cmd.Start())
	journal := func() string {
		cmd := exec.Command(filepath.Join(built, "kes-respond"), "journal", "--open", "true", "--output", "json")
		cmd.Env = s.environment()
		return run(t, cmd).out
	}
	require.Eventually(t, func() bool { return strings.Contains(journal(), "isolateHost") }, 20*time.Second, 20*time.Millisecond)
	require.NoError(t, cmd.Process.Kill())
	cmd.Wait()
	var known struct{ ID string }
	require.NoError(t, json.Unmarshal([]byte(strings.SplitN(journal(), "\n", 2)[0]), &known))
	cmd = exec.Command(filepath.Join(built, "kes-respond"), "as", "form") // the connection was the job's own
	cmd.Env, cmd.Stdin = s.environment(), lines(text(t, map[string]any{"request": "status", "target": known.ID, "connection": s.connection()}))
	var r map[string]any
	require.NoError(t, json.Unmarshal([]byte(run(t, cmd).out), &r))
	assert.Equal(t, "isolateHost", r["result"].(map[string]any)["task"], "status finds it: %v", r)
}
