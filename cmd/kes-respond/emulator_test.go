package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/stretchr/testify/require"
)

// build builds one of our programs as the Makefile does: tests run real
// programs against each other over loopback TLS.
func build(t testing.TB, name, dir string) string {
	t.Helper()
	return buildFrom(t, "../"+name, filepath.Join(dir, name))
}

func buildFrom(t testing.TB, source, path string) string {
	t.Helper()
	cmd := exec.Command("go", "build", "-trimpath", "-buildvcs=false", "-tags", "grpcnotrace", "-ldflags", "-s -w", "-o", path, source)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, string(out))
	return path
}

// address is where an emulator listens.
type address struct {
	host, port, cert string
	state            string // where programs that are sent here keep their ledger
	record           string // where --record record.jsonl writes
	stop             func() // ends it; its state file is written by then
}

// startEmulator runs the emulator until the test ends, with files of its own
// in dir: record.jsonl, state.json.
func startEmulator(t testing.TB, dir, inventory, state string, args ...string) address {
	t.Helper()
	return startEmulatorWith(t, emulatorPassword, dir, inventory, state, args...)
}

// startEmulatorWith runs one whose account has another password.
func startEmulatorWith(t testing.TB, password, dir, inventory, state string, args ...string) address {
	t.Helper()
	guarded(t, dir)
	program := build(t, "ksc-emulator", t.TempDir())
	args = append(args, "--listen", "127.0.0.1:0", "--user", "edr-operator", "--password", password,
		"--ready-file", "ready", "--cert-out", "ksc.pem", "--state-out", "state.json")
	for name, text := range map[string]string{"inventory": inventory, "state-in": state} {
		if text != "" {
			require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
			args = append(args, "--"+name, name)
		}
	}
	cmd := exec.Command(program, args...)
	cmd.Dir = dir
	var said strings.Builder
	cmd.Stdout, cmd.Stderr = &said, &said
	require.NoError(t, cmd.Start())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		cmd.Wait()
	}()
	stop := func() {
		cmd.Process.Signal(os.Interrupt)
		<-ended
	}
	t.Cleanup(stop)
	ready := filepath.Join(dir, "ready")
	require.True(t, grows(ready, 1, ended), "%s", &said)
	text, err := os.ReadFile(ready)
	require.NoError(t, err)
	host, port, _ := strings.Cut(strings.TrimSpace(string(text)), ":")
	return address{host, port, filepath.Join(dir, "ksc.pem"), filepath.Join(dir, "state"), filepath.Join(dir, "record.jsonl"), stop}
}

// environment is that of the help page, and nothing of ours beside it save a
// place for a ledger of its own.
func (a address) environment() []string {
	return []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + os.Getenv("HOME"),
		"STATE_DIRECTORY=" + a.state, "kscHost=" + a.host, "kscPort=" + a.port, "kscCert=" + a.cert, "kscUser=edr-operator", "kscPassword=" + emulatorPassword,
	}
}

// grows waits until a file has so many bytes, or whoever writes it has ended.
func grows(path string, size int64, ended <-chan struct{}) bool {
	deadline := time.After(20 * time.Second)
	for {
		if info, err := os.Stat(path); err == nil && info.Size() >= size {
			return true
		}
		select {
		case <-time.After(10 * time.Millisecond):
		case <-ended:
			return false
		case <-deadline:
			return false
		}
	}
}

// waitFile waits until a file exists and is not empty: "waitfile ready".
func waitFile(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: waitfile FILE")
	}
	waitSize(ts, args[0], 1)
}

// waitMore waits until a file has grown by so many bytes since the command
// began: "waitmore record.jsonl 200".
func waitMore(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: waitmore FILE BYTES")
	}
	more, err := strconv.ParseInt(args[1], 10, 64)
	ts.Check(err)
	info, err := os.Stat(ts.MkAbs(args[0]))
	ts.Check(err)
	waitSize(ts, args[0], info.Size()+more)
}

func waitSize(ts *testscript.TestScript, name string, size int64) {
	if !grows(ts.MkAbs(name), size, nil) {
		ts.Fatalf("%s did not reach %d bytes", name, size)
	}
}

// waitText waits until a file holds a text: "waittext accepted events".
func waitText(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: waittext TEXT FILE")
	}
	path := ts.MkAbs(args[1])
	for deadline := time.Now().Add(2 * time.Minute); ; time.Sleep(10 * time.Millisecond) { // a file has no condition to wait for
		if text, err := os.ReadFile(path); err == nil && strings.Contains(string(text), args[0]) {
			return
		}
		if time.Now().After(deadline) {
			ts.Fatalf("%s does not hold %q", args[1], args[0])
		}
	}
}

// connect sets the environment of the help page from the emulator's ready
// file and certificate: "connect ready ksc.pem".
func connect(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: connect READY CERT")
	}
	waitFile(ts, false, args[:1])
	host, port, ok := strings.Cut(strings.TrimSpace(ts.ReadFile(args[0])), ":")
	if !ok {
		ts.Fatalf("%s holds no host:port", args[0])
	}
	for name, value := range map[string]string{
		"kscHost": host, "kscPort": port, "kscCert": ts.MkAbs(args[1]), "kscUser": "edr-operator", "kscPassword": emulatorPassword,
	} {
		ts.Setenv(name, value)
	}
}
