package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

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
	dir      string
	programs string // the folder they lie in
	at       address
	env      []string
	stderr   string // of what ran last
}

// programsOf builds the programs of a site once for several.
func programsOf(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	build(t, "kes-respond", dir)
	build(t, "kes-respond-report", dir)
	return dir
}

func newSite(t *testing.T) *site {
	t.Helper()
	return siteOf(t, programsOf(t))
}

func siteOf(t *testing.T, programs string) *site {
	t.Helper()
	s := &site{dir: t.TempDir(), programs: programs}
	write := func(name, text string) {
		path := filepath.Join(s.dir, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o700))
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	}
	write("indicators/one.ioc", `<ioc xmlns="http://schemas.mandiant.com/2010/ioc" id="1"><definition/></ioc>`)
	write("hosts.txt", "PC-12\n")
	write("password", emulatorPassword+"\n")
	s.at = startEmulator(t, s.dir,
		`[{"id":"id-of-pc-12","dn":"PC-12","fqdn":"pc-12.corp.example","netbios":"PC-12"}]`,
		`{"incidents":[{"KLINCDT_ID":4711,"KLINCDT_ADDED":"2026-11-20T08:00:00Z","KLINCDT_SEVERITY":2,"KLHST_WKS_HOSTNAME":"id-of-pc-12","KLINCDT_BODY":"{\"targetHost\":\"id-of-pc-12\",\"task\":\"isolateHost\",\"params\":{\"action\":1},\"responseEventIncident\":true,\"responseEventIncidentArea\":\"KUMA\"}"}],"consoleTasks":[]}`)
	s.env = append(os.Environ(),
		"PATH="+programs+string(os.PathListSeparator)+os.Getenv("PATH"), "HOME="+s.dir,
		"kscHost="+s.at.host, "kscPort="+s.at.port, "kscCert="+s.at.cert, "kscUser=edr-operator", "kscPassword="+emulatorPassword, "STATE_DIRECTORY="+s.at.state)
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
	s.stderr = stderr.String()
	return string(out)
}
