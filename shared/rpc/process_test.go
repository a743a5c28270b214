package rpc_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kes-respond/kes-respond/shared/rpc"
	"github.com/kes-respond/kes-respond/shared/sharedtest"
)

// invited starts this binary as a plugin without a host behind it, and gives
// what it wrote.
func invited(t *testing.T, variables ...string) (stdout, stderr string, err error) {
	t.Helper()
	h := rpc.Handshake()
	plugin := exec.CommandContext(t.Context(), os.Args[0])
	plugin.Env = append(append(os.Environ(), h.MagicCookieKey+"="+h.MagicCookieValue), variables...)
	var out, errors bytes.Buffer
	plugin.Stdout, plugin.Stderr = &out, &errors
	err = plugin.Run()
	return out.String(), errors.String(), err
}

// TestNoPlaceForASocket: a plugin that cannot listen says why, in a line that
// the host reads as an error, and prints no half of a handshake.
func TestNoPlaceForASocket(t *testing.T) {
	t.Parallel()
	long := filepath.Join(t.TempDir(), strings.Repeat("d", 120))
	for _, dir := range []string{long, filepath.Join(shortDir(t), "none")} {
		stdout, stderr, err := invited(t, "PLUGIN_UNIX_SOCKET_DIR="+dir)
		var exit *exec.ExitError
		require.ErrorAs(t, err, &exit)
		assert.Equal(t, 1, exit.ExitCode())
		assert.Empty(t, stdout)
		assert.Contains(t, stderr, `"@level":"error"`)
		assert.Contains(t, stderr, dir)
	}
}

// TestServeFailsBeforeServing: the Responder is closed whatever happens, and
// the process is left as it was found.
func TestServeFailsBeforeServing(t *testing.T) {
	h := rpc.Handshake()
	environment := map[string]string{h.MagicCookieKey: h.MagicCookieValue, "PLUGIN_PROTOCOL_VERSIONS": "1"}
	stdout, stderr := os.Stdout, os.Stderr
	p := rpc.Process{
		Getenv:    func(k string) string { return environment[k] },
		Setenv:    func(k, v string) error { environment[k] = v; return nil },
		Unsetenv:  func(k string) error { delete(environment, k); return nil },
		MkdirTemp: func(dir, pattern string) (string, error) { return "", errors.New(dir + " is read-only") },
		RemoveAll: os.RemoveAll,
		Stdout:    &stdout, Stderr: &stderr,
		Orphaned: func() bool { return false },
	}
	invitation, ok := rpc.Invited(p)
	require.True(t, ok)
	assert.Empty(t, environment)
	assert.Same(t, os.Stderr, stdout, "what is printed now goes to standard error")
	closed := &closing{}
	err := rpc.Serve(t.Context(), closed, invitation, rpc.Options{Log: slog.New(slog.DiscardHandler)})
	require.ErrorContains(t, err, "there is no place for a socket: /tmp is read-only")
	assert.Equal(t, 1, closed.times)
	assert.Empty(t, environment)

	// One that cannot be closed does not keep the process.
	synctest.Test(t, func(t *testing.T) {
		stuck := &closing{until: make(chan struct{})}
		defer close(stuck.until)
		start := time.Now()
		err := rpc.Serve(t.Context(), stuck, invitation, rpc.Options{})
		assert.ErrorContains(t, err, "closing took longer than 10s")
		assert.Equal(t, 10*time.Second, time.Since(start))
	})
}

type closing struct {
	sharedtest.Fake
	times int
	until chan struct{}
}

func (c *closing) Close(context.Context) error {
	c.times++
	if c.until != nil {
		<-c.until
	}
	return nil
}
