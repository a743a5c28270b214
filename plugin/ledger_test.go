package plugin_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kes-respond/kes-respond/plugin"
	"github.com/kes-respond/kes-respond/plugin/journal"
	"github.com/kes-respond/kes-respond/plugin/ksc/ksctest"
	"github.com/kes-respond/kes-respond/shared"
)

// TestForty: forty alerts at once, through four processes, are one order; with
// and without a key.
func TestForty(t *testing.T) {
	for name, line := range map[string]func(int) string{
		"key":    func(i int) string { return keyed(fmt.Sprint(i), "alert-1") },
		"no key": func(i int) string { return unkeyed(fmt.Sprint(i), "isolateHost", `{"action":1}`) },
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			synctest.Test(t, func(t *testing.T) {
				s := newSite(t, dir, ksctest.Options{Latency: 50 * time.Millisecond})
				processes := []process{s.start(t, nil), s.start(t, nil), s.start(t, nil), s.start(t, nil)}
				var all sync.WaitGroup
				var results [40]shared.Result
				for i := range results {
					all.Go(func() { _, results[i] = processes[i%4].send(t, line(i)) })
				}
				all.Wait()
				require1(t, s, 1)
				first := ""
				for i, r := range results {
					require.Equal(t, shared.Submitted, r.Outcome, "%+v", r.Error)
					require.Equal(t, results[0].Incident.ID, r.Incident.ID)
					if r.DuplicateOf == "" {
						require.Empty(t, first, "two were sent")
						first = fmt.Sprint(i)
					}
				}
				require.NotEmpty(t, first)
				for i, r := range results {
					if fmt.Sprint(i) != first {
						assert.Equal(t, first, r.DuplicateOf)
						assert.Equal(t, "isolateHost", r.Undo.Task)
					}
				}
				require.Len(t, s.records(t), 40, "each is in the ledger")
			})
		})
	}
}

// TestKey: the same key is the same request, whatever became of it and whether
// KSC can be reached; a different request under it is refused.
func TestKey(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, dir, ksctest.Options{})
		p := s.start(t, nil)
		_, first := p.send(t, keyed("first", "k"))
		require.Equal(t, shared.Submitted, first.Outcome)
		time.Sleep(24 * time.Hour)
		require.NoError(t, s.ksc.SetMischief(map[string]float64{"status-503": 1}))
		calls := len(s.ksc.Calls())
		_, again := s.start(t, nil).send(t, keyed("again", "k"))
		assert.Equal(t, shared.Submitted, again.Outcome, "%+v", again.Error)
		assert.Equal(t, "first", again.DuplicateOf)
		assert.Equal(t, first.Incident.ID, again.Incident.ID)
		assert.Len(t, s.ksc.Calls(), calls, "the ledger answers by itself")

		other := strings.Replace(keyed("other", "k"), `"action":1`, `"action":0`, 1)
		_, refused := p.send(t, other)
		require.Equal(t, shared.Refused, refused.Outcome)
		assert.Equal(t, shared.BadRequest, refused.Error.Code)
		assert.Equal(t, "/idempotencyKey", refused.Error.Violations[0].Pointer)
		assert.Contains(t, refused.Error.Message, "first")

		words := strings.Replace(keyed("words", "k"), `"never"`, `"auto"`, 1)
		_, refused = p.send(t, words)
		require.Equal(t, shared.Refused, refused.Outcome, "whether it is the same cannot be told: %+v", refused)
		assert.Equal(t, shared.KSCUnavailable, refused.Error.Code)
		require1(t, s, 1)

		require.NoError(t, s.ksc.SetMischief(nil))
		time.Sleep(time.Minute)
		_, again = p.send(t, words)
		assert.Equal(t, shared.Submitted, again.Outcome, "%+v", again.Error)
		assert.Equal(t, "first", again.DuplicateOf, "the same request in other words")
		require1(t, s, 1)
	})
}

// TestKeyOfWhatFailed: a key stands for its request, also for one that failed.
func TestKeyOfWhatFailed(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, dir, ksctest.Options{Denied: []string{"HostGroup.AddIncident"}})
		p := s.start(t, nil)
		_, first := p.send(t, keyed("first", "k"))
		_, again := p.send(t, keyed("again", "k"))
		for _, r := range []shared.Result{first, again} {
			require.Equal(t, shared.Failed, r.Outcome)
			assert.Equal(t, shared.Denied, r.Error.Code)
			assert.NotEmpty(t, r.Error.Assistance)
		}
		assert.Equal(t, "first", again.DuplicateOf)
		assert.Equal(t, 1, p.sent("HostGroup.AddIncident"))
		_, anew := p.send(t, unkeyed("anew", "isolateHost", `{"action":1}`))
		assert.Equal(t, shared.Failed, anew.Outcome)
		assert.Empty(t, anew.DuplicateOf, "what failed answers for nothing new")
		assert.Equal(t, 2, p.sent("HostGroup.AddIncident"))
	})
}

// reading are params of getFile.
const reading = `{"md5hash":"","sha256hash":"","path":"C:\\a\\b.exe"}`

// TestWindow is what answers for a request without a key, and what ends that.
func TestWindow(t *testing.T) {
	const isolateOn, isolateOff, deletion = `{"action":1}`, `{"action":0}`, `{"md5hash":"","sha256hash":"","path":"C:\\a\\b.exe"}`
	for _, c := range []struct {
		name   string
		task   string
		params string
		then   func(t *testing.T, s *site, p process)
		extra  string
		sent   int
	}{
		{name: "at once", task: "isolateHost", params: isolateOn, sent: 1},
		{name: "allowed", task: "isolateHost", params: isolateOn, extra: `,"allowDuplicate":true`, sent: 2},
		{name: "later", task: "isolateHost", params: isolateOn, sent: 2, then: func(*testing.T, *site, process) { time.Sleep(5*time.Minute + time.Second) }},
		{name: "released by us", task: "isolateHost", params: isolateOn, sent: 3, then: func(t *testing.T, _ *site, p process) {
			_, r := p.send(t, unkeyed("release", "isolateHost", isolateOff))
			require.Equal(t, shared.Submitted, r.Outcome)
		}},
		{name: "released on the console", task: "isolateHost", params: isolateOn, sent: 3, then: func(t *testing.T, s *site, _ process) {
			console(t, s, "isolateHost", isolateOff, 0)
		}},
		{name: "released on a console whose clock is slow", task: "isolateHost", params: isolateOn, sent: 3, then: func(t *testing.T, s *site, _ process) {
			console(t, s, "isolateHost", isolateOff, -24*time.Hour)
		}},
		{name: "another task on the console", task: "isolateHost", params: isolateOn, sent: 2, then: func(t *testing.T, s *site, _ process) {
			console(t, s, "deleteFile", deletion, 0)
		}},
		{name: "an incident of another kind", task: "isolateHost", params: isolateOn, sent: 2, then: func(t *testing.T, s *site, _ process) {
			add(t, s, "something was seen", 0)
		}},
		{name: "twice in the same second", task: "isolateHost", params: isolateOn, sent: 2, then: func(t *testing.T, _ *site, p process) {
			_, r := p.send(t, strings.TrimSuffix(unkeyed("twice", "isolateHost", isolateOn), "}")+`,"allowDuplicate":true}`)
			require.Equal(t, shared.Submitted, r.Outcome)
		}},
		{name: "deletion in a row", task: "deleteFile", params: deletion, sent: 1},
		{name: "getting a file changes nothing", task: "getFile", params: deletion, sent: 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			synctest.Test(t, func(t *testing.T) {
				s := newSite(t, dir, ksctest.Options{})
				p := s.start(t, nil)
				_, first := p.send(t, unkeyed("first", c.task, c.params))
				require.Equal(t, shared.Submitted, first.Outcome, "%+v", first.Error)
				if c.then != nil {
					c.then(t, s, p)
				}
				before := len(s.ksc.Incidents())
				line := strings.TrimSuffix(unkeyed("again", c.task, c.params), "}") + c.extra + "}"
				_, again := s.start(t, nil).send(t, line)
				require.Equal(t, shared.Submitted, again.Outcome, "%+v", again.Error)
				require1(t, s, c.sent)
				if before == c.sent {
					newest := s.ksc.Incidents()[0].ID
					for _, r := range s.records(t) {
						newest = max(newest, r.Incident)
					}
					assert.NotEmpty(t, again.DuplicateOf)
					assert.Equal(t, fmt.Sprint(newest), again.Incident.ID)
				} else {
					assert.Empty(t, again.DuplicateOf)
				}
			})
		})
	}
}

// TestWhatCannotBeComparedIsNotAnswered: without a look at KSC an earlier
// isolation does not stand for a new one, and nothing is sent either.
func TestWhatCannotBeComparedIsNotAnswered(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, dir, ksctest.Options{})
		p := s.start(t, nil)
		_, first := p.send(t, unkeyed("first", "isolateHost", `{"action":1}`))
		require.Equal(t, shared.Submitted, first.Outcome)
		require.NoError(t, s.ksc.SetMischief(map[string]float64{"unavailable@HostGroup.FindIncidents": 1}))
		_, again := p.send(t, unkeyed("again", "isolateHost", `{"action":1}`))
		require.Equal(t, shared.Failed, again.Outcome)
		assert.Contains(t, again.Message, "an equal request (first)")
		require1(t, s, 1)
	})
}

// console adds an incident that another program sent, with a time of its own.
func console(t *testing.T, s *site, task, params string, skew time.Duration) {
	t.Helper()
	add(t, s, fmt.Sprintf(`{"targetHost":%q,"task":%q,"params":%s,"responseEventIncident":true,"responseEventIncidentArea":"Console"}`, hostID, task, params), skew)
}

func add(t *testing.T, s *site, body string, skew time.Duration) {
	t.Helper()
	c := s.client(t)
	_, err := c.AddIncident(t.Context(), incident(body, time.Now().Add(skew)))
	require.NoError(t, err)
	require.NoError(t, c.Close(t.Context()))
}

// TestWhatTheLedgerKeeps: who, why, and what became of it; of a process's
// arguments nothing.
func TestWhatTheLedgerKeeps(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, dir, ksctest.Options{})
		p := s.start(t, nil)
		const secret = "--token=hunter2"
		_, r := p.send(t, `{"id":7,"task":"startProcess","targetHost":"`+hostID+`","hostLookup":"never","params":{"executablePath":"C:\\x.exe","arguments":"`+secret+`"},
			"actor":"alice","reason":"a rule","caseId":"INC-1","idempotencyKey":"k7","responseEventIncidentArea":"SOC"}`)
		require.Equal(t, shared.Submitted, r.Outcome, "%+v", r.Error)
		got := s.records(t)[0]
		assert.Equal(t, "tester", got.User)
		assert.Equal(t, []string{"alice", "a rule", "INC-1", "k7", "SOC", hostID}, []string{got.Actor, got.Reason, got.CaseID, got.IdempotencyKey, got.Area, got.Target})
		assert.Equal(t, shared.Submitted, got.Outcome)
		assert.Equal(t, journal.Updated, got.Stage)
		assert.Equal(t, r.Incident.ID, fmt.Sprint(got.Incident))
		text, err := json.Marshal(got)
		require.NoError(t, err)
		assert.NotContains(t, string(text), "hunter2")
		assert.NotContains(t, string(text), "x.exe")
	})
}

// TestNothingIsSentUnrecorded: where the ledger cannot be opened nothing is
// asked of KSC, and what sends nothing goes on.
func TestNothingIsSentUnrecorded(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, dir, ksctest.Options{})
		broken := errors.New("no such disk")
		p := s.start(t, nil, func(c *plugin.Config) {
			open := c.Ledger
			c.Ledger = func(ctx context.Context) (*journal.Journal, error) {
				if broken != nil {
					return nil, broken
				}
				return open(ctx)
			}
		})
		_, r := p.send(t, isolate(""))
		require.Equal(t, shared.Refused, r.Outcome)
		assert.Equal(t, shared.Journal, r.Error.Code)
		assert.Equal(t, shared.ExitLater, r.Exit())
		assert.Empty(t, s.ksc.Calls())
		_, r = p.send(t, isolate(`,"dryRun":true`))
		assert.Equal(t, shared.Planned, r.Outcome, "%+v", r.Error)
		broken = nil
		_, r = p.send(t, isolate(""))
		assert.Equal(t, shared.Submitted, r.Outcome, "a disk that was mended needs no new start")
	})
}

// TestAnAnswerIsWaitedFor: a request whose first one is still under way waits
// for that, and says so when its own time is over.
func TestAnAnswerIsWaitedFor(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, dir, ksctest.Options{Latency: 10 * time.Second})
		a, b := s.start(t, nil), s.start(t, nil)
		var first shared.Result
		var all sync.WaitGroup
		all.Go(func() { _, first = a.send(t, keyed("first", "k")) })
		time.Sleep(time.Second)
		_, hasty := b.send(t, strings.TrimSuffix(keyed("hasty", "k"), "}")+`,"timeout":"2s"}`)
		assert.Equal(t, shared.Unknown, hasty.Outcome)
		assert.Equal(t, shared.Timeout, hasty.Error.Code)
		assert.Equal(t, "first", hasty.DuplicateOf)
		_, patient := b.send(t, keyed("patient", "k"))
		all.Wait()
		require.Equal(t, shared.Submitted, first.Outcome)
		assert.Equal(t, shared.Submitted, patient.Outcome)
		assert.Equal(t, "first", patient.DuplicateOf)
		require1(t, s, 1)
	})
}

// TestAPanicEndsTheClaim: an error in this program, or in whoever listens,
// leaves no request running for ever.
func TestAPanicEndsTheClaim(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, dir, ksctest.Options{})
		p := s.start(t, nil)
		r, refusal := shared.ParseRequest([]byte(keyed("first", "k")))
		require.Nil(t, refusal)
		require.Panics(t, func() { p.Respond(t.Context(), r, func(shared.Event) { panic("nobody listens") }) })
		began := time.Now()
		_, again := p.send(t, keyed("again", "k"))
		assert.Equal(t, shared.Unknown, again.Outcome)
		assert.Equal(t, shared.Internal, again.Error.Code)
		assert.Zero(t, time.Since(began))
		require1(t, s, 0)
	})
}
