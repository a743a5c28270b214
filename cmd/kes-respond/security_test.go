package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestTheUnitOfTheSecurityPage: systemd takes every line of it, and finds little
// that it leaves open; the program has what it says it runs.
func TestTheUnitOfTheSecurityPage(t *testing.T) {
	need(t, "systemd-analyze")
	page, err := os.ReadFile("../../SECURITY.md")
	require.NoError(t, err)
	m := regexp.MustCompile("(?ms)^```ini\n(.*?)^```$").FindStringSubmatch(string(page))
	require.NotNil(t, m)
	unit := strings.Replace(m[1], "/usr/bin/kes-respond", "/bin/true", 1)
	require.NotEqual(t, m[1], unit, "the program is not where the page says")
	path := filepath.Join(t.TempDir(), "page.service")
	analyze := func(unit string, args ...string) (string, error) {
		require.NoError(t, os.WriteFile(path, []byte(unit), 0o644))
		out, err := exec.CommandContext(t.Context(), "systemd-analyze", append(args, path)...).CombinedOutput()
		return string(out), err
	}
	out, err := analyze(unit, "verify")
	require.NoError(t, err, out)
	assert.NotContains(t, out, "page.service:", "a line that systemd does not know")
	out, err = analyze(unit, "security", "--offline=true", "--threshold=15")
	assert.NoError(t, err, out)
	_, err = analyze(strings.Replace(unit, "ProtectSystem=strict\n", "", 1), "security", "--offline=true", "--threshold=12")
	assert.Error(t, err, "the threshold lets everything through")
	site := newSite(t)
	command := regexp.MustCompile(`(?m)^ExecStart=\S+ (.*)$`).FindStringSubmatch(m[1])
	require.NotNil(t, command)
	site.run(t, 0, "kes-respond", strings.Fields(command[1])...)
}
