//go:build linux || darwin

package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestTwoRunsOfABatchInOtherSpelling: while one is at its question another sends the
// same, with its host in other letters. It is one host: the first answers, and no key
// is told of that nobody has given.
func TestTwoRunsOfABatchInOtherSpelling(t *testing.T) {
	program := build(t, "kes-respond", t.TempDir())
	dir := t.TempDir()
	at := startEmulator(t, dir, "", "")
	list := func(name, hosts string) string {
		path := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(path, []byte(hosts), 0o600))
		return path
	}
	args := func(path string) []string {
		return []string{"isolateHost", "--targets", path, "--hostLookup", "never", "--action", "1", "--batch", "both"}
	}
	one := atTerminal(t, 120, append(at.environment(), "TERM=xterm", "NO_COLOR=1"), program, args(list("one", "PC-12\nPC-13\n"))...)
	one.waits("Send it? [y/N] ")
	other := exec.Command(program, append(args(list("other", "pc-12\n")), "--yes", "true")...)
	other.Env = at.environment()
	out, err := other.CombinedOutput()
	require.NoError(t, err, "%s", out)
	require.Contains(t, string(out), `"outcome":"submitted"`)

	one.types("y\n")
	code, shown := one.end()
	assert.Equal(t, 0, code, shown)
	assert.NotContains(t, shown, "idempotency")
	left := stays(shown)
	assert.Contains(t, left, "\nsubmitted: PC-12")
	assert.Equal(t, 1, strings.Count(left, "\nsubmitted: PC-13"))
	assert.Contains(t, left, "2 targets: 2 submitted")
	assert.Equal(t, map[string]int{"pc-12": 1, "PC-13": 1}, at.orders(t, dir))
}
