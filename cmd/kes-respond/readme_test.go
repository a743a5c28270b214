package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// example is a fenced block of README.md.
type example struct{ language, text string }

func examples(t *testing.T) []example {
	t.Helper()
	readme, err := os.ReadFile("../../README.md")
	require.NoError(t, err)
	var all []example
	for _, m := range regexp.MustCompile("(?ms)^```(\\w+)\n(.*?)^```$").FindAllStringSubmatch(string(readme), -1) {
		all = append(all, example{m[1], m[2]})
	}
	require.NotEmpty(t, all)
	return all
}

// TestReadmeExamplesRun types what README.md prints, against the emulator:
// only the address, the password and the files are those of the test.
func TestReadmeExamplesRun(t *testing.T) {
	site := newSite(t)
	seen := map[string]int{}
	for _, e := range examples(t) {
		seen[e.language]++
		t.Run(e.language, func(t *testing.T) {
			switch e.language {
			case "console":
				site.makeTargets(t, e.text)
			case "bash":
				site.bash(t, e.text)
			case "python":
				need(t, "python3")
				path := filepath.Join(site.dir, "example.py")
				require.NoError(t, os.WriteFile(path, []byte(e.text), 0o600))
				assert.Contains(t, site.run(t, 0, "python3", path), "planned dry run")
			case "powershell":
				site.powershell(t, e.text)
			case "go":
				host, err := os.ReadFile("../demo-host/main.go")
				require.NoError(t, err)
				line := strings.ReplaceAll(strings.TrimSpace(e.text), `"kes-respond"`, "args[0]")
				assert.Contains(t, string(host), line, "the example that runs says it differently")
			case "yaml":
				site.config(t, e.text)
			default:
				t.Errorf("nobody runs examples in %s", e.language)
			}
		})
	}
	for _, language := range []string{"console", "bash", "python", "powershell", "yaml", "go"} {
		assert.Positive(t, seen[language], "no example in %s", language)
	}
}

// need fails where everything has to be at hand (.ci/run installs it), and
// skips on a machine of which only Go, make and git are asked.
func need(t *testing.T, program string) {
	t.Helper()
	if _, err := exec.LookPath(program); err == nil {
		return
	}
	if os.Getenv("KES_RESPOND_TEST_ALL") != "" {
		t.Fatalf("%s is missing", program)
	}
	t.Skipf("%s is missing", program)
}

// site is a place where a user sits: a program, a KSC, an environment.
type site struct {
	dir string
	env []string
}

func newSite(t *testing.T) *site {
	t.Helper()
	s := &site{dir: t.TempDir()}
	program := build(t, "kes-respond", s.dir)
	build(t, "kes-respond-report", s.dir)
	write := func(name, text string) {
		path := filepath.Join(s.dir, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o700))
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	}
	write("indicators/one.ioc", `<ioc xmlns="http://schemas.mandiant.com/2010/ioc" id="1"><definition/></ioc>`)
	write("hosts.txt", "PC-12\n")
	write("password", emulatorPassword+"\n")
	at := startEmulator(t, s.dir,
		`[{"id":"id-of-pc-12","dn":"PC-12","fqdn":"pc-12.corp.example","netbios":"PC-12"}]`,
		`{"incidents":[{"KLINCDT_ID":4711,"KLINCDT_ADDED":"2026-11-20T08:00:00Z","KLINCDT_SEVERITY":2,"KLHST_WKS_HOSTNAME":"id-of-pc-12","KLINCDT_BODY":"{\"targetHost\":\"id-of-pc-12\",\"task\":\"isolateHost\",\"params\":{\"action\":1},\"responseEventIncident\":true,\"responseEventIncidentArea\":\"KUMA\"}"}],"consoleTasks":[]}`)
	s.env = append(os.Environ(),
		"PATH="+filepath.Dir(program)+string(os.PathListSeparator)+os.Getenv("PATH"),
		"kscHost="+at.host, "kscPort="+at.port, "kscCert="+at.cert, "kscUser=edr-operator", "kscPassword="+emulatorPassword, "STATE_DIRECTORY="+at.state)
	return s
}

// run runs a command in the site and demands its exit code.
func (s *site) run(t *testing.T, code int, name string, args ...string) string {
	t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Dir, cmd.Env = s.dir, s.env
	cmd.Stdin = strings.NewReader(emulatorPassword + "\n")
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, _ := cmd.Output()
	require.Equal(t, code, cmd.ProcessState.ExitCode(), "%s %v\n%s%s", name, args, out, stderr.String())
	assert.Empty(t, leaked(append(out, stderr.String()...)), "%s %v\n%s%s", name, args, out, stderr.String())
	return string(out)
}

// bash runs a block line by line: each may say which exit code it has.
func (s *site) bash(t *testing.T, text string) {
	if strings.Contains(text, "jq ") {
		need(t, "jq")
	}
	exports := regexp.MustCompile(`ksc(Host|Port|Cert)=\S+`)
	var before string
	for line := range strings.Lines(text) {
		line = exports.ReplaceAllString(line, "")
		if !strings.Contains(line, "kes-respond ") {
			before += line
			continue
		}
		code := 0
		if m := regexp.MustCompile(`# exit code (\d+)`).FindStringSubmatch(line); m != nil {
			var err error
			code, err = strconv.Atoi(m[1])
			require.NoError(t, err)
		}
		out := s.run(t, code, "bash", "-euc", before+line)
		if file := regexp.MustCompile(`--html (\S+)`).FindStringSubmatch(line); file != nil {
			page, err := os.ReadFile(filepath.Join(s.dir, file[1]))
			require.NoError(t, err)
			assert.Contains(t, string(page), "</html>", line)
			continue
		}
		assert.Regexp(t, `planned|submitted|succeeded|pending|"passed":true|nothing is left in doubt|allowed|"sound":true|suspended|resumed|KLSTD 1184: Access is denied|^The package for `, out, line)
	}
}

// makeTargets checks that what the README promises of make exists; CI calls it.
func (s *site) makeTargets(t *testing.T, text string) {
	makefile, err := os.ReadFile("../../Makefile")
	require.NoError(t, err)
	ci, err := os.ReadFile("../../.ci/run")
	require.NoError(t, err)
	for line := range strings.Lines(text) {
		command := strings.TrimSpace(strings.TrimPrefix(line, "$ "))
		target := strings.TrimPrefix(command, "make ")
		assert.Contains(t, string(makefile), "\n"+target+":")
		assert.Contains(t, string(ci), "\n"+command+"\n")
	}
}

// powershell is not on every machine: the request in the example is sent, and
// the members that it selects must be there.
func (s *site) powershell(t *testing.T, text string) {
	request := regexp.MustCompile(`(?m)^'(\{.*\})' \|$`).FindStringSubmatch(text)
	require.NotNil(t, request)
	path := filepath.Join(s.dir, "request")
	require.NoError(t, os.WriteFile(path, []byte(request[1]+"\n"), 0o600))
	out := s.run(t, 0, "bash", "-c", "kes-respond serve <request")
	require.Contains(t, text, "Where-Object type -eq result")
	result := regexp.MustCompile(`(?m)^.*"type":"result".*$`).FindString(out)
	selected := regexp.MustCompile(`Select-Object (.*)`).FindStringSubmatch(text)
	require.NotNil(t, selected)
	for _, member := range strings.Split(selected[1], ", ") {
		assert.Contains(t, result, `"`+member+`":`)
	}
}

// config sends a request with the configuration that the README shows.
func (s *site) config(t *testing.T, text string) {
	values := map[string]string{}
	for _, v := range s.env {
		name, value, _ := strings.Cut(v, "=")
		values[name] = value
	}
	text = strings.NewReplacer(
		"ksc.example", values["kscHost"], "13299", values["kscPort"],
		"/etc/kes-respond/ksc.pem", values["kscCert"], "/etc/kes-respond/password", filepath.Join(s.dir, "password"),
	).Replace(text)
	require.NoError(t, os.WriteFile(filepath.Join(s.dir, "config.yaml"), []byte(text), 0o600))
	bare := &site{dir: s.dir}
	for _, v := range s.env {
		if !strings.HasPrefix(v, "ksc") {
			bare.env = append(bare.env, v)
		}
	}
	out := bare.run(t, 0, "bash", "-c", "kes-respond isolateHost --config config.yaml --targetHost PC-12 --action 1")
	assert.Contains(t, out, `"outcome":"submitted"`)
}
