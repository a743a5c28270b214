//go:build linux || darwin

package main

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// forget makes the site that of somebody who has nothing yet: no KSC in the
// environment, and a place for a configuration that is not there.
func (s *site) forget() {
	s.env = slices.DeleteFunc(s.env, func(v string) bool { return strings.HasPrefix(v, "ksc") })
	s.env = append(s.env, "TERM=xterm", "KES_RESPOND_CONFIG="+filepath.Join(s.dir, "conf", "config.yaml"))
}

// used makes the site that of somebody who has sent a request before.
func (s *site) used(t *testing.T) {
	s.run(t, 0, "bash", "-euc", "kes-respond isolateHost --targetHost PC-12 --action 1")
}

// said is what a command of a document may print, each where it went well.
var said = regexp.MustCompile(`planned|submitted|succeeded|pending|"passed":true|nothing is left in doubt|allowed|denied|"sound":true|suspended|resumed|KLSTD 1184: Access is denied|^The package for |^ansible +Ansible`)

// bash types a block line by line: each may say which exit code it has.
func (s *site) bash(t *testing.T, text string) {
	if strings.Contains(text, "jq ") {
		need(t, "jq")
	}
	ours := strings.NewReplacer("kscHost=ksc.example", "kscHost="+s.at.host, "kscPort=13299", "kscPort="+s.at.port, "/etc/kes-respond/ksc.pem", s.at.cert, "--timeout 20m", "--timeout 5s")
	typed, before := 0, ""
	for line := range strings.Lines(text) {
		command, _, _ := strings.Cut(line, "#")
		switch {
		case strings.HasPrefix(line, "#"):
			continue
		case strings.TrimSpace(command) == "kes-respond init":
			s.init(t)
			typed++
			continue
		case !strings.Contains(command, "kes-respond "):
			before += ours.Replace(line)
			continue
		}
		line = ours.Replace(line)
		code := 0
		if m := regexp.MustCompile(`# .*\bexit code (\d+):`).FindStringSubmatch(line); m != nil {
			var err error
			code, err = strconv.Atoi(m[1])
			require.NoError(t, err)
		}
		out := s.run(t, code, "bash", "-euc", before+line)
		typed++
		if file := regexp.MustCompile(`--html (\S+)`).FindStringSubmatch(line); file != nil {
			page, err := os.ReadFile(filepath.Join(s.dir, file[1]))
			require.NoError(t, err)
			assert.Contains(t, string(page), "</html>", line)
			continue
		}
		if strings.Contains(line, "--open true") && out == "" {
			assert.Equal(t, "kes-respond: nothing is open\n", s.stderr, line)
			continue
		}
		assert.Regexp(t, said, out, line)
	}
	assert.Positive(t, typed, "a block that types nothing:\n%s", text)
}

// init answers the questions of kes-respond init at a terminal.
func (s *site) init(t *testing.T) {
	one := atTerminal(t, 80, s.env, filepath.Join(s.programs, "kes-respond"), "init")
	answers(t, one, s.at, "edr-operator", emulatorPassword)
	one.waits("Name of the calling application")
	one.types("\n")
	code, shown := one.end()
	require.Equal(t, 0, code, shown)
	assert.Empty(t, leaked([]byte(shown)), shown)
}

// makeTargets checks that make has what is typed and that CI calls it.
func (s *site) makeTargets(t *testing.T, text string) {
	makefile, ci := pageOf(t, "Makefile"), pageOf(t, ".ci/run")
	for line := range strings.Lines(text) {
		command, found := strings.CutPrefix(strings.TrimSpace(line), "$ make ")
		require.True(t, found, line)
		assert.Contains(t, makefile, "\n"+command+":")
		assert.Regexp(t, `(?m)^make `+command+`\b`, ci)
	}
}

func (s *site) python(t *testing.T, text string) {
	need(t, "python3")
	path := filepath.Join(s.dir, "example.py")
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	assert.Contains(t, s.run(t, 0, "python3", path), "planned dry run")
}

// golang wants a line of the host that is run by tests of its own.
func (s *site) golang(t *testing.T, text string) {
	line := strings.ReplaceAll(strings.TrimSpace(text), `"kes-respond"`, "args[0]")
	assert.Contains(t, pageOf(t, "cmd/demo-host/main.go"), line, "the example that runs says it differently")
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

// config sends a request with a configuration that a document shows, the whole
// of it or what it adds to that.
func (s *site) config(t *testing.T, text string) {
	if !strings.Contains(text, "kscHost:") {
		text += "kscHost: ksc.example\nkscPort: 13299\nkscCert: /etc/kes-respond/ksc.pem\nkscUser: edr-operator\nkscPasswordFile: /etc/kes-respond/password\n"
	}
	ledger := filepath.Join(s.dir, "shared-ledger")
	if strings.Contains(text, "group: true") {
		require.NoError(t, os.Mkdir(ledger, 0o700))
		require.NoError(t, os.Chmod(ledger, 0o770|os.ModeSetgid)) // as LEDGER.md has it, past the umask
	}
	text = strings.NewReplacer(
		"kscHost: ksc.example", "kscHost: "+s.at.host, "kscPort: 13299", "kscPort: "+s.at.port, "/srv/kes-respond/ledger", ledger,
		"/etc/kes-respond/ksc.pem", s.at.cert, "/etc/kes-respond/password", filepath.Join(s.dir, "password"),
	).Replace(text)
	require.NoError(t, os.WriteFile(filepath.Join(s.dir, "config.yaml"), []byte(text), 0o600))
	bare := *s
	bare.env = slices.Clone(s.env)
	bare.forget()
	out := bare.run(t, 0, "bash", "-c", "kes-respond isolateHost --config config.yaml --targetHost PC-12 --action 1 --allowDuplicate true")
	assert.Contains(t, out, `"outcome":"submitted"`)
	if strings.Contains(text, "directory:") {
		assert.DirExists(t, ledger)
		entries, err := os.ReadDir(ledger)
		require.NoError(t, err)
		assert.NotEmpty(t, entries, "the request stands elsewhere")
	}
}

// policy has a policy that a document shows judge a request: each of its rules
// says something of it.
func (s *site) policy(t *testing.T, text string) {
	require.NoError(t, os.WriteFile(filepath.Join(s.dir, "shown.yaml"), []byte(text), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(s.dir, "config.yaml"), []byte("policy: shown.yaml\n"), 0o600))
	out := s.run(t, 0, "bash", "-euc", `printf '%s\n' '{"task":"isolateHost","targetHost":"PC-12","params":{"action":1}}' | kes-respond policy test --config config.yaml --output text`)
	assert.Contains(t, out, "allowed")
	deny, _, _ := strings.Cut(text, "\ncaps:")
	rules := regexp.MustCompile(`(?m)^  - name: (.*)$`).FindAllStringSubmatch(deny, -1)
	require.NotEmpty(t, rules)
	for _, rule := range rules {
		assert.Contains(t, out, rule[1])
	}
}

// targets sends to the hosts of a list that a document shows.
func (s *site) targets(t *testing.T, text string) {
	require.NoError(t, os.WriteFile(filepath.Join(s.dir, "shown.csv"), []byte(text), 0o600))
	out := s.run(t, 0, "bash", "-euc", "kes-respond getFile --targets shown.csv --dryRun true --hostLookup never")
	assert.Equal(t, strings.Count(text, "\n")-1, strings.Count(out, `"outcome":"planned"`))
}
