package platforms

import (
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A waiter asks for an isolation and waits for its end as one platform does: what
// the platform then knows the outcome to be, and whether it counts as done.
var waiters = map[string]func(t *testing.T, s *site, host, timeout string) (outcome string, good bool){
	"cortex": func(t *testing.T, s *site, host, timeout string) (string, bool) {
		report, _ := s.cortex(t, flavours(t, s.pkg)["isolateHost"], map[string]any{"param_action": 1, "wait": "done", "timeout": timeout}, observable("hostname", host))
		if report["success"] != true {
			return report["errorMessage"].(string), false
		}
		outcome := report["full"].(map[string]any)["outcome"].(string)
		tags := text(t, report["operations"])
		assert.Contains(t, tags, `isolateHost=\"`+outcome)
		if outcome == "pending" { // the tag by which it is found again would be lost with a failure
			assert.Contains(t, tags, "CreateTask")
			return outcome, false
		}
		return outcome, true
	},
	"stackstorm": func(t *testing.T, s *site, host, timeout string) (string, bool) {
		s.configured(t)
		reply, a := s.stackStorm(t, s.actions(t)["isolateHost"], map[string]any{"targetHost": host, "action": 1, "wait": "done", "within": timeout})
		return reply["outcome"].(string), a.code == 0
	},
	"insightconnect": func(t *testing.T, s *site, host, timeout string) (string, bool) {
		body, _ := s.insight(t, "run", "isolateHost", nil, map[string]any{"targetHost": host, "action": 1, "wait": "done", "timeout": timeout})
		return body["output"].(map[string]any)["outcome"].(string), body["status"] == "ok"
	},
	"xsoar": func(t *testing.T, s *site, host, timeout string) (string, bool) {
		sent := s.xsoar(t, "kes-isolate-host", nil, map[string]any{"targetHost": host, "action": "1"})
		requests := sent["outputs"].(map[string]any)["KES.Request(val.ID && val.ID == obj.ID)"].([]any)
		incident := requests[0].(map[string]any)["Incident"].(string)
		args := map[string]any{"incident": incident, "interval_in_seconds": "2", "timeout_in_seconds": strings.TrimSuffix(timeout, "s")}
		st := s.xsoar(t, "kes-request-status", nil, args)
		for st["scheduled"] != nil { // each look takes some seconds
			args = st["scheduled"].(map[string]any)["args"].(map[string]any)
			st = s.xsoar(t, "kes-request-status", nil, args)
		}
		request := st["outputs"].(map[string]any)["KES.Request(val.Incident && val.Incident == obj.Incident)"].(map[string]any)
		return request["Outcome"].(string), st["error"] == nil
	},
	"callers": func(t *testing.T, s *site, host, timeout string) (string, bool) {
		cmd := exec.Command(need(t, "/usr/bin/python3", "python3"), filepath.Join(s.pkg, "respond.py"), filepath.Join(s.pkg, "kes-respond"))
		cmd.Env = s.connected()
		cmd.Stdin = lines(text(t, map[string]any{"id": 1, "task": "isolateHost", "targetHost": host, "params": map[string]any{"action": 1}, "wait": "done", "timeout": timeout}))
		a := run(t, cmd)
		return said(t, a.out)["1"][0], a.code == 0
	},
	"ansible": func(t *testing.T, s *site, host, timeout string) (string, bool) {
		a := s.collection(t)
		played, got := a.play(t, `- hosts: PC-12
  gather_facts: false
  tasks:
    - kes_respond.edr.kes_respond: {connection: "{{ ksc }}", task: isolateHost, targetHost: "`+host+`", params: {action: 1}, wait: done, timeout: `+timeout+`}
      delegate_to: localhost
      register: r
      ignore_errors: true
    - ansible.builtin.copy: {content: "{{ r | to_json }}", dest: "{{ out }}/r"}
      delegate_to: localhost
    - kes_respond.edr.kes_respond: {connection: "{{ ksc }}", request: status, incident: "{{ r.result.incident.id }}"}
      delegate_to: localhost
      register: now
      until: now.outcome != "pending"
      retries: 1
      delay: 1
      failed_when: now.outcome != "succeeded"
`)
		r := got["r"]
		assert.Equal(t, r["outcome"] == "succeeded", played.code == 0, "what the page says of status: %s", played.out)
		assert.Equal(t, true, r["changed"])
		return r["outcome"].(string), r["failed"] != true
	},
	"splunk": func(t *testing.T, s *site, host, timeout string) (string, bool) {
		s.splunkHome(t)
		reply, a := s.splunk(t, "kes_isolateHost", map[string]any{"action": "1", "dryRun": "false", "wait": "done", "timeout": timeout}, map[string]any{"host": host})
		return reply["outcome"].(string), a.code == 0
	},
	"splunk-soar": func(t *testing.T, s *site, host, timeout string) (string, bool) {
		outcome, _, good := soarResult(t, s.soar(t, "isolateHost", nil, map[string]any{"targetHost": host, "action": "1", "wait": "done", "timeout": timeout}))
		return outcome.(string), good
	},
	"wazuh": func(t *testing.T, s *site, host, timeout string) (string, bool) {
		s.configured(t)
		log, _ := s.wazuh(t, wazuhLine(t, "add", "isolateHost", "action=1", "targetHost="+host, "wait=done", "timeout="+timeout), "")
		reply := wazuhReply(t, log)
		return reply["outcome"].(string), reply["exit"] == float64(0)
	},
}

// TestOnlySucceededIsDone: a host that does it, one that does a part, one that
// fails, and one that says nothing within the time.
func TestOnlySucceededIsDone(t *testing.T) {
	for how, want := range map[string]string{"ok": "succeeded", "warning": "partial", "fail": "failed", "never": "pending"} {
		timeout := "90s"
		if how == "never" {
			timeout = "3s"
		}
		t.Run(how, func(t *testing.T) {
			t.Parallel()
			for platform, wait := range waiters {
				if how == "fail" && platform == "ansible" || how == "warning" && !slices.Contains([]string{"cortex", "xsoar", "callers"}, platform) {
					continue // told apart from success by the exit code, as the ones that are run
				}
				t.Run(platform, func(t *testing.T) {
					t.Parallel()
					pkg := platform
					if platform == "ansible" {
						pkg = "" // installed
					}
					s := newSite(t, pkg, "--task-outcome", how)
					outcome, good := wait(t, s, "PC-12", timeout)
					if platform == "cortex" && how != "ok" && how != "never" {
						assert.Contains(t, outcome, map[string]string{"warning": "with a warning", "fail": "failed on the host"}[how])
					} else {
						assert.Equal(t, want, outcome)
					}
					assert.Equal(t, how == "ok", good, "%s", outcome)
					require.Len(t, s.incidents(t), 1)
				})
			}
		})
	}
}

// TestAPolicyForbidsInEveryPackage: what is refused is told as a failure, with the
// policy's reason, and nothing is sent. (Ansible's and XSOAR's have tests of
// their own: theirs ask more than once.)
func TestAPolicyForbidsInEveryPackage(t *testing.T) {
	t.Parallel()
	for platform, wait := range waiters {
		if platform == "ansible" || platform == "xsoar" {
			continue
		}
		t.Run(platform, func(t *testing.T) {
			t.Parallel()
			s := newSite(t, platform)
			s.forbids(t, "deny: [{name: never, reason: not in this test, effects: [isolates]}]\n")
			outcome, good := wait(t, s, "PC-12", "60s")
			assert.False(t, good)
			if platform == "cortex" {
				assert.Contains(t, outcome, "not in this test")
			} else {
				assert.Equal(t, "refused", outcome)
			}
			assert.Empty(t, s.incidents(t))
		})
	}
}
