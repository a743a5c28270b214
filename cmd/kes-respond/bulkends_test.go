package main

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// bulkOf runs a bulk in this process, with a server that nothing may reach.
func bulkOf(ctx context.Context, t *testing.T, in io.Reader, args ...string) (code int, out, errs string) {
	t.Helper()
	env := map[string]string{
		"STATE_DIRECTORY": t.TempDir(), "kscHost": "127.0.0.1", "kscPort": "1", "kscCert": strings.Repeat("0", 64), "kscUser": "u", "kscPassword": "demo-only",
	}
	var said, told strings.Builder
	code = run(ctx, surroundings{
		args: append([]string{"kes-respond"}, args...), in: in, out: &said, err: &told,
		getenv: func(name string) string { return env[name] }, account: whoRuns, pid: os.Getpid(),
	})
	return code, said.String(), told.String()
}

// TestBulkEndedBeforeItsFirstRequest is ended while the ledger is asked what
// earlier runs have sent: nothing has failed, and nothing was sent.
func TestBulkEndedBeforeItsFirstRequest(t *testing.T) {
	list := filepath.Join(t.TempDir(), "hosts.txt")
	require.NoError(t, os.WriteFile(list, []byte("PC-12\nPC-13\n"), 0o600))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	code, out, errs := bulkOf(ctx, t, strings.NewReader(""), "isolateHost", "--targets", list, "--action", "1", "--yes", "true")
	assert.Equal(t, 6, code)
	assert.Empty(t, out)
	assert.Equal(t, "kes-respond: ended from outside before anything was sent\n", errs)
}

// TestBulkEndedWhileItsHostsAreRead has standard input that says nothing more: who
// interrupts is not made to end it as well.
func TestBulkEndedWhileItsHostsAreRead(t *testing.T) {
	in, typing := io.Pipe()
	defer typing.Close()
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		_, _ = io.WriteString(typing, "PC-12\n")
		cancel()
	}()
	code, out, errs := bulkOf(ctx, t, in, "getFile", "--targets", "-", "--path", `C:\a`)
	assert.Equal(t, 6, code)
	assert.Empty(t, out)
	assert.Equal(t, "kes-respond: ended from outside before anything was sent\n", errs)
}
