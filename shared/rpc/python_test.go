package rpc_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kes-respond/kes-respond/shared/rpc"
)

// python is an interpreter that has gRPC. Debian's own has it where another
// stands first in PATH.
func python(t *testing.T) string {
	t.Helper()
	for _, name := range []string{"python3", "/usr/bin/python3"} {
		if exec.CommandContext(t.Context(), name, "-c", "import grpc, grpc_tools.protoc").Run() == nil {
			return name
		}
	}
	const missing = "no python3 with gRPC: Debian's python3-grpcio and python3-grpc-tools have it"
	if os.Getenv("KES_RESPOND_TEST_ALL") != "" {
		t.Fatal(missing)
	}
	t.Skip(missing)
	return ""
}

// TestPythonHost: the handshake and responder.proto are all that a host in
// another language needs.
func TestPythonHost(t *testing.T) {
	t.Parallel()
	interpreter := python(t)
	h := rpc.Handshake()
	source, err := os.ReadFile("examples/python/host.py")
	require.NoError(t, err)
	require.Contains(t, string(source), `{"`+h.MagicCookieKey+`": "`+h.MagicCookieValue+`"}`)

	sockets, file := shortDir(t), filepath.Join(t.TempDir(), "requests")
	record := filepath.Join(t.TempDir(), "record")
	run := func(requests string) (map[string][]string, string, error) {
		require.NoError(t, os.WriteFile(file, []byte(requests), 0o600))
		host := exec.CommandContext(t.Context(), interpreter, "-B", "examples/python/host.py", os.Args[0], file)
		host.Env = append(os.Environ(), "TMPDIR="+sockets, recordKey+"="+record)
		var out, errors bytes.Buffer
		host.Stdout, host.Stderr = &out, &errors
		err := host.Run()
		events := map[string][]string{}
		for line := range strings.Lines(out.String()) {
			e := must[map[string]any](t, line)
			id, _ := e["id"].(string)
			kind := e["type"].(string)
			if outcome, ok := e["outcome"].(string); ok {
				kind += " " + outcome
			}
			events[id] = append(events[id], kind)
		}
		for id := range events {
			if strings.HasPrefix(id, "r-") { // the plugin made it up
				events["made up"] = events[id]
				delete(events, id)
			}
		}
		return events, errors.String(), err
	}

	events, log, err := run(`{"id":"1","task":"quick","targetHost":"PC-1","params":{}}
{"id":"2","task":"send","targetHost":"PC-2","params":{}}

{"id":"3","type":"status","incident":{"id":"4711"}}
`)
	assert.Equal(t, map[string][]string{
		"made up": {"described"}, "1": {"accepted", "result submitted"}, "2": {"accepted", "result submitted"}, "3": {"result pending"},
	}, events, log)
	var exit *exec.ExitError
	require.ErrorAs(t, err, &exit, "a pending result is not yet a good one")
	assert.Equal(t, 1, exit.ExitCode())
	assert.Equal(t, []string{"2"}, sent(t, record))

	_, log, err = run(`{"id":"1","task":"quick","targetHost":"PC-1","params":{}}`)
	assert.NoError(t, err, log)
	assert.Empty(t, entries(t, sockets), "socket and generated code are gone")

	// A host that prints and never reads the pipes of go-plugin hangs nowhere.
	events, log, err = run(`{"id":"1","task":"print","targetHost":"PC-1","params":{}}
{"id":"2","task":"die first","targetHost":"PC-2","params":{}}
`)
	assert.Error(t, err)
	assert.Contains(t, log, "the plugin was lost: StatusCode.UNAVAILABLE")
	assert.False(t, slices.Contains(events["2"], "result submitted"))
}
