package plugin_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kes-respond/kes-respond/plugin"
	"github.com/kes-respond/kes-respond/plugin/ksc"
	"github.com/kes-respond/kes-respond/plugin/ksc/ksctest"
	"github.com/kes-respond/kes-respond/shared"
)

// TestStatusOfWhatIsNone: an incident that does not exist, or that is of somebody
// else and asks for nothing, is refused, and nothing is recorded of the question.
func TestStatusOfWhatIsNone(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, dir, ksctest.Options{})
		p := s.follower(t)
		c := s.client(t)
		for body, says := range map[string]string{
			"an alert in plain words":      "not one that asks for a response task",
			`["isolateHost"]`:              "not one that asks for a response task",
			`{"task":"isolateHost"`:        "not one that asks for a response task",
			`{"task":"format"}`:            "not one that asks for a response task",
			`{"task":7,"targetHost":"pc"}`: "not one that asks for a response task",
			"":                             "not one that asks for a response task",
		} {
			id, err := c.AddIncident(t.Context(), ksc.Incident{Severity: 2, Added: time.Now(), Body: body, Host: hostID})
			require.NoError(t, err)
			_, result := p.status(t, fmt.Sprintf(`"incident":{"id":"%d"},"wait":"done"`, id))
			require.Equal(t, shared.Refused, result.Outcome, "%q: %s", body, result.Message)
			assert.Equal(t, shared.BadRequest, result.Error.Code)
			assert.Contains(t, result.Error.Message, says)
			assert.NotEmpty(t, result.Error.Assistance)
		}
		_, result := p.status(t, `"incident":{"id":"4711"}`)
		require.Equal(t, shared.Refused, result.Outcome)
		assert.Contains(t, result.Error.Message, "is no incident that this KSC server holds")
		for _, id := range []string{"0", "9223372036854775808"} {
			_, result := p.status(t, `"incident":{"id":"`+id+`"}`)
			require.Equal(t, shared.Refused, result.Outcome, id)
		}
		_, result = p.status(t, `"target":"nobody"`)
		require.Equal(t, shared.Refused, result.Outcome)
		assert.Equal(t, "/target", result.Error.Violations[0].Pointer)
		assert.Empty(t, s.records(t))
		require.NoError(t, c.Close(t.Context()))
	})
}

// TestStatusOnAnotherDay: who asks in another process gets what the one who waited
// would have got; and when the end is known, without a call to KSC.
func TestStatusOnAnotherDay(t *testing.T) {
	ends := map[string]shared.Outcome{"ok": shared.Succeeded, "warning": shared.Partial, "fail": shared.Failed}
	for course, end := range ends {
		for _, about := range []string{`"incident":{"id":"1"}`, `"target":"first"`} {
			dir := t.TempDir()
			synctest.Test(t, func(t *testing.T) {
				s := newSite(t, dir, ksctest.Options{Tasks: ksctest.TaskOptions{Outcome: course, Delay: 10 * time.Minute}})
				sender := s.follower(t)
				_, sent := sender.send(t, unkeyed("first", "isolateHost", `{"action":1}`))
				require.Equal(t, shared.Submitted, sent.Outcome)
				sender.end()

				time.Sleep(time.Minute) // of the bubble, as all here
				_, early := s.follower(t).status(t, about)
				assert.Equal(t, shared.Pending, early.Outcome)
				assert.Nil(t, early.ConsoleTask)
				assert.Nil(t, early.Error, "nobody wanted to wait")

				time.Sleep(10 * time.Minute)
				_, taken := s.follower(t).status(t, about)
				assert.Equal(t, shared.Pending, taken.Outcome)
				require.NotNil(t, taken.ConsoleTask)

				time.Sleep(10 * time.Minute)
				events, waited := s.follower(t).status(t, about+`,"wait":"done"`)
				require.Equal(t, end, waited.Outcome, "%+v", waited)
				assert.Equal(t, []string{"taken", "running"}, stages(events))

				calls := len(s.ksc.Calls())
				events, known := s.follower(t).status(t, about+`,"wait":"done"`)
				assert.Len(t, s.ksc.Calls(), calls, "the ledger knows")
				assert.Empty(t, events)
				assert.Equal(t, waited.Outcome, known.Outcome)
				assert.Equal(t, waited.ConsoleTask, known.ConsoleTask)
				assert.Equal(t, waited.Incident.ID, known.Incident.ID)
				assert.Equal(t, waited.Message, known.Message)
				assert.Equal(t, waited.Undo, known.Undo)
				assert.Equal(t, "isolateHost", known.Task)
				if end == shared.Failed {
					assert.Equal(t, waited.Error.Code, known.Error.Code)
				}
				s.released(t)
			})
		}
	}
}

// TestStatusOfANumberThatKSCGaveTwice: a server that was set back counts anew, and
// the ledger's number is another sender's incident now.
func TestStatusOfANumberThatKSCGaveTwice(t *testing.T) {
	dir, set := t.TempDir(), ksctest.Options{ConsoleOff: true}
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, dir, set)
		_, sent := s.follower(t).send(t, unkeyed("first", "isolateHost", `{"action":1}`))
		require.Equal(t, "1", sent.Incident.ID)
		back := newSite(t, dir, set)
		for _, body := range []string{`{"task":"getFile","targetHost":"x","params":{},"responseEventIncident":true}`, `{"task":"isolateHost","targetHost":"x","params":{"action":1},"responseEventIncident":true}`} {
			c := back.client(t)
			host := map[bool]string{true: hostID, false: "another"}[strings.Contains(body, "getFile")]
			id, err := c.AddIncident(t.Context(), ksc.Incident{Severity: 2, Added: time.Now(), Body: body, Host: host})
			require.NoError(t, err)
			require.EqualValues(t, 1, id)
			require.NoError(t, c.Close(t.Context()))
			_, result := back.follower(t).status(t, `"target":"first"`)
			require.Equal(t, shared.Refused, result.Outcome, result.Message)
			assert.Contains(t, result.Error.Message, "is another request's in KSC than in the ledger")
			back = newSite(t, dir, set)
		}
	})
}

// TestStatusLooksEverywhere: who does not wait is told of a console task of the host
// alone as well.
func TestStatusLooksEverywhere(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, dir, ksctest.Options{Tasks: ksctest.TaskOptions{Kind: "local", Outcome: "never"}})
		_, sent := s.follower(t).send(t, waits("first", "isolateHost", `{"action":1}`, `,"timeout":"2s"`))
		require.Equal(t, shared.Pending, sent.Outcome)
		require.Nil(t, sent.ConsoleTask)
		asked := time.Now()
		_, result := s.follower(t).status(t, `"target":"first"`)
		assert.Equal(t, shared.Pending, result.Outcome)
		require.NotNil(t, result.ConsoleTask, result.Message)
		assert.Equal(t, "running", result.ConsoleTask.State)
		assert.Less(t, time.Since(asked), 15*time.Second)
	})
}

// TestStatusOfAnIncidentOfAnotherMachine: its ledger is not here, so nobody noted
// what there was before, nor whether its area is a marker of its own. The console
// task is named, and is no proof.
func TestStatusOfAnIncidentOfAnotherMachine(t *testing.T) {
	for _, marker := range []string{"true", "false"} {
		dir, elsewhere := t.TempDir(), t.TempDir()
		synctest.Test(t, func(t *testing.T) {
			s := newSite(t, dir, ksctest.Options{})
			_, sent := s.follower(t).send(t, unkeyed("first", "isolateHost", `{"action":1},"marker":`+marker))
			require.Equal(t, shared.Submitted, sent.Outcome)
			time.Sleep(time.Minute)
			there := &site{s.ksc, elsewhere}
			_, result := there.follower(t).status(t, `"incident":{"id":"1"},"wait":"done"`)
			require.Equal(t, shared.Pending, result.Outcome, result.Message)
			require.NotNil(t, result.ConsoleTask)
			assert.Equal(t, shared.TaskAmbiguous, result.Error.Code)
			assert.Contains(t, result.Error.Message, "is not noted, so it may be older")
		})
	}
}

// TestAnswersOfOthersAreFollowed: a duplicate that waits hears what became of the
// first one, and both name one console task.
func TestAnswersOfOthersAreFollowed(t *testing.T) {
	for name, again := range map[string]string{"within the window": "", "by a key": `,"idempotencyKey":"k"`} {
		dir := t.TempDir()
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newSite(t, dir, ksctest.Options{Tasks: ksctest.TaskOptions{Delay: time.Minute}})
				_, sent := s.follower(t).send(t, strings.TrimSuffix(unkeyed("first", "isolateHost", `{"action":1}`), "}")+again+"}")
				require.Equal(t, shared.Submitted, sent.Outcome)
				_, result := s.follower(t).send(t, waits("second", "isolateHost", `{"action":1}`, again))
				require.Equal(t, shared.Succeeded, result.Outcome, "%+v", result)
				assert.Equal(t, "first", result.DuplicateOf)
				require1(t, s, 1)
				_, first := s.follower(t).status(t, `"target":"first"`)
				assert.Equal(t, result.ConsoleTask, first.ConsoleTask)
				_, second := s.follower(t).status(t, `"target":"second"`)
				assert.Equal(t, result.ConsoleTask, second.ConsoleTask)
			})
		})
	}
}

// TestProcessesShareWhatIsKnown: of ten that wait for one request each learns its
// end from whoever sees it first.
func TestProcessesShareWhatIsKnown(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, dir, ksctest.Options{Tasks: ksctest.TaskOptions{Delay: time.Minute}})
		_, sent := s.follower(t).send(t, unkeyed("first", "isolateHost", `{"action":1}`))
		require.Equal(t, shared.Submitted, sent.Outcome)
		results := make(chan shared.Result, 10)
		for i := range 10 {
			p := s.follower(t)
			go func() {
				time.Sleep(time.Duration(i) * 777 * time.Millisecond)
				_, result := p.status(t, `"target":"first","wait":"done"`)
				results <- result
			}()
		}
		first := <-results
		require.Equal(t, shared.Succeeded, first.Outcome)
		for range 9 {
			r := <-results
			assert.Equal(t, first.Outcome, r.Outcome)
			assert.Equal(t, first.ConsoleTask, r.ConsoleTask)
		}
		events := 0
		for _, c := range s.ksc.Calls() {
			if strings.HasSuffix(c.Path, "Tasks.GetTaskHistory") {
				events++
			}
		}
		assert.Less(t, events, 3, "who read the events told the others by the ledger")
	})
}

// TestNothingIsFollowed where followCalls is 0, and that is said.
func TestNothingIsFollowed(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, dir, ksctest.Options{})
		p := s.start(t, nil, func(c *plugin.Config) { c.FollowCalls = 0 })
		_, sent := p.send(t, waits("1", "isolateHost", `{"action":1}`, ""))
		require.Equal(t, shared.Refused, sent.Outcome, "%+v", sent)
		assert.Contains(t, sent.Error.Violations[0].Message, "followCalls")
		_, sent = p.send(t, unkeyed("2", "isolateHost", `{"action":1}`))
		require.Equal(t, shared.Submitted, sent.Outcome)
		_, result := p.status(t, `"target":"2"`)
		assert.Equal(t, shared.Pending, result.Outcome)
		assert.Contains(t, result.Message, "followCalls: 0")
	})
}

// TestAMarkerFits an area of 23 characters, and no longer one; a request under the
// same key has the marker of the first, and a dry run shows where it will stand.
func TestAMarkerFits(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, dir, ksctest.Options{})
		for i, mark := range []bool{true, false} { // of incidents
			p := s.start(t, nil, func(c *plugin.Config) { c.FollowCalls, c.Unmarked = plugin.DefaultFollowCalls, !mark })
			area := func(n int) string {
				return fmt.Sprintf(`,"marker":true,"allowDuplicate":true,"responseEventIncidentArea":%q`, strings.Repeat("a", n))
			}
			_, result := p.send(t, waits(fmt.Sprint("1-", i), "isolateHost", `{"action":1}`, area(23)))
			require.Equal(t, shared.Succeeded, result.Outcome, "%+v", result.Error)
			assert.Regexp(t, `^\[Response\]\[a{23}-[0-9a-f]{8}\] isolateHost - `, result.ConsoleTask.Name)
			_, result = p.send(t, waits("2", "isolateHost", `{"action":1}`, area(24)))
			require.Equal(t, shared.Refused, result.Outcome)
			assert.Equal(t, "/marker", result.Error.Violations[0].Pointer)
			_, result = p.send(t, waits("3", "isolateHost", `{"action":1}`, area(23)+`,"dryRun":true`))
			require.Equal(t, shared.Planned, result.Outcome)
			assert.Contains(t, string(result.Plan.Body), strings.Repeat("a", 23)+"-")
			_, result = p.send(t, strings.Replace(waits("4", "isolateHost", `{"action":1}`, area(23)), `,"allowDuplicate":true`, "", 1))
			assert.Equal(t, fmt.Sprint("1-", i), result.DuplicateOf, "an equal request, whatever its marker")
		}
	})
}
