package ksctest

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// TestEveryStepDoesWhatItSays: each kind, its arguments spelt out, and what a client then meets.
func TestEveryStepDoesWhatItSays(t *testing.T) {
	const (
		available = "ConEvents.IsAnyServiceConsoleAvailable"
		info      = `{"strHostName":"a","pFields2Return":["KLHST_WKS_STATUS"]}`
	)
	tasks := func(s *Server) (out []string) {
		for _, task := range s.State().ConsoleTasks {
			out = append(out, fmt.Sprint(task.ID, " ", task.State, " ", task.Forged))
		}
		return out
	}
	kinds := map[string]struct {
		steps string
		check func(t *testing.T, s *Server, c *client) // after the step, with two console tasks made before it
	}{
		doConsoleOff: {`{"after":"1h","do":"console-off"}`, func(t *testing.T, _ *Server, c *client) {
			assert.Equal(t, false, c.post(available, "{}").ok(t))
		}},
		doConsoleOn: {`{"after":"30m","do":"console-off"},{"after":"1h","do":"console-on"}`, func(t *testing.T, s *Server, c *client) {
			assert.Equal(t, true, c.post(available, "{}").ok(t))
			c.respond(t, "a")
			time.Sleep(time.Hour)
			assert.Len(t, tasks(s), 3)
		}},
		doHostAway: {`{"after":"1h","do":"host-away","host":"a"}`, func(t *testing.T, _ *Server, c *client) {
			assert.Contains(t, c.post("HostGroup.GetHostInfo", info).text, "21")
		}},
		doHostBack: {`{"after":"30m","do":"host-away","host":"a"},{"after":"1h","do":"host-back","host":"a"}`, func(t *testing.T, _ *Server, c *client) {
			assert.Contains(t, c.post("HostGroup.GetHostInfo", info).text, "29")
		}},
		doDeny: {`{"after":"1h","do":"deny","methods":["Tasks.*"]}`, func(t *testing.T, _ *Server, c *client) {
			assert.Equal(t, "KLSTD 1184 0", pxg(t, c.post("Tasks.GetTask", oneTask)))
			c.post(available, "{}").ok(t)
		}},
		doAllow: {`{"after":"30m","do":"deny","methods":["Tasks.*"]},{"after":"1h","do":"allow","methods":["Tasks.GetTask"]}`, func(t *testing.T, _ *Server, c *client) {
			c.post("Tasks.GetTask", oneTask).ok(t)
			assert.Equal(t, "KLSTD 1184 0", pxg(t, c.post("Tasks.GetTaskData", oneTask)))
		}},
		doForge: {`{"after":"1h","do":"forge"},{"after":"1h","do":"forge","incident":1,"state":2},{"after":"1h","do":"forge","incident":77}`, func(t *testing.T, s *Server, _ *client) {
			assert.Equal(t, []string{"1 4 false", "2 4 false", "3 4 true", "4 2 true"}, tasks(s))
			all := s.State().ConsoleTasks
			assert.Equal(t, []int64{2, 1}, []int64{all[2].Incident, all[3].Incident})
			assert.Equal(t, "[Response][Kuma] getFile - 2000-01-01 01:00:00 - 3", all[2].Name)
		}},
		doDeleteTask: {`{"after":"1h","do":"delete-task"},{"after":"1h","do":"delete-task","id":"77"}`, func(t *testing.T, s *Server, _ *client) {
			assert.Equal(t, []string{"1 4 false"}, tasks(s))
		}},
		doRotate: {`{"after":"1h","do":"rotate"}`, func(t *testing.T, s *Server, _ *client) {
			assert.Equal(t, []string{"2 4 false"}, tasks(s))
		}},
		doSetTasks: {`{"after":"1h","do":"set-tasks","tasks":{"outcome":"fail","delay":"1m","limit":2,"kind":"global","after":"add","oddities":["no-id"],"findings":1}}`, func(t *testing.T, s *Server, c *client) {
			c.post("HostGroup.AddIncident", data(t, map[string]any{"KLINCDT_BODY": responseBody("iocScan", "Kuma"), "KLHST_WKS_HOSTNAME": "a"})).ok(t)
			time.Sleep(3 * time.Minute)
			assert.Equal(t, []string{"2 4 false", "3 16 false"}, tasks(s))
			assert.Len(t, c.history(t, "3"), 4)
			assert.Equal(t, ConsoleTask{
				ID: "3", Name: "[Response][Kuma] iocScan - 2000-01-01 01:01:00", Host: "a", Type: "iocScan", Kind: "global",
				Created: "2000-01-01T01:01:00Z", State: stateFailed, Incident: 3,
			}, s.State().ConsoleTasks[1])
		}},
		doPutTask: {`{"after":"59m","do":"put-task","task":{"DisplayName":"x","KLHST_WKS_HOSTNAME":"b","TASK_NAME":"y","kind":"local","state_code":16,"incident":2}}`, func(t *testing.T, s *Server, _ *client) {
			assert.Equal(t, ConsoleTask{
				ID: "3", Name: "x", Host: "b", Type: "y", Kind: "local", Created: "2000-01-01T00:59:00Z", State: 16, Incident: 2, Forged: true,
			}, s.State().ConsoleTasks[2])
		}},
		doEndSessions: {`{"after":"1h","do":"end-sessions"}`, func(t *testing.T, _ *Server, c *client) {
			c.headers = nil
			assert.Equal(t, 401, c.post("Session.Ping", "{}").status)
		}},
		doMischief: {`{"after":"1h","do":"mischief","knobs":"status-503@Session.Ping"},{"after":"2h","do":"mischief","knobs":""}`, func(t *testing.T, _ *Server, c *client) {
			assert.Equal(t, 503, c.post("Session.Ping", "{}").status)
			time.Sleep(time.Hour)
			assert.Equal(t, 200, c.post("Session.Ping", "{}").status)
		}},
	}
	require.Len(t, kinds, len(StepKinds()), "a step without a test may do nothing")
	for _, k := range StepKinds() {
		e, ok := kinds[k.Name]
		require.True(t, ok, "%s has no test", k.Name)
		assert.NotEmpty(t, k.Does)
		t.Run(k.Name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := start(t, Options{Scenario: []byte("[" + e.steps + "]"), Inventory: []Host{{ID: "a"}, {ID: "b"}}, ClockSkew: 0})
				c := newClient(t, s)
				c.post("login", "").ok(t)
				c.respond(t, "a")
				c.respond(t, "a")
				time.Sleep(time.Hour)
				e.check(t, s, c)
			})
		})
	}
}

// TestStepsComeInOrder of their times, each on the server as it was then, though nobody calls until all is over; and one
// that waits for an incident waits for the storing, not for the id.
func TestStepsComeInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := start(t, Options{
			ClockSkew: -24 * time.Hour, Tasks: TaskOptions{Delay: time.Minute}, State: &State{LastIncident: 40},
			Scenario: []byte(`[
				{"do": "host-back", "host": "a", "after": "50m"},
				{"do": "host-away", "host": "a", "after": "10s"},
				{"do": "forge", "afterIncident": 2},
				{"do": "delete-task", "afterIncident": 1, "after": "1h", "id": "2"},
				{"do": "console-off", "afterIncident": 3}
			]`),
		})
		c := newClient(t, s)
		c.respond(t, "a")
		c.respond(t, "b")
		time.Sleep(45 * time.Minute)
		assert.Equal(t, []int64{statePending, stateCompleted}, []int64{stateOf(s, 41), stateOf(s, 42)})
		assert.True(t, s.State().ConsoleTasks[0].Forged, "at once, and so before those of the console")
		time.Sleep(7*time.Minute - time.Second)
		assert.EqualValues(t, stateRunning, stateOf(s, 41))
		time.Sleep(8 * time.Minute)
		assert.EqualValues(t, stateCompleted, stateOf(s, 41))
		time.Sleep(time.Second)
		assert.Zero(t, stateOf(s, 41), "deleted an hour after the first was stored")
	})
}

// TestLookingChangesNothing: with the same scenario, however often somebody looks in between, it comes to the same.
func TestLookingChangesNothing(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		var steps []string
		for range rapid.IntRange(1, 12).Draw(rt, "steps") {
			do := rapid.SampledFrom([]string{
				`"console-off"`, `"console-on"`, `"host-away","host":"a"`, `"host-back","host":"a"`, `"forge"`, `"delete-task"`, `"rotate"`,
				`"set-tasks","tasks":{"outcome":"fail"}`, `"set-tasks","tasks":{"delay":"1s"}`, `"put-task","task":{"DisplayName":"x","KLHST_WKS_HOSTNAME":"a"}`,
			}).Draw(rt, "do")
			when := fmt.Sprintf(`"after":"%dm"`, rapid.IntRange(0, 30).Draw(rt, "after"))
			if n := rapid.IntRange(0, 3).Draw(rt, "incident"); n > 0 {
				when += fmt.Sprintf(`,"afterIncident":%d`, n)
			}
			steps = append(steps, fmt.Sprintf(`{%s,"do":%s}`, when, do))
		}
		looks := rapid.SliceOfN(rapid.Bool(), 60, 60).Draw(rt, "looks")
		var ends []State
		for _, looking := range []bool{false, true} {
			synctest.Test(t, func(t *testing.T) {
				s := start(t, Options{Tasks: TaskOptions{Delay: 2 * time.Minute}, Scenario: []byte("[" + strings.Join(steps, ",") + "]")})
				c := newClient(t, s)
				for range 2 {
					c.respond(t, "a")
				}
				for _, look := range looks {
					time.Sleep(time.Minute)
					if look && looking {
						s.State()
					}
				}
				ends = append(ends, s.State())
			})
		}
		assert.Equal(rt, ends[0], ends[1])
	})
}

func TestScenariosThatCannotBe(t *testing.T) {
	const good = `{"after":"1s","do":"console-off"}`
	for text, want := range map[string]string{
		``:      "a JSON list of steps is needed",
		`null`:  "a JSON list of steps is needed",
		`{}`:    "a JSON list of steps is needed",
		`[] []`: "a JSON list of steps is needed",
		`[1]`:   "step 1: an object is needed",
		`[` + good + `,{"after":"1s","do":"dance"}]`:                                                          `step 2: there is nothing to do called "dance"`,
		`[` + good + `,{"after":"1s"}]`:                                                                       "step 2: do is needed",
		`[` + good + `,{"do":"console-on"}]`:                                                                  "step 2: after or afterIncident is needed",
		`[{"after":"soon","do":"console-on"}]`:                                                                `step 1: after "soon" is no duration`,
		`[{"after":"-1s","do":"console-on"}]`:                                                                 `step 1: after "-1s" is no duration`,
		`[{"after":1,"do":"console-on"}]`:                                                                     "step 1: after: json: cannot unmarshal number",
		`[{"after":null,"do":"console-on"}]`:                                                                  `step 1: "after" is null or there twice`,
		`[{"after":"1s","after":"2s","do":"console-on"}]`:                                                     `step 1: "after" is null or there twice`,
		`[{"After":"1s","do":"console-on"}]`:                                                                  "step 1: after or afterIncident is needed",
		`[{"afterIncident":0,"do":"console-on"}]`:                                                             "step 1: afterIncident 0 is not above 0",
		`[{"afterIncident":1.5,"do":"console-on"}]`:                                                           "step 1: afterIncident: json: cannot unmarshal",
		`[{"after":"1s","do":"console-on","host":"a"}]`:                                                       `step 1: console-on takes no "host"`,
		`[{"after":"1s","do":"host-away"}]`:                                                                   "step 1: host is needed",
		`[{"after":"1s","do":"host-away","host":"z"}]`:                                                        `step 1: there is no host "z"`,
		`[{"after":"1s","do":"deny","methods":["Tasks.NoSuch"]}]`:                                             `step 1: ksctest: there is no method "Tasks.NoSuch"`,
		`[{"after":"1s","do":"deny","methods":"Tasks.*"}]`:                                                    "step 1: methods: json: cannot unmarshal string",
		`[{"after":"1s","do":"forge","state":3}]`:                                                             "step 1: state 3 is none",
		`[{"after":"1s","do":"rotate","count":0}]`:                                                            "step 1: count 0 is not above 0",
		`[{"after":"1s","do":"set-tasks","tasks":{"outcome":"x"}}]`:                                           "step 1: ksctest: Outcome of console tasks",
		`[{"after":"1s","do":"set-tasks","tasks":{"outcome":""}}]`:                                            "step 1: outcome, kind and after cannot be empty",
		`[{"after":"1s","do":"set-tasks","tasks":{"delay":"0s"}}]`:                                            `step 1: delay "0s" is no duration above 0`,
		`[{"after":"1s","do":"set-tasks","tasks":{"limit":0}}]`:                                               "step 1: limit 0 is not above 0",
		`[{"after":"1s","do":"set-tasks","tasks":{"Delay":"1s"}}]`:                                            `step 1: tasks takes no "Delay"`,
		`[{"after":"1s","do":"set-tasks","tasks":[]}]`:                                                        "step 1: tasks: an object is needed",
		`[{"after":"1s","do":"set-tasks"}]`:                                                                   "step 1: tasks is needed",
		`[{"after":"1s","do":"put-task","task":{"DisplayName":"x"}}]`:                                         "step 1: task: DisplayName and KLHST_WKS_HOSTNAME are needed",
		`[{"after":"1s","do":"put-task","task":{"TASK_UNIQUE_ID":"1"}}]`:                                      `step 1: task takes no "TASK_UNIQUE_ID"`,
		`[{"after":"1s","do":"put-task","task":{"DisplayName":"x","KLHST_WKS_HOSTNAME":"a","kind":"z"}}]`:     `step 1: task: there is no kind "z"`,
		`[{"after":"1s","do":"put-task","task":{"DisplayName":"x","KLHST_WKS_HOSTNAME":"a","state_code":3}}]`: "step 1: task: state_code 3 is none",
		`[{"after":"1s","do":"mischief","knobs":"no-such"}]`:                                                  `step 1: ksctest: no mischief is called "no-such"`,
		`[{"after":"1s","do":"mischief","knobs":"html=x"}]`:                                                   `step 1: ksctest: mischief "html"`,
		`[{"after":"1s","do":"mischief"}]`:                                                                    "step 1: knobs is needed",
	} {
		_, err := New(Options{User: user, Password: password, Inventory: []Host{{ID: "a"}}, Scenario: []byte(text)})
		require.ErrorIs(t, err, ErrContent, text)
		assert.ErrorContains(t, err, want, text)
	}
	start(t, Options{Scenario: []byte("[]")})
}

// TestThePackageCommentsStepsAreRead: each example line of the package comment is a step.
func TestThePackageCommentsStepsAreRead(t *testing.T) {
	source, err := os.ReadFile("ksctest.go")
	require.NoError(t, err)
	n := 0
	for line := range strings.Lines(string(source)) {
		if text, ok := strings.CutPrefix(line, "//\t{"); ok {
			n++
			require.True(t, json.Valid([]byte("{"+text)), line)
			start(t, Options{Scenario: []byte("[{" + text + "]")})
		}
	}
	assert.Equal(t, 2, n)
}
