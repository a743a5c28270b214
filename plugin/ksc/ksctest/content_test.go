package ksctest

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestOptionsThatCannotBe(t *testing.T) {
	for why, o := range map[string]Options{
		"no user":            {Password: "p"},
		"no password":        {User: "u"},
		"negative latency":   {User: "u", Password: "p", Latency: -1},
		"TLS 1.1":            {User: "u", Password: "p", MaxTLS: 0x0302},
		"a method not there": {User: "u", Password: "p", Denied: []string{"HostGroup.NoSuch"}},
		"a class not there":  {User: "u", Password: "p", Denied: []string{"Task.*"}},
		"nothing to absent":  {User: "u", Password: "p", Absent: []string{"Tasks"}},
		"mischief to absent": {User: "u", Password: "p", Absent: []string{"Tasks.*"}, Mischief: map[string]float64{"html@Tasks.GetTask": 1}},
	} {
		_, err := New(o)
		require.Error(t, err, why)
		assert.NotErrorIs(t, err, ErrContent, why)
	}
}

func TestInventoriesThatCannotBe(t *testing.T) {
	for text, want := range map[string]string{
		`[{}]`:                    "has no id",
		`[{"dn":"x"}]`:            "has no id",
		`[{"id":"a"},{"id":"a"}]`: "host a is in the inventory twice",
		`[{"id":"a","ip":"x"}]`:   `host a: "x" is no IPv4 address`,
		`[{"id":"a","ip":"::1"}]`: `host a: "::1" is no IPv4 address`,

		`[{"id":"a","attributes":{"X":{"a":1}}}]`:                               "host a: attribute X cannot have this value",
		`[{"id":"a","attributes":{"X":1.5}}]`:                                   "host a: attribute X cannot have this value",
		`[{"id":"a","attributes":{"X":{"type":"datetime","value":"now"}}}]`:     "host a: attribute X cannot have this value",
		`[{"id":"a","attributes":{"KLHST_WKS_HOSTNAME":"b"}}]`:                  "host a: attribute KLHST_WKS_HOSTNAME cannot have this value",
		`[{"id":"a","products":{"KES":{"12":1}}}]`:                              "data of product KES must be an object",
		`[{"id":"a","products":{"KES":{"12":{"InstallTime":null}}}}]`:           "InstallTime is null",
		`[{"id":"a","products":{"KES":{"12":{"InstallTime":{"bad":"form"}}}}}]`: "InstallTime is an object without type and value",
		`[{"id":"a","attributes":{"KLHST_WKS_HOSTNAME":null}}]`:                 "host a: attribute KLHST_WKS_HOSTNAME cannot have this value",
	} {
		var hosts []Host
		require.NoError(t, json.Unmarshal([]byte(text), &hosts))
		_, err := New(Options{User: user, Password: password, Inventory: hosts})
		require.ErrorIs(t, err, ErrContent, text)
		assert.ErrorContains(t, err, want, text)
	}
}

// TestInventoryOfEveryType: what a file can say, by KSC's own forms.
func TestInventoryOfEveryType(t *testing.T) {
	const text = `[{"id":"a","netbios":"NB","status":0,"group":3,"attributes":{"S":"x","N":7,"B":true,"L":{"type":"long","value":7},
		"D":{"type":"datetime","value":"2026-11-23T08:00:00Z"},"F":{"type":"double","value":1.5},"X":{"type":"binary","value":"AAE="},
		"A":["x",1],"P":{"type":"params","value":{"a":1}}},"products":{"KES":{"12.9.0.0":{"DisplayName":"K","N":1}}}}]`
	var hosts []Host
	require.NoError(t, json.Unmarshal([]byte(text), &hosts))
	c := newClient(t, start(t, Options{Inventory: hosts}))
	g := c.post("HostGroup.GetHostInfo", `{"strHostName":"a","pFields2Return":["S","N","B","L","D","F","X","A","P","KLHST_WKS_DN","KLHST_WKS_STATUS","KLHST_WKS_GROUPID"]}`)
	assert.JSONEq(t, `{"PxgRetVal":{"S":"x","N":7,"B":true,"L":{"type":"long","value":7},"D":{"type":"datetime","value":"2026-11-23T08:00:00Z"},
		"F":{"type":"double","value":1.5},"X":{"type":"binary","value":"AAE="},"A":["x",1],"P":{"type":"params","value":{"a":1}},
		"KLHST_WKS_DN":"NB","KLHST_WKS_STATUS":0,"KLHST_WKS_GROUPID":3}}`, g.text)
	assert.JSONEq(t, `{"PxgRetVal":{"KES":{"type":"params","value":{"12.9.0.0":{"type":"params","value":{"DisplayName":"K","N":1}}}}}}`,
		c.post("HostGroup.GetHostProducts", `{"strHostName":"a"}`).text)
}

func TestStateGoesRound(t *testing.T) {
	seven := int64(7)
	in := State{
		Incidents: []Incident{
			{ID: 3, Severity: 1, Added: "2026-11-23T08:00:00Z", Body: "б\"\\", Host: "a"},
			{ID: 9, Severity: 3, Added: "2026-11-23T08:00:01Z", Handled: true, Host: "b", UserID: &seven},
		},
		ConsoleTasks: []ConsoleTask{{ID: "195", Name: "[Response][KUMA] x", Host: "a"}},
	}
	s := start(t, Options{State: &in})
	assert.Equal(t, in, s.State())
	in.Incidents[0].Body, in.ConsoleTasks[0].Name = "changed", "changed"
	assert.NotEqual(t, in, s.State(), "a copy was taken")
	assert.Equal(t, json.Number("10"), newClient(t, s).post("HostGroup.AddIncident", incident).ok(t))

	b, err := json.Marshal(start(t, Options{}).State())
	require.NoError(t, err)
	assert.JSONEq(t, `{"incidents":[],"consoleTasks":[]}`, string(b))
}

func TestStatesThatCannotBe(t *testing.T) {
	good := Incident{ID: 1, Severity: 1, Added: "2026-11-23T08:00:00Z", Host: "a"}
	for why, change := range map[string]func(*Incident){
		"id 0":        func(n *Incident) { n.ID = 0 },
		"no host":     func(n *Incident) { n.Host = "" },
		"no date":     func(n *Incident) { n.Added = "" },
		"date":        func(n *Incident) { n.Added = "2026-11-23" },
		"no severity": func(n *Incident) { n.Severity = 0 },
		"severity 4":  func(n *Incident) { n.Severity = 4 },
		"id too long": func(n *Incident) { n.ID = 1 << 31 },
	} {
		bad := good
		change(&bad)
		_, err := New(Options{User: user, Password: password, State: &State{Incidents: []Incident{bad}}})
		assert.ErrorIs(t, err, ErrContent, why)
	}
	_, err := New(Options{User: user, Password: password, State: &State{Incidents: []Incident{good, good}}})
	assert.ErrorIs(t, err, ErrContent, "one id twice")
}

// TestRecordLines: the members of a line, and one line for each request, in the order of Calls.
func TestRecordLines(t *testing.T) {
	var b bytes.Buffer
	s := start(t, Options{Record: &b, Seed: 1})
	c := newClient(t, s)
	c.post("HostGroup.AddIncident", incident, "X-KSC-RequestId", "r").ok(t)
	require.NoError(t, s.SetMischief(map[string]float64{"drop-after-store": 1}))
	require.Error(t, c.post("HostGroup.AddIncident", incident).err)
	s.Close()
	require.NoError(t, s.RecordErr())
	lines := strings.Split(strings.TrimSuffix(b.String(), "\n"), "\n")
	require.Len(t, lines, 2)
	for i, want := range [][]any{
		{200.0, `{"PxgRetVal":1}`, []any{}},
		{0.0, `{"PxgRetVal":2}`, []any{"drop-after-store"}},
	} {
		var m map[string]any
		require.NoError(t, json.Unmarshal([]byte(lines[i]), &m))
		assert.Equal(t, want, []any{m["status"], m["response"], m["mischief"]})
		assert.Equal(t, []any{1.0, "POST", "/api/v1.0/HostGroup.AddIncident", incident}, []any{m["conn"], m["method"], m["path"], m["body"]})
		headers := m["headers"].(map[string]any)
		assert.Equal(t, []any{basic(user, password)}, headers["Authorization"])
		assert.Equal(t, []any{"ksc.example:13299"}, headers["Host"])
		assert.NotEmpty(t, m["time"])
	}
}

type failing struct{ n int }

func (f *failing) Write([]byte) (int, error) { f.n++; return 0, errors.New("disk full") }

func TestARecordThatFailsIsTold(t *testing.T) {
	f := &failing{}
	s := start(t, Options{Record: f})
	c := newClient(t, s)
	c.post("Session.Ping", "{}").ok(t)
	c.post("Session.Ping", "{}").ok(t)
	assert.EqualError(t, s.RecordErr(), "disk full")
	assert.Equal(t, 1, f.n, "after an error nothing more is written")
}

// TestCallsAreBounded, in number and in bytes, and the last one is always there.
func TestCallsAreBounded(t *testing.T) {
	var l callLog
	for i := range 3*keptCalls + 5 {
		l.add(Call{Conn: i})
	}
	kept := l.calls[l.first:]
	require.Len(t, kept, keptCalls)
	assert.Equal(t, 3*keptCalls+4, kept[keptCalls-1].Conn)
	assert.LessOrEqual(t, len(l.calls), 2*keptCalls+1)

	l = callLog{}
	big := strings.Repeat("x", keptBytes/3)
	for i := range 10 {
		l.add(Call{Conn: i, Body: big})
	}
	assert.Len(t, l.calls[l.first:], 3)
	l.add(Call{Body: big + big + big + big})
	assert.Len(t, l.calls[l.first:], 1)
	assert.Empty(t, l.calls[0].Body, "what is gone is let go")
}
