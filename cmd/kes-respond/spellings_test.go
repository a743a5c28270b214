//go:build unix

package main

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kes-respond/kes-respond/plugin/ksc/ksctest"
	"github.com/kes-respond/kes-respond/shared"
)

// spellingPolicy has a rule of each kind, and each about an effect that no
// other is about, so that each answer below is that of one rule.
const spellingPolicy = `deny:
- {name: ids, reason: no, effects: [isolates], hosts: {ids: [ID-Locked]}}
- {name: names, reason: no, effects: [releases], hosts: {names: ["DC*", "*.srv.corp.example"]}}
- {name: addresses, reason: no, effects: [reads], hosts: {addresses: [10.0.0.0/24]}}
- {name: groups, reason: no, effects: [quarantines], hosts: {groups: [Servers]}}
- {name: systems, reason: no, effects: [executes], hosts: {systems: ["*Server*"]}}
- {name: folders, reason: no, effects: [terminates], folders: ['C:\Windows', 'C:\Program Files']}
- {name: outside, reason: no, effects: [deletes], outside: ['C:\Users', 'D:\Kiosk']}
`

// spellingHosts are the hosts of the table. Of the blank one KSC says nothing
// but its id.
func spellingHosts() []ksctest.Host {
	long := func(n int64) any { return map[string]any{"type": "long", "value": n} }
	return []ksctest.Host{
		{ID: "id-locked", DN: "LOCKED", FQDN: "locked.corp.example", NetBIOS: "LOCKED", IP: "10.7.0.7"},
		{ID: "id-dc", DN: "DC01", FQDN: "dc01.corp.example", NetBIOS: "DC01", IP: "10.0.0.5", OS: "Microsoft Windows Server 2022", Attributes: map[string]any{"name": "Controllers", "grp_full_name": "/Servers/Controllers"}},
		{ID: "id-srv", DN: "web", FQDN: "web.SRV.corp.example", NetBIOS: "WEB", IP: "10.9.0.13", OS: "microsoft windows SERVER 2019", Attributes: map[string]any{"name": "x", "grp_full_name": `\SERVERS\x`}},
		{ID: "id-pc", DN: "PC-12", FQDN: "pc-12.corp.example", NetBIOS: "PC-12", IP: "10.9.0.12", OS: "Microsoft Windows 11", Attributes: map[string]any{"name": "Servers old", "grp_full_name": "/Clients/Servers old"}},
		{ID: "id-roaming", DN: "ROAM", IP: "10.9.0.14", OS: "Microsoft Windows 11", Attributes: map[string]any{"KLHST_WKS_CONNECT_IP_LONG": long(10<<24 | 9), "name": "a", "grp_full_name": "/a"}},
		{ID: "id-blank", Attributes: map[string]any{"KLHST_WKS_DN": nil, "KLHST_WKS_OS_NAME": nil}},
	}
}

// spelling is a way to name a host or a place, and what has to come of it:
// allowed, denied by the policy, or refused since it names nothing that is.
type spelling struct{ lookup, host, path, answer string }

const (
	allowed = "allowed" // an incident for the host
	denied  = "denied"  // none, by the policy
	refused = "refused" // none: no such host, or no such path
	noHost  = "failed"  // none: KSC knows no host of this id
)

// spelled are the hosts by rule, and then the places.
func spelled() map[string][]spelling {
	return map[string][]spelling{
		"ids": {
			{"never", "id-locked", "", denied},
			{"never", "ID-LOCKED", "", denied},
			{"never", "Id-Locked", "", denied},
			{"auto", "id-locked", "", denied},
			{"id", "id-locked", "", denied},
			{"auto", "LOCKED", "", denied},
			{"auto", "locked", "", denied},
			{"fqdn", "LOCKED.corp.example", "", denied},
			{"netbios", "locked", "", denied},
			{"ip", "10.7.0.7", "", denied},
			{"never", "id-locked.", "", denied},
			{"never", "ｉｄ－locked", "", denied},
			{"never", "id-loc\u200bked", "", denied},
			{"never", "id-loc\u212aed", "", denied},
			{"never", "ıd-locked", "", denied},
			{"auto", "id-locked.", "", refused},
			{"auto", "ｉｄ－locked", "", refused},
			{"never", "id-locked ", "", refused},
			{"never", " id-locked", "", refused},
			{"auto", "10.7.0.7", "", refused},
			{"ip", "10.7.0.07", "", refused},
			{"ip", "::ffff:10.7.0.7", "", refused},
			{"ip", "0x0a070007", "", refused},
			{"dns", "id-locked", "", refused},
			{"auto", "LOCK*", "", refused},
			{"auto", "L?CKED", "", refused},
			{"never", "id-pc", "", allowed},
			{"auto", "PC-12", "", allowed},
			{"never", "id-blank", "", allowed},
			{"never", "id-nobody", "", noHost},
			{"auto", "id-nobody", "", refused},
		},
		"names": {
			{"auto", "DC01", "", denied},
			{"auto", "dc01", "", denied},
			{"auto", "dc01.corp.example", "", denied},
			{"fqdn", "DC01.CORP.EXAMPLE", "", denied},
			{"auto", "id-dc", "", denied},
			{"never", "id-dc", "", denied},
			{"never", "ID-DC", "", denied},
			{"ip", "10.0.0.5", "", denied},
			{"auto", "web", "", denied},
			{"never", "id-srv", "", denied},
			{"never", "id-blank", "", denied},
			{"never", "id-nobody", "", denied},
			{"auto", "dc01.corp.example.", "", refused},
			{"auto", "ＤＣ01", "", refused},
			{"ip", "167772165", "", refused},
			{"auto", "DC*", "", refused},
			{"auto", "PC-12", "", allowed},
			{"never", "id-pc", "", allowed},
			{"ip", "10.9.0.12", "", allowed},
		},
		"addresses": {
			{"ip", "10.0.0.5", "", denied},
			{"auto", "DC01", "", denied},
			{"never", "id-dc", "", denied},
			{"ip", "10.0.0.9", "", denied},
			{"auto", "ROAM", "", denied},
			{"never", "id-roaming", "", denied},
			{"never", "id-blank", "", denied},
			{"never", "ID-PC", "", denied},
			{"never", "id-pc", "", allowed},
			{"ip", "10.9.0.12", "", allowed},
			{"ip", "10.9.0.99", "", refused},
		},
		"groups": {
			{"auto", "DC01", "", denied},
			{"never", "id-dc", "", denied},
			{"never", "id-srv", "", denied},
			{"auto", "WEB", "", denied},
			{"never", "id-locked", "", denied},
			{"never", "id-blank", "", denied},
			{"never", "id-nobody", "", denied},
			{"never", "id-pc", "", allowed},
			{"auto", "pc-12", "", allowed},
		},
		"systems": {
			{"auto", "DC01", "", denied}, {"never", "id-dc", "", denied}, {"never", "id-srv", "", denied}, {"never", "id-blank", "", denied}, {"never", "id-nobody", "", denied}, {"never", "id-pc", "", allowed},
		},
		"folders": spelledPaths(denied, `C:\Windows\a.exe`, `c:\WINDOWS\a.exe`, `C:/Windows/a.exe`, `C:\wInDoWs/System32\a.exe`, `C:\Windows \a.exe`, `C:\WINDOW~1\a.exe`, `C:\Users\a~1.exe`, `C:\PROGRA~1\a.exe`,
			`C:\Program Files\a.exe`, `%SystemRoot%\a.exe`, `%windir%\a.exe`, `C:\%a%\a.exe`, `\\server\c$\Windows\a.exe`, `\\localhost\C$\Windows\a.exe`, `\\127.0.0.1\admin$\a.exe`, `//server/c$/a.exe`, `C:\Ｗindows\a.exe`, `C:\Wındows\a.exe`,
			"C:\\Win\u200bdows\\a.exe", "C:\\Window\u017f\\a.exe", "C:\\\u202eWindows\\a.exe", "C:\\WİNDOWS\\a.exe").
			and(refused, `C:\Windows.\a.exe`, `C:\Windows\a.exe.`, `C:\Windows\a.exe `, `C:\Users\..\Windows\a.exe`, `C:\.\Windows\a.exe`, `\\?\C:\Windows\a.exe`, `\\.\C:\Windows\a.exe`, `\\?\GLOBALROOT\a`, `\??\C:\Windows\a.exe`,
				`C:\Windows\a.exe:s`, `C:\Users\a.txt:s.exe`, `C:\Windows::$INDEX_ALLOCATION\a.exe`, `Ｃ:\Windows\a.exe`, `C：\Windows\a.exe`, `C:＼Windows\a.exe`, `C:a.exe`, `\Windows\a.exe`, `C:\\Windows\a.exe`, `Windows\a.exe`, `file:///C:/Windows/a.exe`,
				`C:\Wind?ws\a.exe`, `C:\*\a.exe`, "C:\\Windows\x00\\a.exe", "C:\\Windows\n\\a.exe").
			and(allowed, `C:\Users\a.exe`, `C:\WindowsX\a.exe`, `C:\Users\Windows\a.exe`, `C:\Program Files (x86)\a.exe`, `D:\Windows\a.exe`, `C:\Users\a~b.exe`, `C:\a.exe`),
		"outside": spelledPaths(allowed, `C:\Users\a.exe`, `c:\users\a.exe`, `C:/USERS/x/a.exe`, `D:\Kiosk\a.exe`, `d:\kiosk\a.exe`, `C:\Users\Windows\a.exe`, `C:\Users\ü\a.exe`).
			and(denied, `C:\Windows\a.exe`, `C:\a.exe`, `C:\Users2\a.exe`, `C:\User\a.exe`, `D:\Users\a.exe`, `C:\Users \a.exe`, `C:\USERS~1\a.exe`, `%USERPROFILE%\a.exe`, `\\server\Users\a.exe`, `C:\Ｕsers\a.exe`, "C:\\U\u017fers\\a.exe",
				"D:\\\u212aiosk\\a.exe", "D:\\Kıosk\\a.exe", "C:\\U\u200bsers\\a.exe", "C:\\\u200b\\Users\\a.exe").
			and(refused, `C:\Users\..\Windows\a.exe`, `C:\Users\.\a.exe`, `C:\Users\a.exe.`, `C:\Users.\a.exe`, `\\?\C:\Users\a.exe`, `\\.\C:\Users\a.exe`, `C:\Users\a.exe:s`, `C:Users\a.exe`, `C:\Users\\a.exe`),
	}
}

type spellings []spelling

func spelledPaths(answer string, paths ...string) spellings { return spellings{}.and(answer, paths...) }

func (s spellings) and(answer string, paths ...string) spellings {
	for _, p := range paths {
		s = append(s, spelling{"never", "id-pc", p, answer})
	}
	return s
}

// spellingTasks are the tasks that have the effect of each rule.
var spellingTasks = map[string]string{
	"ids": "isolateHost", "names": "isolateHost", "addresses": "getFile", "groups": "quarantineFile", "systems": "startProcess", "folders": "terminateProcess", "outside": "deleteFile",
}

// TestSpellings: however a host or a place is spelled, and whichever way the
// request comes, what the policy protects is left alone, and what it allows is
// done.
func TestSpellings(t *testing.T) {
	program := build(t, "kes-respond", t.TempDir())
	for name, carry := range map[string]func(*hostileRun){
		"direct": (*hostileRun).direct, "JSON lines": (*hostileRun).lines, "go-plugin": (*hostileRun).plugin, "command line": (*hostileRun).commands,
	} {
		t.Run(name, func(t *testing.T) {
			r := newHostileRun(t, program, spellingHosts())
			r.config = filepath.Join(r.dir, "config.yaml")
			require.NoError(t, os.WriteFile(r.config, []byte("policy: policy.yaml\nledger: {duplicateWindow: 0s}\n"), 0o600))
			require.NoError(t, os.WriteFile(r.policy(), []byte(spellingPolicy), 0o600))
			var all []spelling
			var rules []string
			for rule, table := range spelled() {
				for _, s := range table {
					r.asks = append(r.asks, spelledAsk(len(r.asks), rule, s))
					all, rules = append(all, s), append(rules, rule)
				}
			}
			r.answers = make([]answer, len(r.asks))
			carry(r)
			r.spelled(all, rules)
		})
	}
}

// spelledAsk is the request about a spelling; its area tells it from others.
func spelledAsk(number int, rule string, s spelling) ask {
	task := spellingTasks[rule]
	a := newAsk(number, task, "", hostile{})
	switch rule {
	case "ids":
		a.params = []member{{"action", "1"}}
	case "names":
		a.params = []member{{"action", "0"}}
	}
	a.set("targetHost", mustJSON(s.host))
	a.set("hostLookup", mustJSON(s.lookup))
	a.set("responseEventIncidentArea", mustJSON("n"+strconv.Itoa(number)))
	if s.path != "" {
		a.set("params.path", mustJSON(s.path))
	}
	return a
}

// spelled holds the incidents of KSC and what was heard against the table.
func (r *hostileRun) spelled(all []spelling, rules []string) {
	t := r.t
	stored := map[int]int{}
	for _, incident := range r.ksc.Incidents() {
		_, rest, _ := strings.Cut(incident.Body, `"responseEventIncidentArea":"n`)
		number, err := strconv.Atoi(strings.TrimSpace(strings.TrimRight(strings.TrimSpace(rest), `"} `)))
		require.NoError(t, err, "%s", incident.Body)
		stored[number]++
	}
	for i, s := range all {
		got, heard := refused, r.answers[i]
		if heard.said == "cannot be said" {
			continue
		}
		code := shared.Code("")
		if heard.result != nil && heard.result.Error != nil {
			code = heard.result.Error.Code
		}
		switch {
		case stored[i] == 1 && heard.submitted():
			got = allowed
		case stored[i] > 0:
			got = "stored, and something else was heard"
		case code == shared.Policy || heard.result == nil && strings.Contains(heard.said, "code: policy"):
			got = denied
		case heard.result != nil && heard.result.Outcome == shared.Failed || heard.result == nil && strings.HasPrefix(heard.said, "accepted: "):
			got = noHost
		}
		assert.Equal(t, s.answer, got, "%s: lookup %s, host %q, path %q\n%s", rules[i], s.lookup, s.host, s.path, heard)
	}
}
