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

// responded is a server with one response on host "a" that has come to its end, inside a bubble.
func responded(t *testing.T, o TaskOptions) (*Server, *client) {
	t.Helper()
	s := start(t, Options{Tasks: o, Inventory: []Host{{ID: "a", DN: "PC-A", Group: 3}, {ID: "b"}}})
	c := newClient(t, s)
	c.respond(t, "a")
	time.Sleep(3 * defaultTaskDelay)
	return s, c
}

const walkAll = `{"nGroupId":0,"bGroupIdSignificant":%v,"strProductName":null,"strVersion":null,"strComponentName":null,` +
	`"strInstanceId":null,"strTaskName":null,"bIncludeSupergroups":%v}`

// walk reads the ids of an iterator to its end, and the answer after it.
func (c *client) walk(t *testing.T, method, argument, id string) (ids []string) {
	t.Helper()
	body := fmt.Sprintf(`{%q:%q}`, argument, id)
	for {
		g := c.post(method, body)
		g.ok(t)
		task, ok := g.json["pTaskData"].(map[string]any)
		require.True(t, ok, g.text)
		if len(task) == 0 {
			assert.Equal(t, `{"pTaskData":{}}`, c.post(method, body).text, "the end stays the end")
			return ids
		}
		ids = append(ids, task["TASK_UNIQUE_ID"].(string))
	}
}

func (c *client) reset(t *testing.T, method, body, member string) string {
	t.Helper()
	g := c.post(method, body)
	g.ok(t)
	id, _ := g.json[member].(string)
	require.NotEmpty(t, id, g.text)
	return id
}

// TestTheFormOfAConsoleTask, as the reference gives it, for each way to read one.
func TestTheFormOfAConsoleTask(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, c := responded(t, TaskOptions{})
		const (
			name = `"[Response][Kuma] getFile - 2000-01-01 00:00:00 - 1"`
			at   = `{"type":"datetime","value":"2000-01-01T00:00:00Z"}`
			data = `{"TASK_UNIQUE_ID":"1","TASKID_PRODUCT_NAME":"KES","TASKID_VERSION":"12.9.0.0","TASK_NAME":"getFile",` +
				`"TASK_INFO_PARAMS":{"type":"params","value":{"DisplayName":` + name + `,"PRTS_TASK_CREATION_DATE":` + at + `}}}`
		)
		id := c.reset(t, "Tasks.ResetTasksIterator", fmt.Sprintf(walkAll, false, false), "strTaskIteratorId")
		assert.Equal(t, map[string]int{"Tasks.ReleaseTasksIterator": 1}, s.Unreleased())
		body := `{"strTaskIteratorId":"` + id + `"}`
		assert.JSONEq(t, `{"pTaskData":`+data+`}`, c.post("Tasks.GetNextTask", body).text)
		assert.JSONEq(t, `{"pTaskData":{}}`, c.post("Tasks.GetNextTask", body).text)
		assert.Equal(t, "KLSTD 1186 0", pxg(t, c.post("ChunkAccessor.GetItemsCount", accessor(id))), "a set of another kind")
		assert.Equal(t, "{}", c.post("Tasks.ReleaseTasksIterator", body).text)
		assert.Equal(t, "KLSTD 1186 0", pxg(t, c.post("Tasks.GetNextTask", body)))
		assert.Equal(t, "KLSTD 1186 0", pxg(t, c.post("Tasks.ReleaseTasksIterator", body)))
		assert.Empty(t, s.Unreleased())

		assert.JSONEq(t, `{"PxgRetVal":["1"]}`, c.post("Tasks.GetAllTasksOfHost", `{"strDomainName":"","strHostName":"a"}`).text)
		assert.Equal(t, `{"PxgRetVal":[]}`, c.post("Tasks.GetAllTasksOfHost", `{"strDomainName":"","strHostName":"b"}`).text)
		assert.Equal(t, "KLSTD 1186 0", pxg(t, c.post("Tasks.GetAllTasksOfHost", `{"strDomainName":"","strHostName":"c"}`)))
		assert.JSONEq(t, `{"PxgRetVal":`+data+`}`, c.post("Tasks.GetTaskData", `{"strTask":"1"}`).text)
		assert.JSONEq(t, `{"PxgRetVal":{"TASK_UNIQUE_ID":"1","TASKID_PRODUCT_NAME":"KES","TASKID_VERSION":"12.9.0.0","TASK_NAME":"getFile",
			"DisplayName":`+name+`,"PRTS_TASK_CREATION_DATE":`+at+`}}`, c.post("Tasks.GetTask", `{"strTask":"1"}`).text)
		assert.Equal(t, `{"PxgRetVal":3}`, c.post("Tasks.GetTaskGroup", `{"strTaskId":"1"}`).text)
		assert.Equal(t, `{"PxgRetVal":"1"}`, c.post("Tasks.ResolveTaskId", `{"strPrtsTaskId":"1"}`).text)
		for _, order := range []string{"RunTask", "CancelTask", "SuspendTask", "ResumeTask", "DeleteTask"} {
			assert.Equal(t, "{}", c.post("Tasks."+order, `{"strTask":"1"}`).text)
		}
		assert.Equal(t, "KLSTD 1186 0", pxg(t, c.post("Tasks.GetTask", `{"strTask":"1"}`)), "deleted")
		assert.Empty(t, s.State().ConsoleTasks)
	})
}

// TestKindsOfConsoleTasks: which list each kind is in.
func TestKindsOfConsoleTasks(t *testing.T) {
	for kind, want := range map[string]struct{ all, group, host, local string }{
		"group":  {"1", "", "1", ""},
		"global": {"1", "", "1", ""},
		"local":  {"", "", "", "1"},
	} {
		t.Run(kind, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				_, c := responded(t, TaskOptions{Kind: kind})
				list := func(body string) string {
					return strings.Join(c.walk(t, "Tasks.GetNextTask", "strTaskIteratorId", c.reset(t, "Tasks.ResetTasksIterator", body, "strTaskIteratorId")), " ")
				}
				assert.Equal(t, want.all, list(fmt.Sprintf(walkAll, false, false)))
				assert.Equal(t, want.group, list(fmt.Sprintf(walkAll, true, false)), "of another group")
				mine := strings.Replace(fmt.Sprintf(walkAll, true, false), `"nGroupId":0`, `"nGroupId":3`, 1)
				assert.Equal(t, kind == "group", list(mine) == "1")
				assert.Empty(t, list(strings.Replace(fmt.Sprintf(walkAll, false, true), `"strTaskName":null`, `"strTaskName":"other"`, 1)))
				hosts, _ := c.post("Tasks.GetAllTasksOfHost", `{"strDomainName":"","strHostName":"a"}`).ok(t).([]any)
				assert.Len(t, hosts, len(want.host))

				object, _ := c.post("HostGroup.GetHostTasks", `{"strHostName":"a"}`).ok(t).(string)
				reset := fmt.Sprintf(`{"strSrvObjId":%q,"strProductName":"","strVersion":"","strComponentName":"","strInstanceId":"","strTaskName":""}`, object)
				assert.Equal(t, "{}", c.post("HostTasks.ResetTasksIterator", reset).text)
				assert.Equal(t, want.local, strings.Join(c.walk(t, "HostTasks.GetNextTask", "strSrvObjId", object), " "))
				g := c.post("HostTasks.GetTaskData", fmt.Sprintf(`{"strSrvObjId":%q,"strTask":"1"}`, object))
				if kind == "local" {
					assert.Contains(t, g.text, `{"PxgRetVal":{"TASKID_PRODUCT_NAME":"KES"`)
					assert.Equal(t, "KLSTD 1186 0", pxg(t, c.post("Tasks.GetTaskStatistics", `{"strTask":"1"}`)))
				} else {
					assert.Equal(t, "KLSTD 1186 0", pxg(t, g))
				}
			})
		})
	}
}

// TestRootGroup: a group console task of the root is found from every group when those above count.
func TestRootGroup(t *testing.T) {
	s := start(t, Options{State: &State{ConsoleTasks: []ConsoleTask{{ID: "195", Name: "x", Host: "a"}, {ID: "196", Name: "y", Host: "a", Kind: "global"}}}})
	c := newClient(t, s)
	for body, want := range map[string][]string{
		fmt.Sprintf(walkAll, true, false): {"195"},
		fmt.Sprintf(walkAll, true, true):  {"195"},
		strings.Replace(fmt.Sprintf(walkAll, true, true), `"nGroupId":0`, `"nGroupId":9`, 1):  {"195"},
		strings.Replace(fmt.Sprintf(walkAll, true, false), `"nGroupId":0`, `"nGroupId":9`, 1): nil,
		fmt.Sprintf(walkAll, false, false):                                                    {"195", "196"},
	} {
		assert.Equal(t, want, c.walk(t, "Tasks.GetNextTask", "strTaskIteratorId", c.reset(t, "Tasks.ResetTasksIterator", body, "strTaskIteratorId")), body)
	}
	assert.Equal(t, json.Number("0"), c.post("Tasks.GetTaskGroup", `{"strTaskId":"195"}`).ok(t))
	assert.Equal(t, "KLSTD 1186 0", pxg(t, c.post("Tasks.GetTaskGroup", `{"strTaskId":"196"}`)))
	assert.Contains(t, c.post("Tasks.GetTaskStatistics", `{"strTask":"195"}`).text, `"4":1`, "one that says no state is completed")
}
