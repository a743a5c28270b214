package ksc_test

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kes-respond/kes-respond/plugin/ksc"
	"github.com/kes-respond/kes-respond/plugin/ksc/ksctest"
)

const missingTask = "4096"

// responding is an emulator that has been asked for a response, of which the
// console task is the next id, and the time when it was made.
func responding(t *testing.T, o ksctest.Options) (*ksctest.Server, *ksc.Client, time.Time) {
	t.Helper()
	o.Tasks.Delay = time.Second
	server, c := emulated(t, o)
	id, err := c.AddIncident(t.Context(), ksc.Incident{
		Severity: 2, Added: time.Now(), Host: hostID, Body: `{"task":"getFile","responseEventIncident":true,"responseEventIncidentArea":"KUMA"}`,
	})
	require.NoError(t, err)
	require.NoError(t, c.UpdateIncident(t.Context(), id, hostID, false))
	return server, c, time.Now().Add(time.Second)
}

// TestAConsoleTaskIsFollowed from its making to its end, for each kind that has
// a state of its own and each end.
func TestAConsoleTaskIsFollowed(t *testing.T) {
	for _, kind := range []string{"group", "global"} {
		for outcome, end := range map[string]ksc.TaskStatus{
			"ok":      {State: ksc.StateCompleted, Percent: 100, PercentKnown: true},
			"warning": {State: ksc.StateWarning, Percent: 100, PercentKnown: true, Description: "The object will be processed after a restart"},
			"fail":    {State: ksc.StateFailed, Percent: 100, PercentKnown: true, Description: "The object was not found"},
			"never":   {State: ksc.StateRunning, Percent: 50, PercentKnown: true},
		} {
			synctest.Test(t, func(t *testing.T) {
				server, c, made := responding(t, ksctest.Options{Tasks: ksctest.TaskOptions{Kind: kind, Outcome: outcome}})
				ctx := t.Context()
				ids, err := c.TasksOfHost(ctx, hostID)
				require.NoError(t, err)
				require.Empty(t, ids)
				time.Sleep(2500 * time.Millisecond)
				ids, err = c.TasksOfHost(ctx, hostID)
				require.NoError(t, err)
				require.Len(t, ids, 1)
				task, err := c.ConsoleTask(ctx, ids[0])
				require.NoError(t, err)
				assert.Equal(t, made.UTC().Truncate(time.Second), task.Created)
				assert.Equal(t, "getFile", task.Type)
				assert.Equal(t, "KES", task.Product)
				assert.Equal(t, "12.9.0.0", task.Version)
				assert.True(t, strings.HasPrefix(task.Name, "[Response][KUMA] getFile - "), task.Name)
				running, err := c.TaskStatus(ctx, ids[0], strings.ToUpper(hostID))
				require.NoError(t, err)
				assert.Equal(t, ksc.StateRunning, running.State)
				assert.False(t, running.Started.IsZero())
				assert.Zero(t, running.Finished)

				time.Sleep(time.Minute)
				for _, read := range []func(context.Context, string, string) (ksc.TaskStatus, error){c.TaskStatus, c.TaskStatusOlder} {
					before := len(server.Calls())
					status, err := read(ctx, ids[0], hostID)
					require.NoError(t, err)
					assert.Len(t, server.Calls(), before+3)
					assert.Equal(t, end.State.Final(), !status.Finished.IsZero())
					status.Started, status.Finished = time.Time{}, time.Time{}
					assert.Equal(t, end, status)
				}
				counted := end
				counted.Description = ""
				before := len(server.Calls())
				status, err := c.TaskCounts(ctx, ids[0])
				require.NoError(t, err)
				assert.Equal(t, counted, status)
				events, err := c.TaskEvents(ctx, ids[0], hostID, 100)
				require.NoError(t, err)
				assert.Len(t, server.Calls(), before+4)
				last := events[len(events)-1]
				assert.Equal(t, "KLPRCI_TaskState", last.Type)
				assert.Equal(t, map[string]int{"ok": 4, "warning": 4, "fail": 3, "never": 1}[outcome], last.NewState)
				assert.True(t, last.StateKnown)
				assert.Contains(t, last.Description, end.Description)
				assert.True(t, slices.IsSortedFunc(events, func(a, b ksc.TaskEvent) int { return a.At.Compare(b.At) }))
				latest, err := c.TaskEvents(ctx, ids[0], hostID, 1)
				require.NoError(t, err)
				assert.Equal(t, []ksc.TaskEvent{last}, latest)
				assert.Empty(t, server.Unreleased())
			})
		}
	}
}

// TestALocalConsoleTaskIsFollowed, of which KSC 16 says why.
func TestALocalConsoleTaskIsFollowed(t *testing.T) {
	for _, version := range []string{"15.2.0.0", "16.0.0.0"} {
		for outcome, end := range map[string]ksc.TaskState{
			"ok": ksc.StateCompleted, "warning": ksc.StateWarning, "fail": ksc.StateFailed, "never": ksc.StateRunning,
		} {
			synctest.Test(t, func(t *testing.T) {
				server, c, _ := responding(t, ksctest.Options{ServerVersion: version, Tasks: ksctest.TaskOptions{Kind: "local", Outcome: outcome}})
				ctx := t.Context()
				server.PutConsoleTask(ksctest.ConsoleTask{Name: "[Response][KUMA] getFile", Host: "another", Kind: "local"})
				time.Sleep(time.Minute)
				ids, err := c.TasksOfHost(ctx, hostID)
				require.NoError(t, err)
				assert.Empty(t, ids)
				before := len(server.Calls())
				all, err := c.LocalTasks(ctx, hostID)
				require.NoError(t, err)
				assert.Len(t, server.Calls(), before+2)
				task, more, err := all.Next(ctx)
				require.NoError(t, err)
				require.True(t, more)
				assert.True(t, strings.HasPrefix(task.Name, "[Response][KUMA] getFile - "), task.Name)
				assert.False(t, task.Created.IsZero())
				for range 2 {
					none, more, err := all.Next(ctx)
					require.NoError(t, err)
					assert.False(t, more)
					assert.Zero(t, none)
				}
				assert.Len(t, server.Calls(), before+4, "its end is not asked for twice")
				status, err := c.LocalStatus(ctx, task.ID, task.Name)
				require.NoError(t, err)
				assert.Len(t, server.Calls(), before+7)
				if end == ksc.StateWarning && version < "16" {
					end = ksc.StateCompleted
				}
				assert.Equal(t, end, status.State)
				assert.Equal(t, version > "16" && end.Final(), !status.Finished.IsZero())
				assert.Equal(t, version > "16" && (end == ksc.StateWarning || end == ksc.StateFailed), status.Description != "")
				for id, name := range map[string]string{task.ID: task.Name + "x", missingTask: task.Name} {
					status, err = c.LocalStatus(ctx, id, name)
					require.NoError(t, err)
					assert.Zero(t, status)
				}
				before = len(server.Calls())
				events, err := c.LocalEvents(ctx, hostID, task.Name, 10)
				require.NoError(t, err)
				assert.Len(t, server.Calls(), before+3)
				require.NotEmpty(t, events)
				assert.Equal(t, map[string]int{"ok": 4, "warning": 4, "fail": 3, "never": 1}[outcome], events[len(events)-1].NewState)
				for host, name := range map[string]string{hostID: task.Name + "x", "another": task.Name} {
					events, err = c.LocalEvents(ctx, host, name, 10)
					require.NoError(t, err)
					assert.Empty(t, events)
				}
				assert.Empty(t, server.Unreleased())
			})
		}
	}
}

// TestWhatIsNotThereIsSaid: of a console task that is gone, and of a host that
// KSC does not know.
func TestWhatIsNotThereIsSaid(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server, c := emulated(t, ksctest.Options{Inventory: []ksctest.Host{{ID: hostID, DN: "PC-12"}}})
		ctx := t.Context()
		id := server.PutConsoleTask(ksctest.ConsoleTask{Name: "n", Host: hostID})
		status, err := c.TaskStatus(ctx, id, "another")
		require.NoError(t, err)
		assert.Equal(t, ksc.TaskStatus{}, status)
		events, err := c.TaskEvents(ctx, id, "another", 10)
		require.NoError(t, err)
		assert.Empty(t, events)
		for name, err := range map[string]error{
			"tasks of no host":       second(c.TasksOfHost(ctx, "none")),
			"local tasks of no host": second(c.LocalTasks(ctx, "none")),
			"task":                   second(c.ConsoleTask(ctx, missingTask)),
			"status":                 second(c.TaskStatus(ctx, missingTask, hostID)),
			"older status":           second(c.TaskStatusOlder(ctx, missingTask, hostID)),
			"counts":                 second(c.TaskCounts(ctx, missingTask)),
			"events":                 second(c.TaskEvents(ctx, missingTask, hostID, 1)),
		} {
			assert.True(t, ksc.IsNotFound(err), "%s: %v", name, err)
			assert.Equal(t, ksc.Answered, failed(t, err).Delivery, name)
		}
		before := len(server.Calls())
		for name, err := range map[string]error{
			"tasks of \"\"":       second(c.TasksOfHost(ctx, "")),
			"local tasks of \"\"": second(c.LocalTasks(ctx, "a\nb")),
			"task":                second(c.ConsoleTask(ctx, "")),
			"status":              second(c.TaskStatus(ctx, "", hostID)),
			"status of no host":   second(c.TaskStatus(ctx, id, "")),
			"counts":              second(c.TaskCounts(ctx, "\xff")),
			"events":              second(c.TaskEvents(ctx, id, "", 1)),
			"events of no task":   second(c.TaskEvents(ctx, "", hostID, 1)),
			"local status":        second(c.LocalStatus(ctx, "", "n")),
			"without a name":      second(c.LocalStatus(ctx, id, "")),
		} {
			assert.True(t, ksc.IsNotFound(err), "%s: %v", name, err)
			assert.Equal(t, ksc.NotSent, failed(t, err).Delivery, name)
		}
		assert.Len(t, server.Calls(), before)
	})
}

func second[T any](_ T, err error) error { return err }

// TestWhatTheConsoleTasksReadsSend pins their arguments: no recording holds
// these methods, so they are as the reference names them.
func TestWhatTheConsoleTasksReadsSend(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := newRogue(t, wellBehaved)
		c := client(t, server.Dial)
		for _, o := range operations() {
			require.NoError(t, o.do(t.Context(), c), o.method)
		}
		const fields = `["hostname","state_code","state_descr","completed_percent","start_time","finish_time"]`
		for method, body := range map[string]string{
			"Tasks.GetAllTasksOfHost":                `{"strDomainName":"","strHostName":"` + hostID + `"}`,
			"Tasks.GetTask":                          `{"strTask":"195"}`,
			"Tasks.GetTaskStatistics":                `{"strTask":"195"}`,
			"Tasks.ResetHostIteratorForTaskStatusEx": `{"strTask":"195","pFields2Return":` + fields + `,"pFields2Order":[],"nHostStateMask":127,"nLifetime":60}`,
			"Tasks.ResetHostIteratorForTaskStatus":   `{"strTask":"195","pFields2Return":` + fields + `,"nHostStateMask":127,"nLifetime":60}`,
			"Tasks.GetHostStatusRecordRange":         `{"strHostIteratorId":"i1","nStart":0,"nEnd":1000}`,
			"Tasks.ReleaseHostStatusIterator":        `{"strHostIteratorId":"i1"}`,
			"Tasks.GetTaskHistory": `{"strTask":"195","pFields2Return":["event_type","event_type_display_name","task_new_state","rise_time","event_db_id","hostname",` +
				`"GNRL_EA_SEVERITY","GNRL_EA_DESCRIPTION"],"pSortFields":[{"type":"params","value":{"Name":"rise_time","Asc":false}}],"strHostName":"` + hostID + `","pFilter":{}}`,
			"EventProcessing.GetRecordRange":  `{"strIteratorId":"i2","nStart":0,"nEnd":10}`,
			"EventProcessing.ReleaseIterator": `{"strIteratorId":"i2"}`,
			"EventProcessingFactory.CreateEventProcessingForHost2": `{"strHostName":"` + hostID + `","strProduct":"","strVersion":"",` +
				`"pFilter":{"KLEVP_RFC2254_FILTER":"(task_display_name=\"[[]Response][[]KUMA] getFile - 2026-11-25 09:00:00 - 195\")"},` +
				`"vecFieldsToReturn":["event_type","event_type_display_name","task_new_state","rise_time","event_db_id","hostname","GNRL_EA_SEVERITY","GNRL_EA_DESCRIPTION","task_display_name"],` +
				`"vecFieldsToOrder":[{"type":"params","value":{"Name":"rise_time","Asc":false}}],"lifetimeSec":60}`,
			"HostGroup.GetHostTasks":       `{"strHostName":"` + hostID + `"}`,
			"HostTasks.ResetTasksIterator": `{"strSrvObjId":"o1","strProductName":"","strVersion":"","strComponentName":"","strInstanceId":"","strTaskName":""}`,
			"HostTasks.GetNextTask":        `{"strSrvObjId":"o1"}`,
			"SrvView.ResetIterator": `{"wstrViewName":"HostTasksSrvView","wstrFilter":"(strTask=\"195\")",` +
				`"vecFieldsToReturn":["strTask","txtDisplayName","nState","taskStateDescr","taskCompletionTime"],"vecFieldsToOrder":[],"pParams":{},"lifetimeSec":60}`,
			"SrvView.GetRecordRange":  `{"wstrIteratorId":"i3","nStart":0,"nEnd":1000}`,
			"SrvView.ReleaseIterator": `{"wstrIteratorId":"i3"}`,
		} {
			calls := server.calls(method)
			require.NotEmpty(t, calls, method)
			assert.JSONEq(t, body, calls[0].body, method)
		}
	})
}

// TestIDsOfConsoleTasks come as text or as numbers, and each counts once.
func TestIDsOfConsoleTasks(t *testing.T) {
	many := func(n int) string {
		ids := make([]int, n)
		for i := range ids {
			ids[i] = i + 1
		}
		text, _ := json.Marshal(ids)
		return string(text)
	}
	for _, c := range []struct {
		answer string
		ids    int
		kind   ksc.Kind // of an error; 0: none
	}{
		{`[]`, 0, 0},
		{`null`, 0, 0},
		{`["195",196,{"type":"long","value":197},{"type":"long","value":"198"},"195",195]`, 4, 0},
		{`{"type":"array","value":["195"]}`, 1, 0},
		{many(ksc.MostTasks), ksc.MostTasks, 0},
		{many(ksc.MostTasks + 1), ksc.MostTasks, ksc.KindTruncated},
		{`[` + strings.Repeat(`1,`, 4*ksc.MostTasks-1) + `1]`, 1, 0},
		{`[` + strings.Repeat(`1,`, 4*ksc.MostTasks) + `2]`, 1, ksc.KindTruncated},
		{`["195",null]`, 0, ksc.KindBadAnswer},
		{`["195",""]`, 0, ksc.KindBadAnswer},
		{`["195",{}]`, 0, ksc.KindBadAnswer},
		{`["195",1.5]`, 0, ksc.KindBadAnswer},
		{`["1\n95"]`, 0, ksc.KindBadAnswer},
		{`{}`, 0, ksc.KindBadAnswer},
		{`"195"`, 0, ksc.KindBadAnswer},
	} {
		t.Run(c.answer[:min(len(c.answer), 50)], func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				server := newRogue(t, except("Tasks.GetAllTasksOfHost", ok(`{"PxgRetVal":`+c.answer+`}`)))
				ids, err := client(t, server.Dial).TasksOfHost(t.Context(), hostID)
				assert.Len(t, ids, c.ids)
				if c.kind == 0 {
					require.NoError(t, err)
					return
				}
				assert.Equal(t, c.kind, failed(t, err).Kind)
			})
		})
	}
	synctest.Test(t, func(t *testing.T) {
		server := newRogue(t, except("Tasks.GetAllTasksOfHost", ok(`{}`)))
		_, err := client(t, server.Dial).TasksOfHost(t.Context(), hostID)
		assert.Equal(t, ksc.KindBadAnswer, failed(t, err).Kind)
	})
}

// TestAConsoleTaskIsWhatWasAskedFor, in each form that KSC may give it.
func TestAConsoleTaskIsWhatWasAskedFor(t *testing.T) {
	const date = `"PRTS_TASK_CREATION_DATE":{"type":"datetime","value":"2026-11-25T09:00:00Z"}`
	for _, c := range []struct {
		answer string
		name   string // "-": an error
	}{
		{`{"TASK_UNIQUE_ID":"195","DisplayName":"n",` + date + `}`, "n"},
		{`{"type":"params","value":{"TASK_UNIQUE_ID":195,"DisplayName":"n",` + date + `}}`, "n"},
		{`{"TASK_UNIQUE_ID":"195","TASK_INFO_PARAMS":{"type":"params","value":{"DisplayName":"n",` + date + `}}}`, "n"},
		{`{"TASK_UNIQUE_ID":"195","TASK_INFO_PARAMS":{"DisplayName":"n",` + date + `}}`, "n"},
		{`{"DisplayName":"n","TASK_INFO_PARAMS":{"DisplayName":"m",` + date + `}}`, "n"},
		{`{"DisplayName":"","TASK_INFO_PARAMS":{"DisplayName":"m",` + date + `}}`, "m"},
		{`{"DisplayName":"a\u001b[31mb\u202ec",` + date + `}`, "a [31mb c"},
		{`{"DisplayName":"` + strings.Repeat("n", 300) + `",` + date + `}`, strings.Repeat("n", 256) + "…"},
		{`{` + date + `}`, ""},
		{`{"TASK_UNIQUE_ID":"196","DisplayName":"n"}`, "-"},
		{`{"TASK_UNIQUE_ID":{},"DisplayName":"n"}`, "-"},
		{`{"TASK_UNIQUE_ID":"195","TASK_INFO_PARAMS":17}`, "-"},
		{`{"OTHER":1}`, "-"},
		{`{}`, "-"},
		{`null`, "-"},
		{`17`, "-"},
	} {
		t.Run(c.answer[:min(len(c.answer), 50)], func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				server := newRogue(t, except("Tasks.GetTask", ok(fmt.Sprintf(`{"PxgRetVal":%s}`, c.answer))))
				task, err := client(t, server.Dial).ConsoleTask(t.Context(), "195")
				if c.name == "-" {
					assert.Equal(t, ksc.KindBadAnswer, failed(t, err).Kind)
					return
				}
				require.NoError(t, err)
				assert.Equal(t, ksc.ConsoleTask{ID: "195", Name: c.name, Created: time.Date(2026, 11, 25, 9, 0, 0, 0, time.UTC)}, task)
			})
		})
	}
}
