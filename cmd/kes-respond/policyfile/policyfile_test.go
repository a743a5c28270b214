package policyfile

import (
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kes-respond/kes-respond/cmd/kes-respond/trusted"
	"github.com/kes-respond/kes-respond/plugin/guard"
)

// file writes a file with exactly these rights.
func file(t *testing.T, path, content string, mode os.FileMode) string {
	t.Helper()
	require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
	require.NoError(t, os.Chmod(path, mode))
	return path
}

// verdicts names the rules that count now.
func verdicts(p *Files) []string {
	policy, _ := p.Now()
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
	p, err := Read(always, configured)
	require.NoError(t, err)
	var log []string
	p.Hear(func(level slog.Level, text string) { log = append(log, level.String()+" "+text) })
	counts := func(warning string, rules ...string) {
		t.Helper()
		for range 3 {
			assert.Equal(t, rules, verdicts(p))
			_, says := p.Now()
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
	file(t, configured, "# "+strings.Repeat("x", trusted.MaxBytes), 0o644)
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
	p, err := Read(always, configured)
	require.NoError(t, err)
	warning := func() string {
		_, w := p.Now()
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

	_, err = Read(always, "")
	require.NoError(t, err, "a program that starts anew takes it that the file is gone")
}

// TestAPolicyIsNotPassedOver: the one that always counts may be absent, and
// nothing else; the configured one must be there.
func TestAPolicyIsNotPassedOver(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "policy.yaml")
	p, err := Read(path, "")
	require.NoError(t, err)
	assert.Empty(t, verdicts(p))
	_, err = Read("", path)
	assert.ErrorIs(t, err, os.ErrNotExist)
	require.NoError(t, os.Symlink("nowhere", path))
	_, err = Read(path, "")
	assert.Error(t, err, "a link to nothing is a policy that was lost")
	require.NoError(t, os.Remove(path))

	const rule = "deny:\n  - {name: %s, reason: r, tasks: [startProcess]}\n"
	file(t, path, fmt.Sprintf(rule, "a"), 0o644)
	other := file(t, filepath.Join(dir, "other.yaml"), fmt.Sprintf(rule, "b"), 0o644)
	p, err = Read(path, other)
	require.NoError(t, err)
	assert.Len(t, verdicts(p), 2, "both count")

	for text, says := range map[string]string{
		"":                                 "forbids nothing",
		"{}":                               "forbids nothing",
		"deny: []":                         "/deny (line 1)",
		"deny:\n  - {name: a, reason: r}":  "/deny/0 (line 2) needs tasks or effects",
		"deny:\n  - {name: a, tasks: [x]}": "/deny/0/reason is required",
		"allow: [x]":                       "/allow (line 1) is no setting",
		"deny:\n  - name: a\n    reason: r\n    effects: [isolate]\n":                         "/deny/0/effects/0 (line 4)",
		"deny:\n  - name: a\n    reason: r\n    tasks: [x]\n    folders: [Windows]\n":         "/deny/0/folders/0 (line 5) must be the full path of a folder",
		"deny:\n  - name: a\n    reason: r\n    tasks: [x]\n    hosts: {addresses: [here]}\n": "/deny/0/hosts/addresses/0 (line 5) must be an IPv4 address",
	} {
		file(t, path, text, 0o644)
		_, err := Read(path, "")
		assert.ErrorContains(t, err, says, text)
	}
	file(t, path, fmt.Sprintf(rule, "a"), 0o666)
	_, err = Read(path, "")
	assert.ErrorContains(t, err, "chmod")
}

// TestAPolicyHasAtMostAThousandEntriesInAList, as POLICY.md says.
func TestAPolicyHasAtMostAThousandEntriesInAList(t *testing.T) {
	hosts := func(n int) string {
		return "deny:\n  - name: a\n    reason: r\n    effects: [isolates]\n    hosts: {ids: [" + strings.TrimSuffix(strings.Repeat("h, ", n), ", ") + "]}\n"
	}
	rules := func(n int) string {
		text := "deny:\n"
		for i := range n {
			text += strings.TrimPrefix(ruleNamed(fmt.Sprint("r", i)), "deny:\n")
		}
		return text
	}
	for name, of := range map[string]func(int) string{"/deny/0/hosts/ids": hosts, "/deny": rules} {
		path := filepath.Join(t.TempDir(), "policy.yaml")
		_, err := Read("", file(t, path, of(1000), 0o600))
		assert.NoError(t, err, name)
		_, err = Read("", file(t, path, of(1001), 0o600))
		assert.ErrorContains(t, err, name+" (line ", name)
	}
}

// TestAPolicyThatMayNotBeReadHasItsRemedy: who may not look into the folder cannot
// know that there is none, and nothing starts.
func TestAPolicyThatMayNotBeReadHasItsRemedy(t *testing.T) {
	denied := &fs.PathError{Op: "open", Path: "/etc/kes-respond/policy.yaml", Err: fs.ErrPermission}
	assert.ErrorIs(t, withRemedy(denied), fs.ErrPermission)
	assert.ErrorContains(t, withRemedy(denied), "give its folder the mode 755, and the file 644")
	assert.Equal(t, fs.ErrClosed, withRemedy(fs.ErrClosed))
	folder := filepath.Join(t.TempDir(), "closed")
	require.NoError(t, os.Mkdir(folder, 0o700))
	path := file(t, filepath.Join(folder, "policy.yaml"), ruleNamed("a"), 0o600)
	require.NoError(t, os.Chmod(folder, 0))
	t.Cleanup(func() { assert.NoError(t, os.Chmod(folder, 0o700)) })
	if _, err := os.ReadFile(path); err == nil {
		return // root may read everything
	}
	_, err := Read(path, "")
	assert.ErrorContains(t, err, "give its folder the mode 755", "also where nobody needs one to be there")
}
