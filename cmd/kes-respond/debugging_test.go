package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hashicorp/go-hclog"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kes-respond/kes-respond/cmd/kes-respond/config"
	"github.com/kes-respond/kes-respond/plugin"
	"github.com/kes-respond/kes-respond/shared"
	"github.com/kes-respond/kes-respond/shared/rpc"
)

// TestWhatHoldsThePasswordPrintsWithoutIt, in whatever way a log, a debugger's
// print or a panic shows it.
func TestWhatHoldsThePasswordPrintsWithoutIt(t *testing.T) {
	set, _, err := together(t, "kscHost: ksc.example\nkscUser: u\n", "", "kscPassword", emulatorPassword)
	require.NoError(t, err)
	var server config.Server
	_, err = server.Environment(environ("kscPassword", emulatorPassword))
	require.NoError(t, err)
	password, is := server.Remembered()
	require.True(t, is)
	require.Equal(t, emulatorPassword, password)
	password, err = set.plugin.Servers["default"].AskPassword(t.Context())
	require.NoError(t, err)
	require.Equal(t, emulatorPassword, password)
	p, err := plugin.New(t.Context(), set.plugin)
	require.NoError(t, err)
	defer p.Close(t.Context()) //nolint:errcheck // nothing was opened
	for _, v := range []any{set, &set, set.plugin, set.plugin.Servers, set.plugin.Servers["default"], server, &server, config.File{Server: server}, p, []any{set, server}} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
			said := fmt.Sprintf(verb, v)
			assert.Empty(t, leaked([]byte(said)), "%T by %s: %s", v, verb, said)
		}
		var log bytes.Buffer
		slog.New(slog.NewTextHandler(&log, nil)).Info("m", "v", v)
		slog.New(slog.NewJSONHandler(&log, nil)).Info("m", "v", v)
		data, _ := json.Marshal(v) // some cannot be
		assert.Empty(t, leaked(append(log.Bytes(), data...)), "%T: %s%s", v, log.String(), data)
	}
}

// panicking is the program, which panics when it is told of a step of the
// ledger, with all that it was started with.
func panicking() {
	ctx, s := process()
	s.step = func(step string) {
		if step == os.Getenv("KES_RESPOND_TEST_PANIC_AT") {
			panic("a panic, for a test")
		}
	}
	os.Exit(run(ctx, s))
}

// talkative are the switches by which Go, gRPC and others are made to say all
// they can.
func talkative() []string {
	return []string{
		"GOTRACEBACK=all", "GODEBUG=http2debug=2,inittrace=1,tlsdebug=1,execerrdot=1", "GRPC_GO_LOG_SEVERITY_LEVEL=info", "GRPC_GO_LOG_VERBOSITY_LEVEL=99",
		"GRPC_TRACE=all", "GRPC_VERBOSITY=DEBUG", "HCLOG_LEVEL=trace", "LOG_LEVEL=trace", "DEBUG=1", "VERBOSE=1", "KES_RESPOND_DEBUG=1", "KES_RESPOND_LOG=trace", "HTTP_DEBUG=1", "NODE_DEBUG=http",
	}
}

// TestNoSwitchShowsThePassword: whatever is switched on, whatever goes wrong, by
// each carrier, and in a panic.
func TestNoSwitchShowsThePassword(t *testing.T) {
	dir := t.TempDir()
	program := build(t, "kes-respond", t.TempDir())
	at := startEmulator(t, dir, "", "", "--record", "record.jsonl")
	keys := filepath.Join(dir, "tls-keys")
	request := `{"id":"1","task":"isolateHost","targetHost":"a","params":{"action":1},"hostLookup":"never"}`
	secretive := strings.TrimSuffix(request, "}") + fmt.Sprintf(`,"connection":{"kscHost":"a","kscPort":1,"kscCert":"a","kscUser":"u","kscPassword":%s}}`, mustJSON(emulatorPassword))
	broken := strings.TrimSuffix(request, "}") + fmt.Sprintf(`,"kscPassword":%s}`, mustJSON(emulatorPassword))
	spoiled := []struct{ name, value string }{{"", ""}, {"kscPort", "1"}, {"kscUser", "nobody"}, {"kscHost", "nowhere.invalid"}, {"kscCert", filepath.Join(dir, "none")}, {"kscCert", strings.Repeat("ab", 32)}, {"kscCert", "False"}}
	for i, spoil := range spoiled {
		env := append(at.environment(), append(talkative(), "SSLKEYLOGFILE="+keys, "STATE_DIRECTORY="+filepath.Join(dir, fmt.Sprint("state-", i)))...)
		if spoil.name != "" {
			env = append(env, spoil.name+"="+spoil.value)
		}
		for _, c := range [][]string{
			{program, "check", "--output", "text"},
			{program, "check", "--output", "json"},
			{program, "serve"},
			{program, "isolateHost", "--targetHost", "a", "--action", "1", "--timeout", "5s"},
			{program, "check", "--verbose"},
			{program, "check", "--verbose", "true"},
			{program, "serve", "--verbose", "true"},
			{program, "isolateHost", "--targetHost", "a", "--action", "1", "--timeout", "5s", "--verbose", "true", "--allowDuplicate", "true"},
			{program, "--debug", "check"},
			{program, "recover"},
			{program, "policy", "test"},
			{program, "journal"},
			{program, "help"},
			{program, "completion", "bash"},
		} {
			cmd := exec.Command(c[0], c[1:]...)
			cmd.Env, cmd.Dir = env, dir
			cmd.Stdin = strings.NewReader(request + "\n" + secretive + "\n" + broken + "\n")
			out, _ := cmd.CombinedOutput() // most of them fail
			assert.Empty(t, leaked(out), "%v %v: %s", spoil, c, out)
		}
	}
	assert.NoFileExists(t, keys)
	t.Run("a panic", func(t *testing.T) {
		cmd := exec.Command(os.Args[0], "isolateHost", "--targetHost", "b", "--action", "1", "--hostLookup", "never")
		cmd.Args[0] = "kes-respond-panicking"
		cmd.Env = append(append(at.environment(), talkative()...), "KES_RESPOND_TEST_PANIC_AT=appended", "GORACE=atexit_sleep_ms=0")
		out, err := cmd.CombinedOutput()
		require.Error(t, err)
		assert.Contains(t, string(out), "a panic, for a test")
		assert.Contains(t, string(out), "goroutine")
		assert.Empty(t, leaked(out), "%s", out)
	})
	t.Run("a host that logs all", func(t *testing.T) {
		var log bytes.Buffer
		cmd := exec.Command(program)
		cmd.Env = append(at.environment(), talkative()...)
		client, err := rpc.Launch(t.Context(), cmd, rpc.LaunchOptions{Log: hclog.New(&hclog.LoggerOptions{Output: &log, Level: hclog.Trace})})
		require.NoError(t, err)
		for _, line := range []string{request, strings.Replace(secretive, `"id":"1"`, `"id":"2"`, 1)} {
			r, refusal := shared.ParseRequest([]byte(line))
			require.Nil(t, refusal)
			result := client.Respond(context.Background(), r, func(shared.Event) {})
			assert.Empty(t, leaked(fmt.Appendf(nil, "%+v", result)))
			assert.NotEmpty(t, result.Outcome)
		}
		require.NoError(t, client.Close(t.Context()))
		assert.Contains(t, log.String(), "[TRACE]")
		assert.Empty(t, leaked(log.Bytes()), "%s", log.String())
	})
}

func mustJSON(text string) string {
	data, err := json.Marshal(text)
	if err != nil {
		panic(err) // a string
	}
	return string(data)
}
