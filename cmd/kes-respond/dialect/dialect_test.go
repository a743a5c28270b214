package dialect

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kes-respond/kes-respond/cmd/kes-respond/exit"
	"github.com/kes-respond/kes-respond/plugin/task"
	"github.com/kes-respond/kes-respond/shared"
)

// answers is a Responder that gives one answer to whatever it is asked, and
// keeps the request and the settings. What a live KSC seldom says can be said by it.
type answers struct {
	shared.Responder
	result  shared.Result
	broken  error // why there is no Responder
	asked   []shared.Request
	set     Settings
	out     bytes.Buffer
	err     bytes.Buffer
	getenv  map[string]string
	program string
}

func (a *answers) Respond(_ context.Context, r shared.Request, emit func(shared.Event)) shared.Result {
	a.asked = append(a.asked, r)
	emit(shared.Event{ID: r.ID, Accepted: &shared.Accepted{}})
	return a.result
}

func (a *answers) Status(ctx context.Context, r shared.Request, emit func(shared.Event)) shared.Result {
	return a.Respond(ctx, r, emit)
}

func (a *answers) Check(_ context.Context, r shared.Request) (shared.Checked, error) {
	a.asked = append(a.asked, r)
	return shared.Checked{Server: "main"}, nil
}

func (a *answers) surroundings(in string) Surroundings {
	return Surroundings{
		In: strings.NewReader(in), Out: &a.out, Err: &a.err, Executable: a.program, Version: "1.2.3",
		Getenv: func(name string) string { return a.getenv[name] },
		ReadFile: func(path string, most int) ([]byte, error) {
			data, err := os.ReadFile(path)
			if len(data) > most {
				return nil, errors.New("too long")
			}
			return data, err
		},
		Load:     func(*task.Task, string) (string, error) { return "", fs.ErrNotExist },
		Password: func(context.Context, string, []string, io.Reader) (string, error) { return "", nil },
		With: func(_ context.Context, set Settings, do func(shared.Responder) error) error {
			a.set = set
			if a.broken != nil {
				return a.broken
			}
			return do(a)
		},
	}
}

// start is how a platform starts the program to have PC-12 isolated: its arguments
// and its standard input.
type start struct {
	args []string
	in   string
}

// starts are the same request in every dialect. dir is there to be written to.
func starts(t *testing.T, dir string) map[string]start {
	t.Helper()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o700))
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		return path
	}
	const plain = `{"task":"isolateHost","targetHost":"PC-12","params":{"action":"1"}}`
	write("job/input/input.json", `{"dataType":"thehive:case_artifact","data":{"data":"PC-12","dataType":"hostname"},"config":{"service":"isolateHost","param_action":1}}`)
	return map[string]start{
		"ansible":        {args: []string{write("args.json", plain)}},
		"cortex":         {args: []string{filepath.Join(dir, "job")}},
		"form":           {in: plain},
		"insightconnect": {[]string{"run"}, `{"type":"action_start","body":{"meta":{},"action":"isolateHost","connection":{},"input":{"action":1,"targetHost":"PC-12"}}}`},
		"splunk":         {[]string{"--execute", "isolateHost"}, `{"configuration":{"action":"1","targetHost":"@host"},"result":{"host":"PC-12"}}`},
		"stackstorm":     {args: []string{"--action=1", "--targetHost=PC-12", "isolateHost"}},
		"wazuh":          {in: `{"command":"add","parameters":{"extra_args":["isolateHost","action=1"],"alert":{"agent":{"name":"PC-12"}}}}` + "\n"},
	}
}

// answered is all that the platform got: its exit code and every place where a
// dialect writes.
func (a *answers) answered(t *testing.T, d Dialect) (int, string) {
	t.Helper()
	dir := t.TempDir()
	in, known := starts(t, dir)[d.Platform]
	require.True(t, known, "%s: a dialect that no test starts", d.Platform)
	err := d.Answer(t.Context(), a.surroundings(in.in), in.args)
	code := shared.ExitOK
	if err != nil {
		var end *exit.Error
		require.ErrorAs(t, err, &end, d.Platform)
		require.NoError(t, end.Err, "%s: the platform itself has to hear it", d.Platform)
		code = end.Code
	}
	output, err := os.ReadFile(filepath.Join(dir, "job/output/output.json"))
	require.True(t, err == nil || errors.Is(err, fs.ErrNotExist))
	return code, a.out.String() + a.err.String() + string(output)
}

// TestEveryDialectAsksForTheSame: what platforms say so differently is one request.
func TestEveryDialectAsksForTheSame(t *testing.T) {
	for _, d := range All() {
		a := answers{result: shared.Result{Outcome: shared.Submitted}, getenv: map[string]string{"kscHost": "ksc.example"}}
		code, said := a.answered(t, d)
		require.Equal(t, shared.ExitOK, code, "%s: %s", d.Platform, said)
		require.Len(t, a.asked, 1, d.Platform)
		assert.Equal(t, "isolateHost", a.asked[0].Task, d.Platform)
		assert.Equal(t, "PC-12", a.asked[0].TargetHost, d.Platform)
		assert.JSONEq(t, `{"action":1}`, string(a.asked[0].Params), d.Platform)
		assert.Empty(t, a.set.Config, d.Platform)
		assert.Equal(t, "ksc.example", a.set.Getenv("kscHost"), d.Platform)
	}
}

// TestNoPlatformIsToldMoreThanIsKnown takes every outcome through every dialect.
func TestNoPlatformIsToldMoreThanIsKnown(t *testing.T) {
	good := []shared.Outcome{shared.Succeeded, shared.Submitted, shared.Planned}
	for _, outcome := range []shared.Outcome{
		shared.Succeeded, shared.Submitted, shared.Planned, shared.Partial, shared.Pending, shared.Failed, shared.Refused, shared.Cancelled, shared.Unknown,
	} {
		for _, d := range All() {
			a := answers{result: shared.Result{Outcome: outcome, Task: "isolateHost", TargetHost: "PC-12", Message: "this is what became of it"}}
			code, said := a.answered(t, d)
			assert.Contains(t, said, "this is what became of it", "%s, %s", d.Platform, outcome)
			well := slices.Contains(good, outcome) || d.Platform == "cortex" && outcome == shared.Pending // which makes a task of it
			assert.Equal(t, well, code == shared.ExitOK, "%s, %s: exit code %d: %s", d.Platform, outcome, code, said)
			if d.Platform != "ansible" && d.Platform != "cortex" { // of which only 0 and 1 are known
				assert.Equal(t, a.result.Exit(), code, "%s, %s", d.Platform, outcome)
			}
			for _, sign := range map[string][]string{
				"ansible": {`"failed":false`}, "cortex": {`"success":true`}, "insightconnect": {`"status":"ok"`}, "splunk": {"INFO "},
			}[d.Platform] {
				assert.Equal(t, well, strings.Contains(said, sign), "%s, %s: %s", d.Platform, outcome, said)
			}
		}
	}
}

// TestBrokenSettingsReachThePlatform: it is answered in its own way, and learns
// that nothing was sent.
func TestBrokenSettingsReachThePlatform(t *testing.T) {
	for _, d := range All() {
		a := answers{broken: exit.Usage("config.yaml: /kscPort is no port\nkes-respond: forged")}
		code, said := a.answered(t, d)
		assert.NotEqual(t, shared.ExitOK, code, d.Platform)
		assert.Contains(t, said, "/kscPort is no port", d.Platform)
		assert.Contains(t, said, "nothing was sent", d.Platform)
		assert.Contains(t, said, `\n  kes-respond: forged`, "%s: in JSON, and set in", d.Platform)
		assert.Empty(t, a.asked, d.Platform)
	}
}

func TestEachNameStartsOneDialect(t *testing.T) {
	seen := map[string]string{}
	for _, d := range All() {
		assert.NotEmpty(t, d.Takes, d.Platform)
		assert.NotEmpty(t, d.Names, d.Platform)
		for _, name := range d.Names {
			assert.Empty(t, seen[name], "%s starts two", name)
			seen[name] = d.Platform
			found, ok := StartedAs(name)
			assert.True(t, ok)
			assert.Equal(t, d.Platform, found.Platform)
		}
	}
	_, ok := StartedAs("kes-respond")
	assert.False(t, ok)
	assert.True(t, slices.IsSortedFunc(All(), func(a, b Dialect) int { return strings.Compare(a.Platform, b.Platform) }))
}

// TestSplunkBringsWhatItsAppHas: the password of Splunk's store and the app's
// own configuration, where they are.
func TestSplunkBringsWhatItsAppHas(t *testing.T) {
	app := t.TempDir()
	for name, text := range map[string]string{"bin/kes_password.py": "", "local/kes-respond.yaml": "", "linux/bin/kes-respond-splunk": ""} {
		require.NoError(t, os.MkdirAll(filepath.Join(app, filepath.Dir(name)), 0o700))
		require.NoError(t, os.WriteFile(filepath.Join(app, name), []byte(text), 0o600))
	}
	splunk, _ := StartedAs("kes-respond-splunk")
	const in = `{"session_key":"the key","configuration":{"action":"1","targetHost":"PC-12"}}`
	ask := func(password string, err error) *answers {
		a := &answers{
			result: shared.Result{Outcome: shared.Submitted}, program: filepath.Join(app, "linux/bin/kes-respond-splunk"),
			getenv: map[string]string{"SPLUNK_HOME": "/opt/splunk", "kscPassword": "of the environment"},
		}
		s := a.surroundings(in)
		s.Password = func(_ context.Context, from string, helper []string, in io.Reader) (string, error) {
			session, e := io.ReadAll(in)
			require.NoError(t, e)
			assert.Equal(t, "the key\n", string(session))
			assert.NotContains(t, strings.Join(helper, " "), "the key", "a list of processes shows it")
			assert.Equal(t, "kes_password.py", filepath.Base(helper[len(helper)-1]))
			return password, err
		}
		require.NoError(t, splunk.Answer(t.Context(), s, []string{"--execute", "isolateHost"}))
		require.Len(t, a.asked, 1)
		assert.Equal(t, "kes-respond.yaml", filepath.Base(a.set.Config))
		return a
	}
	a := ask("of the store", nil)
	assert.Equal(t, "of the store", a.set.Getenv("kscPassword"))
	assert.NotContains(t, a.err.String(), "WARN")
	a = ask("", nil)
	assert.Equal(t, "of the environment", a.set.Getenv("kscPassword"))
	a = ask("", errors.New("Splunk's store: it cannot be run"))
	assert.Equal(t, "of the environment", a.set.Getenv("kscPassword"))
	assert.True(t, strings.HasPrefix(a.err.String(), "WARN Splunk's store: it cannot be run; "), a.err.String())
}

// TestCortexBringsWhatItsAdministratorHasSet: the proxy and the configuration of
// a responder.
func TestCortexBringsWhatItsAdministratorHasSet(t *testing.T) {
	const machines = "http://of.the.machine:1"
	for set, want := range map[string]struct{ config, proxy string }{
		``:                            {"", machines},
		`,"config":"/etc/other.yaml"`: {"/etc/other.yaml", machines},
		`,"proxy":{"https":"http://of.cortex:2"}`: {"", "http://of.cortex:2"},
	} {
		dir := t.TempDir()
		require.NoError(t, os.Mkdir(filepath.Join(dir, "input"), 0o700))
		require.NoError(t, os.WriteFile(filepath.Join(dir, "input/input.json"), []byte(
			`{"dataType":"thehive:case_artifact","data":{"data":"PC-12","dataType":"hostname"},"config":{"service":"isolateHost","param_action":1`+set+`}}`), 0o600))
		a := answers{result: shared.Result{Outcome: shared.Submitted}, getenv: map[string]string{"HTTPS_PROXY": machines, "HOME": "/home/cortex"}}
		cortex, _ := StartedAs("kes-respond-cortex")
		require.NoError(t, cortex.Answer(t.Context(), a.surroundings(""), []string{dir}))
		assert.Equal(t, want.config, a.set.Config)
		assert.Equal(t, want.proxy, a.set.Getenv("HTTPS_PROXY"))
		assert.Equal(t, "/home/cortex", a.set.Getenv("HOME"))
	}
}
