//go:build unix

package platforms

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"text/template"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// kumaRule is a rule of the sheet: which script, and its line of arguments.
type kumaRule struct{ script, line string }

func kumaRules(t *testing.T, pkg string) []kumaRule {
	t.Helper()
	var all []kumaRule
	page := read(t, filepath.Join(pkg, "RULES.md"))
	found := regexp.MustCompile("(?s)\\| Script name \\| `([^`]+)` \\|.*?```kuma\n(.*?)\n```").FindAllStringSubmatch(page, -1)
	require.Len(t, found, strings.Count(page, "```kuma\n"), "a line that is no rule's")
	for _, m := range found {
		all = append(all, kumaRule{m[1], m[2]})
	}
	return all
}

// kumaPlace is the package as install.sh puts it, with a configuration for the
// emulator.
func kumaPlace(t *testing.T, s *site, owner string) string {
	t.Helper()
	scripts := filepath.Join(s.dir, "scripts")
	require.NoError(t, os.Mkdir(scripts, 0o755))
	line := strings.Replace(s.indented(t, "./install.sh ")[0], "/opt/kaspersky/kuma/correlator/CORRELATOR-ID/scripts", scripts, 1)
	require.Contains(t, line, scripts)
	cmd := exec.Command("sh", "-euc", line)
	cmd.Dir = s.pkg
	cmd.Env = append(s.environment(), "KUMA_USER="+owner, "LEDGER_DIR="+filepath.Join(s.dir, "record"))
	a := run(t, cmd)
	require.Equal(t, 0, a.code, a.stderr)
	config := strings.NewReplacer("ksc.example ", s.host+" ", "13299", s.port, "# kscCert: ksc.pem ", "kscCert: "+s.cert+" ",
		"/var/lib/kes-respond-kuma", filepath.Join(s.dir, "record")).Replace(read(t, filepath.Join(scripts, "config.yaml")))
	for name, text := range map[string]string{"config.yaml": config, "password": password + "\n"} {
		require.NoError(t, os.WriteFile(filepath.Join(scripts, name), []byte(text), 0o600)) // the owner stays
	}
	return scripts
}

func owner(t *testing.T) *user.User {
	t.Helper()
	u, err := user.Current()
	require.NoError(t, err)
	if u.Uid == "0" {
		u, err = user.Lookup("nobody") // the part of KUMA's user
		require.NoError(t, err)
	}
	return u
}

// as runs a script of the folder as its owner, with nothing in the environment.
func as(t *testing.T, u *user.User, scripts, script string, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(filepath.Join(scripts, script), args...)
	cmd.Dir, cmd.Env = "/", []string{"PATH=/usr/bin:/bin"}
	if os.Getuid() == 0 {
		uid, err := strconv.ParseUint(u.Uid, 10, 32)
		require.NoError(t, err)
		gid, err := strconv.ParseUint(u.Gid, 10, 32)
		require.NoError(t, err)
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}}
	}
	return cmd
}

// open lets another user in, as the folders of a test are for one user alone.
func open(t *testing.T, s *site) {
	t.Helper()
	for dir := s.dir; dir != os.TempDir() && dir != "/"; dir = filepath.Dir(dir) {
		require.NoError(t, os.Chmod(dir, 0o755))
	}
}

func TestKUMAFolderIsInstalledForItsUser(t *testing.T) {
	s := newSite(t, "kuma")
	open(t, s)
	u := owner(t)
	scripts := kumaPlace(t, s, u.Username)
	rules := kumaRules(t, s.pkg)
	require.Len(t, rules, 9)
	for name, mode := range map[string]os.FileMode{"kes-respond": 0o750, "config.yaml": 0o600, "password": 0o600, rules[0].script: 0o750} {
		info, err := os.Stat(filepath.Join(scripts, name))
		require.NoError(t, err)
		assert.Equal(t, mode, info.Mode().Perm(), name)
		assert.Equal(t, u.Uid, fmt.Sprint(info.Sys().(*syscall.Stat_t).Uid), name)
	}
	a := run(t, as(t, u, scripts, "kes-respond", "check", "--output", "json"))
	assert.Equal(t, 0, a.code, a.out+a.stderr)
	for _, r := range rules {
		a := run(t, as(t, u, scripts, r.script, "--help"))
		assert.Equal(t, 0, a.code, r.script)
		assert.Contains(t, a.out, "--targetHost", r.script)
	}
	// Once more: what a person has written stays.
	cmd := exec.Command("sh", filepath.Join(s.pkg, "install.sh"), scripts)
	cmd.Env = append(s.environment(), "KUMA_USER="+u.Username, "LEDGER_DIR="+filepath.Join(s.dir, "record"))
	a = run(t, cmd)
	require.Equal(t, 0, a.code, a.stderr)
	assert.Equal(t, password+"\n", read(t, filepath.Join(scripts, "password")))
	assert.NotContains(t, a.out, "write the password")
	holdsNoPassword(t, filepath.Join(s.dir, "record"))
}

// splitters are what KUMA may do with a line of arguments: it is not documented.
// nil stands for a line that it could not split.
var splitters = map[string]func(line string, fields map[string]string) []string{
	"split, then fill in": func(line string, fields map[string]string) []string {
		args := words(line, true)
		for i := range args {
			args[i] = filled(args[i], fields)
		}
		return args
	},
	"fill in, then split": func(line string, fields map[string]string) []string { return words(filled(line, fields), true) },
	"fill in, then split without escapes": func(line string, fields map[string]string) []string {
		return words(filled(line, fields), false)
	},
}

// filled fills the fields of an event in, as a template of Go does.
func filled(line string, fields map[string]string) string {
	var b strings.Builder
	if err := template.Must(template.New("").Parse(line)).Execute(&b, fields); err != nil {
		panic(err)
	}
	return b.String()
}

// words splits at blanks outside of double quotes.
func words(line string, escapes bool) []string {
	var all []string
	var word strings.Builder
	started, quoted := false, false
	for i := 0; i < len(line); i++ {
		switch c := line[i]; {
		case escapes && c == '\\' && i+1 < len(line) && (line[i+1] == '"' || line[i+1] == '\\'):
			i++
			word.WriteByte(line[i])
			started = true
		case c == '"':
			quoted, started = !quoted, true
		case c == ' ' && !quoted:
			if started {
				all = append(all, word.String())
			}
			word.Reset()
			started = false
		default:
			word.WriteByte(c)
			started = true
		}
	}
	if quoted {
		return nil
	}
	if started {
		all = append(all, word.String())
	}
	return all
}

// TestKUMALinesSendWhatTheyMeanOrNothing takes the lines of the sheet, fills
// events in that are hostile or poor, and splits them in every way that KUMA may
// have. Whatever is sent has the host of the event and the parameters of the line.
func TestKUMALinesSendWhatTheyMeanOrNothing(t *testing.T) {
	s := newSite(t, "kuma")
	open(t, s)
	u := owner(t)
	scripts := kumaPlace(t, s, u.Username)
	indicators := filepath.Join(s.dir, "indicators.ioc")
	write(t, indicators, `<ioc xmlns="http://schemas.mandiant.com/2010/ioc" id="1"><definition/></ioc>`)
	hosts := map[string]string{ // what the event says, and the host that it means; none where nothing may be sent
		"PC-12": "id-of-pc-12", "pc-13.corp.example": "id-of-pc-13", "PC 14": "id-of-blank", "Бухгалтерия-1": "id-of-cyrillic", "O'Neil": "id-of-quote",
		"": "", `PC-12" --dryRun "true`: "", `PC-12" --hostLookup never --action "0`: "", "PC-12 --allowDuplicate true": "", "{{.Other}}": "",
		"PC-12\nPC-13": "", `C:\"`: "", "*": "", "no-such-host": "", "PC-12,PC-13": "", "<no value>": "", "--dryRun": "", "-h": "", `["PC-12"]`: "", "PC-12\r\n--action 0": "",
	}
	sent := map[string]map[string]any{} // by the key of the request
	n := 0
	for i, rule := range kumaRules(t, s.pkg) {
		line := strings.ReplaceAll(rule.line, "/etc/kes-respond/indicators.zip", indicators)
		clean := words(filled(line, map[string]string{"DeviceHostName": "PC-12", "ID": "0"}), true)
		for said, host := range hosts {
			for how, split := range splitters {
				if n++; rule.script != "isolateHost.py" && n%6 != i%6 {
					continue // a process each: of most tasks a sixth
				}
				event := fmt.Sprint(n)
				fields := map[string]string{"DeviceHostName": said, "ID": event}
				if said == "<no value>" {
					delete(fields, "DeviceHostName") // a template writes it by itself
				}
				args := split(line, fields)
				if args == nil {
					continue
				}
				a := run(t, as(t, u, scripts, rule.script, args...))
				r := result(t, a.out)
				what := fmt.Sprintf("%s, host %q, %s\n%q\n%s%s", rule.script, said, how, args, a.out, a.stderr)
				if host == "" || r == nil || r["outcome"] != "submitted" {
					assert.Contains(t, []int{64, 65}, a.code, what)
					assert.Empty(t, host, what)
					assert.True(t, r == nil || r["outcome"] == "refused", what)
					continue
				}
				assert.Equal(t, 0, a.code, what)
				assert.Equal(t, host, r["host"].(map[string]any)["id"], what)
				assert.Equal(t, len(clean), len(args), what)
				sent[event] = r
			}
		}
	}
	got := s.incidents(t)
	assert.Len(t, got, len(sent), "KSC has what was said to be sent, and no more")
	bodies := map[string]map[string]bool{}
	for _, body := range got {
		params, err := json.Marshal(body["params"])
		require.NoError(t, err)
		task := body["task"].(string)
		if bodies[task] == nil {
			bodies[task] = map[string]bool{}
		}
		bodies[task][string(params)] = true
	}
	assert.Len(t, bodies, 9)
	for task, params := range bodies {
		assert.Len(t, params, 1, "%s: an event changed its parameters: %v", task, params)
	}
}
