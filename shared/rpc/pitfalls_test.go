package rpc_test

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	goplugin "github.com/hashicorp/go-plugin"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/kes-respond/kes-respond/shared"
	"github.com/kes-respond/kes-respond/shared/rpc"
	"github.com/kes-respond/kes-respond/shared/rpc/responderpb"
	"github.com/kes-respond/kes-respond/shared/sharedtest"
)

func launchBy(t testing.TB, plugin *exec.Cmd) (*rpc.Client, error) {
	t.Helper()
	client, err := rpc.Launch(t.Context(), plugin, rpc.LaunchOptions{})
	if err == nil {
		t.Cleanup(func() { client.Close(context.WithoutCancel(t.Context())) })
	}
	return client, err
}

// TestLargest: a request may be as long as the contract says, four times what
// gRPC takes by itself. A longer one is refused before it leaves; one that left
// another host all the same is refused in words, as far as a message goes.
func TestLargest(t *testing.T) {
	t.Parallel()
	l := launch(t)
	r := ask("1", "size")
	r.Params = []byte(`{"a":""}`)
	frame, err := shared.ASCIIJSON(r)
	require.NoError(t, err)
	pad := strings.Repeat("x", shared.MaxRequestBytes-len(frame))
	r.Params = []byte(`{"a":"` + pad + `"}`)
	result := l.Respond(t.Context(), r, func(shared.Event) {})
	assert.Equal(t, shared.Submitted, result.Outcome, "%+v", result.Error)
	assert.Equal(t, len(r.Params), must[int](t, result.Message))
	r.Params = []byte(`{"a":"` + pad + `x"}`)
	result = l.Respond(t.Context(), r, func(shared.Event) {})
	assert.Equal(t, shared.Refused, result.Outcome)
	assert.Equal(t, shared.BadRequest, result.Error.Code)

	connection, err := l.host.Client()
	require.NoError(t, err)
	c := raw{responderpb.NewResponderClient(connection.(*goplugin.GRPCClient).Conn), t}
	const frameBytes = 5 // of a BytesValue of this length
	events := c.respond(strings.Repeat(" ", rpc.MaxMessageBytes-frameBytes))
	require.Len(t, events, 1)
	assert.Equal(t, "bad_request", events[0]["code"])
	stream, err := c.Respond(t.Context(), payload(strings.Repeat(" ", rpc.MaxMessageBytes)))
	require.NoError(t, err)
	_, err = stream.Recv()
	assert.Equal(t, codes.ResourceExhausted, status.Code(err))
	l.host.Kill()
	l.gone(t)
}

func must[T any](t testing.TB, text string) (v T) {
	t.Helper()
	require.NoError(t, json.Unmarshal([]byte(text), &v), "%s", text)
	return v
}

// TestPanic: a request that panics ends by itself, and the plugin lives. What
// the panic said reaches the host's log as text, not as a line of its own.
func TestPanic(t *testing.T) {
	t.Parallel()
	l := launch(t)
	_, result := sharedtest.Ask(t.Context(), t, l, ask("1", "panic"), nil)
	assert.Equal(t, shared.Unknown, result.Outcome)
	assert.Equal(t, shared.Internal, result.Error.Code)
	assert.NotContains(t, result.Message, "12345")
	_, result = sharedtest.Ask(t.Context(), t, l, ask("2", "quick"), nil)
	assert.Equal(t, shared.Submitted, result.Outcome)
	l.host.Kill()
	assert.Contains(t, l.log.host.String(), "a request panicked")
	assert.Contains(t, l.log.host.String(), `"@level":"error"`)
	assert.Empty(t, entries(t, l.sockets))
}

// TestLongSocketPath: a socket's path has room for a hundred bytes or so. With a
// longer TMPDIR the plugin finds a place by itself, and clears it away.
func TestLongSocketPath(t *testing.T) {
	t.Parallel()
	long := filepath.Join(t.TempDir(), strings.Repeat("d", 120))
	require.NoError(t, os.Mkdir(long, 0o700))
	l := launch(t, variable("TMPDIR", long))
	_, result := sharedtest.Ask(t.Context(), t, l, ask("1", "quick"), nil)
	assert.Equal(t, shared.Submitted, result.Outcome)
	socket := l.host.ReattachConfig().Addr.String()
	assert.FileExists(t, socket)
	l.host.Kill()
	l.gone(t)
	assert.Empty(t, entries(t, long))
	assert.NoFileExists(t, socket)
	assert.NoDirExists(t, filepath.Dir(socket))
}

// TestStrayPrints: what is printed before the handshake does not break it, and
// what is printed later fills no pipe.
func TestStrayPrints(t *testing.T) {
	t.Parallel()
	l := launch(t, variable(strayKey, "yes"))
	_, result := sharedtest.Ask(t.Context(), t, l, ask("1", "print"), nil)
	assert.Equal(t, shared.Submitted, result.Outcome)
	l.host.Kill()
	l.gone(t)
	assert.True(t, strings.Contains(l.log.String(), "a stray print a stray print"), "the host's log has it")
}

// TestNothingIsInherited: a child of the plugin does not find what the host told
// the plugin, neither before it serves nor while it does.
func TestNothingIsInherited(t *testing.T) {
	t.Parallel()
	l := launch(t, autoMTLS, variable(beforeKey, "yes"), variable("PLUGIN_UNIX_SOCKET_DIR", shortDir(t)))
	_, result := sharedtest.Ask(t.Context(), t, l, ask("1", "environment"), nil)
	require.Equal(t, 2, strings.Count(result.Message, roleKey+"=child"), "two children: %s", result.Message)
	assert.NotContains(t, result.Message, rpc.Handshake().MagicCookieKey)
	assert.NotContains(t, result.Message, "PLUGIN_")
	l.host.Kill()
	l.gone(t)
}

// TestStandardInput: go-plugin gives the plugin the host's own standard input.
// The plugin leaves it alone.
func TestStandardInput(t *testing.T) {
	t.Parallel()
	host := exec.CommandContext(t.Context(), os.Args[0])
	host.Env = append(os.Environ(), roleKey+"=host", "TMPDIR="+shortDir(t))
	host.Stdin = strings.NewReader("the host's own\n")
	null, err := os.Open(os.DevNull)
	require.NoError(t, err)
	defer null.Close()
	host.ExtraFiles = []*os.File{null}
	out, err := host.Output()
	require.NoError(t, err)
	assert.Equal(t, "all run\nthe host's own\n", string(out))
}

// TestAutoMTLS: with certificates on both ends all is as without.
func TestAutoMTLS(t *testing.T) {
	t.Parallel()
	l := launch(t, autoMTLS)
	_, result := sharedtest.Ask(t.Context(), t, l, ask("1", "quick"), nil)
	assert.Equal(t, shared.Submitted, result.Outcome)
	l.host.Kill()
	l.gone(t)
}

// TestMultiplexed: a host that wants its broker's streams on one socket is told
// that it cannot have them.
func TestMultiplexed(t *testing.T) {
	t.Parallel()
	h := config(shortDir(t), "")
	h.GRPCBrokerMultiplex = true
	host := goplugin.NewClient(h)
	defer host.Kill()
	_, err := host.Client()
	assert.ErrorIs(t, err, goplugin.ErrGRPCBrokerMuxNotSupported)
}

// TestOnWindows: there a plugin listens on a port that every user can reach.
func TestOnWindows(t *testing.T) {
	assert.ErrorContains(t, rpc.RefuseOpen("windows", ""), "AutoMTLS")
	assert.NoError(t, rpc.RefuseOpen("windows", "-----BEGIN CERTIFICATE-----"))
	for _, goos := range []string{"linux", "darwin"} {
		assert.NoError(t, rpc.RefuseOpen(goos, ""))
	}
}

// TestNotInvited: started by a person, the binary is no plugin, and its
// environment is left as it is.
func TestNotInvited(t *testing.T) {
	t.Setenv("PLUGIN_CLIENT_CERT", "kept")
	for _, cookie := range []string{"", "another"} {
		t.Setenv(rpc.Handshake().MagicCookieKey, cookie)
		_, ok := rpc.Invited(process())
		assert.False(t, ok)
		assert.Equal(t, "kept", os.Getenv("PLUGIN_CLIENT_CERT"))
	}
}

// TestHostileLog: whatever is logged, the host reads it with its level, and
// does not crash.
func TestHostileLog(t *testing.T) {
	t.Parallel()
	l := launch(t)
	r := ask("1", "log")
	r.Params = []byte(`{"@level":1,"@message":{"a":2},"@timestamp":[3],"level":4,"msg":5,"time":6,"": {"@level":7},"long":"` + strings.Repeat("x", 200_000) + `"}`)
	_, result := sharedtest.Ask(t.Context(), t, l, r, nil)
	assert.Equal(t, shared.Submitted, result.Outcome)
	l.host.Kill()
	l.gone(t)
	levels := map[string]string{}
	for line := range strings.Lines(l.log.host.String()) {
		entry := must[map[string]any](t, line)
		if message, ok := entry["@message"].(string); ok && strings.HasPrefix(message, "hostile at ") {
			levels[message] = entry["@level"].(string)
		}
	}
	assert.Equal(t, map[string]string{
		"hostile at DEBUG": "debug", "hostile at INFO": "info", "hostile at WARN": "warn", "hostile at ERROR": "error",
	}, levels)
}
