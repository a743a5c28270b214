package platforms

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// callers are the programs of the package, by the language they are written in:
// how each is started.
var callers = map[string]func(t *testing.T, pkg string) []string{
	"python": func(t *testing.T, pkg string) []string {
		return []string{need(t, "/usr/bin/python3", "python3"), filepath.Join(pkg, "respond.py")}
	},
	"node": func(t *testing.T, pkg string) []string {
		return []string{need(t, "node", "nodejs"), filepath.Join(pkg, "respond.mjs")}
	},
	"c": func(t *testing.T, pkg string) []string {
		cc := need(t, "cc", "gcc")
		if exec.Command(cc, "-fsyntax-only", "-include", "jansson.h", "-x", "c", "/dev/null").Run() != nil {
			return []string{need(t, "jansson.h")}
		}
		out, err := exec.Command(cc, "-Wall", "-Wextra", "-Werror", "-o", filepath.Join(pkg, "respond"), filepath.Join(pkg, "respond.c"), "-ljansson").CombinedOutput()
		require.NoError(t, err, "%s", out)
		return []string{filepath.Join(pkg, "respond")}
	},
}

// each runs a test for every caller, on a site of its own.
func eachCaller(t *testing.T, emulator []string, test func(t *testing.T, s *site, call func(program, input string) *exec.Cmd)) {
	for language, start := range callers {
		t.Run(language, func(t *testing.T) {
			s := newSite(t, "callers", emulator...)
			args := start(t, s.pkg)
			test(t, s, func(program, input string) *exec.Cmd {
				cmd := exec.Command(args[0], append(args[1:], program)...)
				cmd.Dir, cmd.Env, cmd.Stdin = s.dir, s.connected(), strings.NewReader(input)
				return cmd
			})
		})
	}
}

// said are the results that a caller printed, by their ids.
func said(t *testing.T, out string) map[string][]string {
	t.Helper()
	all := map[string][]string{}
	for line := range strings.Lines(out) {
		parts := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		require.Len(t, parts, 3, line)
		require.NotContains(t, all, parts[0], "two results for one request")
		all[parts[0]] = parts[1:]
	}
	return all
}

func TestCallersSendEveryTask(t *testing.T) {
	eachCaller(t, nil, func(t *testing.T, s *site, call func(program, input string) *exec.Cmd) {
		program := filepath.Join(s.pkg, "kes-respond")
		requests := read(t, filepath.Join(s.pkg, "requests.jsonl"))
		looked := s.watched(t)
		a := run(t, call(program, requests))
		assert.Equal(t, 0, a.code, a.stderr)
		require.Len(t, said(t, a.out), 9)
		for id, r := range said(t, a.out) {
			assert.Equal(t, "planned", r[0], id)
		}
		assert.Empty(t, s.incidents(t))
		// Really now, with ids that are numbers, none, and Cyrillic; and lines that are none.
		input := strings.NewReplacer(`,"dryRun":true`, "", `"example-getFile"`, "7", `"id":"example-deleteFile",`, "", `"example-isolateHost"`, `"ключ"`).Replace(requests)
		a = run(t, call(program, "\n"+input+"no request\n"+`{"id":7,"task":"nothing","targetHost":"x","params":{}}`+"\n"+`{"id":8,"task":"nothing","targetHost":"x","params":{}}`))
		looked()
		results := said(t, a.out)
		assert.Equal(t, 65, a.code, a.out+a.stderr)
		assert.Contains(t, a.stderr, "no request")
		assert.Equal(t, "refused", results["8"][0])
		sent := 0
		for _, r := range results {
			if r[0] == "submitted" {
				sent++
			}
		}
		assert.Equal(t, 9, sent, a.out)
		assert.Len(t, s.incidents(t), 9)
		assert.Contains(t, a.stderr, "accepted")
		assert.Contains(t, a.stderr, "submitted", "progress")
	})
}

// TestCallersReadWhileTheyWrite: more than both pipes hold.
func TestCallersReadWhileTheyWrite(t *testing.T) {
	eachCaller(t, nil, func(t *testing.T, s *site, call func(program, input string) *exec.Cmd) {
		var input strings.Builder
		for i := range 2000 {
			fmt.Fprintf(&input, `{"id":%d,"task":"isolateHost","targetHost":"h-%d","hostLookup":"never","params":{"action":1},"dryRun":true,"reason":%q}`+"\n", i, i, strings.Repeat("x", 200))
		}
		a := run(t, call(filepath.Join(s.pkg, "kes-respond"), input.String()))
		assert.Equal(t, 0, a.code, a.stderr[max(0, len(a.stderr)-2000):])
		assert.Len(t, said(t, a.out), 2000)
	})
}

func TestCallersCancel(t *testing.T) {
	eachCaller(t, []string{"--latency", "1s"}, func(t *testing.T, s *site, call func(program, input string) *exec.Cmd) {
		var input strings.Builder
		for i := range 40 { // eight at a time talk to KSC
			fmt.Fprintf(&input, `{"id":%d,"task":"isolateHost","targetHost":"HOST-%d","params":{"action":1}}`+"\n", i, i%20)
		}
		cmd := call(filepath.Join(s.pkg, "kes-respond"), input.String())
		var out, stderr strings.Builder
		cmd.Stdout, cmd.Stderr = &out, &stderr
		require.NoError(t, cmd.Start())
		require.Eventually(t, func() bool {
			info, err := os.Stat(s.record)
			return err == nil && info.Size() > 0
		}, 20*time.Second, 10*time.Millisecond)
		require.NoError(t, cmd.Process.Signal(syscall.SIGINT))
		begun := time.Now()
		cmd.Wait()
		t.Logf("left %s after it was interrupted, exit code %d", time.Since(begun), cmd.ProcessState.ExitCode())
		results, outcomes := said(t, out.String()), map[string]int{}
		for _, r := range results {
			outcomes[r[0]]++
		}
		assert.Len(t, results, 40, "%s%s", &out, &stderr)
		assert.Positive(t, outcomes["cancelled"], "%v", outcomes)
		assert.LessOrEqual(t, len(s.incidents(t)), outcomes["submitted"]+outcomes["pending"]+outcomes["unknown"])
		assert.NotEqual(t, 0, cmd.ProcessState.ExitCode())
	})
}

// TestCallersSayUnknownWhenTheStreamIsLost: kes-respond dies, in the middle of a
// line, or cannot be started at all.
func TestCallersSayUnknownWhenTheStreamIsLost(t *testing.T) {
	eachCaller(t, nil, func(t *testing.T, s *site, call func(program, input string) *exec.Cmd) {
		input := `{"id":1,"task":"isolateHost","targetHost":"PC-12","params":{"action":1}}` + "\n" + `{"id":"b","task":"isolateHost","targetHost":"PC-13","params":{"action":1}}` + "\n"
		for name, script := range map[string]string{
			"after accepted":       `read a; read b; echo '{"type":"hello","protocol":1}'; echo '{"type":"accepted","id":1,"seq":0,"host":{"id":"x"}}'`,
			"in a line":            `read a; read b; echo '{"type":"accepted","id":1,"seq":0,"host":{"id":"x"}}'; printf '{"type":"result","id":1,"outco'`,
			"with a newer version": `read a; read b; echo '{"type":"weather","id":1,"sky":"blue"}'; echo '{"type":"result","id":"b","outcome":"submitted","colour":"red"}'; kill -9 $$`,
		} {
			dying := filepath.Join(s.dir, strings.ReplaceAll(name, " ", "-"))
			require.NoError(t, os.WriteFile(dying, []byte("#!/bin/sh\n"+script+"\n"), 0o755))
			a := run(t, call(dying, input))
			results := said(t, a.out)
			require.Len(t, results, 2, "%s: %s%s", name, a.out, a.stderr)
			assert.Equal(t, "unknown", results["1"][0], name)
			assert.Regexp(t, regexp.MustCompile("unknown|submitted"), results[`"b"`][0], name)
			assert.Contains(t, results["1"][1], "it may have happened", name)
			assert.Equal(t, 5, a.code, name)
		}
		a := run(t, call(filepath.Join(s.dir, "nosuch"), input))
		assert.Equal(t, 69, a.code)
		assert.Contains(t, a.stderr, "nothing was sent")
		assert.Empty(t, a.out)
	})
}

// TestCallersSayThatNothingWasSent: kes-respond goes while there is still input,
// and what comes in then is handed to nobody.
func TestCallersSayThatNothingWasSent(t *testing.T) {
	eachCaller(t, nil, func(t *testing.T, s *site, call func(program, input string) *exec.Cmd) {
		cmd := call("/bin/false", "")
		in, more, err := os.Pipe() // stays open: nobody can say that there is no more
		require.NoError(t, err)
		defer more.Close()
		cmd.Stdin = in
		a := run(t, cmd)
		in.Close()
		assert.Equal(t, 69, a.code, a.out+a.stderr)
		assert.Contains(t, a.stderr, "what has no result here was not sent")
		assert.Empty(t, a.out)
	})
}

// TestCallersAccountForEveryRequest: also where many results are due at once, and
// whoever reads them is slow.
func TestCallersAccountForEveryRequest(t *testing.T) {
	eachCaller(t, nil, func(t *testing.T, s *site, call func(program, input string) *exec.Cmd) {
		var input strings.Builder
		for i := range 3000 {
			fmt.Fprintf(&input, `{"id":%d,"task":"isolateHost","targetHost":"PC-12","params":{"action":1}}`+"\n", i)
		}
		went := filepath.Join(s.dir, "went")
		dying := filepath.Join(s.dir, "dying")
		require.NoError(t, os.WriteFile(dying, []byte("#!/bin/sh\nhead -n 3000 >/dev/null\n>"+went+"\n"), 0o755))
		cmd := call(dying, input.String())
		out, err := cmd.StdoutPipe()
		require.NoError(t, err)
		require.NoError(t, cmd.Start())
		require.Eventually(t, func() bool {
			_, err := os.Stat(went)
			return err == nil
		}, 20*time.Second, 10*time.Millisecond)
		all, err := io.ReadAll(out)
		require.NoError(t, err)
		cmd.Wait()
		assert.Len(t, said(t, string(all)), 3000)
		assert.Equal(t, 5, cmd.ProcessState.ExitCode())
	})
}
