package ksctest

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var office = []Host{
	{ID: "id-1", DN: "PC-12", FQDN: "pc-12.corp.example", NetBIOS: "PC-12", IP: "10.0.0.12"},
	{ID: "id-2", DN: "TWIN"},
	{ID: "id-3", DN: "twin", Attributes: map[string]any{"KLHST_WKS_STATUS": 1, "KLHST_WKS_OS_NAME": nil}},
}

func ids(rows []map[string]any) string {
	var out []string
	for _, r := range rows {
		out = append(out, fmt.Sprint(r["KLHST_WKS_HOSTNAME"]))
	}
	return strings.Join(out, " ")
}

func TestFindHosts(t *testing.T) {
	c := newClient(t, start(t, Options{Inventory: office}))
	for filter, want := range map[string]string{
		`null`: "id-1 id-2 id-3", `""`: "id-1 id-2 id-3", `"KLHST_WKS_HOSTNAME = \"id-2\""`: "id-2",
		`"(|(KLHST_WKS_DN=\"pc-12\")(KLHST_WKS_FQDN=\"pc-12\")(KLHST_WKS_WINHOSTNAME=\"pc-12\"))"`: "id-1",
		`"(KLHST_WKS_DN=\"TWIN\")"`: "id-2 id-3", `"KLHST_WKS_STATUS&16<>0"`: "id-1 id-2", `"KLHST_WKS_IP_LONG=167772172"`: "id-1",
		`"(KLHST_WKS_OS_NAME=\"*\")"`: "id-1 id-2", `"NO_SUCH_ATTRIBUTE=1"`: "",
	} {
		got := c.rows(t, "HostGroup.FindHosts", `{"wstrFilter":`+filter+`,"vecFieldsToReturn":["KLHST_WKS_HOSTNAME"]}`)
		assert.Equal(t, want, ids(got), filter)
	}
	// All arguments, null where null is "no filter", and as go-ksc sends them.
	for _, body := range []string{
		`{"wstrFilter":"","vecFieldsToReturn":null,"vecFieldsToOrder":null,"pParams":null,"lMaxLifeTime":null}`,
		`{"wstrFilter":"","vecFieldsToReturn":["KLHST_WKS_HOSTNAME"],"vecFieldsToOrder":[],"pParams":{"KLSRVH_SLAVE_REC_DEPTH":0,"KLGRP_FIND_FROM_CUR_VS_ONLY":true},"lMaxLifeTime":7200}`,
	} {
		assert.Equal(t, "id-1 id-2 id-3", ids(c.rows(t, "HostGroup.FindHosts", body)))
	}
	order := `[{"type":"params","value":{"Name":"KLHST_WKS_DN","Asc":false}},{"type":"params","value":{"Name":"KLHST_WKS_HOSTNAME","Asc":false}}]`
	got := c.rows(t, "HostGroup.FindHosts", `{"wstrFilter":"","vecFieldsToReturn":["KLHST_WKS_HOSTNAME"],"vecFieldsToOrder":`+order+`}`)
	assert.Equal(t, "id-3 id-2 id-1", ids(got))
}

func TestGetHostInfo(t *testing.T) {
	c := newClient(t, start(t, Options{Inventory: office}))
	info := func(id, fields string) map[string]any {
		return c.post("HostGroup.GetHostInfo", `{"strHostName":"`+id+`","pFields2Return":`+fields+`}`).ok(t).(map[string]any)
	}
	got := info("id-1", `["KLHST_WKS_DN","KLHST_WKS_IP","KLHST_WKS_IP_LONG","KLHST_WKS_STATUS","KLHST_WKS_RBT_REQUIRED","NO_SUCH"]`)
	assert.Equal(t, map[string]any{
		"KLHST_WKS_DN": "PC-12", "KLHST_WKS_IP": json.Number("201326602"), "KLHST_WKS_IP_LONG": map[string]any{"type": "long", "value": json.Number("167772172")},
		"KLHST_WKS_STATUS": json.Number("29"), "KLHST_WKS_RBT_REQUIRED": false,
	}, got)
	got = info("id-3", `null`)
	assert.Equal(t, json.Number("1"), got["KLHST_WKS_STATUS"])
	assert.NotContains(t, got, "KLHST_WKS_OS_NAME", "a null in the inventory takes an attribute away")
	assert.NotContains(t, got, "KLHST_WKS_FQDN")
	assert.Equal(t, "datetime", got["KLHST_WKS_LAST_VISIBLE"].(map[string]any)["type"])
	for id, want := range map[string]string{"PC-12": "KLSTD 1186 0", "ID-1": "KLSTD 1186 0", "": "KLSTD 1186 0"} {
		assert.Equal(t, want, pxg(t, c.post("HostGroup.GetHostInfo", `{"strHostName":"`+id+`","pFields2Return":null}`)), id)
	}
	products := c.post("HostGroup.GetHostProducts", `{"strHostName":"id-1"}`).ok(t).(map[string]any)
	kes := products["KES"].(map[string]any)["value"].(map[string]any)["12.9.0.0"].(map[string]any)
	assert.Equal(t, "params", kes["type"])
	assert.Equal(t, "Kaspersky Endpoint Security for Windows", kes["value"].(map[string]any)["DisplayName"])
	assert.Equal(t, "KLSTD 1186 0", pxg(t, c.post("HostGroup.GetHostProducts", `{"strHostName":"x"}`)))
}

// TestWithoutInventoryEveryIDIsKnown, and no name is.
func TestWithoutInventoryEveryIDIsKnown(t *testing.T) {
	c := newClient(t, start(t, Options{}))
	assert.Equal(t, "any id", c.post("HostGroup.GetHostInfo", `{"strHostName":"any id","pFields2Return":["KLHST_WKS_DN"]}`).ok(t).(map[string]any)["KLHST_WKS_DN"])
	for filter, want := range map[string]string{
		`KLHST_WKS_HOSTNAME=\"a\"`: "a", `(|(KLHST_WKS_HOSTNAME=\"a\")(KLHST_WKS_HOSTNAME=\"b[*]\")(KLHST_WKS_HOSTNAME=\"a\"))`: "a b*",
		`KLHST_WKS_DN=\"a\"`: "", `KLHST_WKS_HOSTNAME=\"a*\"`: "", ``: "",
	} {
		got := c.rows(t, "HostGroup.FindHosts", `{"wstrFilter":"`+filter+`","vecFieldsToReturn":["KLHST_WKS_HOSTNAME"]}`)
		assert.Equal(t, want, ids(got), filter)
	}
}

func TestServerInformation(t *testing.T) {
	c := newClient(t, start(t, Options{ServerVersion: "14.2.0.26967", ConsoleOff: true}))
	for body, want := range map[string]map[string]any{
		`{"pValues":["KLADMSRV_SERVER_VERSION_ID","KLADMSRV_PRODUCT_FULL_VERSION"]}`: {
			"KLADMSRV_SERVER_VERSION_ID": json.Number("14"), "KLADMSRV_PRODUCT_FULL_VERSION": "14.2.0.26967",
		},
		`{"pValues":["NO_SUCH"]}`: {},
	} {
		assert.Equal(t, any(want), c.post("HostGroup.GetStaticInfo", body).ok(t), body)
	}
	for _, body := range []string{`{"pValues":null}`, `{}`} {
		all := c.post("HostGroup.GetStaticInfo", body).ok(t).(map[string]any)
		for _, name := range []string{
			"KLADMSRV_IS_VIRTUAL", "KLADMSRV_VSID", "KLADMSRV_GRP_ROOT", "KLADMSRV_PRODUCT_VERSION", "KLADMSRV_PRODUCT_NAME",
			"KLADMSRV_SERVER_HOSTNAME", "KLADMSRV_USERID",
		} {
			assert.Contains(t, all, name)
		}
	}
	assert.Equal(t, `{"PxgRetVal":{}}`, c.post("HostGroup.GetRunTimeInfo", `{"pValues":null}`).text)
	assert.Equal(t, `{"PxgRetVal":0}`, c.post("HostGroup.GroupIdGroups", `{}`).text)
	for _, call := range [][2]string{
		{"ConEvents.IsAnyServiceConsoleAvailable", `{}`},
		{"ConEvents.IsServiceConsoleAvailable", `{"wstrProdName":"KES","wstrProdVersion":"12.9.0.0"}`},
	} {
		assert.Equal(t, `{"PxgRetVal":false}`, c.post(call[0], call[1]).text)
		assert.Equal(t, `{"PxgRetVal":true}`, newClient(t, start(t, Options{})).post(call[0], call[1]).text)
	}
	assert.Equal(t, "KLPRSS 1125 0", pxg(t, c.post("ConEvents.IsServiceConsoleAvailable", `{}`)))
	for body, want := range map[string]string{
		`{"strInstance":"","strClass":"HostGroup","strMethod":"AddIncident"}`:   `{"PxgRetVal":true}`,
		`{"strInstance":null,"strClass":"HostGroup","strMethod":"addIncident"}`: `{"PxgRetVal":false}`,
	} {
		assert.Equal(t, want, c.post("Limits.IsMethodPresent", body).text)
	}
}

// TestAsynchronousSearch: KSCAPI a00484.
func TestAsynchronousSearch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := start(t, Options{Inventory: office, AsyncDelay: 3 * time.Second})
		c := newClient(t, s)
		begin := func() string {
			g := c.post("HostGroup.FindHostsAsync", findAll)
			require.Nil(t, g.ok(t))
			id, _ := g.json["strRequestId"].(string)
			return id
		}
		id := begin()
		state := func(c *client) got {
			return c.post("AsyncActionStateChecker.CheckActionState", `{"wstrActionGuid":"`+id+`"}`)
		}
		request := `{"strRequestId":"` + id + `"}`
		assert.JSONEq(t, `{"bFinalized":false,"bSuccededFinalized":false,"lStateCode":0,"pStateData":{},"lNextCheckDelay":3000}`, state(c).text)
		assert.Equal(t, "KLSTD 1195 0", pxg(t, state(c)), "asked too early")
		assert.Equal(t, "KLSTD 1184 0", pxg(t, state(newClient(t, s))), "asked on another connection")
		assert.Equal(t, "KLSTD 1195 0", pxg(t, c.post("HostGroup.FindHostsAsyncGetAccessor", request)))
		time.Sleep(3 * time.Second)
		assert.JSONEq(t, `{"bFinalized":true,"bSuccededFinalized":true,"lStateCode":1,"pStateData":{},"lNextCheckDelay":0}`, state(c).text)
		assert.Equal(t, "id-1 id-2 id-3", ids(c.rows(t, "HostGroup.FindHostsAsyncGetAccessor", request)))
		assert.Equal(t, "{}", c.post("HostGroup.FindHostsAsyncCancel", request).text)
		assert.Equal(t, "KLSTD 1186 0", pxg(t, state(c)))

		id = begin()
		c.http.CloseIdleConnections()
		assert.Equal(t, "KLSTD 1184 0", pxg(t, state(c)), "asked on another connection, the first being gone")

		session, _ := c.post("Session.StartSession", "{}").ok(t).(string)
		c.headers = map[string]string{"X-KSC-Session": session}
		id = begin()
		c.post("Session.EndSession", "{}").ok(t)
		c.headers = map[string]string{"Authorization": basic(user, password)}
		assert.Equal(t, "KLSTD 1186 0", pxg(t, state(c)), "an action goes with its session")
	})
}
