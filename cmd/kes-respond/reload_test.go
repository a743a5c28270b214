//go:build unix

package main

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/hashicorp/go-hclog"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kes-respond/kes-respond/plugin/ksc/ksctest"
	"github.com/kes-respond/kes-respond/shared"
	"github.com/kes-respond/kes-respond/shared/jsonl"
	"github.com/kes-respond/kes-respond/shared/rpc"
)

// resident is a running serve or plugin whose files the test changes.
type resident struct {
	shared.Responder
	ksc *ksctest.Server
	dir string
	log *overheard
	ids int
}

// overheard is what a program says beside its answers.
type overheard struct {
	mu   sync.Mutex
	text strings.Builder
}

func (h *overheard) Write(b []byte) (int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.text.Write(b)
}

func (h *overheard) String() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.text.String()
}

// residents runs a test against both, over loopback TLS. The configuration is
// about where the password is.
func residents(t *testing.T, config string, do func(*testing.T, *resident)) {
	program := build(t, "kes-respond", t.TempDir())
	for _, carrier := range []string{"serve", "plugin"} {
		t.Run(carrier, func(t *testing.T) {
			server, err := ksctest.New(ksctest.Options{User: "edr-operator", Password: "first-secret"})
			require.NoError(t, err)
			t.Cleanup(server.Close)
			listener, err := net.Listen("tcp", "127.0.0.1:0")
			require.NoError(t, err)
			go server.Serve(t.Context(), listener)
			_, port, _ := net.SplitHostPort(listener.Addr().String())
			r := &resident{ksc: server, dir: t.TempDir(), log: &overheard{}}
			r.put(t, "ksc.pem", string(server.CertificatePEM()))
			r.put(t, "password", "first-secret\n")
			r.put(t, "policy.yaml", ruleNamed("programs"))
			r.put(t, "config.yaml", "kscHost: 127.0.0.1\nkscPort: "+port+"\nkscUser: edr-operator\nkscCert: ksc.pem\npolicy: policy.yaml\n"+config)
			cmd := exec.Command(program)
			cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + r.dir, "STATE_DIRECTORY=" + filepath.Join(r.dir, "state"), "KES_RESPOND_CONFIG=" + filepath.Join(r.dir, "config.yaml")}
			if carrier == "plugin" {
				r.Responder, err = rpc.Launch(t.Context(), cmd, rpc.LaunchOptions{Log: hclog.New(&hclog.LoggerOptions{Output: r.log})})
			} else {
				cmd.Args = append(cmd.Args, "serve")
				cmd.Stderr = r.log
				in, errIn := cmd.StdinPipe()
				require.NoError(t, errIn)
				out, errOut := cmd.StdoutPipe()
				require.NoError(t, errOut)
				require.NoError(t, cmd.Start())
				t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
				r.Responder, err = jsonl.NewClient(t.Context(), out, in)
			}
			require.NoError(t, err, r.log)
			do(t, r)
			require.NoError(t, r.Responder.Close(t.Context()))
			assert.NotContains(t, r.log.String(), "secret")
		})
	}
}

// put lays a file whole, as mv does.
func (r *resident) put(t *testing.T, name, text string) {
	t.Helper()
	path := filepath.Join(r.dir, name)
	require.NoError(t, os.WriteFile(path+".new", []byte(text), 0o600))
	require.NoError(t, os.Rename(path+".new", path))
}

// ask sends a request and gives its result, with the warnings before it.
func (r *resident) ask(t *testing.T, task, params string) (shared.Result, string) {
	t.Helper()
	r.ids++
	q, refusal := shared.ParseRequest(fmt.Appendf(nil, `{"id":%d,"task":%q,"targetHost":"host-%d","hostLookup":"id","params":%s}`, r.ids, task, r.ids, params))
	require.Nil(t, refusal)
	var warnings []string
	result := r.Respond(t.Context(), q, func(e shared.Event) {
		if e.Progress != nil && e.Progress.Stage == shared.StageWarning {
			warnings = append(warnings, e.Progress.Message)
		}
	})
	return result, strings.Join(warnings, "\n")
}

// TestARunningProgramTakesAChangedPolicy with the next request, keeps the old
// one where the new one cannot be used, and says so.
func TestARunningProgramTakesAChangedPolicy(t *testing.T) {
	const isolate = `{"action":1}`
	denying := strings.Replace(ruleNamed("calm"), "startProcess", "isolateHost", 1)
	residents(t, "kscPasswordFile: password\n", func(t *testing.T, r *resident) {
		allowed := func(warning string) {
			t.Helper()
			result, warnings := r.ask(t, "isolateHost", isolate)
			assert.Equal(t, shared.Submitted, result.Outcome, "%+v", result.Error)
			assert.Contains(t, warnings, warning)
			assert.Equal(t, warning != "", strings.Contains(warnings, "policy changed"))
		}
		denied := func(warning string) {
			t.Helper()
			result, warnings := r.ask(t, "isolateHost", isolate)
			require.Equal(t, shared.Refused, result.Outcome)
			assert.Equal(t, shared.Policy, result.Error.Code)
			assert.Contains(t, warnings, warning)
			assert.Equal(t, warning != "", strings.Contains(warnings, "policy changed"))
		}
		allowed("")
		r.put(t, "policy.yaml", "deny: [{name: half")
		allowed("the policy changed and cannot be used")
		allowed("the policy changed and cannot be used")
		r.put(t, "policy.yaml", denying)
		denied("")
		require.NoError(t, os.Remove(filepath.Join(r.dir, "policy.yaml")))
		denied("no such file")
		checked, err := r.Check(t.Context(), shared.Request{Type: shared.TypeCheck})
		require.NoError(t, err)
		assert.Contains(t, fmt.Sprint(checked.Steps), "{policy warning the policy changed and cannot be used")
		r.put(t, "policy.yaml", ruleNamed("programs"))
		allowed("")
		assert.Len(t, r.ksc.Incidents(), 4)
		said := r.log.String()
		assert.Equal(t, 2, strings.Count(said, "the policy changed and cannot be used"), said)
		assert.Equal(t, 2, strings.Count(said, "what it says now counts"), said)
	})
}

// TestARunningProgramTakesAChangedPassword with the next login, and after a
// refusal without a wait.
func TestARunningProgramTakesAChangedPassword(t *testing.T) {
	const read = `{"md5hash":"","sha256hash":"","path":"C:\\a\\b.exe"}`
	residents(t, "kscPasswordFile: password\n", func(t *testing.T, r *resident) {
		logins := func() (n int) {
			for _, c := range r.ksc.Calls() {
				if strings.HasSuffix(c.Path, "Session.StartSession") {
					n++
				}
			}
			return n
		}
		ask := func(want shared.Outcome) shared.Result {
			t.Helper()
			result, _ := r.ask(t, "getFile", read)
			require.Equal(t, want, result.Outcome, "%+v", result.Error)
			assert.NotContains(t, fmt.Sprintf("%+v %+v", result, result.Error), "secret")
			return result
		}
		ask(shared.Submitted)
		r.ksc.SetPassword("second-secret")
		r.put(t, "password", "second-secret\n")
		ask(shared.Submitted)
		assert.Equal(t, 2, logins())

		r.ksc.SetPassword("third-secret")
		for range 3 {
			assert.Equal(t, shared.Login, ask(shared.Failed).Error.Code)
		}
		assert.Equal(t, 3, logins(), "what was refused is not tried again")
		r.put(t, "password", "third-secret\n")
		ask(shared.Submitted)
		assert.Equal(t, 4, logins())

		r.ksc.EndSessions()
		require.NoError(t, os.Remove(filepath.Join(r.dir, "password")))
		e := ask(shared.Failed).Error
		assert.Equal(t, shared.Login, e.Code)
		assert.True(t, e.Retryable)
		assert.Contains(t, e.Message, "kscPasswordFile: no such file")
		assert.Equal(t, 4, logins(), "nothing to log in with, nothing sent")
		r.put(t, "password", "third-secret\n")
		ask(shared.Submitted)
	})
}

func ruleNamed(name string) string {
	return fmt.Sprintf("deny:\n  - {name: %s, reason: r, tasks: [startProcess]}\n", name)
}

// TestARunningProgramWhoseLedgerIsTakenAway claims nothing in a ledger that nobody
// will look at, says so to who checks, and goes on where it is put back.
func TestARunningProgramWhoseLedgerIsTakenAway(t *testing.T) {
	residents(t, "kscPasswordFile: password\n", func(t *testing.T, r *resident) {
		const isolate = `{"action":1}`
		ledger := filepath.Join(r.dir, "state", "ledger")
		sent := func() {
			t.Helper()
			result, _ := r.ask(t, "isolateHost", isolate)
			require.Equal(t, shared.Submitted, result.Outcome, "%+v", result.Error)
		}
		refused := func(why string) {
			t.Helper()
			result, _ := r.ask(t, "isolateHost", isolate)
			require.Equal(t, shared.Refused, result.Outcome)
			checked, err := r.Check(t.Context(), shared.Request{Type: shared.TypeCheck, Server: "default"})
			require.NoError(t, err)
			assert.False(t, checked.Passed)
			for _, e := range []*shared.Error{result.Error, checked.Error} {
				assert.Equal(t, shared.Journal, e.Code)
				assert.Contains(t, e.Message, ledger+" cannot be used: "+why)
				assert.Contains(t, e.Assistance, "Start this program again")
				assert.False(t, e.Retryable)
			}
		}
		sent()
		require.NoError(t, os.Rename(ledger, ledger+"-away"))
		refused("its directory was taken away")
		require.NoError(t, os.Mkdir(ledger, 0o700))
		refused("another directory was put in its place")
		require.NoError(t, os.Remove(ledger))
		require.NoError(t, os.Rename(ledger+"-away", ledger))
		sent()
		assert.Len(t, r.ksc.State().Incidents, 2)
	})
}
