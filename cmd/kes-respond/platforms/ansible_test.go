package platforms

import (
	"cmp"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// ansible is an installed collection and how playbooks are run with it.
type ansible struct {
	*site
	env []string
}

// installed builds and installs the collection as its page says, once for all
// tests, and gives the folder of collections.
var installed = sync.OnceValues(func() (string, error) {
	pkg, collections := filepath.Join(built, "ansible"), filepath.Join(built, "collections")
	do := func(dir string, args ...string) error {
		cmd := exec.Command(args[0], args[1:]...)
		cmd.Dir, cmd.Env = dir, ansibleEnvironment(built, collections)
		out, err := cmd.CombinedOutput()
		if err != nil {
			err = fmt.Errorf("%v: %w: %s", args, err, out)
		}
		return err
	}
	if err := do("", filepath.Join(built, "kes-respond"), "manifest", "ansible", "--out", pkg); err != nil {
		return "", err
	}
	page, err := os.ReadFile(filepath.Join(pkg, "README.md"))
	if err != nil {
		return "", err
	}
	lines := regexp.MustCompile(`(?m)^ {4}(ansible-.*)$`).FindAllSubmatch(page, -1)
	if len(lines) != 3 {
		return "", fmt.Errorf("the page has %d lines to type, and not build, install, doc", len(lines))
	}
	ours := strings.NewReplacer("/tmp", built, "collection install", "collection install --offline -p "+collections)
	for _, line := range lines {
		if err := do(pkg, strings.Fields(ours.Replace(string(line[1])))...); err != nil {
			return "", err
		}
	}
	return collections, nil
})

func ansibleEnvironment(dir, collections string) []string {
	return []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + dir, "LANG=C.UTF-8", "ANSIBLE_COLLECTIONS_PATH=" + collections, "ANSIBLE_LOCALHOST_WARNING=False", "ANSIBLE_NOCOLOR=1",
		"ANSIBLE_LOCAL_TEMP=" + filepath.Join(dir, "tmp"), "ANSIBLE_REMOTE_TEMP=" + filepath.Join(dir, "tmp"), "ANSIBLE_LOG_PATH=" + filepath.Join(dir, "ansible.log"),
	}
}

func newAnsible(t *testing.T) ansible {
	t.Helper()
	return newSite(t, "").collection(t)
}

// collection is the site with the collection in reach.
func (s *site) collection(t *testing.T) ansible {
	t.Helper()
	need(t, "ansible-playbook")
	collections, err := installed()
	require.NoError(t, err)
	return ansible{s, append(ansibleEnvironment(s.dir, collections), "STATE_DIRECTORY="+s.state)}
}

// play runs a playbook and gives what its tasks registered, by the names of
// their files, or of the items of a loop.
func (a ansible) play(t *testing.T, book string, args ...string) (answer, map[string]map[string]any) {
	t.Helper()
	out := filepath.Join(a.dir, "out")
	require.NoError(t, os.RemoveAll(out))
	require.NoError(t, os.Mkdir(out, 0o700))
	path := filepath.Join(a.dir, "book.yml")
	if strings.HasPrefix(book, "-") {
		write(t, path, book)
	} else {
		path = book
	}
	ksc := filepath.Join(a.dir, "vault", "ksc.json")
	require.NoError(t, os.MkdirAll(filepath.Dir(ksc), 0o700))
	require.NoError(t, os.WriteFile(ksc, []byte(text(t, map[string]any{"ksc": a.connection(), "out": out, "samples": samples(t)})), 0o600))
	cmd := exec.Command("ansible-playbook", append([]string{"-i", "PC-12,PC-13,no-such-host", "-e", "@" + ksc, path}, args...)...)
	cmd.Env, cmd.Dir = a.env, a.dir
	looked := a.watched(t)
	said := run(t, cmd)
	looked()
	require.NoError(t, os.RemoveAll(filepath.Dir(ksc)))
	got := map[string]map[string]any{}
	files, err := os.ReadDir(out)
	require.NoError(t, err)
	for _, f := range files {
		text := []byte(read(t, filepath.Join(out, f.Name())))
		if f.Name() == "results" { // of a loop
			var all []map[string]any
			require.NoError(t, json.Unmarshal(text, &all))
			for _, r := range all {
				item := r["item"].(map[string]any)
				got[fmt.Sprint(cmp.Or(item["name"], item["key"]))] = r
			}
			continue
		}
		var r map[string]any
		require.NoError(t, json.Unmarshal(text, &r), f.Name())
		got[f.Name()] = r
	}
	return said, got
}

// every is a play of all tasks, each as the program's own sample has it.
const every = `- hosts: PC-12
  gather_facts: false
  tasks:
    - kes_respond.edr.kes_respond:
        task: "{{ item.key }}"
        targetHost: "{{ inventory_hostname }}"
        params: "{{ item.value }}"
        connection: "{{ ksc }}"
      delegate_to: localhost
      loop: "{{ samples | dict2items }}"
      loop_control: {label: "{{ item.key }}"}
      register: r
      no_log: "{{ hidden | default(false) | bool }}"
    - ansible.builtin.copy: {content: "{{ r.results | to_json }}", dest: "{{ out }}/results"}
      check_mode: false
      no_log: true
      delegate_to: localhost
`

func TestAnsibleRunsEveryTask(t *testing.T) {
	t.Parallel()
	a := newAnsible(t)
	said, got := a.play(t, every, "--check", "--diff", "-vvv")
	require.Equal(t, 0, said.code, said.out+said.stderr)
	require.Len(t, got, 9)
	for task, r := range got {
		assert.Equal(t, "planned", r["outcome"], task)
		assert.Equal(t, true, r["changed"], task)
		assert.Contains(t, r["diff"].(map[string]any)["after"], "KSC would be sent", task)
		assert.NotContains(t, text(t, r["diff"])+text(t, r["result"]), "whoami", "arguments of a program are shown to nobody")
	}
	assert.Contains(t, said.out, "+KSC would be sent:")
	assert.Empty(t, a.incidents(t), "--check sends nothing")

	said, got = a.play(t, every, "-e", "hidden=true")
	require.Equal(t, 0, said.code, said.out+said.stderr)
	for task, r := range got {
		assert.Equal(t, "submitted", r["outcome"], task)
		assert.Equal(t, true, r["changed"], task)
	}
	assert.Contains(t, said.out, "changed=2")
	sent := a.incidents(t)
	require.Len(t, sent, 9)
	samples := samples(t)
	for _, body := range sent {
		assert.Equal(t, samples[body["task"].(string)], body["params"])
		assert.Equal(t, "id-of-pc-12", body["targetHost"])
	}
	require.NoError(t, os.RemoveAll(filepath.Join(a.dir, "out")))
	holdsNoPassword(t, a.state)
	holdsNoPassword(t, filepath.Join(a.dir, "tmp"))
	assert.NotContains(t, read(t, filepath.Join(a.dir, "ansible.log")), password)
}

// TestAnsibleRunsItsOwnPlaybookOverSeveralHosts: one of the hosts is not there,
// and the others are done all the same.
func TestAnsibleRunsItsOwnPlaybookOverSeveralHosts(t *testing.T) {
	t.Parallel()
	a := newAnsible(t)
	said, _ := a.play(t, "kes_respond.edr.respond", "-e", "task=isolateHost", "-e", `{"params":{"action":"1"}}`, "-e", "case=INC-7")
	assert.Equal(t, 2, said.code, "a host failed")
	for _, host := range []string{"PC-12", "PC-13"} {
		assert.Regexp(t, host+` +: ok=\d+ +changed=1 +unreachable=0 +failed=0`, said.out)
	}
	assert.Regexp(t, `no-such-host +: ok=0 +changed=0 +unreachable=0 +failed=1`, said.out)
	assert.Len(t, a.incidents(t), 2)
}

// wrong is a play whose tasks all have something that a playbook gets wrong, or
// a refusal that it has to hear of.
const wrong = `- hosts: PC-12
  gather_facts: false
  module_defaults:
    kes_respond.edr.kes_respond: {connection: "{{ ksc }}"}
  tasks:
    - kes_respond.edr.kes_respond: "{{ item.args }}"
      delegate_to: localhost
      loop:
        - {name: once, args: {task: isolateHost, targetHost: PC-12, params: {action: 1}, idempotencyKey: k1}}
        - {name: twice, args: {task: isolateHost, targetHost: PC-12, params: {action: 1}, idempotencyKey: k1}}
        - {name: equal, args: {task: isolateHost, targetHost: PC-12, params: {action: 1}}}
        - {name: textual, args: {task: deleteFile, targetHost: pc-13.corp.example, params: {path: 'C:\t\x.exe', searchInSubfolders: "True"}}}
        - {name: dry, args: {task: isolateHost, targetHost: PC-13, params: {action: 1}, dryRun: "true"}}
        - {name: missing, args: {task: isolateHost, targetHost: PC-12, params: {}}}
        - {name: nohost, args: {task: isolateHost, targetHost: "", params: {action: 1}}}
        - {name: hosts, args: {task: isolateHost, targetHost: [PC-12, PC-13], params: {action: 1}}}
        - {name: lines, args: {task: isolateHost, targetHost: "PC-12\nPC-13", params: {action: 1}}}
        - {name: flag, args: {task: isolateHost, targetHost: "--dryRun", params: {action: 1}}}
        - {name: othertype, args: {type: shutdown, task: isolateHost, targetHost: PC-12, params: {action: 1}}}
        - {name: unknown, args: {task: isolateHost, targetHost: PC-12, params: {action: 1}, tagretHost: PC-13}}
        - {name: notask, args: {task: isolatehost, targetHost: PC-12, params: {action: 1}}}
        - {name: status, args: {request: status, incident: 1, wait: done}}
        - {name: check, args: {request: check}}
        - {name: policy, args: {task: isolateHost, targetHost: PC-13, params: {action: 1}, config: "{{ forbids }}"}}
        - {name: broken, args: {task: isolateHost, targetHost: PC-13, params: {action: 1}, config: "/nosuch/config.yaml"}}
        - {name: nokind, args: {request: shutdown}}
      loop_control: {label: "{{ item.name }}"}
      register: r
      ignore_errors: true
    - ansible.builtin.copy: {content: "{{ r.results | to_json }}", dest: "{{ out }}/results"}
      delegate_to: localhost
`

func TestAnsibleHearsWhatIsWrong(t *testing.T) {
	t.Parallel()
	a := newAnsible(t)
	forbids := filepath.Join(a.dir, "config.yaml")
	write(t, forbids, "policy: policy.yaml\n")
	write(t, filepath.Join(a.dir, "policy.yaml"), "deny: [{name: never, reason: not in this test, effects: [isolates]}]\n")
	said, got := a.play(t, wrong, "-e", "forbids="+forbids)
	require.Equal(t, 0, said.code, said.out+said.stderr)
	for name, want := range map[string]struct {
		failed, changed bool
		outcome, says   string
	}{
		"once":      {false, true, "submitted", ""},
		"twice":     {false, false, "submitted", "answers for this one"},
		"equal":     {false, false, "submitted", "answers for this one"},
		"textual":   {false, true, "submitted", ""},
		"dry":       {false, false, "planned", "nothing was sent"},
		"missing":   {true, false, "refused", "/params/action"},
		"nohost":    {true, false, "refused", "/targetHost"},
		"hosts":     {true, false, "refused", "names 2 hosts"},
		"lines":     {true, false, "refused", "control character"},
		"flag":      {true, false, "refused", "knows no such host"},
		"othertype": {true, false, "refused", "/type"},
		"unknown":   {true, false, "refused", "/tagretHost"},
		"notask":    {true, false, "refused", "is no task"},
		"status":    {false, false, "succeeded", ""},
		"check":     {false, false, "", "nothing is in the way"},
		"policy":    {true, false, "refused", "not in this test"},
		"broken":    {true, false, "refused", "nosuch"},
		"nokind":    {true, false, "", "request must be one of"},
	} {
		r := got[name]
		if !assert.NotNil(t, r, name) {
			continue
		}
		assert.Equal(t, want.failed, r["failed"] == true, "%s: %v", name, r["msg"])
		assert.Equal(t, want.changed, r["changed"] == true, "%s: %v", name, r["msg"])
		if want.outcome != "" {
			assert.Equal(t, want.outcome, r["outcome"], name)
		}
		assert.Contains(t, r["msg"], want.says, name)
	}
	assert.Len(t, a.incidents(t), 2)
}
