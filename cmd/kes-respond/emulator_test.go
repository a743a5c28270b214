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

// buildEmulator builds the real emulator: scripts run two real programs
// against each other over loopback TLS.
func buildEmulator(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "ksc-emulator")
	out, err := exec.Command("go", "build", "-o", path, "../ksc-emulator").CombinedOutput()
	require.NoError(t, err, string(out))
	return path
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
	path := ts.MkAbs(name)
	deadline := time.Now().Add(20 * time.Second)
	for range time.Tick(10 * time.Millisecond) {
		if info, err := os.Stat(path); err == nil && info.Size() >= size {
			return
		}
		if time.Now().After(deadline) {
			ts.Fatalf("%s did not reach %d bytes", name, size)
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
		"kscHost": host, "kscPort": port, "kscCert": ts.MkAbs(args[1]), "kscUser": "edr-operator", "kscPassword": "demo-only",
	} {
		ts.Setenv(name, value)
	}
}
