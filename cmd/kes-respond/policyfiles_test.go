package main

import (
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kes-respond/kes-respond/plugin/guard"
)

// verdicts names the rules that count now.
func verdicts(p *policies) []string {
	policy, _ := p.now()
	var names []string
	for _, v := range policy.Verdicts(guard.Question{}) {
		names = append(names, v.Rule)
	}
	return names
}

func ruleNamed(name string) string {
	return fmt.Sprintf("deny:\n  - {name: %s, reason: r, tasks: [startProcess]}\n", name)
}

// TestAChangedPolicyCountsAtOnce, and one that cannot be used leaves in force
// what was read before, with a word of it each time and one in the log.
func TestAChangedPolicyCountsAtOnce(t *testing.T) {
	dir := t.TempDir()
	always, configured := filepath.Join(dir, "always.yaml"), file(t, filepath.Join(dir, "own.yaml"), ruleNamed("a"), 0o644)
	p, err := readPolicies(always, configured)
	require.NoError(t, err)
	var log []string
	p.hear(func(level slog.Level, text string) { log = append(log, level.String()+" "+text) })
	counts := func(warning string, rules ...string) {
		t.Helper()
		for range 3 {
			assert.Equal(t, rules, verdicts(p))
			_, says := p.now()
			if warning == "" {
				assert.Empty(t, says)
			}
			assert.Contains(t, says, warning)
			assert.NotContains(t, says, "\n")
		}
	}
	logged := func(lines ...string) {
		t.Helper()
		if assert.Len(t, log, len(lines), "%q", log) {
			for i, line := range lines {
				assert.True(t, strings.HasPrefix(log[i], line), "%q is not %q", log[i], line)
			}
		}
		log = nil
	}
	counts("", "a")
	logged()

	file(t, configured, ruleNamed("b"), 0o644) // as long as before, in place
	counts("", "b")
	logged("INFO the policy in " + configured + " changed")
	file(t, configured+".new", ruleNamed("c"), 0o644)
	require.NoError(t, os.Rename(configured+".new", configured))
	counts("", "c")
	logged("INFO the policy in " + configured + " changed")

	file(t, configured, "deny: [{name: d", 0o644)
	counts("still counts", "c")
	logged("WARN the policy changed and cannot be used: " + configured)
	file(t, configured, "deny:\n  - {name: a}\n  - {name: b}\n", 0o644)
	counts("/deny/0/reason is required; /deny/1", "c")
	logged("WARN the policy changed and cannot be used: " + configured)
	file(t, configured, "", 0o644)
	counts("forbids nothing", "c")
	logged("WARN")
	file(t, configured, "# "+strings.Repeat("x", maxTrustedBytes), 0o644)
	counts("is too long", "c")
	logged("WARN")
	file(t, configured, ruleNamed("c"), 0o644)
	counts("", "c")
	logged("INFO the policy in " + configured + " can be used again")

	if runtime.GOOS != "windows" { // access lists are not looked at there
		require.NoError(t, os.Chmod(configured, 0o666))
		counts("chmod 0644", "c")
		require.NoError(t, os.WriteFile(configured, []byte(ruleNamed("d")), 0o644)) // keeps the mode
		counts("chmod 0644", "c")
		require.NoError(t, os.Chmod(configured, 0o644))
		counts("", "d")
		logged("WARN", "INFO the policy in "+configured+" changed")
	}
	file(t, configured, ruleNamed("e"), 0o644)
	counts("", "e")
	require.NoError(t, os.Remove(configured))
	counts("started anew", "e")
	file(t, configured, ruleNamed("f"), 0o644)
	counts("", "f")
}

// TestThePolicyThatAlwaysCountsAppears while the program runs, and does not go
// with its file; what is wrong with one file leaves the other its changes.
func TestThePolicyThatAlwaysCountsAppears(t *testing.T) {
	dir := t.TempDir()
	always, configured := filepath.Join(dir, "always.yaml"), file(t, filepath.Join(dir, "own.yaml"), ruleNamed("a"), 0o644)
	p, err := readPolicies(always, configured)
	require.NoError(t, err)
	warning := func() string {
		_, w := p.now()
		return w
	}
	file(t, always, "deny", 0o644)
	assert.Equal(t, []string{"a"}, verdicts(p))
	assert.Contains(t, warning(), "what counted before it still counts")
	require.NoError(t, os.Remove(always))
	assert.Empty(t, warning(), "it never counted")

	file(t, always, ruleNamed("b"), 0o644)
	assert.Equal(t, []string{"b", "a"}, verdicts(p))
	assert.Empty(t, warning())
	require.NoError(t, os.Remove(configured))
	file(t, always, ruleNamed("c"), 0o644)
	assert.Equal(t, []string{"c", "a"}, verdicts(p))
	assert.Contains(t, warning(), configured)
	require.NoError(t, os.Remove(always))
	assert.Equal(t, []string{"c", "a"}, verdicts(p))
	assert.Contains(t, warning(), always)
	assert.Contains(t, warning(), configured)

	_, err = readPolicies(always, "")
	require.NoError(t, err, "a program that starts anew takes it that the file is gone")
}
