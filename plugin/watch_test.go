package plugin_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kes-respond/kes-respond/plugin"
	"github.com/kes-respond/kes-respond/plugin/ksc/ksctest"
	"github.com/kes-respond/kes-respond/shared"
)

// crowded is what became of one of many.
type crowded struct {
	host   string
	marked bool
	result shared.Result
}

// many sends requests for the same task, four to a host, all at once.
func (p process) many(t *testing.T, hosts, each int, marked func(i int) bool) []crowded {
	t.Helper()
	var mu sync.Mutex
	var all []crowded
	var group sync.WaitGroup
	for i := range hosts * each {
		one := crowded{host: fmt.Sprintf("host-%d", i%hosts), marked: marked(i)}
		line := fmt.Sprintf(`{"id":%d,"task":"getFile","targetHost":%q,"hostLookup":"never","params":{"md5hash":"","sha256hash":"","path":"C:\\%d.exe"},"wait":"done","timeout":"6h","marker":%v}`,
			i, one.host, i, one.marked)
		group.Go(func() {
			_, one.result = p.send(t, line)
			mu.Lock()
			defer mu.Unlock()
			all = append(all, one)
		})
	}
	group.Wait()
	return all
}

// TestACrowdOnTheSameHosts: 200 requests for the same task on 50 hosts, and the
// console tasks come in any order, minutes apart, on a clock that is a day off.
// Each result names its own console task, or says that it cannot be told; none is
// named twice; and the calls stay within their budget.
func TestACrowdOnTheSameHosts(t *testing.T) {
	for name, c := range map[string]struct {
		marked func(i int) bool
		skew   time.Duration
		each   int
		sure   int // that name their own
	}{
		"marked":         {func(int) bool { return true }, 24 * time.Hour, 4, 200},
		"half":           {func(i int) bool { return i >= 100 }, -24 * time.Hour, 4, 100},
		"without a mark": {func(int) bool { return false }, 0, 4, 0},
		"one a host":     {func(int) bool { return false }, 0, 1, 50},
	} {
		dir := t.TempDir()
		t.Run(name, func(t *testing.T) {
			seed := rand.Uint64()
			t.Logf("seed %d", seed)
			synctest.Test(t, func(t *testing.T) {
				random := rand.New(rand.NewPCG(seed, 1))
				s := newSite(t, dir, ksctest.Options{ClockSkew: c.skew, Tasks: ksctest.TaskOptions{
					Limit: 1000, DelayOf: func(int64, string) time.Duration { return time.Duration(random.IntN(int(20 * time.Minute))) },
				}})
				p := s.follower(t)
				all := p.many(t, 50, c.each, c.marked)
				own := map[string]string{} // console task to incident
				for _, made := range s.ksc.State().ConsoleTasks {
					own[made.ID] = fmt.Sprint(made.Incident)
				}
				named := map[string]bool{}
				for _, one := range all {
					if one.result.Outcome == shared.Pending {
						require.Equal(t, shared.TaskAmbiguous, one.result.Error.Code, one.result.Error.Message)
						continue
					}
					require.Equal(t, shared.Succeeded, one.result.Outcome, "%+v", one.result.Error)
					id := one.result.ConsoleTask.ID
					assert.Equal(t, one.result.Incident.ID, own[id], "the console task of another")
					assert.False(t, named[id], "named twice")
					named[id] = true
				}
				assert.Len(t, named, c.sure)
				s.withinBudget(t)
				s.released(t)
			})
		})
	}
}

// withinBudget holds the emulator's record against the bound of calls a minute:
// all that came after the last request was sent.
func (s *site) withinBudget(t *testing.T) {
	t.Helper()
	calls := s.ksc.Calls()
	for i, c := range slices.Backward(calls) {
		if strings.HasSuffix(c.Path, "UpdateIncident") {
			calls = calls[i+1:]
			break
		}
	}
	require.Greater(t, len(calls), plugin.DefaultFollowCalls, "too few to show anything")
	for i, c := range calls[:len(calls)-plugin.DefaultFollowCalls] {
		after := calls[i+plugin.DefaultFollowCalls].Time.Sub(c.Time)
		require.Greater(t, after, 58*time.Second, // the record has whole seconds
			"%d calls from %s on", plugin.DefaultFollowCalls+1, c.Time)
	}
}

// TestALookIsBounded: with all the calls that it wants, a look makes no more than
// one for each host waited on, three for each console task there is, and two.
func TestALookIsBounded(t *testing.T) {
	const hosts = 7
	for _, kind := range []string{"group", "local"} {
		dir := t.TempDir()
		synctest.Test(t, func(t *testing.T) {
			s := newSite(t, dir, ksctest.Options{Tasks: ksctest.TaskOptions{
				Kind: kind, DelayOf: func(incident int64, _ string) time.Duration { return time.Duration(incident) * time.Minute },
			}})
			p := s.start(t, nil, func(c *plugin.Config) { c.FollowCalls = 6000 })
			start := time.Now()
			for _, one := range p.many(t, hosts, 1, func(int) bool { return false }) {
				require.Equal(t, shared.Succeeded, one.result.Outcome, "%+v", one.result.Error)
			}
			looks := map[time.Time]int{}
			for _, c := range s.ksc.Calls() {
				if c.Time.After(start) {
					looks[c.Time]++
				}
			}
			for at, calls := range looks {
				made := min(hosts, int(at.Sub(start)/time.Minute))
				assert.LessOrEqual(t, calls, hosts+3*made+2, "at %s", at)
			}
			s.released(t)
		})
	}
}

// TestTheSmallestBudget: three calls a minute are enough, and leave nothing at KSC.
func TestTheSmallestBudget(t *testing.T) {
	for _, kind := range []string{"group", "local"} {
		dir := t.TempDir()
		synctest.Test(t, func(t *testing.T) {
			s := newSite(t, dir, ksctest.Options{Tasks: ksctest.TaskOptions{Kind: kind}})
			p := s.start(t, nil, func(c *plugin.Config) { c.FollowCalls = 3 })
			_, result := p.send(t, waits("1", "isolateHost", `{"action":1}`, ""))
			require.Equal(t, shared.Succeeded, result.Outcome, "%+v", result)
			s.released(t)
		})
	}
}

// TestNothingOutlivesARequest: whenever a caller leaves, what was opened at KSC is
// given back, and the bubble ends, so no goroutine is left either.
func TestNothingOutlivesARequest(t *testing.T) {
	for _, kind := range []string{"group", "local"} {
		for after := time.Second; after < 50*time.Second; after += 500*time.Millisecond + 13*time.Millisecond {
			dir := t.TempDir()
			synctest.Test(t, func(t *testing.T) {
				s := newSite(t, dir, ksctest.Options{Latency: 70 * time.Millisecond, Tasks: ksctest.TaskOptions{Kind: kind, Delay: 5 * time.Second}})
				p := s.follower(t)
				ctx, cancel := context.WithCancel(t.Context())
				time.AfterFunc(after, cancel)
				_, result := p.sendCtx(t, ctx, waits("1", "isolateHost", `{"action":1}`, ""))
				assert.Contains(t, []shared.Outcome{shared.Cancelled, shared.Pending, shared.Succeeded}, result.Outcome)
				left := time.Now()
				time.Sleep(5 * time.Minute) // of the bubble
				for _, c := range s.ksc.Calls() {
					assert.False(t, c.Time.After(left), "%s at %s looks for nobody", c.Path, c.Time)
				}
				s.released(t)
			})
		}
	}
}

// TestWhatFollowingDoesWithout: a right that is missing, a method that this KSC
// does not know and a session that ends each cost one step, which is named, and
// what is said of the outcome stays true.
func TestWhatFollowingDoesWithout(t *testing.T) {
	const warned, known = "this account", "this version of KSC does not know "
	for name, c := range map[string]struct {
		options ksctest.Options
		kind    string
		warns   []string
		outcome shared.Outcome
		code    shared.Code
	}{
		"all rights":               {ksctest.Options{}, "group", nil, shared.Succeeded, ""},
		"no right to tasks":        {ksctest.Options{Denied: []string{"Tasks.*", "HostGroup.GetHostTasks"}}, "group", []string{"Tasks.GetAllTasksOfHost may need (not confirmed): Read", "HostGroup.GetHostTasks"}, shared.Pending, shared.Denied},
		"tasks of the host alone":  {ksctest.Options{Denied: []string{"Tasks.*"}}, "local", []string{"Tasks.GetAllTasksOfHost"}, shared.Succeeded, ""},
		"no list":                  {ksctest.Options{Absent: []string{"Tasks.GetAllTasksOfHost"}}, "group", []string{known + "Tasks.GetAllTasksOfHost"}, shared.Pending, shared.Timeout},
		"no names":                 {ksctest.Options{Denied: []string{"Tasks.GetTask"}}, "group", []string{"to read a console task: "}, shared.Pending, shared.Timeout},
		"older states":             {ksctest.Options{Absent: []string{"Tasks.ResetHostIteratorForTaskStatusEx"}}, "group", []string{known + "Tasks.ResetHostIteratorForTaskStatusEx"}, shared.Succeeded, ""},
		"counts alone":             {ksctest.Options{Absent: []string{"Tasks.ResetHostIteratorForTaskStatusEx", "Tasks.ResetHostIteratorForTaskStatus"}}, "group", []string{known + "Tasks.ResetHostIteratorForTaskStatusEx", known + "Tasks.ResetHostIteratorForTaskStatus,"}, shared.Succeeded, ""},
		"no states at all":         {ksctest.Options{Denied: []string{"Tasks.ResetHostIteratorForTaskStatusEx", "Tasks.ResetHostIteratorForTaskStatus", "Tasks.GetTaskStatistics"}}, "group", []string{warned, warned, warned}, shared.Pending, shared.Denied},
		"no events":                {ksctest.Options{Denied: []string{"Tasks.GetTaskHistory"}}, "group", []string{"to read a console task's events"}, shared.Succeeded, ""},
		"events that are garbled":  {ksctest.Options{Mischief: map[string]float64{"html@Tasks.GetTaskHistory": 1}, Seed: 1}, "group", []string{"the events of its console task cannot be read"}, shared.Succeeded, ""},
		"no incidents":             {ksctest.Options{Denied: []string{"HostGroup.FindIncidents"}}, "group", []string{"to see which other requests"}, shared.Pending, shared.TaskAmbiguous},
		"no view":                  {ksctest.Options{Absent: []string{"SrvView.ResetIterator"}}, "local", []string{known + "SrvView.ResetIterator"}, shared.Pending, shared.KSCError},
		"no console flag":          {ksctest.Options{Absent: []string{"ConEvents.IsAnyServiceConsoleAvailable"}}, "group", nil, shared.Succeeded, ""},
		"sessions that end":        {ksctest.Options{Mischief: map[string]float64{"end-session": 0.1}, Seed: 3}, "group", nil, shared.Succeeded, ""},
		"answers that are lost":    {ksctest.Options{Mischief: map[string]float64{"truncate@Tasks.GetTask": 0.5, "html@Tasks.GetHostStatusRecordRange": 0.5, "status-503@Tasks.GetAllTasksOfHost": 0.3}, Seed: 5}, "group", nil, shared.Succeeded, ""},
		"a session a look":         {ksctest.Options{Mischief: map[string]float64{"end-session@Tasks.GetHostStatusRecordRange": 0.5}, Seed: 7}, "group", nil, shared.Succeeded, ""},
		"numbers written as texts": {ksctest.Options{Mischief: map[string]float64{"long-as-string": 1}, Seed: 1}, "group", nil, shared.Succeeded, ""},
	} {
		dir := t.TempDir()
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c.options.Tasks.Kind = c.kind
				s := newSite(t, dir, c.options)
				p := s.follower(t)
				events, result := p.send(t, waits("1", "isolateHost", `{"action":1}`, `,"timeout":"20m"`))
				require.Equal(t, c.outcome, result.Outcome, "%+v", result)
				if c.code != "" {
					assert.Equal(t, c.code, result.Error.Code, result.Message)
				}
				said := remarks(events)
				for _, w := range c.warns {
					assert.True(t, slices.ContainsFunc(said, func(text string) bool { return strings.Contains(text, w) }), "%s in %q", w, said)
				}
				if c.warns == nil {
					assert.Empty(t, said)
				}
				texts, err := json.Marshal(said)
				require.NoError(t, err)
				for _, text := range said {
					assert.Equal(t, 1, strings.Count(string(texts), strings.Trim(string(must(json.Marshal(text))), `"`)), "said twice")
				}
				if c.options.Mischief == nil {
					s.released(t)
				}
			})
		})
	}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}
