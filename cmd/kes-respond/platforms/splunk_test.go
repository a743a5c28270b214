package platforms

import (
	"encoding/json"
	"encoding/xml"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// stanzas are those of a file of Splunk's.
func stanzas(t *testing.T, path string) map[string]map[string]string {
	t.Helper()
	all, name := map[string]map[string]string{}, ""
	for line := range strings.Lines(read(t, path)) {
		line = strings.TrimSpace(line)
		if m := regexp.MustCompile(`^\[(.*)\]$`).FindStringSubmatch(line); m != nil {
			name = m[1]
			require.NotContains(t, all, name)
			all[name] = map[string]string{}
		} else if key, value, ok := strings.Cut(line, " = "); ok && !strings.HasPrefix(line, "#") && !strings.HasPrefix(line, "*") {
			all[name][key] = value
		}
	}
	return all
}

// splunkHome is a Splunk with the app in it, as far as an alert action sees it:
// its own Python, which has the module of its store.
func (s *site) splunkHome(t *testing.T) {
	t.Helper()
	stubs, err := filepath.Abs("testdata/splunk")
	require.NoError(t, err)
	splunk := filepath.Join(s.dir, "splunk", "bin", "splunk")
	write(t, splunk, fmt.Sprintf("#!/bin/sh\n[ \"$1\" = cmd ] || exit 9\nshift\n[ \"$1\" = python3 ] || exit 9\nshift\nPYTHONPATH=%s STORED=%s exec %s -B \"$@\"\n",
		stubs, "$(cat "+filepath.Join(s.dir, "stored")+")", need(t, "/usr/bin/python3", "python3")))
	require.NoError(t, os.Chmod(splunk, 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(s.dir, "stored"), []byte(password), 0o600))
	shown := s.block(t, "yaml", 0) // the page's own, with the places of this site
	config := strings.NewReplacer("ksc.example", s.host, `"SHA-256 of the server's certificate, or a file"`, s.cert,
		"/opt/splunk/var/lib/kes-respond", filepath.Join(s.state, "ledger")).Replace(shown)
	require.NotEqual(t, shown, config)
	write(t, filepath.Join(s.pkg, "local", "kes-respond.yaml"), config+"kscPort: "+s.port+"\n"+s.policy)
}

// splunk plays the part of Splunk: the parameters of the action, over those of
// its stanza, and a payload on standard input. It gives the line of the log.
func (s *site) splunk(t *testing.T, action string, params map[string]any, row map[string]any, more ...string) (map[string]any, answer) {
	t.Helper()
	stanza := stanzas(t, filepath.Join(s.pkg, "default", "alert_actions.conf"))[action]
	require.NotNil(t, stanza, action)
	all := map[string]any{}
	for key, value := range stanza {
		if name, ok := strings.CutPrefix(key, "param."); ok {
			all[name] = value
		}
	}
	maps.Copy(all, params)
	return s.splunkSays(t, []string{stanza["alert.execute.cmd.arg.1"], stanza["alert.execute.cmd.arg.2"]}, text(t, map[string]any{
		"app": "search", "owner": "admin", "results_file": "/nosuch/results.csv.gz", "server_uri": "https://127.0.0.1:8089", "session_key": "the-key-of-a-session",
		"sid": "scheduler__admin__1", "search_name": "a search\nof two lines", "configuration": all, "result": row,
	}), more...)
}

func (s *site) splunkSays(t *testing.T, args []string, payload string, more ...string) (map[string]any, answer) {
	t.Helper()
	cmd := exec.Command(filepath.Join(s.pkg, "linux_x86_64/bin/kes-respond-splunk"), args...)
	cmd.Env = append(append(s.environment(), "SPLUNK_HOME="+filepath.Join(s.dir, "splunk")), more...)
	cmd.Stdin = strings.NewReader(payload)
	a := run(t, cmd)
	assert.NotContains(t, a.stderr, "the-key-of-a-session")
	assert.Empty(t, a.out)
	said := strings.Split(strings.TrimSuffix(a.stderr, "\n"), "\n")
	for _, line := range said[:len(said)-1] {
		require.Regexp(t, "^WARN ", line)
	}
	level, line, _ := strings.Cut(said[len(said)-1], " ")
	assert.Equal(t, map[bool]string{true: "INFO", false: "ERROR"}[a.code == 0], level)
	var reply map[string]any
	require.NoError(t, json.Unmarshal([]byte(line), &reply), a.stderr)
	return reply, a
}

func TestSplunkAppIsComplete(t *testing.T) {
	t.Parallel()
	s := newSite(t, "splunk")
	actions := stanzas(t, filepath.Join(s.pkg, "default", "alert_actions.conf"))
	spec := stanzas(t, filepath.Join(s.pkg, "README", "alert_actions.conf.spec"))
	require.Len(t, actions, 9+2)
	for name, stanza := range actions {
		assert.Equal(t, "1", stanza["is_custom"], name)
		assert.Equal(t, "json", stanza["payload_format"], name)
		for _, key := range []string{"label", "description", "alert.execute.cmd"} {
			assert.NotEmpty(t, stanza[key], name)
		}
		require.Contains(t, spec, name)
		for key := range stanza {
			if strings.HasPrefix(key, "param.") {
				assert.Contains(t, spec[name], key, name)
			}
		}
	}
	lines := s.indented(t, "| makeresults | sendalert ")
	require.Len(t, lines, len(samples(t)), "an example of each task")
	for _, line := range lines {
		words := strings.Fields(strings.TrimPrefix(line, "| makeresults | sendalert "))
		require.Contains(t, actions, words[0])
		for _, word := range words[1:] {
			key, value, _ := strings.Cut(word, "=")
			assert.Contains(t, spec[words[0]], key, line)
			assert.Regexp(t, `^".+"$`, value, line)
		}
	}
	for task, sample := range samples(t) {
		page := read(t, filepath.Join(s.pkg, "default/data/ui/alerts", "kes_"+task+".html"))
		assert.NoError(t, xml.Unmarshal([]byte(page), new(any)), "%s is a form", task)
		one := sample
		if list, ok := sample.([]any); ok {
			one = list[0]
		}
		for param := range one.(map[string]any) {
			assert.Contains(t, page, `name="action.kes_`+task+`.param.`+param+`"`)
			assert.Contains(t, spec["kes_"+task], "param."+param)
		}
		assert.Equal(t, "true", actions["kes_"+task]["param.dryRun"], "a dry run until a person says otherwise")
	}
}

func TestSplunkRunsEveryAction(t *testing.T) {
	t.Parallel()
	s := newSite(t, "splunk")
	s.splunkHome(t)
	indicators := filepath.Join(s.dir, "i.ioc")
	write(t, indicators, `<ioc xmlns="http://schemas.mandiant.com/2010/ioc" id="1"><definition/></ioc>`)
	looked := s.watched(t)
	checked, _ := s.splunk(t, "kes_check", nil, nil)
	assert.Contains(t, checked["message"], "nothing is in the way")
	for task, sample := range samples(t) {
		one := sample
		if list, ok := sample.([]any); ok {
			one = list[0]
		}
		params := asForm(one).(map[string]any) // all of Splunk's are text
		if task == "iocScan" {
			params["ioc"] = indicators
		}
		dry, _ := s.splunk(t, "kes_"+task, params, map[string]any{"host": "PC-12"})
		assert.Equal(t, "planned", dry["outcome"], "%s: %v", task, dry)
		params["dryRun"] = "false"
		reply, _ := s.splunk(t, "kes_"+task, params, map[string]any{"host": "PC-12", "__mv_host": ""})
		require.Equal(t, "submitted", reply["outcome"], "%s: %v", task, reply)
		sent := s.incidents(t)
		if task != "iocScan" {
			assert.Equal(t, sample, sent[len(sent)-1]["params"], task)
		}
	}
	looked()
	assert.Len(t, s.incidents(t), 9)
	several, _ := s.splunk(t, "kes_onDemandScan", map[string]any{"dryRun": "false", "params": `[{"enabled":"true","path":"","recursive":false,"type":14}]`}, map[string]any{"host": "PC-13"})
	assert.Equal(t, "submitted", several["outcome"], "%v", several)
	field, _ := s.splunk(t, "kes_getFile", map[string]any{"dryRun": "false", "path": "@file_path"}, map[string]any{"host": "PC-13", "file_path": `C:\a b\$x$.exe`})
	assert.Equal(t, "submitted", field["outcome"], "%v", field)
	sent := s.incidents(t)
	assert.Equal(t, `C:\a b\$x$.exe`, sent[len(sent)-1]["params"].(map[string]any)["path"])
	holdsNoPassword(t, s.state)
	holdsNoPassword(t, s.pkg)
}

// TestSplunkPasswordComesFromItsStore: or else from where the configuration says,
// and without any nothing is sent.
func TestSplunkPasswordComesFromItsStore(t *testing.T) {
	t.Parallel()
	s := newSite(t, "splunk")
	s.splunkHome(t)
	reply, _ := s.splunk(t, "kes_check", nil, nil, "SPLUNK_STORE=empty")
	assert.Contains(t, reply["message"], "no password")
	reply, a := s.splunk(t, "kes_check", nil, nil, "SPLUNK_STORE=broken")
	assert.Contains(t, reply["message"], "no password")
	assert.Contains(t, a.stderr, "WARN Splunk's store: it ended with exit status 1", "why it was not asked")
	secret := filepath.Join(s.dir, "secret")
	require.NoError(t, os.WriteFile(secret, []byte(password+"\n"), 0o600))
	config := filepath.Join(s.pkg, "local", "kes-respond.yaml")
	write(t, config, read(t, config)+"kscPasswordFile: "+secret+"\n")
	reply, _ = s.splunk(t, "kes_check", nil, nil, "SPLUNK_STORE=empty")
	assert.Equal(t, float64(0), reply["exit"], "%v", reply)
}

// TestSplunkActsWhateverElseARowHolds: an event must not fend off the response to
// it by what it writes into fields that nobody asked for.
func TestSplunkActsWhateverElseARowHolds(t *testing.T) {
	t.Parallel()
	s := newSite(t, "splunk")
	s.splunkHome(t)
	for _, raw := range []string{"echo <no value>", "{{.Field}}", "lost \ufffd", "nul \x00"} {
		row := map[string]any{"host": "PC-12", "_raw": raw}
		reply, _ := s.splunk(t, "kes_isolateHost", map[string]any{"action": "1", "dryRun": "true"}, row)
		assert.Equal(t, "planned", reply["outcome"], "%q: %v", raw, reply)
		row["host"] = raw
		reply, _ = s.splunk(t, "kes_isolateHost", map[string]any{"action": "1", "dryRun": "false"}, row)
		assert.Equal(t, float64(65), reply["exit"], "%q: %v", raw, reply)
	}
	assert.Empty(t, s.incidents(t))
}

func TestSplunkHearsWhatIsWrong(t *testing.T) {
	t.Parallel()
	s := newSite(t, "splunk")
	s.splunkHome(t)
	isolate := func(more ...any) map[string]any {
		params := map[string]any{"action": "1", "dryRun": "false"}
		for i := 0; i < len(more); i += 2 {
			params[more[i].(string)] = more[i+1]
		}
		return params
	}
	row := map[string]any{"host": "PC-12"}
	for name, c := range map[string]struct {
		action string
		params map[string]any
		row    map[string]any
		says   string
	}{
		"no result":      {"kes_isolateHost", isolate(), nil, "no field host"},
		"an empty field": {"kes_isolateHost", isolate(), map[string]any{"host": ""}, "no field host"},
		"no host":        {"kes_isolateHost", isolate("targetHost", ""), row, "/targetHost"},
		"a dead token":   {"kes_isolateHost", isolate("targetHost", "$result.host$"), row, "had no value"},
		"several, a":     {"kes_isolateHost", isolate(), map[string]any{"host": []string{"PC-12", "PC-13"}}, "names 2 hosts"},
		"several, b":     {"kes_isolateHost", isolate(), map[string]any{"host": "PC-12\nPC-13", "__mv_host": "$PC-12$;$PC-13$"}, "names 2 hosts"},
		"several, c":     {"kes_isolateHost", isolate(), map[string]any{"host": "PC-12\nPC-13"}, "control character"},
		"several, d":     {"kes_isolateHost", isolate(), map[string]any{"host": "PC-12,PC-13"}, "knows no such host"},
		"several paths":  {"kes_getFile", map[string]any{"dryRun": "false", "path": "@p"}, merge(row, "p", []string{`C:\a`, `C:\b`}), "/params/path"},
		"a mask":         {"kes_deleteFile", map[string]any{"dryRun": "false", "path": "@p"}, merge(row, "p", `C:\*`), "/params/path"},
		"a line break":   {"kes_deleteFile", map[string]any{"dryRun": "false", "path": "@p"}, merge(row, "p", "C:\\a\nERROR x"), "/params/path"},
		"unknown host":   {"kes_isolateHost", isolate("targetHost", "--help"), row, "knows no such host"},
		"no action":      {"kes_isolateHost", isolate("action", ""), row, "/params/action"},
		"wrong action":   {"kes_isolateHost", isolate("action", "on"), row, "/params/action"},
		"a bad boolean":  {"kes_isolateHost", isolate("dryRun", "maybe"), row, "/dryRun"},
		"another task":   {"kes_isolateHost", isolate("task", "deleteFile"), row, "task cannot be given"},
		"a password":     {"kes_isolateHost", isolate("connection", "{}"), row, "connection cannot be given"},
		"another type":   {"kes_isolateHost", isolate("type", "shutdown"), row, "type cannot be given"},
		"unknown":        {"kes_isolateHost", isolate("tagretHost", "PC-13"), row, "/tagretHost"},
		"both":           {"kes_onDemandScan", map[string]any{"type": "14", "params": "[]"}, row, "exclude each other"},
		"no file":        {"kes_iocScan", map[string]any{"ioc": "/nosuch.ioc"}, row, "nosuch"},
		"a field's file": {"kes_iocScan", map[string]any{"ioc": "@p"}, merge(row, "p", "/etc/shadow"), "@p"},
		"no config":      {"kes_isolateHost", isolate("config", "/nosuch.yaml"), row, "nosuch"},
		"incident":       {"kes_status", map[string]any{"incident": "x"}, nil, "decimal digits"},
	} {
		reply, a := s.splunk(t, c.action, c.params, c.row)
		assert.NotEqual(t, 0, a.code, name)
		assert.Contains(t, reply["message"], c.says, name)
	}
	for _, payload := range []string{"", "[]", "{}", `{"configuration":[]}`, `{"configuration":{"a":1,"a":2}}`} {
		_, a := s.splunkSays(t, []string{"--execute", "isolateHost"}, payload)
		assert.Equal(t, 65, a.code, payload)
	}
	_, a := s.splunkSays(t, []string{"--execute", "makeCoffee"}, "{}")
	assert.Equal(t, 65, a.code)
	assert.Empty(t, s.incidents(t))
	first, _ := s.splunk(t, "kes_isolateHost", isolate(), row)
	second, _ := s.splunk(t, "kes_isolateHost", isolate(), row)
	assert.Equal(t, first["id"], second["result"].(map[string]any)["duplicateOf"])
	assert.Len(t, s.incidents(t), 1)
}
