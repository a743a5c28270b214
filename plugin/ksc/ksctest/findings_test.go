package ksctest

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// respondTo is respond for a response and an area of the test's choice.
func (c *client) respondTo(t *testing.T, host, task, area string) string {
	t.Helper()
	id := fmt.Sprint(c.post("HostGroup.AddIncident", data(t, map[string]any{"KLHST_WKS_HOSTNAME": host, "KLINCDT_BODY": responseBody(task, area)})).ok(t))
	c.post("HostGroup.UpdateIncident", `{"nId":`+id+`,"pData":{"KLINCDT_IS_HANDLED":false,"KLHST_WKS_HOSTNAME":"`+host+`"}}`).ok(t)
	return id
}

// history reads all events of a console task.
func (c *client) history(t *testing.T, task string) (out []map[string]any) {
	t.Helper()
	id := c.reset(t, "Tasks.GetTaskHistory", fmt.Sprintf(`{"strTask":%q,"pFields2Return":null,"pSortFields":null,"strHostName":"","pFilter":null}`, task), "strIteratorId")
	g := c.post("EventProcessing.GetRecordRange", fmt.Sprintf(`{"strIteratorId":%q,"nStart":0,"nEnd":9999}`, id))
	g.ok(t)
	for _, r := range g.json["pParamsEvents"].(map[string]any)["KLEVP_EVENT_RANGE_ARRAY"].([]any) {
		out = append(out, r.(map[string]any)["value"].(map[string]any))
	}
	c.post("EventProcessing.ReleaseIterator", `{"strIteratorId":"`+id+`"}`).ok(t)
	return out
}

// TestAScanReportsWhatItFound between its start and its end, each finding in its turn, and nothing else does.
func TestAScanReportsWhatItFound(t *testing.T) {
	const sync, state = "KLEVP_GroupTaskSyncState", "KLPRCI_TaskState"
	for task, e := range map[string]struct {
		kind string
		want []string
	}{
		"onDemandScan": {"GNRL_EV_VIRUS_FOUND", []string{sync, state, "GNRL_EV_VIRUS_FOUND", "GNRL_EV_VIRUS_FOUND", "GNRL_EV_VIRUS_FOUND", state}},
		"iocScan":      {"KLEVP_IOC_FOUND", []string{sync, state, "KLEVP_IOC_FOUND", "KLEVP_IOC_FOUND", "KLEVP_IOC_FOUND", state}},
		"getFile":      {"", []string{sync, state, state}},
	} {
		t.Run(task, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := start(t, Options{Tasks: TaskOptions{Findings: 3, Delay: 4 * time.Minute, Outcome: "warning"}})
				c := newClient(t, s)
				c.respondTo(t, someHost, task, "Kuma")
				c.respondTo(t, someHost, task, "Kuma")
				time.Sleep(9 * time.Minute)
				if e.kind != "" {
					assert.Len(t, c.history(t, "1"), 3, "one of the three a minute after the start")
				}
				time.Sleep(3 * time.Minute)
				var kinds []string
				ids := map[any]bool{}
				for _, r := range append(c.history(t, "1"), c.history(t, "2")...) {
					kinds = append(kinds, r["event_type"].(string))
					ids[r["event_id"]] = true
				}
				assert.Equal(t, append(e.want, e.want...), kinds)
				assert.Len(t, ids, len(kinds), "no number twice")
				if e.kind == "" {
					return
				}
				r := c.history(t, "1")[3]
				assert.NotContains(t, r, "task_new_state")
				assert.Equal(t, json.Number("3"), r["GNRL_EA_SEVERITY"])
				assert.Equal(t, wrapTime(time.Date(2000, 1, 1, 0, 10, 0, 0, time.UTC)), r["rise_time"])
				assert.True(t, strings.HasPrefix(r["GNRL_EA_DESCRIPTION"].(string), "[Response][Kuma] "+task+" - 2000-01-01 00:04:00 - 1: "), r["GNRL_EA_DESCRIPTION"])
				assert.Equal(t, `C:\Windows\Temp\object-2.exe`, r["GNRL_EA_PARAM_2"])
				id := c.reset(t, "EventProcessingFactory.CreateEventProcessing2",
					`{"pFilter":{"event_type":"`+e.kind+`"},"vecFieldsToReturn":null,"vecFieldsToOrder":null,"lifetimeSec":60}`, "strIteratorId")
				assert.Len(t, c.told(t, id), 6)
			})
		})
	}
}

// TestFindingsKeepTheLimitsOfEvents however long the console task's name is.
func TestFindingsKeepTheLimitsOfEvents(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := start(t, Options{Tasks: TaskOptions{Findings: 900}})
		c := newClient(t, s)
		c.respondTo(t, someHost, "iocScan", strings.Repeat("é", 2000))
		time.Sleep(time.Hour)
		events := c.history(t, "1")
		require.Len(t, events, 903)
		for _, r := range events {
			assert.LessOrEqual(t, utf8.RuneCountInString(r["GNRL_EA_DESCRIPTION"].(string)), 1000)
			assert.LessOrEqual(t, utf8.RuneCountInString(r["task_display_name"].(string)), 100)
		}
	})
	for _, n := range []int{-1, 901} {
		_, err := New(Options{User: user, Password: password, Tasks: TaskOptions{Findings: n}})
		assert.Error(t, err)
	}
}
