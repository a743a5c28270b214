package plugin_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kes-respond/kes-respond/plugin"
	"github.com/kes-respond/kes-respond/plugin/ksc/ksctest"
	"github.com/kes-respond/kes-respond/shared"
)

// follower is a process that follows what it sends.
func (s *site) follower(t testing.TB) process {
	return s.start(t, nil, func(c *plugin.Config) { c.FollowCalls = plugin.DefaultFollowCalls })
}

// waits is a request for a task that waits for what the host does.
func waits(id, task, params, more string) string {
	return fmt.Sprintf(`{"id":%q,"task":%q,"targetHost":%q,"hostLookup":"never","params":%s,"wait":"done"%s}`, id, task, hostID, params, more)
}

// released says that nothing of the following is left at KSC.
func (s *site) released(t testing.TB) {
	t.Helper()
	assert.Empty(t, s.ksc.Unreleased(), "result sets that were not given back")
}

// stages are those of the progress events, without repetitions.
func stages(events []shared.Event) []string {
	var all []string
	for _, e := range events {
		if e.Progress != nil && e.Progress.Stage != shared.StageWarning && (len(all) == 0 || all[len(all)-1] != e.Progress.Stage) {
			all = append(all, e.Progress.Stage)
		}
	}
	return all
}

// remarks are the texts of warning events that speak of what stands in the way.
func remarks(events []shared.Event) (all []string) {
	for _, e := range events {
		if e.Progress != nil && e.Progress.Stage == shared.StageWarning && !strings.Contains(e.Progress.Message, "may lift isolation") {
			all = append(all, e.Progress.Message)
		}
	}
	return all
}

// TestWhatBecameOfIt brings about each end that a console task can have, for each
// kind of console task, by each oddity that must not matter.
func TestWhatBecameOfIt(t *testing.T) {
	outcomes := map[string]shared.Outcome{"ok": shared.Succeeded, "warning": shared.Partial, "fail": shared.Failed, "never": shared.Pending}
	states := map[string]string{"ok": "completed", "warning": "completed with warning", "fail": "failed", "never": "running"}
	for _, kind := range []string{"group", "global", "local"} {
		for outcome, want := range outcomes {
			for _, odd := range []string{"", "upper-case", "lower-case", "truncated", "minute", "no-id", "incident-id", "local-time", "handled"} {
				for _, skew := range []time.Duration{0, 24 * time.Hour, -24 * time.Hour} {
					if (skew != 0 || outcome == "never") && odd != "" { // half an hour of looks each
						continue
					}
					name := fmt.Sprintf("%s %s %s %s", kind, outcome, odd, skew)
					dir := t.TempDir()
					t.Run(name, func(t *testing.T) {
						synctest.Test(t, func(t *testing.T) {
							o := ksctest.Options{ClockSkew: skew, Tasks: ksctest.TaskOptions{Kind: kind, Outcome: outcome, Delay: 20 * time.Second}}
							if odd != "" {
								o.Tasks.Oddities = []string{odd}
							}
							s := newSite(t, dir, o)
							p := s.follower(t)
							began := time.Now()
							events, result := p.send(t, waits("1", "isolateHost", `{"action":1}`, ""))
							require.Equal(t, want, result.Outcome, "%+v", result.Error)
							require.NotNil(t, result.ConsoleTask)
							assert.Equal(t, states[outcome], result.ConsoleTask.State)
							assert.NotEmpty(t, result.ConsoleTask.Name)
							assert.NotContains(t, stages(events), "failed")
							assert.Equal(t, "submitted", stages(events)[0])
							assert.Contains(t, stages(events), "taken")
							if want == shared.Pending {
								assert.Equal(t, 30*time.Minute, time.Since(began).Round(time.Second))
							} else {
								assert.Less(t, time.Since(began), 3*time.Minute, "it is told when it is known")
								assert.Equal(t, want, s.records(t)[0].Outcome)
								assert.Equal(t, result.ConsoleTask.ID, s.records(t)[0].ConsoleTask.ID)
							}
							s.released(t)
						})
					})
				}
			}
		}
	}
}

// TestItGoesWhileItIsMadeSureOf: KSC drops a console task for a newer one at any
// moment. What was seen of its end counts; who waits never waits on for what is gone.
func TestItGoesWhileItIsMadeSureOf(t *testing.T) {
	for _, kind := range []string{"group", "global", "local"} {
		for after := 4713 * time.Millisecond; after < 20*time.Second; after += time.Second {
			dir := t.TempDir()
			t.Run(fmt.Sprint(kind, " ", after), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					s := newSite(t, dir, ksctest.Options{Tasks: ksctest.TaskOptions{Kind: kind, Delay: 900 * time.Millisecond}})
					p := s.follower(t)
					began := time.Now()
					time.AfterFunc(after, func() {
						for range 100 {
							s.ksc.PutConsoleTask(ksctest.ConsoleTask{Name: "[Response][KUMA] getFile - 1 - 1", Host: "another"})
						}
					})
					_, result := p.send(t, waits("1", "isolateHost", `{"action":1}`, ""))
					seen := slices.ContainsFunc(s.ksc.Calls(), func(c ksctest.Call) bool { // how it stood when it had ended
						at := c.Time.Sub(began)
						return at >= 3*time.Second && at < after && (strings.HasSuffix(c.Path, "GetHostStatusRecordRange") || strings.HasSuffix(c.Path, "SrvView.GetRecordRange"))
					})
					switch {
					case seen:
						assert.Equal(t, shared.Succeeded, result.Outcome, "%+v", result.Error)
					case kind == "local": // KSC tells no end of what it does not list
						assert.Equal(t, shared.Pending, result.Outcome, "%+v", result.Error)
						return
					default:
						require.Equal(t, shared.Unknown, result.Outcome, "%+v", result.Error)
						assert.Equal(t, shared.TaskLost, result.Error.Code)
					}
					assert.Less(t, time.Since(began), 2*time.Minute)
					s.released(t)
				})
			})
		}
	}
}

// TestAHostThatIsAway: what is known is said, and it goes on when it returns.
func TestAHostThatIsAway(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, dir, ksctest.Options{})
		require.NoError(t, s.ksc.SetHostAlive(hostID, false))
		p := s.follower(t)
		events, result := p.send(t, waits("1", "isolateHost", `{"action":1}`, ``))
		require.Equal(t, shared.Pending, result.Outcome)
		assert.Equal(t, shared.Timeout, result.Error.Code)
		assert.Contains(t, result.Message, "it was not handed to the host yet")
		assert.Contains(t, result.Message, "the Network Agent of the host is not there, last seen ")
		assert.Contains(t, remarks(events)[0], "the Network Agent of the host is not there")
		assert.Equal(t, []string{"submitted", "taken"}, stages(events))

		time.AfterFunc(10*time.Minute, func() { assert.NoError(t, s.ksc.SetHostAlive(hostID, true)) })
		later, result := p.status(t, `"incident":{"id":"`+result.Incident.ID+`"},"wait":"done"`)
		require.Equal(t, shared.Succeeded, result.Outcome, "%+v", result.Error)
		assert.NotEmpty(t, stages(later))
		s.released(t)
	})
}

// status asks where a request stands, as another process would.
func (p process) status(t testing.TB, about string) ([]shared.Event, shared.Result) {
	t.Helper()
	r, refusal := shared.ParseRequest([]byte(`{"id":"q","type":"status",` + about + `}`))
	require.Nil(t, refusal)
	var events []shared.Event
	result := p.Status(context.Background(), r, func(e shared.Event) { events = append(events, e) })
	return events, result
}

// TestNoConsole: one warning at once, and the cause and the remedy in the end.
func TestNoConsole(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, dir, ksctest.Options{ConsoleOff: true})
		p := s.follower(t)
		for _, wait := range []string{"", `,"allowDuplicate":true`} {
			events, result := p.send(t, waits("1", "isolateHost", `{"action":1}`, wait))
			require.Equal(t, shared.Pending, result.Outcome)
			require.Len(t, remarks(events), 1)
			assert.Contains(t, remarks(events)[0], "no service console is connected")
			assert.Contains(t, result.Message, "no console task of it was seen; no service console is connected")
			assert.Contains(t, result.Message, "until Kaspersky Security Center Web Console is started")
		}
		events, result := p.send(t, isolate(`,"allowDuplicate":true`))
		assert.Equal(t, shared.Submitted, result.Outcome)
		assert.Contains(t, remarks(events)[0], "no service console is connected", "who does not wait hears of it too")
		assert.InDelta(t, 60, p.sent("IsAnyServiceConsoleAvailable"), 10, "an answer counts for a minute, and is asked anew while somebody waits")
	})
}

// TestAScanTellsWhatItFound, and other tasks what KSC does not show.
func TestAScanTellsWhatItFound(t *testing.T) {
	for _, c := range []struct {
		task, params string
		kind         string
		findings     int
		says         string
	}{
		{"onDemandScan", `[{"enabled":true,"path":"","recursive":true,"type":14}]`, "group", 7, "KSC holds 7 events of it besides its states"},
		{"onDemandScan", `[{"enabled":true,"path":"","recursive":true,"type":14}]`, "group", 0, "KSC holds no event of something found"},
		{"onDemandScan", `[{"enabled":true,"path":"","recursive":true,"type":14}]`, "local", 7, "KSC holds 7 events of it besides its states"},
		{"getFile", `{"md5hash":"","sha256hash":"","path":"C:\\a.exe"}`, "group", 7, "where the file is kept KSC's API does not show"},
		{"isolateHost", `{"action":1}`, "group", 7, "whether the host is isolated now KSC's API does not show"},
	} {
		dir := t.TempDir()
		synctest.Test(t, func(t *testing.T) {
			s := newSite(t, dir, ksctest.Options{Tasks: ksctest.TaskOptions{Kind: c.kind, Findings: c.findings}})
			_, result := s.follower(t).send(t, waits("1", c.task, c.params, ""))
			require.Equal(t, shared.Succeeded, result.Outcome, "%+v", result.Error)
			assert.Contains(t, result.Message, c.says)
			if c.task == "onDemandScan" && c.findings > 0 {
				require.Len(t, result.HostEvents, 1)
				assert.Equal(t, 7, result.HostEvents[0].Count)
				assert.NotEmpty(t, result.HostEvents[0].Descriptions)
			} else {
				assert.Empty(t, result.HostEvents)
			}
			s.released(t)
		})
	}
}

// TestWhatOthersWrite: an area that reads like another task, a console task named
// by hand, and one that was there before, never make a success.
func TestWhatOthersWrite(t *testing.T) {
	const its = "[Response][KUMA] deleteFile - 2026-11-28 10:00:00 - 17"
	deletion := waits("1", "deleteFile", `{"md5hash":"","sha256hash":"","path":"C:\\a.exe"}`, `,"timeout":"5m"`)
	put := func(name string, when time.Duration) func(*testing.T, *site) {
		return func(_ *testing.T, s *site) {
			time.AfterFunc(when, func() {
				s.ksc.PutConsoleTask(ksctest.ConsoleTask{Name: name, Host: hostID, Type: "deleteFile", State: 4})
			})
		}
	}
	for name, c := range map[string]struct {
		options ksctest.Options
		with    func(*testing.T, *site)
		code    shared.Code
	}{
		"an area that ends early":             {ksctest.Options{Tasks: ksctest.TaskOptions{Delay: time.Hour}}, put("[Response][X] deleteFile] isolateHost - 2026 - 1", time.Second), shared.TaskAmbiguous},
		"an area with a whole name in it":     {ksctest.Options{Tasks: ksctest.TaskOptions{Delay: time.Hour}}, put("[Response][KUMA] deleteFile - 2026 - 1] isolateHost - 2026 - 1", time.Second), shared.TaskAmbiguous},
		"by hand, and its own a little later": {ksctest.Options{Tasks: ksctest.TaskOptions{Delay: 8 * time.Second}}, put(its, time.Second), shared.TaskAmbiguous},
		"by hand, after its own":              {ksctest.Options{Tasks: ksctest.TaskOptions{Delay: time.Second}}, put(its, 4*time.Second), shared.TaskAmbiguous},
		"by hand for a group, and its own is the host's alone": {
			ksctest.Options{Tasks: ksctest.TaskOptions{Kind: "local", Delay: time.Second}}, put(its, 2*time.Second), shared.TaskAmbiguous,
		},
		"by hand, when there is no console": {ksctest.Options{ConsoleOff: true}, put(its, time.Second), shared.TaskAmbiguous},
		"by hand, before": {ksctest.Options{ConsoleOff: true}, func(_ *testing.T, s *site) {
			s.ksc.PutConsoleTask(ksctest.ConsoleTask{Name: its, Host: hostID, State: 4})
		}, shared.Timeout},
		"by hand, of another host": {ksctest.Options{ConsoleOff: true}, func(_ *testing.T, s *site) {
			s.ksc.PutConsoleTask(ksctest.ConsoleTask{Name: its, Host: "another", State: 4})
		}, shared.Timeout},
		"by hand, without what follows the task": {ksctest.Options{Tasks: ksctest.TaskOptions{Delay: time.Hour}}, put("[Response][KUMA] deleteFile", time.Second), shared.TaskAmbiguous},
		"in words of a console in another language": {
			ksctest.Options{Tasks: ksctest.TaskOptions{Delay: time.Hour}},
			put("[Response][KUMA] Удаление файла - 28.11.2026 10:00:00 - 17", time.Second), shared.TaskAmbiguous,
		},
	} {
		dir := t.TempDir()
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newSite(t, dir, c.options)
				p := s.follower(t)
				c.with(t, s)
				_, result := p.send(t, deletion)
				require.Equal(t, shared.Pending, result.Outcome, "%+v", result.ConsoleTask)
				assert.Equal(t, c.code, result.Error.Code, result.Error.Message)
				s.released(t)
			})
		})
	}
}
