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

// gatewayKey goes to a host's Agent as the vendor's sample does, up to the key.
func (c *client) gatewayKey(t *testing.T, host string) string {
	t.Helper()
	location, err := json.Marshal(c.post("CgwHelper.GetNagentLocation", fmt.Sprintf(`{"wsHostName":%q}`, host)).ok(t))
	require.NoError(t, err)
	g := c.post("GatewayConnection.PrepareGatewayConnection", `{"pLocations":[{"type":"params","value":`+string(location)+`}]}`)
	g.ok(t)
	assert.NotContains(t, g.json, "PxgRetVal")
	key, _ := g.json["wstrAuthKey"].(string)
	require.NotEmpty(t, key)
	return key
}

// throughGateway logs a new connection in with a key.
func throughGateway(t *testing.T, s *Server, key string) *client {
	t.Helper()
	c := newClient(t, s)
	c.headers = map[string]string{"Authorization": "KSCGW " + key}
	assert.Equal(t, "{}", c.post("login", "").text)
	c.headers = nil
	return c
}

// withLocal is a server with a local console task that runs on host "a", and a session of a client.
func withLocal(t *testing.T, o TaskOptions) (*Server, *client) {
	t.Helper()
	o.Kind, o.Delay = "local", time.Minute
	s := start(t, Options{Tasks: o, Inventory: []Host{{ID: "a"}, {ID: "b"}}})
	c := subscriber(t, s)
	c.respond(t, "a")
	time.Sleep(2 * time.Minute)
	return s, c
}

const (
	runtimeOf   = `{"pFilter":{"klhst-rt-TskInfo":{"type":"params","value":{"klhst-ProductName":"KES"}}}}`
	startAction = `{"szwProduct":"KES","szwVersion":"12.9.0.0","szwTaskStorageId":"1","nTaskAction":5}`
)

func runtime(state int) string {
	return fmt.Sprintf(`{"PxgRetVal":{"klhst-rt-TskInfo":{"type":"params","value":{"KES":{"type":"params","value":{"klhst-rt-TskArray":[
		{"type":"params","value":{"taskStorageId":"1","taskState":%d}}]}}}}}}`, state)
}

// TestTheWayToAnAgent, as the vendor's sample goes: the state of a host's own console task, and its start.
func TestTheWayToAnAgent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, c := withLocal(t, TaskOptions{Outcome: "fail"})
		agent := throughGateway(t, s, c.gatewayKey(t, "a"))
		assert.JSONEq(t, runtime(1), agent.post("NagHstCtl.GetHostRuntimeInfo", runtimeOf).text)
		time.Sleep(time.Minute)
		assert.JSONEq(t, runtime(3), agent.post("NagHstCtl.GetHostRuntimeInfo", runtimeOf).text)
		assert.Equal(t, "{}", agent.post("NagHstCtl.SendTaskAction", strings.Replace(startAction, ":5", ":4", 1)).text)
		assert.JSONEq(t, runtime(3), agent.post("NagHstCtl.GetHostRuntimeInfo", runtimeOf).text)
		for range 2 { // the second finds it running
			assert.Equal(t, "{}", agent.post("NagHstCtl.SendTaskAction", startAction).text)
			assert.JSONEq(t, runtime(1), agent.post("NagHstCtl.GetHostRuntimeInfo", runtimeOf).text)
		}
		time.Sleep(time.Minute)
		assert.JSONEq(t, runtime(3), agent.post("NagHstCtl.GetHostRuntimeInfo", runtimeOf).text)

		assert.Equal(t, `{"PxgRetVal":{}}`, agent.post("NagHstCtl.GetHostRuntimeInfo", `{"pFilter":{}}`).text)
		assert.Equal(t, `{"PxgRetVal":{"klhst-rt-TskInfo":{"type":"params","value":{}}}}`,
			sorted(t, agent.post("NagHstCtl.GetHostRuntimeInfo", strings.Replace(runtimeOf, "KES", "1103", 1))))
		for _, wrong := range []string{`"1","nTaskAction"`, `"KES"`, `"12.9.0.0"`} {
			body := strings.Replace(startAction, wrong, strings.Replace(wrong, wrong[1:2], "x", 1), 1)
			assert.Equal(t, "KLSTD 1186 0", pxg(t, agent.post("NagHstCtl.SendTaskAction", body)), body)
		}
		other := throughGateway(t, s, c.gatewayKey(t, "b"))
		assert.Equal(t, "KLSTD 1186 0", pxg(t, other.post("NagHstCtl.SendTaskAction", startAction)), "of another host")
	})
}

// sorted is the answer's text with its members in order.
func sorted(t *testing.T, g got) string {
	t.Helper()
	text, err := json.Marshal(g.json)
	require.NoError(t, err)
	return string(text)
}

// TestStartOfOneThatWaits or that the state of before holds: it runs at once, and comes to its end.
func TestStartOfOneThatWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := start(t, Options{Tasks: TaskOptions{Delay: time.Minute}, State: &State{ConsoleTasks: []ConsoleTask{
			{ID: "1", Name: "x", Host: "a", Kind: "local", State: statePending},
		}}})
		c := newClient(t, s)
		agent := throughGateway(t, s, c.gatewayKey(t, "a"))
		agent.post("NagHstCtl.SendTaskAction", startAction).ok(t)
		assert.EqualValues(t, stateRunning, s.State().ConsoleTasks[0].State)
		time.Sleep(time.Minute)
		assert.EqualValues(t, stateCompleted, s.State().ConsoleTasks[0].State)
	})
}

// TestAgentAndServerAreTwo: what is of one is unknown to the other, in connections as in sessions.
func TestAgentAndServerAreTwo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, c := withLocal(t, TaskOptions{})
		assert.Equal(t, "KLCONN 1194 0", pxg(t, c.post("NagHstCtl.GetHostRuntimeInfo", runtimeOf)))
		assert.Equal(t, false, c.post("Limits.IsMethodPresent", `{"strInstance":"","strClass":"NagHstCtl","strMethod":"SendTaskAction"}`).ok(t))
		byConnection := throughGateway(t, s, c.gatewayKey(t, "a"))
		bySession := newClient(t, s)
		bySession.headers = nil
		sid, _ := bySession.post("Session.StartSession", "{}", "Authorization", "KSCGW "+c.gatewayKey(t, "a")).ok(t).(string)
		bySession.headers = map[string]string{"X-KSC-Session": sid}
		for _, agent := range []*client{byConnection, bySession} {
			agent.post("Session.Ping", "{}").ok(t)
			agent.post("NagHstCtl.GetHostRuntimeInfo", runtimeOf).ok(t)
			assert.Equal(t, "KLCONN 1194 0", pxg(t, agent.post("HostGroup.GroupIdGroups", "{}")))
		}
		c.post("Session.EndSession", "{}").ok(t) // and with it go the gateways that it prepared
		assert.Equal(t, 401, byConnection.post("Session.Ping", "{}").status)
		assert.Equal(t, 403, bySession.post("Session.Ping", "{}").status)
	})
}

// TestAKeyIsGoodOnce for sixty seconds, and dies with who asked for it.
func TestAKeyIsGoodOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, c := withLocal(t, TaskOptions{})
		try := func(key string) int {
			n := newClient(t, s)
			n.headers = map[string]string{"Authorization": "KSCGW " + key}
			return n.post("login", "").status
		}
		once := c.gatewayKey(t, "a")
		assert.Equal(t, []int{200, 401}, []int{try(once), try(once)})
		late, just := c.gatewayKey(t, "a"), c.gatewayKey(t, "a")
		time.Sleep(60*time.Second - 1)
		assert.Equal(t, 200, try(just))
		time.Sleep(time.Nanosecond)
		assert.Equal(t, 401, try(late))
		assert.Equal(t, 401, try("x"))
		orphan := c.gatewayKey(t, "a")
		c.post("Session.EndSession", "{}").ok(t)
		assert.Equal(t, 401, try(orphan))
		account := newClient(t, s).gatewayKey(t, "a")
		s.EndSessions()
		assert.Equal(t, 401, try(account), "a restart knows no key")
	})
}

// TestNoWayToAnAgent: a host unknown or away, before and after, and a location that is not the one given.
func TestNoWayToAnAgent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, c := withLocal(t, TaskOptions{})
		agent := throughGateway(t, s, c.gatewayKey(t, "a"))
		require.NoError(t, s.SetHostAlive("a", false))
		assert.Equal(t, "KLSTD 1195 0", pxg(t, agent.post("NagHstCtl.GetHostRuntimeInfo", runtimeOf)))
		assert.Equal(t, "KLSTD 1195 0", pxg(t, agent.post("NagHstCtl.SendTaskAction", startAction)))
		assert.Equal(t, "KLSTD 1195 0", pxg(t, c.post("CgwHelper.GetNagentLocation", `{"wsHostName":"a"}`)))
		assert.Equal(t, "KLSTD 1186 0", pxg(t, c.post("CgwHelper.GetNagentLocation", `{"wsHostName":"z"}`)))

		location, err := json.Marshal(c.post("CgwHelper.GetNagentLocation", `{"wsHostName":"b"}`).ok(t))
		require.NoError(t, err)
		wrapped := `{"type":"params","value":` + string(location) + `}`
		for _, list := range []string{
			`[]`, `[` + wrapped + `,` + wrapped + `]`, `[` + string(location) + `]`, `["b"]`, `[` + strings.Replace(wrapped, `"1103"`, `"1104"`, 1) + `]`,
			`[` + strings.Replace(wrapped, `"CGW_DIRECT":true,`, ``, 1) + `]`,
		} {
			assert.Equal(t, "KLSTD 1192 0", pxg(t, c.post("GatewayConnection.PrepareGatewayConnection", `{"pLocations":`+list+`}`)), list)
		}
		c.post("GatewayConnection.PrepareGatewayConnection", `{"pLocations":[`+wrapped+`]}`).ok(t)
	})
}
