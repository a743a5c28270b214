package guard_test

import (
	"net/netip"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/kes-respond/kes-respond/plugin/guard"
	"github.com/kes-respond/kes-respond/shared"
)

func policy(t testing.TB, rules ...guard.Rule) guard.Policy {
	t.Helper()
	for i := range rules {
		if rules[i].Name == "" {
			rules[i].Name, rules[i].Reason = "rule", "because"
		}
	}
	p, flaws := guard.New(guard.File{Deny: rules})
	require.Empty(t, flaws)
	return p
}

var (
	pc     = guard.Host{ID: "id-pc", Names: []string{"PC-12", "pc-12.corp.example"}, IPv4: netip.MustParseAddr("10.0.0.12"), Groups: []string{"Managed devices", "Office"}, System: "Microsoft Windows 11"}
	server = guard.Host{ID: "id-dc", Names: []string{"DC01", "dc01.srv.example"}, IPv4: netip.MustParseAddr("10.0.1.1"), Groups: []string{"Managed devices", "Servers", "DC"}, System: "Microsoft Windows Server 2022"}
	bare   = guard.Host{ID: "id-bare"}
)

func asks(task string, h guard.Host, paths []guard.Path, effects ...shared.Effect) guard.Question {
	return guard.Question{Task: task, Effects: effects, Host: h, Paths: paths}
}

func never(h guard.Hosts) guard.Rule {
	return guard.Rule{Effects: []shared.Effect{shared.Isolates}, Hosts: &h}
}

// TestRules is one line for each condition and each branch of it.
func TestRules(t *testing.T) {
	isolation := []shared.Effect{shared.Isolates}
	isolates := func(h guard.Host) guard.Question { return asks("isolateHost", h, nil, shared.Isolates) }
	for name, c := range map[string]struct {
		rule    guard.Rule
		q       guard.Question
		denies  bool
		because string
	}{
		"another task":          {guard.Rule{Tasks: []string{"startProcess"}}, asks("getFile", pc, nil, shared.Reads), false, "other tasks"},
		"this task":             {guard.Rule{Tasks: []string{"getFile", "startProcess"}}, asks("startProcess", pc, nil, shared.Executes), true, "the task is startProcess"},
		"another effect":        {guard.Rule{Effects: isolation}, asks("iocScan", pc, nil, shared.Scans), false, "other effects"},
		"a scan that isolates":  {guard.Rule{Effects: isolation}, asks("iocScan", pc, nil, shared.Scans, shared.Isolates), true, "the request isolates"},
		"task and effect":       {guard.Rule{Effects: isolation, Tasks: []string{"isolateHost"}}, asks("iocScan", pc, nil, shared.Isolates), false, "other tasks"},
		"id":                    {never(guard.Hosts{IDs: []string{"ID-DC"}}), isolates(server), true, "by its id"},
		"another id":            {never(guard.Hosts{IDs: []string{"id-dc"}}), isolates(pc), false, "other hosts"},
		"id alone is enough":    {never(guard.Hosts{IDs: []string{"id-dc"}}), isolates(bare), false, "other hosts"},
		"name":                  {never(guard.Hosts{Names: []string{"dc*"}}), isolates(server), true, "by its name"},
		"name, the other one":   {never(guard.Hosts{Names: []string{"*.SRV.example"}}), isolates(server), true, "by its name"},
		"name, the whole of it": {never(guard.Hosts{Names: []string{"DC"}}), isolates(server), false, "other hosts"},
		"name, one character":   {never(guard.Hosts{Names: []string{"dc0?"}}), isolates(server), true, "by its name"},
		"name is no expression": {never(guard.Hosts{Names: []string{"DC0[1]", "D.01", "PC-1(2)"}}), isolates(server), false, "other hosts"},
		"name not known":        {never(guard.Hosts{Names: []string{"x"}}), isolates(bare), true, "does not say the name"},
		"range":                 {never(guard.Hosts{Addresses: []string{"10.0.1.0/24"}}), isolates(server), true, "by its address"},
		"range with bits below": {never(guard.Hosts{Addresses: []string{"10.0.1.77/24"}}), isolates(server), true, "by its address"},
		"address":               {never(guard.Hosts{Addresses: []string{"10.0.1.1"}}), isolates(server), true, "by its address"},
		"another range":         {never(guard.Hosts{Addresses: []string{"10.0.1.0/24"}}), isolates(pc), false, "other hosts"},
		"address not known":     {never(guard.Hosts{Addresses: []string{"10.0.1.0/24"}}), isolates(bare), true, "does not say the address"},
		"group":                 {never(guard.Hosts{Groups: []string{"dc"}}), isolates(server), true, "by its group"},
		"group above":           {never(guard.Hosts{Groups: []string{"Servers"}}), isolates(server), true, "by its group"},
		"another group":         {never(guard.Hosts{Groups: []string{"Server"}}), isolates(server), false, "other hosts"},
		"group not known":       {never(guard.Hosts{Groups: []string{"Servers"}}), isolates(bare), true, "does not say the group"},
		"system":                {never(guard.Hosts{Systems: []string{"*server*"}}), isolates(server), true, "by its operating system"},
		"another system":        {never(guard.Hosts{Systems: []string{"*server*"}}), isolates(pc), false, "other hosts"},
		"system not known":      {never(guard.Hosts{Systems: []string{"*server*"}}), isolates(bare), true, "does not say the operating system"},
		"any is enough":         {never(guard.Hosts{Names: []string{"x"}, Groups: []string{"Servers"}}), isolates(server), true, "by its group"},
		"two not known":         {never(guard.Hosts{Names: []string{"x"}, Systems: []string{"x"}}), isolates(bare), true, "the name and the operating system"},
		"places of another effect": {
			guard.Rule{Effects: []shared.Effect{shared.Isolates, shared.Quarantines}, Folders: []string{`C:\`}},
			asks("x", pc, []guard.Path{{Path: `C:\a`, Effect: shared.Deletes}}, shared.Isolates, shared.Deletes), false, "names none for that",
		},
	} {
		t.Run(name, func(t *testing.T) {
			v := policy(t, c.rule).Verdicts(c.q)
			require.Len(t, v, 1)
			assert.Equal(t, c.denies, v[0].Denies, v[0].Because)
			assert.Contains(t, v[0].Because, c.because)
			d := policy(t, c.rule).Decide(c.q)
			assert.Equal(t, !c.denies, d.Allowed)
			if c.denies {
				assert.Equal(t, shared.Policy, d.Code)
				assert.Equal(t, "rule", d.Rule)
				assert.Contains(t, d.Reason, `the policy's rule "rule" forbids it: because`)
			}
		})
	}
}

// TestPlaces is a table of spellings with the answer written by hand.
func TestPlaces(t *testing.T) {
	system := guard.Rule{Effects: []shared.Effect{shared.Deletes}, Folders: []string{`C:\Windows`, `D:/Data/Keep.`}}
	users := guard.Rule{Effects: []shared.Effect{shared.Deletes}, Outside: []string{`C:\Users`, `C:\Temp\`}}
	for _, c := range []struct {
		path                 string
		subfolders           bool
		inSystem, notInUsers bool
	}{
		{`C:\Windows\System32\a.dll`, false, true, true},
		{`c:\WINDOWS\a.dll`, false, true, true},
		{`C:/Windows/a.dll`, false, true, true},
		{`C:\Windows.\a.dll`, false, true, true},
		{`C:\Windows \a.dll`, false, true, true},
		{`C:\Windows. .\a.dll`, false, true, true},
		{`C:\Windows`, false, true, true},
		{`C:\Windows\`, false, true, true},
		{`C:\WindowsOld\a.dll`, false, false, true},
		{`C:\Windows.old\a.dll`, false, false, true},
		{`D:\Windows\a.dll`, false, false, true},
		{`D:\data\keep\a`, false, true, true},
		{`C:\Users\bob\a.exe`, false, false, false},
		{`c:\users\bob\a.exe`, false, false, false},
		{`C:\Temp\a.exe`, false, false, false},
		{`C:\Temp2\a.exe`, false, false, true},
		{`C:\Users\bob\..\..\Windows\a`, false, true, true},
		{`C:\Users\bob\WINDOW~1\a`, false, true, true},
		{`C:\PROGRA~2\a`, false, true, true},
		{`C:\Users\~bob\a`, false, false, false},
		{`%SystemRoot%\a`, false, true, true},
		{`C:\Users\%USERNAME%\a`, false, true, true},
		{`\\server\share\a`, false, true, true},
		{`\\?\C:\Users\a`, false, true, true},
		{`\\.\C:\Users\a`, false, true, true},
		{`C:\Users\a.txt:evil`, false, true, true},
		{`C:\Users\a.txt::$DATA`, false, true, true},
		{`C:a`, false, true, true},
		{`\Windows\a`, false, true, true},
		{`a`, false, true, true},
		{``, false, true, true},
		{`C:\a.exe`, true, true, true}, // its folder is C:\, and all below is searched
		{`C:\a.exe`, false, false, true},
		{`C:\Users\a.exe`, true, false, false},
		{`C:\Users`, true, true, true}, // a file in C:\, or the folder: the wider counts
		{`C:\Users\`, true, false, false},
		{`D:\Data\x`, true, true, true},
		{`D:\Data\Other\x`, true, false, true},
	} {
		q := asks("deleteFile", pc, []guard.Path{{Path: c.path, Effect: shared.Deletes, Subfolders: c.subfolders}}, shared.Deletes)
		v := policy(t, system).Verdicts(q)[0]
		assert.Equal(t, c.inSystem, v.Denies, "%s in system folders, subfolders %t: %s", c.path, c.subfolders, v.Because)
		v = policy(t, users).Verdicts(q)[0]
		assert.Equal(t, c.notInUsers, v.Denies, "%s outside of users' folders, subfolders %t: %s", c.path, c.subfolders, v.Because)
	}
}

// TestPoliciesOnlyTighten: whatever two policies say, together they allow no
// more than each of them.
func TestPoliciesOnlyTighten(t *testing.T) {
	some := []shared.Effect{shared.Isolates, shared.Deletes, shared.Reads}
	rules := rapid.Custom(func(rt *rapid.T) guard.Rule {
		r := guard.Rule{Name: rapid.StringMatching(`[a-z]{8}`).Draw(rt, "name"), Reason: "r", Effects: rapid.SliceOfN(rapid.SampledFrom(some), 1, 3).Draw(rt, "effects")}
		if rapid.Bool().Draw(rt, "hosts") {
			r.Hosts = &guard.Hosts{Names: []string{rapid.SampledFrom([]string{"*", "DC*", "PC*", "x"}).Draw(rt, "pattern")}}
		}
		if rapid.Bool().Draw(rt, "folders") {
			r.Folders = []string{rapid.SampledFrom([]string{`C:\`, `C:\Windows`, `D:\x`}).Draw(rt, "folder")}
		}
		return r
	})
	rapid.Check(t, func(rt *rapid.T) {
		draw := func(label string) guard.Policy {
			p, flaws := guard.New(guard.File{Deny: rapid.SliceOfNDistinct(rules, 0, 3, func(r guard.Rule) string { return r.Name }).Draw(rt, label)})
			require.Empty(rt, flaws)
			return p
		}
		a, b := draw("a"), draw("b")
		place := guard.Path{Path: rapid.SampledFrom([]string{`C:\Windows\a`, `C:\b`, ``}).Draw(rt, "path"), Effect: shared.Deletes}
		q := asks("t", rapid.SampledFrom([]guard.Host{pc, server, bare}).Draw(rt, "host"), []guard.Path{place}, rapid.SampledFrom(some).Draw(rt, "effect"))
		both := a.And(b).Decide(q).Allowed
		assert.Equal(rt, a.Decide(q).Allowed && b.Decide(q).Allowed, both)
		assert.Equal(rt, both, b.And(a).Decide(q).Allowed)
	})
}

func TestWithoutAPolicyAllIsAllowed(t *testing.T) {
	var none guard.Policy
	d := none.Decide(asks("startProcess", bare, nil, shared.Executes))
	assert.True(t, d.Allowed)
	assert.Equal(t, "no policy forbids it", d.Reason)
	assert.False(t, none.LooksAtHosts())
	assert.False(t, policy(t, never(guard.Hosts{IDs: []string{"a"}})).LooksAtHosts())
	assert.True(t, policy(t, never(guard.Hosts{Groups: []string{"a"}})).LooksAtHosts())
}

// TestWhatCannotBeMeant is refused with the place of it.
func TestWhatCannotBeMeant(t *testing.T) {
	get := []string{"getFile"}
	for pointer, r := range map[string]guard.Rule{
		"/0":                   {Name: "a"},
		"/0/hosts":             {Name: "a", Tasks: get, Hosts: &guard.Hosts{}},
		"/0/hosts/addresses/1": {Name: "a", Tasks: get, Hosts: &guard.Hosts{Addresses: []string{"10.0.0.1", "10.0.0.1/33"}}},
		"/0/hosts/addresses/0": {Name: "a", Tasks: get, Hosts: &guard.Hosts{Addresses: []string{"fe80::1"}}},
		"/0/folders/0":         {Name: "a", Tasks: get, Folders: []string{`%TEMP%`}},
		"/0/folders/1":         {Name: "a", Tasks: get, Folders: []string{`C:\`, `Windows`}},
		"/0/outside/0":         {Name: "a", Tasks: get, Outside: []string{`\\server\share`}},
	} {
		_, flaws := guard.New(guard.File{Deny: []guard.Rule{r}})
		if assert.Len(t, flaws, 1, pointer) {
			assert.Equal(t, "/deny"+pointer, flaws[0].Pointer)
		}
	}
	_, flaws := guard.New(guard.File{Deny: []guard.Rule{{Name: "a", Tasks: get}, {Name: "a", Tasks: get}}})
	require.Len(t, flaws, 1)
	assert.Equal(t, "/deny/1/name", flaws[0].Pointer)
}
