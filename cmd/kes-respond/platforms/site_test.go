// Package platforms holds tests only: the real program in the package of each
// platform, called as that platform calls it, against the real emulator. What a
// test needs beyond Go is installed by "make test-platforms".
package platforms

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const (
	root = "../../.."
	// password is what no output, process list or file may show.
	password = "Pl4tf0rm-s3cr3t-0815"
)

// built is where TestMain has put the programs.
var built string

func TestMain(m *testing.M) {
	if os.Getenv("KES_RESPOND_PLATFORMS") == "done" { // in .ci/run, which has just run them
		fmt.Fprintln(os.Stderr, "platforms: make test-platforms has run these tests already")
		os.Exit(0)
	}
	os.Exit(func() int {
		var err error
		if built, err = os.MkdirTemp("", "platforms"); err == nil {
			defer os.RemoveAll(built)
			err = os.Chmod(built, 0o755) // other users run them as well
		}
		for _, name := range []string{"kes-respond", "kes-respond-mcp", "ksc-emulator"} {
			if err == nil {
				err = compile(name)
			}
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		return m.Run()
	}())
}

func compile(name string) error {
	cmd := exec.Command("go", "build", "-trimpath", "-buildvcs=false", "-ldflags", "-s -w", "-o", filepath.Join(built, name), root+"/cmd/"+name)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%w: %s", err, out)
	}
	return nil
}

// need fails where everything has to be at hand (make test-platforms installs
// it), and skips on a machine of which only Go, make and git are asked. It gives
// the first of the programs that is there.
func need(t *testing.T, programs ...string) string {
	t.Helper()
	for _, p := range programs {
		if path, err := exec.LookPath(p); err == nil {
			return path
		}
	}
	if os.Getenv("KES_RESPOND_TEST_ALL") != "" {
		t.Fatalf("%v is missing", programs)
	}
	t.Skipf("%v is missing", programs)
	return ""
}

// site is a place with an emulated KSC and the package of a platform.
type site struct {
	dir, pkg                string // of its own; of the package
	host, port, cert, state string
	record                  string
	stop                    func()                    // ends the emulator
	policy                  string                    // of every configuration; "" for none
	locale                  []string                  // of a platform's Python, where it is an odd one
	spec                    map[string]any            // of the package's own, read once
	packed                  map[string]map[string]any // the same, of a package of many files
}

// inventory are hosts with names that are not easy to hand over, and twenty more.
func inventory() string {
	more := ""
	for i := range 20 {
		more += fmt.Sprintf(",\n "+`{"id":"host-%d","dn":"HOST-%d","netbios":"HOST-%d"}`, i, i, i)
	}
	return strings.TrimSuffix(oddHosts, "\n]") + more + "\n]"
}

const oddHosts = `[
 {"id":"id-of-pc-12","dn":"PC-12","fqdn":"pc-12.corp.example","netbios":"PC-12","ip":"10.0.0.12"},
 {"id":"id-of-pc-13","dn":"PC-13","fqdn":"pc-13.corp.example","netbios":"PC-13"},
 {"id":"id-of-blank","dn":"PC 14","fqdn":"pc14.corp.example","netbios":"PC 14"},
 {"id":"id-of-cyrillic","dn":"Бухгалтерия-1","fqdn":"buh-1.corp.example","netbios":"BUH-1"},
 {"id":"id-of-quote","dn":"O'Neil","fqdn":"oneil.corp.example","netbios":"ONEIL"}
]`

// newSite starts an emulator and unpacks a platform's package, "" for none.
func newSite(t *testing.T, platform string, emulator ...string) *site {
	t.Helper()
	s := &site{dir: t.TempDir()}
	s.start(t, emulator)
	if platform != "" {
		s.pkg = filepath.Join(s.dir, "pkg")
		out, err := exec.Command(filepath.Join(built, "kes-respond"), "manifest", platform, "--out", s.pkg).CombinedOutput()
		require.NoError(t, err, "%s", out)
	}
	return s
}

func (s *site) start(t *testing.T, args []string) {
	t.Helper()
	at := filepath.Join(s.dir, "ksc")
	require.NoError(t, os.Mkdir(at, 0o755))
	write(t, filepath.Join(at, "inventory.json"), inventory())
	s.cert, s.record, s.state = filepath.Join(at, "ksc.pem"), filepath.Join(at, "record.jsonl"), filepath.Join(s.dir, "state")
	require.NoError(t, os.Mkdir(s.state, 0o700))
	cmd := exec.Command(filepath.Join(built, "ksc-emulator"), append(args, "--listen", "127.0.0.1:0", "--user", "edr-operator", "--password", password,
		"--ready-file", "ready", "--cert-out", "ksc.pem", "--inventory", "inventory.json", "--record", "record.jsonl")...)
	cmd.Dir = at
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	require.NoError(t, cmd.Start())
	ended := make(chan struct{})
	go func() { defer close(ended); cmd.Wait() }()
	s.stop = func() { cmd.Process.Signal(os.Interrupt); <-ended }
	t.Cleanup(s.stop)
	var ready []byte
	require.Eventually(t, func() bool {
		ready, _ = os.ReadFile(filepath.Join(at, "ready"))
		return len(ready) > 0
	}, 20*time.Second, 10*time.Millisecond, "%s", &said)
	s.host, s.port, _ = strings.Cut(strings.TrimSpace(string(ready)), ":")
	require.NoError(t, os.Chmod(s.cert, 0o644))
}

// environment has a ledger of the site's own and no KSC.
func (s *site) environment() []string {
	all := []string{"PATH=" + os.Getenv("PATH"), "HOME=" + s.dir, "LANG=C.UTF-8", "STATE_DIRECTORY=" + s.state}
	if s.policy != "" {
		all = append(all, "KES_RESPOND_CONFIG="+filepath.Join(s.dir, "policed.yaml"))
	}
	return all
}

// forbids has a policy in every configuration that is written from then on.
func (s *site) forbids(t *testing.T, rules string) {
	t.Helper()
	file := filepath.Join(s.dir, "policy.yaml")
	write(t, file, rules)
	s.policy = "policy: " + file + "\n"
	write(t, filepath.Join(s.dir, "policed.yaml"), s.policy)
}

// connected has the KSC as well, as the help page names it.
func (s *site) connected() []string {
	return append(s.environment(), "kscHost="+s.host, "kscPort="+s.port, "kscCert="+s.cert, "kscUser=edr-operator", "kscPassword="+password)
}

// connection is the KSC as a request brings it.
func (s *site) connection() map[string]any {
	return map[string]any{"kscHost": s.host, "kscPort": s.port, "kscCert": s.cert, "kscUser": "edr-operator", "kscPassword": password}
}

// answer is what a program said.
type answer struct {
	code        int
	out, stderr string
}

// run runs a command and looks for the password in all that it says.
func run(t *testing.T, cmd *exec.Cmd) answer {
	t.Helper()
	var out, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &stderr
	err := cmd.Run()
	if err != nil && cmd.ProcessState == nil {
		require.NoError(t, err)
	}
	a := answer{cmd.ProcessState.ExitCode(), out.String(), stderr.String()}
	assert.NotContains(t, a.out+a.stderr, password, "%v shows the password", cmd.Args)
	assert.NotContains(t, strings.Join(cmd.Args, " "), password)
	return a
}

// call is what the emulator was asked, and what is in an AddIncident.
type (
	call struct {
		Path, Body string
	}
	addIncident struct {
		Data struct {
			Body string `json:"KLINCDT_BODY"`
		} `json:"pData"`
	}
)

// incidents are the bodies of the incidents that KSC was given.
func (s *site) incidents(t *testing.T) []map[string]any {
	t.Helper()
	f, err := os.Open(s.record)
	require.NoError(t, err)
	defer f.Close()
	var all []map[string]any
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 64<<20)
	for lines.Scan() {
		var c call
		require.NoError(t, json.Unmarshal(lines.Bytes(), &c), lines.Text())
		if !strings.HasSuffix(c.Path, "AddIncident") {
			continue
		}
		var added addIncident
		var body map[string]any
		require.NoError(t, json.Unmarshal([]byte(c.Body), &added), c.Body)
		require.NoError(t, json.Unmarshal([]byte(added.Data.Body), &body), c.Body)
		all = append(all, body)
	}
	require.NoError(t, lines.Err())
	return all
}

func write(t *testing.T, path, text string) {
	t.Helper()
	require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
	require.NoError(t, os.WriteFile(path, []byte(text), 0o644))
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	return string(text)
}

// result is the result among JSON lines.
func result(t *testing.T, lines string) map[string]any {
	t.Helper()
	for line := range strings.Lines(lines) {
		var e map[string]any
		if json.Unmarshal([]byte(line), &e) == nil && e["type"] == "result" {
			return e
		}
	}
	return nil
}

// lines are a standard input.
func lines(all ...string) io.Reader {
	return strings.NewReader(strings.Join(all, "\n") + "\n")
}

// text is a value as JSON.
func text(t *testing.T, v any) string {
	t.Helper()
	data, err := json.Marshal(v)
	require.NoError(t, err)
	return string(data)
}

// samples are the parameters of each task that the program itself shows.
func samples(t *testing.T) map[string]any {
	t.Helper()
	var m struct{ Tasks []struct{ Name string } }
	require.NoError(t, json.Unmarshal([]byte(read(t, root+"/manifest/manifest.json")), &m))
	all := map[string]any{}
	for _, one := range m.Tasks {
		out, err := exec.Command(filepath.Join(built, "kes-respond"), "sample", one.Name).Output()
		require.NoError(t, err)
		var r struct{ Params any }
		require.NoError(t, json.Unmarshal(out, &r))
		all[one.Name] = r.Params
	}
	require.GreaterOrEqual(t, len(all), 9)
	return all
}

// asForm is a value as a form has it: every number and boolean is text.
func asForm(v any) any {
	switch v := v.(type) {
	case map[string]any:
		out := map[string]any{}
		for name, one := range v {
			out[name] = asForm(one)
		}
		return out
	case []any:
		var out []any
		for _, one := range v {
			out = append(out, asForm(one))
		}
		return out
	case string, nil:
		return v
	}
	return fmt.Sprint(v)
}
