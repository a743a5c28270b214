package ksc_test

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kes-respond/kes-respond/plugin/ksc"
	"github.com/kes-respond/kes-respond/plugin/ksc/ksctest"
)

const getNextTask = "HostTasks.GetNextTask"

// nextTasks answers GetNextTask with these, and from then on with the last.
func nextTasks(tasks ...string) func(seen, int) reply {
	return func(s seen, nth int) reply {
		if s.method == getNextTask {
			return ok(tasks[min(nth, len(tasks)-1)])
		}
		return wellBehaved(s, nth)
	}
}

// TestTheEndOfLocalTasks in each form that it may have, and what is none.
func TestTheEndOfLocalTasks(t *testing.T) {
	const one, two = `{"pTaskData":{"TASK_UNIQUE_ID":"1","DisplayName":"n"}}`, `{"pTaskData":{"type":"params","value":{"TASK_UNIQUE_ID":2}}}`
	for _, c := range []struct {
		name  string
		tasks []string
		ids   []string
		ends  bool
	}{
		{"empty", []string{one, two, `{"pTaskData":{}}`}, []string{"1", "2"}, true},
		{"null", []string{one, `{"pTaskData":null}`}, []string{"1"}, true},
		{"wrapped", []string{one, `{"pTaskData":{"type":"params","value":{}}}`}, []string{"1"}, true},
		{"nothing", []string{one, `{}`}, []string{"1"}, true},
		{"at once", []string{`{"pTaskData":{}}`}, nil, true},
		{"something else", []string{one, `{"error":"upstream"}`}, []string{"1"}, false},
		{"a number", []string{one, `{"pTaskData":17}`}, []string{"1"}, false},
		{"without an id", []string{one, `{"pTaskData":{"DisplayName":"n"}}`}, []string{"1"}, false},
		{"without anything", []string{one, `{"pTaskData":{"other":1}}`}, []string{"1"}, false},
		{"the same again", []string{one, two, one}, []string{"1", "2"}, false},
		{"broken settings", []string{`{"pTaskData":{"TASK_UNIQUE_ID":"1","TASK_INFO_PARAMS":"x"}}`}, nil, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				server := newRogue(t, nextTasks(c.tasks...))
				all, err := client(t, server.Dial).LocalTasks(t.Context(), hostID)
				require.NoError(t, err)
				var ids []string
				task, more, err := all.Next(t.Context())
				for ; err == nil && more; task, more, err = all.Next(t.Context()) {
					ids = append(ids, task.ID)
				}
				assert.Equal(t, c.ids, ids)
				assert.False(t, more)
				asked := len(server.calls(getNextTask))
				_, _, again := all.Next(t.Context())
				assert.Len(t, server.calls(getNextTask), asked, "after its end nobody is asked")
				if c.ends {
					require.NoError(t, err)
					require.NoError(t, again)
					return
				}
				assert.Equal(t, ksc.KindBadAnswer, failed(t, err).Kind)
				assert.Equal(t, err, again)
			})
		})
	}
}

// TestLocalTasksWithoutAnEnd are given up.
func TestLocalTasksWithoutAnEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := newRogue(t, func(s seen, nth int) reply {
			if s.method == getNextTask {
				return ok(fmt.Sprintf(`{"pTaskData":{"TASK_UNIQUE_ID":"%d"}}`, nth))
			}
			return wellBehaved(s, nth)
		})
		all, err := client(t, server.Dial).LocalTasks(t.Context(), hostID)
		require.NoError(t, err)
		n := 0
		for more := true; err == nil && more; _, more, err = all.Next(t.Context()) {
			n++
		}
		assert.Equal(t, ksc.KindTruncated, failed(t, err).Kind)
		assert.Equal(t, ksc.MostTasks, n-1)
	})
}

// TestLocalTasksAreOfOneSession: KSC's place in the list dies with it, and a
// step that nobody saw ends the list rather than being left out.
func TestLocalTasksAreOfOneSession(t *testing.T) {
	for _, end := range []func(*ksctest.Server) error{
		func(s *ksctest.Server) error { s.EndSessions(); return nil },
		func(s *ksctest.Server) error {
			return s.SetMischief(map[string]float64{"drop-after-store@" + getNextTask: 1})
		},
	} {
		synctest.Test(t, func(t *testing.T) {
			server, c := emulated(t, ksctest.Options{})
			for range 3 {
				server.PutConsoleTask(ksctest.ConsoleTask{Name: "n", Host: hostID, Kind: "local"})
			}
			all, err := c.LocalTasks(t.Context(), hostID)
			require.NoError(t, err)
			_, more, err := all.Next(t.Context())
			require.NoError(t, err)
			require.True(t, more)
			require.NoError(t, end(server))
			_, more, err = all.Next(t.Context())
			e := failed(t, err)
			assert.True(t, e.Passing(), "%v", e)
			assert.False(t, more)
			require.NoError(t, server.SetMischief(nil))
			_, _, again := all.Next(t.Context())
			assert.Equal(t, err, again)
		})
	}
	synctest.Test(t, func(t *testing.T) {
		_, c := emulated(t, ksctest.Options{Latency: time.Second})
		ctx, cancel := context.WithTimeout(t.Context(), 2500*time.Millisecond)
		defer cancel()
		_, err := c.LocalTasks(ctx, hostID)
		assert.Equal(t, ksc.KindTimeout, failed(t, err).Kind)
	})
}

// TestTheStoredStateOfALocalTask: of the one that has both id and name.
func TestTheStoredStateOfALocalTask(t *testing.T) {
	of := func(id, name, state, why string) string {
		return fmt.Sprintf(`{"type":"params","value":{"strTask":%s,"txtDisplayName":"%s","nState":%s,"taskStateDescr":"%s"}}`, id, name, state, why)
	}
	const it = `"195"`
	for _, c := range []struct {
		rows   string
		status ksc.TaskStatus
	}{
		{of(it, taskName, "0", ""), ksc.TaskStatus{State: ksc.StatePending}},
		{of("195", taskName, `"1"`, ""), ksc.TaskStatus{State: ksc.StateRunning}},
		{of(it, taskName, "2", ""), ksc.TaskStatus{State: ksc.StatePaused}},
		{of(it, taskName, "3", `a\nb`), ksc.TaskStatus{State: ksc.StateFailed, Description: "a b"}},
		{of(it, taskName, "4", ""), ksc.TaskStatus{State: ksc.StateCompleted}},
		{of(it, taskName, "4", " \\n"), ksc.TaskStatus{State: ksc.StateCompleted}},
		{of(it, taskName, "4", "why"), ksc.TaskStatus{State: ksc.StateWarning, Description: "why"}},
		{of(it, taskName, "5", "late"), ksc.TaskStatus{Description: "late"}},
		{of(it, taskName, "6", ""), ksc.TaskStatus{}},
		{of(it, taskName, "7", ""), ksc.TaskStatus{}},
		{of(it, taskName, "16", ""), ksc.TaskStatus{}},
		{of(it, taskName, "-1", ""), ksc.TaskStatus{}},
		{of(it, taskName, "null", ""), ksc.TaskStatus{}},
		{of(`"1950"`, taskName, "4", ""), ksc.TaskStatus{}},
		{of(it, "another", "4", ""), ksc.TaskStatus{}},
		{of(it, taskName, "4", "") + "," + of(it, taskName, "4", ""), ksc.TaskStatus{}},
		{of(it, "another", "3", "") + "," + of(it, taskName, "4", "") + `,null,{}`, ksc.TaskStatus{State: ksc.StateCompleted}},
	} {
		synctest.Test(t, func(t *testing.T) {
			server := newRogue(t, except("SrvView.GetRecordRange", ok(`{"pRecords":{"KLCSP_ITERATOR_ARRAY":[`+c.rows+`]}}`)))
			status, err := client(t, server.Dial).LocalStatus(t.Context(), "195", taskName)
			require.NoError(t, err, c.rows)
			assert.Equal(t, c.status, status, c.rows)
		})
	}
}

// TestALongNameIsTheSame as it is when LocalTasks has cut it.
func TestALongNameIsTheSame(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server, c := emulated(t, ksctest.Options{})
		long := "n\u202e" + fmt.Sprintf("%0300d", 7)
		server.PutConsoleTask(ksctest.ConsoleTask{Name: long, Host: hostID, Kind: "local", State: 2})
		all, err := c.LocalTasks(t.Context(), hostID)
		require.NoError(t, err)
		task, _, err := all.Next(t.Context())
		require.NoError(t, err)
		require.NotEqual(t, long, task.Name)
		for _, name := range []string{long, task.Name} {
			status, err := c.LocalStatus(t.Context(), task.ID, name)
			require.NoError(t, err)
			assert.Equal(t, ksc.StateRunning, status.State)
		}
	})
}
