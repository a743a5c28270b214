package ksctest

import (
	"encoding/json"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// responseBody is an incident's body that asks for a response.
func responseBody(task, area string) string {
	b, _ := json.Marshal(map[string]any{
		"targetHost": someHost, "task": task, "params": map[string]any{}, "responseEventIncident": true, "responseEventIncidentArea": area,
	})
	return string(b)
}

// respond stores an incident for the host and updates it, as the help page's sample does.
func (c *client) respond(t *testing.T, host string) string {
	t.Helper()
	id := fmt.Sprint(c.post("HostGroup.AddIncident", data(t, map[string]any{"KLHST_WKS_HOSTNAME": host, "KLINCDT_BODY": responseBody("getFile", "Kuma")})).ok(t))
	c.post("HostGroup.UpdateIncident", `{"nId":`+id+`,"pData":{"KLINCDT_IS_HANDLED":false,"KLHST_WKS_HOSTNAME":"`+host+`"}}`).ok(t)
	return id
}

// states are those that the newest console task goes through, one after each delay.
func states(s *Server, delay time.Duration, n int) (out []int64) {
	for range n {
		time.Sleep(delay)
		tasks := s.State().ConsoleTasks
		if len(tasks) == 0 {
			out = append(out, 0)
			continue
		}
		out = append(out, tasks[len(tasks)-1].State)
	}
	return out
}

func TestAConsoleTaskGoesItsWay(t *testing.T) {
	zero := 0
	for name, e := range map[string]struct {
		options TaskOptions
		host    Host
		want    []int64
	}{
		"ok":            {TaskOptions{}, Host{ID: "a"}, []int64{stateScheduled, stateRunning, stateCompleted, stateCompleted}},
		"warning":       {TaskOptions{Outcome: "warning"}, Host{ID: "a"}, []int64{stateScheduled, stateRunning, stateWarning, stateWarning}},
		"fail":          {TaskOptions{Outcome: "fail"}, Host{ID: "a"}, []int64{stateScheduled, stateRunning, stateFailed, stateFailed}},
		"never":         {TaskOptions{Outcome: "never"}, Host{ID: "a"}, []int64{stateScheduled, stateRunning, stateRunning, stateRunning}},
		"a host away":   {TaskOptions{}, Host{ID: "a", Status: &zero}, []int64{statePending, statePending, statePending, statePending}},
		"all hosts off": {TaskOptions{Oddities: []string{"offline"}}, Host{ID: "a"}, []int64{statePending, statePending, statePending, statePending}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := start(t, Options{Tasks: e.options, Inventory: []Host{e.host}})
				c := newClient(t, s)
				c.respond(t, "a")
				time.Sleep(defaultTaskDelay - time.Millisecond)
				assert.Empty(t, s.State().ConsoleTasks, "not before its time")
				time.Sleep(time.Millisecond)
				assert.Equal(t, e.want[0], s.State().ConsoleTasks[0].State)
				assert.Equal(t, e.want[1:], states(s, defaultTaskDelay, 3))
			})
		})
	}
}

// TestWhatMakesNoConsoleTask: no console, no response in the body, no second call, an incident deleted in the meantime; and
// one that is updated twice makes one.
func TestWhatMakesNoConsoleTask(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		off := start(t, Options{ConsoleOff: true})
		newClient(t, off).respond(t, someHost)
		s := start(t, Options{})
		c := newClient(t, s)
		update := `{"nId":%d,"pData":{"KLHST_WKS_HOSTNAME":"` + someHost + `"}}`
		c.post("HostGroup.AddIncident", incident).ok(t)
		c.post("HostGroup.UpdateIncident", fmt.Sprintf(update, 1)).ok(t)
		c.post("HostGroup.AddIncident", data(t, map[string]any{"KLINCDT_BODY": responseBody("getFile", "Kuma")})).ok(t)
		c.respond(t, someHost)
		c.post("HostGroup.DeleteIncident", `{"nId":3}`).ok(t)
		time.Sleep(time.Hour)
		assert.Empty(t, off.State().ConsoleTasks)
		assert.Empty(t, s.State().ConsoleTasks)

		c.post("HostGroup.UpdateIncident", fmt.Sprintf(update, 2)).ok(t)
		c.post("HostGroup.UpdateIncident", fmt.Sprintf(update, 2)).ok(t)
		time.Sleep(time.Hour)
		assert.Len(t, s.State().ConsoleTasks, 1)

		early := start(t, Options{Tasks: TaskOptions{After: "add"}})
		newClient(t, early).post("HostGroup.AddIncident", data(t, map[string]any{"KLINCDT_BODY": responseBody("getFile", "Kuma")})).ok(t)
		time.Sleep(time.Hour)
		assert.Len(t, early.State().ConsoleTasks, 1)
	})
}

// TestNamesOfConsoleTasks by oddity: inside a bubble the time is known.
func TestNamesOfConsoleTasks(t *testing.T) {
	for oddity, want := range map[string]string{
		"":            "[Response][Kuma] getFile - 2000-01-01 00:00:00 - 2",
		"upper-case":  "[RESPONSE][KUMA] GETFILE - 2000-01-01 00:00:00 - 2",
		"lower-case":  "[response][kuma] getfile - 2000-01-01 00:00:00 - 2",
		"truncated":   "[Response][Kuma] getFile - 2000-01-01 00",
		"minute":      "[Response][Kuma] getFile - 2000-01-01 00:00 - 2",
		"no-id":       "[Response][Kuma] getFile - 2000-01-01 00:00:00",
		"local-time":  "[Response][Kuma] getFile - 2000-01-01 03:00:00 - 2",
		"handled":     "[Response][Kuma] getFile - 2000-01-01 00:00:00 - 2",
		"incident-id": "[Response][Kuma] getFile - 2000-01-01 00:00:00 - 3",
	} {
		t.Run(oddity, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				o := Options{}
				if oddity != "" {
					o.Tasks.Oddities = []string{oddity}
				}
				s := start(t, o)
				c := newClient(t, s)
				c.post("HostGroup.AddIncident", incident).ok(t)
				c.respond(t, someHost)
				c.respond(t, someHost)
				time.Sleep(defaultTaskDelay)
				tasks := s.State().ConsoleTasks
				require.Len(t, tasks, 2)
				assert.Equal(t, want, tasks[1].Name)
				assert.Equal(t, ConsoleTask{
					ID: "2", Name: want, Host: someHost, Type: "getFile", Kind: "group", Created: "2000-01-01T00:00:00Z", State: stateScheduled, Incident: 3,
				}, tasks[1])
			})
		})
	}
}

// TestAForgedConsoleTask comes first and is done at once.
func TestAForgedConsoleTask(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := start(t, Options{Tasks: TaskOptions{Oddities: []string{"forged"}, Outcome: "fail"}, ClockSkew: time.Hour})
		newClient(t, s).respond(t, someHost)
		tasks := s.State().ConsoleTasks
		require.Len(t, tasks, 1)
		assert.Equal(t, []any{true, int64(stateCompleted), "2000-01-01T01:00:00Z"}, []any{tasks[0].Forged, tasks[0].State, tasks[0].Created})
		time.Sleep(time.Hour)
		tasks = s.State().ConsoleTasks
		require.Len(t, tasks, 2)
		assert.Equal(t, []any{false, int64(stateFailed)}, []any{tasks[1].Forged, tasks[1].State})
	})
}

// TestConsoleTasksRotate at their limit, finished or not, and spare what is no response.
func TestConsoleTasksRotate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := start(t, Options{Tasks: TaskOptions{Outcome: "never"}, State: &State{ConsoleTasks: []ConsoleTask{{ID: "7", Name: "Update", Host: "a"}}}})
		c := newClient(t, s)
		for range defaultTaskLimit {
			c.respond(t, someHost)
		}
		time.Sleep(time.Hour)
		tasks := s.State().ConsoleTasks
		require.Len(t, tasks, 1+defaultTaskLimit)
		assert.Equal(t, []string{"7", "8"}, []string{tasks[0].ID, tasks[1].ID})
		c.respond(t, someHost)
		time.Sleep(time.Hour)
		tasks = s.State().ConsoleTasks
		require.Len(t, tasks, 1+defaultTaskLimit)
		assert.Equal(t, []string{"7", "9"}, []string{tasks[0].ID, tasks[1].ID})
	})
}

func TestTaskOptionsThatCannotBe(t *testing.T) {
	for _, o := range []TaskOptions{{Outcome: "done"}, {Kind: "x"}, {After: "x"}, {Oddities: []string{"x"}}, {Delay: -1}, {Limit: -1}} {
		_, err := New(Options{User: user, Password: password, Tasks: o})
		assert.Error(t, err, "%+v", o)
	}
	for _, tasks := range [][]ConsoleTask{{{ID: "x"}}, {{ID: "0"}}, {{ID: "1"}, {ID: "1"}}, {{ID: "1", Kind: "x"}}, {{ID: "1", Created: "now"}}} {
		_, err := New(Options{User: user, Password: password, State: &State{ConsoleTasks: tasks}})
		assert.ErrorIs(t, err, ErrContent, "%+v", tasks)
	}
}

// TestAConsoleTaskLivesThirtyDays, whether or not it is finished, and also when it was there before a restart.
func TestAConsoleTaskLivesThirtyDays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		old := State{ConsoleTasks: []ConsoleTask{
			{ID: "1", Name: "[response][x] y", Host: "a", Created: "1999-12-31T00:00:00Z"}, {ID: "2", Name: "Update", Host: "a", Created: "1999-01-01T00:00:00Z"},
		}}
		s := start(t, Options{State: &old, Tasks: TaskOptions{Outcome: "never"}})
		newClient(t, s).respond(t, someHost)
		ids := func() (out []string) {
			for _, task := range s.State().ConsoleTasks {
				out = append(out, task.ID)
			}
			return out
		}
		time.Sleep(29*24*time.Hour - time.Second)
		assert.Equal(t, []string{"1", "2", "3"}, ids())
		time.Sleep(time.Second)
		assert.Equal(t, []string{"2", "3"}, ids())
		time.Sleep(24 * time.Hour)
		assert.Equal(t, []string{"2", "3"}, ids())
		time.Sleep(defaultTaskDelay)
		assert.Equal(t, []string{"2"}, ids())
	})
}

// TestAConsoleTaskPutByHand looks like one of the console's own to a client.
func TestAConsoleTaskPutByHand(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := start(t, Options{Tasks: TaskOptions{Limit: 1}})
		newClient(t, s).respond(t, "a")
		time.Sleep(time.Hour)
		id := s.PutConsoleTask(ConsoleTask{ID: "1", Name: "[Response][Kuma] getFile", Host: "a", State: stateFailed})
		assert.Equal(t, []ConsoleTask{{
			ID: "2", Name: "[Response][Kuma] getFile", Host: "a", State: stateFailed, Created: "2000-01-01T01:00:00Z", Forged: true,
		}}, s.State().ConsoleTasks, "and it takes the place of an older one")
		assert.Equal(t, "2", id)
	})
}

// TestConsoleTasksFromSeveralClients, for the race detector and for the sake of their ids.
func TestConsoleTasksFromSeveralClients(t *testing.T) {
	s := start(t, Options{Tasks: TaskOptions{Delay: time.Nanosecond}})
	var work sync.WaitGroup
	for range 4 {
		c := newClient(t, s)
		work.Go(func() {
			for range 10 {
				c.respond(t, someHost)
				s.State()
			}
		})
	}
	work.Wait()
	tasks := s.State().ConsoleTasks
	require.Len(t, tasks, 40)
	seen := map[int64]bool{}
	for i, task := range tasks {
		assert.Equal(t, itoa(i+1), task.ID)
		seen[task.Incident] = true
	}
	assert.Len(t, seen, 40)
}
