package ksctest

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestEveryDocumentedError is the table of documented errors: module, code and subcode, always with HTTP 200.
func TestEveryDocumentedError(t *testing.T) {
	const add, ping = "HostGroup.AddIncident", "Session.Ping"
	for _, f := range []struct {
		want, why, method, body string
		o                       Options
	}{
		{"KLPRSS 1125 0", "an argument is absent", add, `{}`, Options{}},
		{"KLPRSS 1125 0", "an attribute is absent", add, strings.Replace(incident, "KLINCDT_BODY", "X", 1), Options{}},
		{"KLPRSS 1125 0", "a needed argument is null", "HostGroup.DeleteIncident", `{"nId":null}`, Options{}},
		{"KLSTD 1184 0", "no right", add, incident, Options{Denied: []string{add}}},
		{"KLSTD 1186 0", "unknown incident", "HostGroup.DeleteIncident", `{"nId":1}`, Options{}},
		{"KLSTD 1186 0", "unknown host", "HostGroup.GetHostInfo", `{"strHostName":"x","pFields2Return":null}`, Options{Inventory: []Host{}}},
		{"KLSTD 1186 0", "unknown host", add, incident, Options{Inventory: []Host{}}},
		{"KLSTD 1186 0", "unknown accessor", "ChunkAccessor.GetItemsCount", `{"strAccessor":"x"}`, Options{}},
		{"KLSTD 1186 0", "unknown action", "AsyncActionStateChecker.CheckActionState", `{"wstrActionGuid":"x"}`, Options{}},
		{"KLSTD 1192 0", "wrong type", "HostGroup.DeleteIncident", `{"nId":"1"}`, Options{}},
		{"KLSTD 1192 0", "bad filter", "HostGroup.FindHosts", `{"wstrFilter":"(","vecFieldsToReturn":[]}`, Options{}},
		{"KLSTD 1193 0", "not to be changed", "HostGroup.UpdateIncident", `{"nId":1,"pData":{"KLHST_WKS_HOSTNAME":"h","KLINCDT_ID":2}}`, withIncident()},
		{"KLSTD 1195 1", "starting", ping, `{}`, Options{Mischief: map[string]float64{"starting": 1}}},
		{"KLSTD 1195 2", "suspended", ping, `{}`, Options{Mischief: map[string]float64{"unavailable": 1}}},
		{"KLSTD 1229 -1", "over a limit", ping, `{}`, Options{Mischief: map[string]float64{"limit": 1}}},
		{"KLCONN 1194 0", "no such call", "HostGroup.NoSuchThing", `{}`, Options{}},
		{"KLWAT 1445 0", "no such client", ping, `{}`, Options{Mischief: map[string]float64{"no-client": 1}}},
		{"KLWAT 1453 0", "logon failed", "login", ``, Options{Mischief: map[string]float64{"logon-failed": 1}}},
		{"KLWAT 1454 0", "web token refused", "login", ``, Options{Mischief: map[string]float64{"web-token": 1}}},
		{"KLOLA 2351 0", "tied to nothing", ping, `{}`, Options{Mischief: map[string]float64{"unknown-error": 1}}},
		{"SPL 2013 0", "blocked", "login", ``, Options{Locked: true}},
	} {
		s := start(t, f.o)
		before := len(s.Incidents())
		g := newClient(t, s).post(f.method, f.body)
		assert.Equal(t, f.want, pxg(t, g), "%s: %s", f.method, f.why)
		assert.Len(t, s.Incidents(), before)
	}
}

func withIncident() Options {
	return Options{State: &State{Incidents: []Incident{{ID: 1, Severity: 1, Added: "2026-11-23T08:18:00Z", Host: "h"}}}}
}

// TestShapeOfAnError: KSCAPI main page. %1 in the format stands for the first of args.
func TestShapeOfAnError(t *testing.T) {
	c := newClient(t, start(t, Options{}))
	g := c.post("HostGroup.<NoSuchThing>", "{}")
	assert.JSONEq(t, `{"PxgError":{"code":1194,"subcode":0,"module":"KLCONN","file":"emulator","line":1,
		"message":"No such call: HostGroup.<NoSuchThing>","locdata":{"type":"params","value":{"format-id":1,
		"format":"No such call: %1","locmodule":"KLCONN","args":["HostGroup.<NoSuchThing>"]}}}}`, g.text)
	assert.Contains(t, g.text, "<NoSuchThing>", "nothing is escaped for HTML")
	g = c.post("ChunkAccessor.GetItemsCount", `{"strAccessor":"%1: x"}`)
	assert.Equal(t, "Not found: accessor %1: x", g.json["PxgError"].(map[string]any)["message"])
}

func TestArgumentsAreCheckedByType(t *testing.T) {
	c := newClient(t, start(t, withIncident()))
	for _, body := range []string{
		`{"nId":"1","pData":{}}`, `{"nId":1.5,"pData":{}}`, `{"nId":2147483648,"pData":{}}`, `{"nId":1e3,"pData":{}}`,
		`{"nId":true,"pData":{}}`, `{"nId":1,"pData":[]}`, `{"nId":1,"pData":"x"}`, `{"nId":1,"pData":{"KLHST_WKS_HOSTNAME":null}}`,
		`{"nId":1,"pData":{"KLHST_WKS_HOSTNAME":{"value":"h"}}}`, `{"nId":1,"pData":{"KLHST_WKS_HOSTNAME":"h","X":{"type":"params","value":{"a":null}}}}`,
	} {
		assert.Equal(t, "KLSTD 1192 0", pxg(t, c.post("HostGroup.UpdateIncident", body)), body)
	}
	const find = "HostGroup.FindHosts"
	for _, body := range []string{
		`{"wstrFilter":1,"vecFieldsToReturn":[]}`, `{"wstrFilter":"","vecFieldsToReturn":"x"}`, `{"wstrFilter":"","vecFieldsToReturn":[1]}`,
		`{"wstrFilter":"","vecFieldsToReturn":[],"vecFieldsToOrder":["x"]}`, `{"wstrFilter":"","vecFieldsToReturn":[],"vecFieldsToOrder":[null]}`,
		`{"wstrFilter":"","vecFieldsToReturn":[],"vecFieldsToOrder":[{"Name":"x","Asc":true}]}`,
		`{"wstrFilter":"","vecFieldsToReturn":[],"lMaxLifeTime":7201}`, `{"wstrFilter":"","vecFieldsToReturn":[],"lMaxLifeTime":-1}`,
		`{"wstrFilter":"","vecFieldsToReturn":[],"pParams":{"KLGRP_FIND_FROM_CUR_VS_ONLY":1}}`,
	} {
		assert.Equal(t, "KLSTD 1192 0", pxg(t, c.post(find, body)), body)
	}
	assert.Equal(t, "KLPRSS 1125 0", pxg(t, c.post(find, `{"vecFieldsToReturn":[]}`)))
}

// TestValuesInsideParams: plain or wrapped by type (KSCAPI a00393, a00397, a00391).
func TestValuesInsideParams(t *testing.T) {
	for value, good := range map[string]bool{
		`"text"`: true, `1`: true, `true`: true, `[]`: true, `[1,"a",null]`: true,
		`{"type":"long","value":123}`: true, `{"type":"long","value":"123"}`: true, `{"type":"long","value":"x"}`: false,
		`{"type":"long","value":9223372036854775808}`:          false,
		`{"type":"datetime","value":"2026-11-23T08:18:04Z"}`:   true,
		`{"type":"datetime","value":"2026-11-23T08:18:04"}`:    false,
		`{"type":"datetime","value":"2026-11-23T8:18:04Z"}`:    false,
		`{"type":"datetime","value":"2026-11-23T08:18:04.5Z"}`: false, `{"type":"datetime","value":"2026-02-30T08:18:04Z"}`: false,
		`{"type":"datetime","value":"2026-11-23T08:18:04+01:00"}`: false, `{"type":"datetime","value":""}`: false,
		`{"type":"date","value":"2026-11-23"}`: true, `{"type":"date","value":"23.11.2026"}`: false,
		`{"type":"binary","value":"AAE="}`: true, `{"type":"binary","value":"?"}`: false, `{"type":"binary","value":1}`: false,
		`{"type":"float","value":1.5}`: true, `{"type":"double","value":1}`: true, `{"type":"double","value":"1"}`: false,
		`{"type":"params","value":{"a":[{"type":"params","value":{}}]}}`: true, `{"type":"params","value":{"a":{}}}`: false,
		`{"type":"params","value":{"a":[{}]}}`: false, `{"type":"other","value":1}`: false, `{"type":"long"}`: false,
		`{"type":"long","value":1,"more":2}`: false, `{}`: false, `null`: false,
	} {
		d := json.NewDecoder(strings.NewReader(`{"a":` + value + `}`))
		d.UseNumber()
		var m row
		require.NoError(t, d.Decode(&m))
		assert.Equal(t, good, checkParams("x", m) == nil, value)
	}
}
