package plugin_test

import (
	"fmt"
	"regexp"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kes-respond/kes-respond/plugin"
	"github.com/kes-respond/kes-respond/plugin/guard"
	"github.com/kes-respond/kes-respond/plugin/ksc/ksctest"
	"github.com/kes-respond/kes-respond/shared"
)

// under has a process keep to a policy.
func under(t *testing.T, f guard.File) func(*plugin.Config) {
	t.Helper()
	p, flaws := guard.New(f)
	require.Empty(t, flaws)
	return func(c *plugin.Config) { c.Policy = func() (guard.Policy, string) { return p, "" } }
}

// on is a request for a host of its own.
func on(host int, id, task, params string) string {
	return fmt.Sprintf(`{"id":%q,"task":%q,"targetHost":"host-%d","hostLookup":"never","params":%s}`, id, task, host, params)
}

const (
	onParams  = `{"action":1}`
	offParams = `{"action":0}`
)

// TestCap: forty alerts for as many hosts, through four processes, are as many
// isolations as the policy allows; the others hear from when on the next is
// possible, and it is.
func TestCap(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, dir, ksctest.Options{Latency: 50 * time.Millisecond})
		policy := under(t, guard.File{Caps: []guard.Cap{{Name: "few", Reason: "a rule gone wrong", Effect: shared.Isolates, PerHour: 7}}})
		processes := []process{s.start(t, nil, policy), s.start(t, nil, policy), s.start(t, nil, policy), s.start(t, nil, policy)}
		var all sync.WaitGroup
		var results [40]shared.Result
		for i := range results {
			all.Go(func() { _, results[i] = processes[i%4].send(t, on(i, fmt.Sprint(i), "isolateHost", onParams)) })
		}
		all.Wait()
		require1(t, s, 7)
		sent := 0
		var free time.Time
		for _, r := range results {
			if r.Outcome == shared.Submitted {
				sent++
				continue
			}
			require.Equal(t, shared.Refused, r.Outcome)
			require.Equal(t, shared.Cap, r.Error.Code)
			require.Equal(t, 75, r.Exit())
			require.True(t, r.Error.Retryable)
			require.NotEmpty(t, r.Error.Assistance)
			require.Contains(t, r.Message, "a rule gone wrong")
			var err error
			free, err = time.Parse(time.RFC3339, regexp.MustCompile(`possible from (\S+)`).FindStringSubmatch(r.Message)[1])
			require.NoError(t, err)
		}
		require.Equal(t, 7, sent)

		p := processes[0]
		_, result := p.send(t, on(50, "release", "isolateHost", offParams))
		assert.Equal(t, shared.Submitted, result.Outcome, "it is another effect")
		_, result = p.send(t, strings.Replace(on(51, "dry", "isolateHost", onParams), "{", `{"dryRun":true,`, 1))
		assert.Equal(t, shared.Cap, result.Error.Code, "a dry run says so as well")
		time.Sleep(time.Until(free) - time.Second)
		_, result = p.send(t, on(52, "too early", "isolateHost", onParams))
		assert.Equal(t, shared.Refused, result.Outcome)
		time.Sleep(time.Second)
		_, result = p.send(t, on(52, "in time", "isolateHost", onParams))
		assert.Equal(t, shared.Submitted, result.Outcome, "%+v", result.Error)
		require1(t, s, 9)
	})
}

// TestWhatDoesNotCount: what another request answers, what was refused, and what
// ended before it was sent.
func TestWhatDoesNotCount(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, dir, ksctest.Options{})
		p := s.start(t, nil, under(t, guard.File{
			Caps: []guard.Cap{{Name: "two", Reason: "r", PerDay: 2}},
			Deny: []guard.Rule{{Name: "no", Reason: "r", Tasks: []string{"startProcess"}}},
		}))
		require.NoError(t, s.ksc.SetMischief(map[string]float64{"status-503": 1}))
		for i := range 3 {
			_, r := p.send(t, on(i, fmt.Sprint("lost", i), "isolateHost", onParams))
			require.Equal(t, shared.Failed, r.Outcome, "%+v", r.Error)
		}
		require.NoError(t, s.ksc.SetMischief(nil))
		time.Sleep(10 * time.Minute)
		for i := range 5 {
			_, r := p.send(t, on(1, fmt.Sprint("same", i), "isolateHost", onParams))
			require.Equal(t, shared.Submitted, r.Outcome, "%+v", r.Error)
			_, r = p.send(t, on(1, fmt.Sprint("no", i), "startProcess", `{"executablePath":"C:\\a.exe","workingFolder":"","arguments":""}`))
			require.Equal(t, shared.Refused, r.Outcome)
		}
		_, r := p.send(t, on(2, "second", "isolateHost", onParams))
		require.Equal(t, shared.Submitted, r.Outcome, "%+v", r.Error)
		_, r = p.send(t, on(3, "third", "isolateHost", onParams))
		require.Equal(t, shared.Cap, r.Error.Code)
		require1(t, s, 2)
	})
}

// TestIsolatedAtOnce: hosts, not requests, until they are released.
func TestIsolatedAtOnce(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, dir, ksctest.Options{})
		p := s.start(t, nil, under(t, guard.File{IsolatedHosts: &guard.IsolatedHosts{Most: 2, Reason: "r", CountedFor: "48h"}}))
		step := 0
		send := func(host int, params string, want shared.Outcome) {
			t.Helper()
			step++
			_, r := p.send(t, on(host, fmt.Sprint(step), "isolateHost", params))
			require.Equal(t, want, r.Outcome, "%+v", r.Error)
			if want == shared.Refused {
				require.Equal(t, shared.Cap, r.Error.Code)
			}
		}
		send(1, onParams, shared.Submitted)
		send(2, onParams, shared.Submitted)
		send(3, onParams, shared.Refused)
		time.Sleep(time.Hour)
		send(1, onParams, shared.Submitted) // it is one of them
		send(2, offParams, shared.Submitted)
		send(3, onParams, shared.Submitted)
		send(2, onParams, shared.Refused)
		time.Sleep(48*time.Hour - time.Minute) // since host 1 was isolated again
		send(2, onParams, shared.Refused)
		time.Sleep(time.Minute)
		send(2, onParams, shared.Submitted) // nobody knows what became of host 1
	})
}

// TestQuota warns from 80 on; enforced, it keeps the last places for isolation.
func TestQuota(t *testing.T) {
	for _, enforce := range []string{"", guard.Enforce} {
		t.Run(enforce, func(t *testing.T) {
			dir := t.TempDir()
			synctest.Test(t, func(t *testing.T) {
				s := newSite(t, dir, ksctest.Options{})
				p := s.start(t, nil, under(t, guard.File{Quota: enforce}))
				sent := 0
				send := func(task, params string) ([]shared.Event, shared.Result) {
					sent++
					return p.send(t, on(sent, fmt.Sprint(sent), task, params))
				}
				const get = `{"md5hash":"","sha256hash":"","path":"C:\\a"}`
				for range 80 {
					events, r := send("getFile", get)
					require.Equal(t, shared.Submitted, r.Outcome)
					require.NotContains(t, warned(events), "not known to have finished")
				}
				events, r := send("getFile", get)
				if enforce == "" {
					require.Equal(t, shared.Submitted, r.Outcome)
					require.Contains(t, warned(events), "80 requests of the last 30 minutes to this server are not known to have finished")
					return
				}
				require.Equal(t, shared.Quota, r.Error.Code)
				require.Equal(t, 75, r.Exit())
				for range 20 {
					events, r = send("isolateHost", onParams)
					require.Equal(t, shared.Submitted, r.Outcome, "%+v", r.Error)
					require.Contains(t, warned(events), "not known to have finished")
				}
				_, r = send("isolateHost", onParams)
				require.Equal(t, shared.Quota, r.Error.Code)
				_, r = send("isolateHost", offParams)
				require.Equal(t, shared.Submitted, r.Outcome, "%+v", r.Error)
				time.Sleep(31 * time.Minute)
				_, r = send("getFile", get)
				require.Equal(t, shared.Submitted, r.Outcome, "%+v", r.Error)
			})
		})
	}
}

func warned(events []shared.Event) string {
	var all []string
	for _, e := range events {
		if e.Progress != nil && e.Progress.Stage == shared.StageWarning {
			all = append(all, e.Progress.Message)
		}
	}
	return strings.Join(all, "\n")
}
