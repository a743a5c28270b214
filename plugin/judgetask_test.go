package plugin_test

import (
	"fmt"
	"runtime"
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

// elsewhere adds incidents for other hosts: KSC counts those of all hosts together.
func (s *site) elsewhere(t *testing.T, c *ksc.Client, n int) {
	t.Helper()
	for i := range n {
		_, err := c.AddIncident(t.Context(), ksc.Incident{Severity: 2, Added: time.Now(), Body: "an alert", Host: fmt.Sprintf("other-%d", i)})
		require.NoError(t, err)
	}
}

// TestNumbersOfAnOutbreakHideNobody: an isolation's console task is still to be
// made when the host is to be released, and hundreds of incidents of other hosts
// lie between. What becomes of the first is not said of the second.
func TestNumbersOfAnOutbreakHideNobody(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, dir, ksctest.Options{Tasks: ksctest.TaskOptions{DelayOf: func(incident int64, _ string) time.Duration {
			return map[bool]time.Duration{true: 2 * time.Minute, false: 20 * time.Minute}[incident == 1]
		}}})
		p := s.follower(t)
		_, isolated := p.send(t, unkeyed("first", "isolateHost", `{"action":1}`))
		require.Equal(t, shared.Submitted, isolated.Outcome)
		c := s.client(t)
		s.elsewhere(t, c, 300)
		time.Sleep(10 * time.Second) // of the bubble
		require.NoError(t, c.Close(t.Context()))
		_, result := p.send(t, waits("second", "isolateHost", `{"action":0}`, `,"timeout":"15m"`))
		require.Equal(t, shared.Pending, result.Outcome, "%+v", result.ConsoleTask)
		assert.Equal(t, shared.TaskAmbiguous, result.Error.Code)
	})
}

// TestWhoAsksFurtherBackSeesMore: while one waits at a host for its console task,
// another asks for a request of days ago. Of the incidents of those days one is
// another sender's, and made what stands there now.
func TestWhoAsksFurtherBackSeesMore(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, dir, ksctest.Options{Tasks: ksctest.TaskOptions{After: "add", DelayOf: func(incident int64, _ string) time.Duration {
			return map[bool]time.Duration{true: time.Minute, false: 1000 * time.Hour}[incident == 3]
		}}})
		p := s.follower(t)
		_, first := p.send(t, unkeyed("first", "isolateHost", `{"action":1}`))
		require.Equal(t, shared.Submitted, first.Outcome)
		console(t, s, "isolateHost", `{"action":0}`, 0)
		time.Sleep(4 * 24 * time.Hour) // of the bubble, as all here
		waited := make(chan shared.Result)
		go func() {
			_, result := p.send(t, waits("third", "isolateHost", `{"action":1}`, `,"marker":true,"allowDuplicate":true`))
			waited <- result
		}()
		time.Sleep(30 * time.Second)
		s.ksc.PutConsoleTask(ksctest.ConsoleTask{Name: "[Response][KUMA] isolateHost - 2000 - 1", Host: hostID, State: 4})
		time.Sleep(100 * time.Second)
		_, result := p.status(t, `"target":"first","wait":"done"`)
		assert.Equal(t, shared.Pending, result.Outcome, "%+v", result.ConsoleTask)
		if assert.NotNil(t, result.Error) {
			assert.Equal(t, shared.TaskAmbiguous, result.Error.Code)
		}
		assert.Equal(t, shared.Succeeded, (<-waited).Outcome)
	})
}

// TestWhatWasNotedLongAgo: a request under a key is carried out days after its
// process was killed, with what was noted of the host then. What others did since
// is not its own.
func TestWhatWasNotedLongAgo(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, dir, ksctest.Options{Tasks: ksctest.TaskOptions{After: "add", DelayOf: func(incident int64, _ string) time.Duration {
			return map[bool]time.Duration{true: time.Minute, false: time.Hour}[incident == 1]
		}}})
		follows := func(c *plugin.Config) { c.FollowCalls = plugin.DefaultFollowCalls }
		n := 0
		dead := s.start(t, func(step string) {
			if step == "append" {
				if n++; n >= 3 { // before the line of the sending: nothing has left
					runtime.Goexit()
				}
			}
		}, follows)
		line := waits("1", "isolateHost", `{"action":1}`, `,"idempotencyKey":"k"`)
		ended := make(chan struct{})
		go func() { defer close(ended); dead.send(t, line) }()
		<-ended
		n = -1 << 30
		require.NoError(t, dead.journal().Close())
		require1(t, s, 0)

		add(t, s, fmt.Sprintf(`{"targetHost":%q,"task":"isolateHost","params":{"action":0},"responseEventIncident":true,"responseEventIncidentArea":"KUMA"}`, hostID), 0)
		time.Sleep(5 * 24 * time.Hour) // of the bubble
		_, result := s.follower(t).send(t, line)
		require1(t, s, 2)
		require.Equal(t, shared.Pending, result.Outcome, "%+v", result.ConsoleTask)
		assert.Equal(t, shared.TaskAmbiguous, result.Error.Code)
	})
}

// TestHostsCountTheirOwnTasks: console tasks of a host alone may have the numbers
// of another host's.
func TestHostsCountTheirOwnTasks(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		local := ksctest.Options{Tasks: ksctest.TaskOptions{Kind: "local"}}
		here, there := newSite(t, dir, local), newSite(t, dir, local) // one KSC with two hosts, to the ledger
		there.elsewhere(t, there.client(t), 1)
		_, first := here.follower(t).send(t, waits("1", "isolateHost", `{"action":1}`, ""))
		require.Equal(t, shared.Succeeded, first.Outcome)
		const another = "another-host"
		line := strings.Replace(waits("2", "isolateHost", `{"action":1}`, ""), hostID, another, 1)
		_, second := there.follower(t).send(t, line)
		require.Equal(t, shared.Succeeded, second.Outcome, second.Message)
		assert.Equal(t, first.ConsoleTask.ID, second.ConsoleTask.ID)
		for _, r := range here.records(t) {
			assert.Equal(t, shared.Succeeded, r.Outcome)
		}
	})
}

// TestOddBodiesOfOthers: what another sender's incident asks for may be read in
// another way by the console than here. Then it may have made any console task.
func TestOddBodiesOfOthers(t *testing.T) {
	const end = `,"responseEventIncident":true,"responseEventIncidentArea":"KUMA"}`
	for name, c := range map[string]struct {
		body string
		want shared.Outcome
	}{
		"in another case":      {`{"task":"deleteFile","Task":"getFile","params":{}` + end, shared.Pending},
		"twice":                {`{"task":"deleteFile","task":"getFile","params":{}` + end, shared.Pending},
		"a number for true":    {`{"task":"deleteFile","params":{},"responseEventIncident":1,"responseEventIncidentArea":"KUMA"}`, shared.Pending},
		"a number for an area": {`{"task":"deleteFile","params":{},"responseEventIncident":true,"responseEventIncidentArea":7}`, shared.Pending},
		"cut short":            {`{"task":"deleteFile","params":{},"responseEventIncident":true,"responseEv`, shared.Pending},
		"a mark before it":     {"\ufeff" + `{"task":"deleteFile","params":{}` + end, shared.Pending},
		"another task":         {`{"task":"getFile","params":{}` + end, shared.Succeeded},
		"not a response":       {`{"task":"deleteFile","params":{},"responseEventIncident":false}`, shared.Succeeded},
		"an alert":             {"deleteFile was seen", shared.Succeeded},
	} {
		dir := t.TempDir()
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newSite(t, dir, ksctest.Options{Tasks: ksctest.TaskOptions{DelayOf: func(int64, string) time.Duration { return time.Hour }}})
				add(t, s, c.body, 0)
				time.AfterFunc(5*time.Second, func() {
					s.ksc.PutConsoleTask(ksctest.ConsoleTask{Name: "[Response][KUMA] deleteFile - 2026 - 1", Host: hostID, State: 4})
				})
				_, result := s.follower(t).send(t, waits("1", "deleteFile", `{"md5hash":"","sha256hash":"","path":"C:\\a.exe"}`, `,"timeout":"5m"`))
				require.Equal(t, c.want, result.Outcome, result.Message)
				if c.want == shared.Pending {
					assert.Equal(t, shared.TaskAmbiguous, result.Error.Code)
				}
			})
		})
	}
}
