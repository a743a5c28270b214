package ksctest

import (
	"encoding/json"
	"fmt"
	"maps"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// data gives pData for AddIncident with members replaced; nil takes one away.
func data(t *testing.T, change map[string]any) string {
	t.Helper()
	var m struct {
		Data map[string]any `json:"pData"`
	}
	require.NoError(t, json.Unmarshal([]byte(incident), &m))
	maps.Copy(m.Data, change)
	maps.DeleteFunc(m.Data, func(_ string, v any) bool { return v == nil })
	b, err := json.Marshal(map[string]any{"pData": m.Data})
	require.NoError(t, err)
	return string(b)
}

// TestAddIncidentDemandsItsAttributes: four are needed (KSCAPI a00483), each with its type (a00092).
func TestAddIncidentDemandsItsAttributes(t *testing.T) {
	s := start(t, Options{})
	c := newClient(t, s)
	for _, name := range []string{"KLINCDT_SEVERITY", "KLINCDT_ADDED", "KLINCDT_BODY", "KLHST_WKS_HOSTNAME"} {
		g := c.post("HostGroup.AddIncident", data(t, map[string]any{name: nil}))
		assert.Equal(t, "KLPRSS 1125 0", pxg(t, g), "without %s", name)
		assert.Contains(t, g.text, name)
	}
	for i, change := range []map[string]any{
		{"KLINCDT_SEVERITY": "2"},
		{"KLINCDT_SEVERITY": 0},
		{"KLINCDT_SEVERITY": 4},
		{"KLINCDT_SEVERITY": 2.5},
		{"KLINCDT_SEVERITY": wrap("long", 2)},
		{"KLINCDT_ADDED": "2026-11-23T08:18:04Z"},
		{"KLINCDT_ADDED": wrap("date", "2026-11-23")},
		{"KLINCDT_ADDED": wrap("datetime", "")},
		{"KLINCDT_BODY": 1},
		{"KLINCDT_BODY": map[string]any{}},
		{"KLINCDT_BODY": wrap("params", map[string]any{})},
		{"KLHST_WKS_HOSTNAME": ""},
		{"KLHST_WKS_HOSTNAME": 7},
		{"KLINCDT_IS_HANDLED": 0},
		{"KLHSTUSER_ID": "0"},
		{"KLINCDT_ID": 1},
		{"GNRL_EXTRA_PARAMS": wrap("params", map[string]any{})},
	} {
		assert.Equal(t, "KLSTD 1192 0", pxg(t, c.post("HostGroup.AddIncident", data(t, change))), "%d: %v", i, change)
	}
	assert.Empty(t, s.Incidents())
	c.post("HostGroup.AddIncident", data(t, map[string]any{"KLINCDT_IS_HANDLED": true, "KLHSTUSER_ID": 0})).ok(t) // as go-ksc does
	zero := int64(0)
	assert.Equal(t, []Incident{{
		ID: 1, Severity: 2, Added: "2026-11-23T08:18:04Z", Body: `{"task":"getFile"}`, Handled: true, Host: someHost, UserID: &zero,
	}}, s.Incidents())
}

// TestUpdateIncident: the host must be there though it cannot be changed (KSCAPI a00483).
func TestUpdateIncident(t *testing.T) {
	s := start(t, Options{})
	c := newClient(t, s)
	c.post("HostGroup.AddIncident", incident).ok(t)
	update := func(id int, members string) got {
		return c.post("HostGroup.UpdateIncident", fmt.Sprintf(`{"nId":%d,"pData":{%s}}`, id, members))
	}
	host := `"KLHST_WKS_HOSTNAME":"` + someHost + `"`
	assert.Equal(t, "KLPRSS 1125 0", pxg(t, update(1, `"KLINCDT_IS_HANDLED":true`)))
	assert.Equal(t, "KLSTD 1186 0", pxg(t, update(2, host)))
	assert.Equal(t, "KLSTD 1193 0", pxg(t, update(1, `"KLHST_WKS_HOSTNAME":"other","KLINCDT_IS_HANDLED":true`)))
	for _, name := range []string{"KLINCDT_ID", "KLHSTUSER_ID"} {
		assert.Equal(t, "KLSTD 1193 0", pxg(t, update(1, host+`,"`+name+`":1,"KLINCDT_IS_HANDLED":true`)))
	}
	assert.Equal(t, "KLSTD 1192 0", pxg(t, update(1, host+`,"KLINCDT_IS_HANDLED":true,"KLINCDT_SEVERITY":9`)))
	assert.False(t, s.Incidents()[0].Handled, "a refused update changes nothing")

	g := update(1, host+`,"KLINCDT_IS_HANDLED":true,"KLINCDT_SEVERITY":3,"KLINCDT_BODY":"b","KLINCDT_ADDED":{"type":"datetime","value":"2026-11-24T00:00:00Z"}`)
	require.Nil(t, g.ok(t))
	assert.Equal(t, "{}", g.text)
	assert.Equal(t, []Incident{{ID: 1, Severity: 3, Added: "2026-11-24T00:00:00Z", Body: "b", Handled: true, Host: someHost}}, s.Incidents())
	update(1, host).ok(t)
	assert.True(t, s.Incidents()[0].Handled, "what is not named stays")
}

func TestDeleteIncidentFreesNoID(t *testing.T) {
	s := start(t, Options{})
	c := newClient(t, s)
	c.post("HostGroup.AddIncident", incident).ok(t)
	assert.Equal(t, "{}", c.post("HostGroup.DeleteIncident", `{"nId":1}`).text)
	assert.Equal(t, "KLSTD 1186 0", pxg(t, c.post("HostGroup.DeleteIncident", `{"nId":1}`)))
	assert.Equal(t, json.Number("2"), c.post("HostGroup.AddIncident", incident).ok(t))
}

func TestFindIncidents(t *testing.T) {
	s := start(t, Options{Inventory: []Host{{ID: "a", DN: "PC-A"}, {ID: "b"}}})
	c := newClient(t, s)
	for i, host := range []string{"a", "b", "a"} {
		c.post("HostGroup.AddIncident", data(t, map[string]any{
			"KLHST_WKS_HOSTNAME": host, "KLINCDT_BODY": fmt.Sprint("body ", i), "KLINCDT_SEVERITY": 3 - i, "KLINCDT_IS_HANDLED": i == 2,
			"KLINCDT_ADDED": wrap("datetime", fmt.Sprintf("2026-11-2%dT00:00:00Z", 5-i)),
		})).ok(t)
	}
	find := func(filter, order string) string {
		body := fmt.Sprintf(`{"strFilter":%s,"pFieldsToReturn":["KLINCDT_ID"],"pFieldsToOrder":%s,"lMaxLifeTime":60}`, filter, order)
		var ids []string
		for _, r := range c.rows(t, "HostGroup.FindIncidents", body) {
			ids = append(ids, fmt.Sprint(r["KLINCDT_ID"]))
		}
		return strings.Join(ids, " ")
	}
	for filter, want := range map[string]string{
		`null`: "1 2 3", `""`: "1 2 3", `"(&(KLINCDT_IS_HANDLED = 0)(KLHST_WKS_HOSTNAME = \"a\"))"`: "1", `"KLINCDT_IS_HANDLED=1"`: "3",
		`"KLINCDT_ID>1"`: "2 3", `"KLINCDT_SEVERITY<=2"`: "2 3", `"KLINCDT_BODY=\"*1\""`: "2", `"KLINCDT_ADDED>=T\"2026-11-24 00:00:00\""`: "1 2",
	} {
		assert.Equal(t, want, find(filter, "null"), filter)
	}
	for order, want := range map[string]string{
		`[{"type":"params","value":{"Name":"KLINCDT_ADDED","Asc":true}}]`:                                                                   "3 2 1",
		`[{"type":"params","value":{"Name":"KLINCDT_ID","Asc":false}}]`:                                                                     "3 2 1",
		`[{"type":"params","value":{"Name":"KLINCDT_SEVERITY"}}]`:                                                                           "3 2 1",
		`[{"type":"params","value":{"Name":"KLINCDT_IS_HANDLED","Asc":false}},{"type":"params","value":{"Name":"KLINCDT_ID","Asc":false}}]`: "3 2 1",
		`[]`: "1 2 3",
	} {
		assert.Equal(t, want, find(`""`, order), order)
	}
	for _, body := range []string{
		`{"strFilter":"KLHST_WKS_DN=\"x\"","pFieldsToReturn":[]}`,
		`{"strFilter":"","pFieldsToReturn":[],"pFieldsToOrder":[{"type":"params","value":{"Name":"KLINCDT_BODY","Asc":true}}]}`,
	} {
		assert.Equal(t, "KLSTD 1192 0", pxg(t, c.post("HostGroup.FindIncidents", body)), body)
	}
	all := c.rows(t, "HostGroup.FindIncidents", `{"strFilter":"KLINCDT_ID=1","pFieldsToReturn":["KLINCDT_ID","KLINCDT_ADDED","KLINCDT_IS_HANDLED","KLHST_WKS_DN","NO_SUCH"]}`)
	assert.Equal(t, []map[string]any{{
		"KLINCDT_ID": json.Number("1"), "KLINCDT_ADDED": map[string]any{"type": "datetime", "value": "2026-11-25T00:00:00Z"},
		"KLINCDT_IS_HANDLED": false, "KLHST_WKS_DN": "PC-A",
	}}, all, "an attribute without a value is left out")
}

// TestFindIncidentsWithoutOptionalArguments: go-ksc leaves out what is empty.
func TestFindIncidentsWithoutOptionalArguments(t *testing.T) {
	c := newClient(t, start(t, withIncident()))
	for _, body := range []string{`{}`, `{"strFilter":"KLINCDT_ID=1"}`, `{"pFieldsToReturn":["KLINCDT_ID"]}`, `{"strFilter":null,"pFieldsToReturn":null,"pFieldsToOrder":null,"lMaxLifeTime":null}`} {
		rows := c.rows(t, "HostGroup.FindIncidents", body)
		require.Len(t, rows, 1, body)
		assert.Equal(t, json.Number("1"), rows[0]["KLINCDT_ID"])
	}
}
