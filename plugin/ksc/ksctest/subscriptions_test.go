package ksctest

import (
	"encoding/json"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// subscriber is a client with a session of its own.
func subscriber(t *testing.T, s *Server) *client {
	t.Helper()
	c := newClient(t, s)
	sid, _ := c.post("Session.StartSession", "{}").ok(t).(string)
	c.headers = map[string]string{"X-KSC-Session": sid}
	return c
}

func (c *client) subscribe(t *testing.T, event, filter string) json.Number {
	t.Helper()
	g := c.post("ConEvents.Subscribe", fmt.Sprintf(`{"wstrEvent":%q,"pFilter":%s}`, event, filter))
	id, ok := g.ok(t).(json.Number)
	require.True(t, ok, g.text)
	require.Equal(t, json.Number("5000"), g.json["nPeriod"])
	return id
}

// heard are the incident ids of one Retrieve.
func (c *client) heard(t *testing.T) (ids []string) {
	t.Helper()
	c.postPart(t, &ids)
	return ids
}

// TestSubscribersHearOfIncidents, each of those since it subscribed, once, in the form of the reference.
func TestSubscribersHearOfIncidents(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := start(t, Options{ClockSkew: time.Hour})
		c, other := subscriber(t, s), newClient(t, s)
		other.post("HostGroup.AddIncident", incident).ok(t)
		assert.Equal(t, `{"PxgRetVal":true,"nPeriod":5000,"pEvents":[]}`, jsonOf(t, c.post("ConEvents.Retrieve", "{}")), "no subscription, no period")
		id := c.subscribe(t, "KLSRV_EV_INCIDENT_ADDED", "null")
		c.subscribe(t, "KLSRV_EV_INCIDENT_ADDED", "{}")
		other.post("HostGroup.AddIncident", incident).ok(t)
		assert.JSONEq(t, `{"PxgRetVal":true,"nPeriod":5000,"pEvents":[{"type":"params","value":{"KLSRV_CON_EVENT_TYPE":"KLSRV_EV_INCIDENT_ADDED",
			"KLSRV_CON_EVENT_PARAMS":{"type":"params","value":{"KLINCDT_ID":2,"KLINCDT_SEVERITY":2}},
			"KLSRV_CON_EVENT_BIRTH_TIME":{"type":"datetime","value":"2000-01-01T01:00:00Z"},"KLSRV_CON_EVENT_LIFE_TIME":600}}]}`,
			c.post("ConEvents.Retrieve", "{}").text)
		time.Sleep(5*time.Second - 1)
		assert.Equal(t, "KLSTD 1195 0", pxg(t, c.post("ConEvents.Retrieve", "{}")))
		time.Sleep(time.Nanosecond)
		assert.Empty(t, c.heard(t), "once")

		other.post("HostGroup.AddIncident", incident).ok(t)
		time.Sleep(10 * time.Minute)
		assert.Empty(t, c.heard(t), "it has outlived its time")
		unsubscribe := fmt.Sprintf(`{"nSubsId":%s}`, id)
		assert.Equal(t, "{}", c.post("ConEvents.UnSubscribe", unsubscribe).text)
		assert.Equal(t, "KLSTD 1186 0", pxg(t, c.post("ConEvents.UnSubscribe", unsubscribe)))
		assert.Equal(t, "KLSTD 1186 0", pxg(t, other.post("ConEvents.UnSubscribe", `{"nSubsId":2}`)), "of another client")
		c.post("ConEvents.UnSubscribe", `{"nSubsId":2}`).ok(t)
		other.post("HostGroup.AddIncident", incident).ok(t)
		time.Sleep(5 * time.Second)
		assert.Empty(t, c.heard(t))
	})
}

// jsonOf is the answer in the order of the reference.
func jsonOf(t *testing.T, g got) string {
	t.Helper()
	events, err := json.Marshal(g.json["pEvents"])
	require.NoError(t, err)
	return fmt.Sprintf(`{"PxgRetVal":%v,"nPeriod":%v,"pEvents":%s}`, g.ok(t), g.json["nPeriod"], events)
}

// TestManyEventsComeInParts, without a wait in between, and what is too much goes from the front.
func TestManyEventsComeInParts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := start(t, Options{})
		c, other := subscriber(t, s), newClient(t, s)
		c.subscribe(t, "KLSRV_EV_INCIDENT_ADDED", "{}")
		c.subscribe(t, "KLSRV_EV_SOMETHING_ELSE", "{}")
		picky := subscriber(t, s)
		picky.subscribe(t, "KLSRV_EV_INCIDENT_ADDED", `{"KLINCDT_SEVERITY":3}`)
		for range 1050 {
			other.post("HostGroup.AddIncident", incident).ok(t)
		}
		var ids []string
		for part := range 10 {
			assert.Equal(t, part == 9, c.postPart(t, &ids))
		}
		require.Len(t, ids, 1000)
		assert.Equal(t, []string{"51", "1050"}, []string{ids[0], ids[999]})
		assert.Equal(t, "KLSTD 1195 0", pxg(t, c.post("ConEvents.Retrieve", "{}")))
		assert.Empty(t, picky.heard(t))
	})
}

// postPart retrieves one part and says whether it was the last.
func (c *client) postPart(t *testing.T, ids *[]string) bool {
	t.Helper()
	g := c.post("ConEvents.Retrieve", "{}")
	all, _ := g.ok(t).(bool)
	for _, e := range g.json["pEvents"].([]any) {
		params := e.(map[string]any)["value"].(map[string]any)["KLSRV_CON_EVENT_PARAMS"].(map[string]any)
		*ids = append(*ids, fmt.Sprint(params["value"].(map[string]any)["KLINCDT_ID"]))
	}
	return all
}

// TestSubscriptionsEndWithTheirClient, and are bounded while it lives.
func TestSubscriptionsEndWithTheirClient(t *testing.T) {
	const backend = `{"wstrEvent":"KLSRV_EV_PROD_BACKEND_CMD","pFilter":{"CMD_PROD_NAME":"KES","CMD_PROD_VERSION":"12.9"}}`
	synctest.Test(t, func(t *testing.T) {
		s := start(t, Options{ConsoleOff: true, SessionIdle: time.Hour})
		c := newClient(t, s)
		available := func() [2]any {
			return [2]any{
				c.post("ConEvents.IsAnyServiceConsoleAvailable", "{}").ok(t),
				c.post("ConEvents.IsServiceConsoleAvailable", `{"wstrProdName":"KES","wstrProdVersion":"12.9"}`).ok(t),
			}
		}
		no, yes := [2]any{false, false}, [2]any{true, true}
		assert.Equal(t, no, available())

		ended := subscriber(t, s)
		ended.post("ConEvents.Subscribe", backend).ok(t)
		assert.Equal(t, yes, available())
		assert.Equal(t, false, c.post("ConEvents.IsServiceConsoleAvailable", `{"wstrProdName":"KES","wstrProdVersion":"13"}`).ok(t))
		ended.post("Session.EndSession", "{}").ok(t)
		assert.Equal(t, no, available())

		idle := subscriber(t, s)
		idle.post("ConEvents.Subscribe", backend).ok(t)
		time.Sleep(time.Hour + 1)
		assert.Equal(t, no, available())

		connected := newClient(t, s)
		connected.post("login", "").ok(t)
		connected.headers = nil
		connected.post("ConEvents.Subscribe", backend).ok(t)
		assert.Equal(t, yes, available())
		connected.http.CloseIdleConnections()
		synctest.Wait()
		assert.Equal(t, no, available())

		restarted := subscriber(t, s)
		restarted.post("ConEvents.Subscribe", backend).ok(t)
		s.EndSessions()
		assert.Equal(t, no, available())

		full := subscriber(t, s)
		for range 32 {
			full.subscribe(t, "KLSRV_EV_INCIDENT_ADDED", "{}")
		}
		assert.Equal(t, "KLSTD 1229 -1", pxg(t, full.post("ConEvents.Subscribe", backend)))
		subscriber(t, s).post("ConEvents.Subscribe", backend).ok(t)
	})
}

func TestSubscriptionsRefused(t *testing.T) {
	c := newClient(t, start(t, Options{}))
	for body, want := range map[string]string{
		`{"wstrEvent":"KLSRV_EV_PROD_BACKEND_CMD","pFilter":null}`:                                          "KLPRSS 1125 0",
		`{"wstrEvent":"KLSRV_EV_PROD_BACKEND_CMD","pFilter":{"CMD_PROD_NAME":"KES"}}`:                       "KLPRSS 1125 0",
		`{"wstrEvent":"KLSRV_EV_PROD_BACKEND_CMD","pFilter":{"CMD_PROD_NAME":"KES","CMD_PROD_VERSION":12}}`: "KLPRSS 1125 0",
		`{"wstrEvent":"","pFilter":{}}`:                                                                     "KLSTD 1192 0",
		`{"wstrEvent":"KLSRV_EV_INCIDENT_ADDED"}`:                                                           "KLPRSS 1125 0",
		`{"pFilter":{}}`: "KLPRSS 1125 0",
		`{"wstrEvent":"KLSRV_EV_INCIDENT_ADDED","pFilter":[]}`: "KLSTD 1192 0",
	} {
		assert.Equal(t, want, pxg(t, c.post("ConEvents.Subscribe", body)), body)
	}
}
