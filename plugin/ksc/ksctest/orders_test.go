package ksctest

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// stateOf is where the newest console task of an incident stands; 0 where there is none.
func stateOf(s *Server, incident int64) int64 {
	for _, t := range slices.Backward(s.State().ConsoleTasks) {
		if t.Incident == incident {
			return t.State
		}
	}
	return 0
}

// TestTasksChangeTheirWays between two requests: what the console knew of keeps its course, also where it is not made yet.
func TestTasksChangeTheirWays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := start(t, Options{Tasks: TaskOptions{Delay: time.Hour}})
		c := newClient(t, s)
		c.respond(t, someHost)
		require.NoError(t, s.SetTasks(TaskOptions{Outcome: "fail", Delay: time.Second, Kind: "global", Oddities: []string{"no-id"}}))
		c.respond(t, someHost)
		time.Sleep(3 * time.Second)
		assert.Equal(t, []int64{0, stateFailed}, []int64{stateOf(s, 1), stateOf(s, 2)})
		assert.Equal(t, []string{"global", "[Response][Kuma] getFile - 2000-01-01 00:00:01"}, []string{s.State().ConsoleTasks[0].Kind, s.State().ConsoleTasks[0].Name})
		require.NoError(t, s.SetTasks(TaskOptions{Outcome: "never"}))
		time.Sleep(3*time.Hour - 3*time.Second)
		assert.Equal(t, []int64{stateCompleted, stateFailed}, []int64{stateOf(s, 1), stateOf(s, 2)})
		assert.Error(t, s.SetTasks(TaskOptions{Outcome: "done"}), "and what cannot be changes nothing")
		c.respond(t, someHost)
		time.Sleep(time.Hour)
		assert.EqualValues(t, stateRunning, stateOf(s, 3))
	})
}

// TestConsoleTasksComeInTheOrderOfTheirDelays, whatever the order of their incidents and whoever looks when.
func TestConsoleTasksComeInTheOrderOfTheirDelays(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		minutes := rapid.SliceOfN(rapid.IntRange(0, 30), 1, 12).Draw(rt, "minutes")
		look := rapid.Bool().Draw(rt, "look")
		synctest.Test(t, func(t *testing.T) {
			s := start(t, Options{Tasks: TaskOptions{After: "add", DelayOf: func(incident int64, host string) time.Duration {
				assert.Equal(t, someHost, host)
				return time.Duration(minutes[incident-1]) * time.Minute
			}}})
			c := newClient(t, s)
			var want []int64
			for i := range minutes {
				c.post("HostGroup.AddIncident", data(t, map[string]any{"KLINCDT_BODY": responseBody("getFile", "Kuma")})).ok(t)
				want = append(want, int64(i+1))
			}
			slices.SortStableFunc(want, func(a, b int64) int { return minutes[a-1] - minutes[b-1] })
			for m := range 31 {
				time.Sleep(time.Second) // past the delay of those that say 0
				if look {
					for i, own := range minutes {
						assert.Equal(t, own <= m, stateOf(s, int64(i+1)) != 0, "%d after %d minutes", own, m)
					}
				}
				time.Sleep(time.Minute - time.Second)
			}
			time.Sleep(time.Hour)
			var got []int64
			for _, task := range s.State().ConsoleTasks {
				got = append(got, task.Incident)
				assert.EqualValues(t, stateCompleted, task.State)
			}
			assert.Equal(t, want, got)
		})
	})
}

// TestAHostComesBack and its console task with it; also without an inventory, where every host is known.
func TestAHostComesBack(t *testing.T) {
	for name, hosts := range map[string][]Host{"inventory": {{ID: "a"}, {ID: "b"}}, "none": nil} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := start(t, Options{Inventory: hosts, Tasks: TaskOptions{Delay: time.Minute, Kind: "group"}})
				c := newClient(t, s)
				const info = `{"strHostName":"a","pFields2Return":["KLHST_WKS_STATUS"]}`
				require.NoError(t, s.SetHostAlive("a", false))
				assert.Equal(t, `{"PxgRetVal":{"KLHST_WKS_STATUS":21}}`, c.post("HostGroup.GetHostInfo", info).text)
				found := c.rows(t, "HostGroup.FindHosts", `{"wstrFilter":"(KLHST_WKS_HOSTNAME=\"a\")","vecFieldsToReturn":["KLHST_WKS_STATUS"]}`)
				assert.Equal(t, "[map[KLHST_WKS_STATUS:21]]", fmt.Sprint(found))
				c.respond(t, "a")
				c.respond(t, "b")
				time.Sleep(24 * time.Hour)
				assert.Equal(t, []int64{statePending, stateCompleted}, []int64{stateOf(s, 1), stateOf(s, 2)})

				require.NoError(t, s.SetHostAlive("a", true))
				require.NoError(t, s.SetHostAlive("a", true), "twice is once")
				assert.Equal(t, `{"PxgRetVal":{"KLHST_WKS_STATUS":29}}`, c.post("HostGroup.GetHostInfo", info).text)
				assert.Equal(t, []int64{stateScheduled, stateRunning, stateCompleted}, append([]int64{stateOf(s, 1)}, states1(s, time.Minute, 2)...))
				var told []string
				for _, r := range c.history(t, "1") {
					told = append(told, fmt.Sprint(r["event_type"], " ", r["task_new_state"]))
				}
				assert.Equal(t, []string{
					"KLEVP_GroupTaskSyncState 1", "KLEVP_GroupTaskSyncState 32", "KLPRCI_TaskState 1", "KLPRCI_TaskState 4",
				}, told)
			})
		})
	}
	s := start(t, Options{Inventory: []Host{{ID: "a"}}})
	assert.Error(t, s.SetHostAlive("c", true))
}

// states1 are those of incident 1 after each of n delays.
func states1(s *Server, delay time.Duration, n int) (out []int64) {
	for range n {
		time.Sleep(delay)
		out = append(out, stateOf(s, 1))
	}
	return out
}

// TestAHostThatGoes takes its console task with it, wherever that stands, and brings it back to where it was.
func TestAHostThatGoes(t *testing.T) {
	for _, e := range []struct {
		leaves            time.Duration // after the incident; the console task is made after 4 minutes, and each step takes 4
		gone, back        int64
		findings, finally int
		steps             time.Duration // from its return to its end
		outcome           string
		end               int64
		events            int
	}{
		{5 * time.Minute, statePending, stateScheduled, 0, 3, 8 * time.Minute, "ok", stateCompleted, 8},
		{9 * time.Minute, stateRunning, stateRunning, 1, 3, 4 * time.Minute, "fail", stateFailed, 6},
		{13 * time.Minute, stateCompleted, stateCompleted, 3, 3, 0, "ok", stateCompleted, 6},
		{9 * time.Minute, stateRunning, stateRunning, 1, 3, 4 * time.Minute, "never", stateRunning, 5},
	} {
		t.Run(fmt.Sprint(e.leaves, e.outcome), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := start(t, Options{Tasks: TaskOptions{Delay: 4 * time.Minute, Findings: 3, Outcome: e.outcome}})
				c := newClient(t, s)
				c.respondTo(t, someHost, "iocScan", "Kuma")
				time.Sleep(e.leaves)
				require.NoError(t, s.SetHostAlive(someHost, false))
				assert.Equal(t, e.gone, stateOf(s, 1))
				time.Sleep(time.Hour)
				assert.Equal(t, e.gone, stateOf(s, 1))
				assert.Equal(t, e.findings, c.findings(t))
				require.NoError(t, s.SetHostAlive(someHost, true))
				assert.Equal(t, e.back, stateOf(s, 1))
				time.Sleep(e.steps)
				assert.Equal(t, e.end, stateOf(s, 1))
				assert.Equal(t, e.finally, c.findings(t))
				assert.Len(t, c.history(t, "1"), e.events)
			})
		})
	}
}

// findings are counted in the history of the first console task.
func (c *client) findings(t *testing.T) (n int) {
	t.Helper()
	for _, r := range c.history(t, "1") {
		if r["event_type"] == eventIOC {
			n++
		}
	}
	return n
}

// TestAHostStuckForGood is one that the oddity keeps away, whatever its status.
func TestAHostStuckForGood(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := start(t, Options{Tasks: TaskOptions{Oddities: []string{"offline"}}})
		newClient(t, s).respond(t, someHost)
		time.Sleep(time.Hour)
		for _, alive := range []bool{false, true} {
			require.NoError(t, s.SetHostAlive(someHost, alive))
			time.Sleep(time.Hour)
			assert.EqualValues(t, statePending, stateOf(s, 1))
		}
	})
}

// TestAConsoleThatLeaves makes nothing more, of what it knew neither, and knows nothing of that when it is back.
func TestAConsoleThatLeaves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := start(t, Options{Tasks: TaskOptions{Delay: time.Minute}})
		c := newClient(t, s)
		available := func() any { return c.post("ConEvents.IsAnyServiceConsoleAvailable", "{}").ok(t) }
		c.respond(t, someHost)
		time.Sleep(time.Minute)
		c.respond(t, someHost)
		s.SetConsole(false)
		assert.Equal(t, false, available())
		c.respond(t, someHost)
		time.Sleep(time.Hour)
		assert.Equal(t, []int64{stateCompleted, 0, 0}, []int64{stateOf(s, 1), stateOf(s, 2), stateOf(s, 3)})
		s.SetConsole(true)
		assert.Equal(t, true, available())
		c.post("HostGroup.UpdateIncident", `{"nId":2,"pData":{"KLHST_WKS_HOSTNAME":"`+someHost+`"}}`).ok(t)
		time.Sleep(time.Hour)
		assert.Equal(t, []int64{stateCompleted, stateCompleted, 0}, []int64{stateOf(s, 1), stateOf(s, 2), stateOf(s, 3)})
	})
}

// TestOrdersFromSeveralSides, for the race detector: nobody waits for anybody.
func TestOrdersFromSeveralSides(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := start(t, Options{})
		for side := range 4 {
			c := newClient(t, s)
			go func() {
				random := rand.New(rand.NewPCG(1, uint64(side)))
				for range 20 {
					c.respond(t, someHost)
					assert.NoError(t, s.SetHostAlive(someHost, random.IntN(2) == 0))
					assert.NoError(t, s.SetTasks(TaskOptions{Delay: time.Duration(1+random.IntN(9)) * time.Minute}))
					time.Sleep(time.Duration(random.IntN(600)) * time.Second)
				}
			}()
		}
		time.Sleep(24 * time.Hour)
		require.NoError(t, s.SetHostAlive(someHost, true))
		time.Sleep(time.Hour)
		tasks := s.State().ConsoleTasks
		require.Len(t, tasks, 80)
		for _, task := range tasks {
			assert.EqualValues(t, stateCompleted, task.State)
		}
	})
}
