//go:build unix

package platforms

import (
	"encoding/json"
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestKUMAFortyAtOnce: each of twenty events is handled twice, at the same moment.
func TestKUMAFortyAtOnce(t *testing.T) {
	s := newSite(t, "kuma")
	open(t, s)
	u := owner(t)
	scripts := kumaPlace(t, s, u.Username)
	rule := kumaRules(t, s.pkg)[3]
	require.Equal(t, "isolateHost.py", rule.script)
	var all sync.WaitGroup
	looked := s.watched(t)
	answers := make([]answer, 40)
	for i := range answers {
		cmd := as(t, u, scripts, rule.script, words(filled(rule.line,
			map[string]string{"DeviceHostName": fmt.Sprint("host-", i/2), "ID": fmt.Sprint(i / 2)}), true)...)
		all.Go(func() { answers[i] = run(t, cmd) })
	}
	all.Wait()
	looked()
	for _, a := range answers {
		assert.Equal(t, 0, a.code, a.out+a.stderr)
	}
	holdsNoPassword(t, filepath.Join(s.dir, "record"))
	assert.Len(t, s.incidents(t), 20)
}

// TestKUMAKillsAtItsTimeout: what was killed is in the ledger, and status finds
// out what became of it.
func TestKUMAKillsAtItsTimeout(t *testing.T) {
	for when, c := range map[string]struct {
		recorded, open string // what KSC was asked, and what the ledger has, when it is killed
	}{
		"while it looks the host up":     {"HostGroup.FindHosts", ""},
		"while the answer is on the way": {"HostGroup.FindHosts", "isolateHost"},
		"when KSC has stored it":         {"AddIncident", "isolateHost"},
	} {
		t.Run(when, func(t *testing.T) {
			t.Parallel()
			s := newSite(t, "kuma", "--latency", "700ms")
			open(t, s)
			u := owner(t)
			scripts := kumaPlace(t, s, u.Username)
			rule := kumaRules(t, s.pkg)[3]
			args := words(filled(rule.line, map[string]string{"DeviceHostName": "PC-12", "ID": "1"}), true)
			cmd := as(t, u, scripts, rule.script, args...)
			require.NoError(t, cmd.Start())
			require.Eventually(t, func() bool {
				record, _ := os.ReadFile(s.record)
				return strings.Contains(string(record), c.recorded)
			}, 20*time.Second, 5*time.Millisecond)
			open := func() string {
				return run(t, as(t, u, scripts, "kes-respond", "journal", "--open", "true", "--output", "json")).out
			}
			if c.open != "" {
				require.Eventually(t, func() bool { return strings.Contains(open(), c.open) }, 20*time.Second, 5*time.Millisecond, "the ledger knows of it")
			}
			require.NoError(t, cmd.Process.Kill())
			cmd.Wait()
			if c.open != "" {
				s.killed(t, u, scripts, open())
			}
			again := run(t, as(t, u, scripts, rule.script, args...))
			r := result(t, again.out)
			require.NotNil(t, r, again.out+again.stderr)
			assert.NotEqual(t, "refused", r["outcome"], "the same event is answered, or carried out where nothing had been sent")
			assert.Len(t, s.incidents(t), 1, "never twice, and not lost")
		})
	}
}

// killed finds out what became of what the ledger has open.
func (s *site) killed(t *testing.T, u *user.User, scripts, open string) {
	t.Helper()
	var known struct{ ID string }
	require.NoError(t, json.Unmarshal([]byte(strings.SplitN(open, "\n", 2)[0]), &known))
	require.NotEmpty(t, known.ID)
	run(t, as(t, u, scripts, "kes-respond", "recover", "--output", "json"))
	a := run(t, as(t, u, scripts, "kes-respond", "status", "--request", known.ID, "--output", "json"))
	r := result(t, a.out)
	require.NotNil(t, r, a.out+a.stderr)
	t.Logf("status says %v: %v", r["outcome"], r["message"])
	assert.Equal(t, "isolateHost", r["task"])
	if len(s.incidents(t)) == 0 {
		assert.NotContains(t, []any{"succeeded", "submitted"}, r["outcome"], "%s", a.out)
	} else {
		assert.NotContains(t, []any{"refused", "cancelled"}, r["outcome"], "%s", a.out)
	}
}

// TestKUMALinesNameEveryOption: an option that a value smuggles in has to stand
// twice, also one that a later version adds.
func TestKUMALinesNameEveryOption(t *testing.T) {
	s := newSite(t, "kuma")
	open(t, s)
	u := owner(t)
	scripts := kumaPlace(t, s, u.Username)
	// These change nothing that is done, or are refused beside what the line has.
	refused := map[string]string{
		"params": `[{"action":0}]`, "responseEventIncidentArea": "X", "config": filepath.Join(s.dir, "evil.yaml"),
		"targets": filepath.Join(s.dir, "hosts"), "batch": "b", "concurrency": "1", "outstanding": "1", "grace": "1m", "yes": "true",
	}
	write(t, refused["targets"], "PC-12\nPC-13\n")
	require.NoError(t, os.Chmod(refused["targets"], 0o666))
	write(t, refused["config"], "kscHost: evil.example\n")
	require.NoError(t, os.Chmod(refused["config"], 0o666))
	harmless := []string{"caseId", "reason", "help", "quiet", "verbose"}
	for _, rule := range kumaRules(t, s.pkg) {
		help := run(t, as(t, u, scripts, rule.script, "--help")).out
		for _, flag := range regexp.MustCompile(`(?m)^ +(?:-h, )?--(\w+)`).FindAllStringSubmatch(help, -1) {
			if value, ok := refused[flag[1]]; ok {
				line := strings.ReplaceAll(rule.line, "/etc/kes-respond/indicators.zip", "/dev/null")
				args := append(words(filled(line, map[string]string{"DeviceHostName": "PC-12", "ID": "1"}), true), "--"+flag[1], value)
				a := run(t, as(t, u, scripts, rule.script, args...))
				assert.Contains(t, []int{64, 65, 69}, a.code, "%s --%s: %s%s", rule.script, flag[1], a.out, a.stderr)
				continue
			}
			if !slices.Contains(harmless, flag[1]) {
				assert.Contains(t, rule.line, "--"+flag[1]+" ", rule.script)
			}
		}
	}
	assert.Empty(t, s.incidents(t))
}
