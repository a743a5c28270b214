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

const hostIterator = `{"strTask":"1","pFields2Return":["hostname","hostdn","state_code","completed_percent","state_descr","finish_time"],"pFields2Order":null,"nHostStateMask":%d,"nLifetime":60}`

// TestStatusOfAConsoleTask at each of its ends: statistics and the record of the host, by mask.
func TestStatusOfAConsoleTask(t *testing.T) {
	for outcome, e := range map[string]struct {
		state, percent int
		reason         string
	}{
		"ok": {4, 100, ""}, "warning": {8, 100, "The object will be processed after a restart"},
		"fail": {16, 100, "The object was not found"}, "never": {2, 50, ""},
	} {
		t.Run(outcome, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, c := responded(t, TaskOptions{Outcome: outcome})
				counts := map[string]any{"GNRL_COMPLETED_PERCENT": e.percent, "KLTSK_NEED_RBT_CNT": 0}
				for _, bit := range []int{1, 2, 4, 8, 16, 32, 64} {
					counts[fmt.Sprint(bit)] = map[bool]int{true: 1}[bit == e.state]
				}
				want, err := json.Marshal(map[string]any{"PxgRetVal": counts})
				require.NoError(t, err)
				assert.JSONEq(t, string(want), c.post("Tasks.GetTaskStatistics", `{"strTask":"1"}`).text)

				id := c.reset(t, "Tasks.ResetHostIteratorForTaskStatusEx", fmt.Sprintf(hostIterator, 127), "strHostIteratorId")
				part := func(more string) string { return `{"strHostIteratorId":"` + id + `"` + more + `}` }
				assert.Equal(t, `{"PxgRetVal":1}`, c.post("Tasks.GetHostStatusRecordsCount", part("")).text)
				record := fmt.Sprintf(`{"type":"params","value":{"hostname":"a","hostdn":"PC-A","state_code":%d,"completed_percent":%d,"state_descr":%q`, e.state, e.percent, e.reason)
				if outcome != "never" {
					record += `,"finish_time":{"type":"datetime","value":"2000-01-01T00:00:00Z"}`
				}
				assert.JSONEq(t, `{"PxgRetVal":1,"pParHostStatus":{"statuses":[`+record+`}}]}}`, c.post("Tasks.GetHostStatusRecordRange", part(`,"nStart":0,"nEnd":1`)).text)
				assert.Equal(t, `{"PxgRetVal":0,"pParHostStatus":{"statuses":[]}}`, c.post("Tasks.GetHostStatusRecordRange", part(`,"nStart":1,"nEnd":2`)).text)
				assert.Equal(t, "KLSTD 1192 0", pxg(t, c.post("Tasks.GetHostStatusRecordRange", part(`,"nStart":1,"nEnd":0`))))
				assert.JSONEq(t, `{"PxgRetVal":1,"nActual":1,"pHostStatus":{"statuses":[`+record+`}}]}}`, c.post("Tasks.GetNextHostStatus", part(`,"nCount":9`)).text)
				assert.JSONEq(t, `{"PxgRetVal":0,"nActual":0,"pHostStatus":{"statuses":[]}}`, c.post("Tasks.GetNextHostStatus", part(`,"nCount":9`)).text)
				assert.Equal(t, "{}", c.post("Tasks.ReleaseHostStatusIterator", part("")).text)
				id = c.reset(t, "Tasks.ResetHostIteratorForTaskStatus", strings.Replace(fmt.Sprintf(hostIterator, 127&^e.state), `"pFields2Order":null,`, "", 1), "strHostIteratorId")
				assert.Equal(t, `{"PxgRetVal":0}`, c.post("Tasks.GetHostStatusRecordsCount", part("")).text, "the mask leaves it out")
				assert.Equal(t, map[string]int{"Tasks.ReleaseHostStatusIterator": 1}, s.Unreleased())
				time.Sleep(time.Hour)
				assert.Equal(t, "KLSTD 1186 0", pxg(t, c.post("Tasks.GetHostStatusRecordsCount", part(""))), "its life is over")
				assert.Equal(t, map[string]int{"Tasks.ReleaseHostStatusIterator": 1}, s.Unreleased(), "and it leaked all the same")
			})
		})
	}
}

// told reads event types and states of an events iterator.
func (c *client) told(t *testing.T, id string) (out []string) {
	t.Helper()
	n := c.post("EventProcessing.GetRecordCount", `{"strIteratorId":"`+id+`"}`).ok(t)
	g := c.post("EventProcessing.GetRecordRange", fmt.Sprintf(`{"strIteratorId":%q,"nStart":0,"nEnd":%v}`, id, n))
	g.ok(t)
	records := g.json["pParamsEvents"].(map[string]any)["KLEVP_EVENT_RANGE_ARRAY"].([]any)
	assert.Equal(t, n, json.Number(itoa(len(records))))
	for _, r := range records {
		m := r.(map[string]any)
		assert.Equal(t, "params", m["type"])
		v := m["value"].(map[string]any)
		out = append(out, fmt.Sprint(v["event_type"], " ", v["task_new_state"]))
	}
	assert.Equal(t, "{}", c.post("EventProcessing.ReleaseIterator", `{"strIteratorId":"`+id+`"}`).text)
	return out
}

const history = `{"strTask":"1","pFields2Return":%s,"pSortFields":[],"strHostName":%q,"pFilter":%s}`

func TestHistoryOfAConsoleTask(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, c := responded(t, TaskOptions{Outcome: "fail"})
		past := func(host, filter string) []string {
			return c.told(t, c.reset(t, "Tasks.GetTaskHistory", fmt.Sprintf(history, "null", host, filter), "strIteratorId"))
		}
		all := []string{"KLEVP_GroupTaskSyncState 32", "KLPRCI_TaskState 1", "KLPRCI_TaskState 3"}
		assert.Equal(t, all, past("", `{}`))
		assert.Equal(t, all[1:], past("a", `{"event_type":"KLPRCI_TaskState"}`))
		assert.Empty(t, past("b", `null`))
		id := c.reset(t, "Tasks.GetTaskHistory", fmt.Sprintf(history, `["event_type","task_new_state","rise_time","GNRL_EA_DESCRIPTION"]`, "a", `{"task_new_state":3}`), "strIteratorId")
		assert.JSONEq(t, `{"pParamsEvents":{"KLEVP_EVENT_RANGE_ARRAY":[{"type":"params","value":{"event_type":"KLPRCI_TaskState","task_new_state":3,
			"rise_time":{"type":"datetime","value":"2000-01-01T00:00:00Z"},
			"GNRL_EA_DESCRIPTION":"[Response][Kuma] getFile - 2000-01-01 00:00:00 - 1: The object was not found"}}]}}`,
			c.post("EventProcessing.GetRecordRange", fmt.Sprintf(`{"strIteratorId":%q,"nStart":0,"nEnd":1}`, id)).text)
		c.post("EventProcessing.ReleaseIterator", `{"strIteratorId":"`+id+`"}`).ok(t)

		find := func(filter string) []string {
			return c.told(t, c.reset(t, "EventProcessingFactory.CreateEventProcessing2",
				`{"pFilter":`+filter+`,"vecFieldsToReturn":null,"vecFieldsToOrder":null,"lifetimeSec":60}`, "strIteratorId"))
		}
		assert.Equal(t, all, find(`{"KLEVP_RFC2254_FILTER":"(GNRL_EA_DESCRIPTION = \"[[]Response][[]kuma]*\")","KLEVP_EVENT_RISE_TIME_LAST_DAYS":1}`))
		assert.Empty(t, find(`{"KLEVP_RFC2254_FILTER":"(hostname = \"b\")"}`))
		assert.Equal(t, "KLSTD 1192 0", pxg(t, c.post("EventProcessingFactory.CreateEventProcessing2",
			`{"pFilter":{"KLEVP_EVENT_RISE_TIME_LAST_DAYS":"x"},"vecFieldsToReturn":null,"vecFieldsToOrder":null,"lifetimeSec":60}`)))
		for product, want := range map[string][]string{"KES": all, "": all, "1103": nil} {
			assert.Equal(t, want, c.told(t, c.reset(t, "EventProcessingFactory.CreateEventProcessingForHost2",
				`{"strHostName":"a","strProduct":"`+product+`","strVersion":"","pFilter":{},"vecFieldsToReturn":null,"vecFieldsToOrder":null,"lifetimeSec":60}`, "strIteratorId")))
		}
		assert.Empty(t, s.Unreleased())
		time.Sleep(48 * time.Hour)
		assert.Empty(t, find(`{"KLEVP_EVENT_RISE_TIME_LAST_DAYS":1}`))
	})
}

// TestEventsOfOtherKinds: of one that waits for its host, and of a host's own; names are cut at 100 characters.
func TestEventsOfOtherKinds(t *testing.T) {
	const find = `{"pFilter":{},"vecFieldsToReturn":null,"vecFieldsToOrder":null,"lifetimeSec":60}`
	for _, e := range []struct {
		options TaskOptions
		want    []string
	}{
		{TaskOptions{Oddities: []string{"offline"}}, []string{"KLEVP_GroupTaskSyncState 1"}},
		{TaskOptions{Kind: "local"}, []string{"KLPRCI_TaskState 0", "KLPRCI_TaskState 1", "KLPRCI_TaskState 4"}},
	} {
		synctest.Test(t, func(t *testing.T) {
			_, c := responded(t, e.options)
			assert.Equal(t, e.want, c.told(t, c.reset(t, "EventProcessingFactory.CreateEventProcessing2", find, "strIteratorId")))
		})
	}
	synctest.Test(t, func(t *testing.T) {
		s := start(t, Options{Tasks: TaskOptions{After: "add"}})
		c := newClient(t, s)
		c.post("HostGroup.AddIncident", data(t, map[string]any{"KLINCDT_BODY": responseBody("getFile", strings.Repeat("é", 200))})).ok(t)
		time.Sleep(time.Hour)
		id := c.reset(t, "EventProcessingFactory.CreateEventProcessing2", find, "strIteratorId")
		g := c.post("EventProcessing.GetRecordRange", fmt.Sprintf(`{"strIteratorId":%q,"nStart":0,"nEnd":0}`, id))
		assert.Contains(t, g.text, `"task_display_name":"[Response][`+strings.Repeat("é", 89)+`"`)
	})
}

func TestTheViewOfHostTasks(t *testing.T) {
	const reset = `{"wstrViewName":"HostTasksSrvView","wstrFilter":"(strTask=\"1\")","vecFieldsToReturn":%s,"vecFieldsToOrder":[],"pParams":{},"lifetimeSec":60}`
	for version, more := range map[string]string{
		"15.2.0.0": "", "16.0.0.0": `,"taskStateDescr":"The object was not found","taskCompletionTime":{"type":"datetime","value":"2000-01-01T00:00:00Z"}`,
	} {
		synctest.Test(t, func(t *testing.T) {
			s := start(t, Options{ServerVersion: version, Tasks: TaskOptions{Kind: "local", Outcome: "fail"}})
			c := newClient(t, s)
			c.respond(t, "a")
			time.Sleep(3 * defaultTaskDelay)
			id := c.reset(t, "SrvView.ResetIterator", fmt.Sprintf(reset, "null"), "wstrIteratorId")
			assert.Equal(t, `{"PxgRetVal":1}`, c.post("SrvView.GetRecordCount", `{"wstrIteratorId":"`+id+`"}`).text)
			assert.JSONEq(t, `{"pRecords":{"KLCSP_ITERATOR_ARRAY":[{"type":"params","value":{"strTask":"1","TASK_NAME":"getFile",
				"txtDisplayName":"[Response][Kuma] getFile - 2000-01-01 00:00:00 - 1","TASKID_PRODUCT_NAME":"KES","TASKID_VERSION":"12.9.0.0",
				"bCannotBeDeleted":false,"bSystem":false,"nState":3`+more+`}}]}}`,
				c.post("SrvView.GetRecordRange", fmt.Sprintf(`{"wstrIteratorId":%q,"nStart":0,"nEnd":0}`, id)).text)
			assert.Equal(t, "{}", c.post("SrvView.ReleaseIterator", `{"wstrIteratorId":"`+id+`"}`).text)
			assert.Empty(t, s.Unreleased())
			assert.Equal(t, "KLSTD 1186 0", pxg(t, c.post("SrvView.ResetIterator", strings.Replace(fmt.Sprintf(reset, "null"), "HostTasksSrvView", "Other", 1))))
		})
	}
}
