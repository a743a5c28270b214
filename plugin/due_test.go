package plugin_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kes-respond/kes-respond/plugin/ksc/ksctest"
	"github.com/kes-respond/kes-respond/shared"
)

// TestWhoComesDuringALook: whenever somebody asks how a request stands, also in the
// middle of a look at its host for another, the host is looked at next for the one
// who asks, and not after the pause that the other has come to.
func TestWhoComesDuringALook(t *testing.T) {
	for after := 60 * time.Second; after < 92*time.Second; after += 700 * time.Millisecond { // a pause and a look, of 0.9 s
		dir := t.TempDir()
		synctest.Test(t, func(t *testing.T) {
			s := newSite(t, dir, ksctest.Options{Latency: 300 * time.Millisecond, Tasks: ksctest.TaskOptions{Outcome: "never"}})
			p := s.follower(t)
			go p.send(t, waits("1", "isolateHost", `{"action":1}`, `,"timeout":"2m"`))
			time.Sleep(after) // of the bubble
			asked := time.Now()
			p.status(t, `"target":"1"`)
			assert.Less(t, time.Since(asked), 4*time.Second, "asked after %s", after)
			time.Sleep(2 * time.Minute)
			s.released(t)
		})
	}
}

// TestStatusOfAHostThatIsAway: who asks and does not wait is told that too, also
// while another waits for the same host and has heard of it long ago.
func TestStatusOfAHostThatIsAway(t *testing.T) {
	const away = "the Network Agent of the host is not there, last seen "
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, dir, ksctest.Options{})
		require.NoError(t, s.ksc.SetHostAlive(hostID, false))
		_, sent := s.follower(t).send(t, unkeyed("1", "isolateHost", `{"action":1}`))
		require.Equal(t, shared.Submitted, sent.Outcome)
		time.Sleep(time.Minute) // of the bubble
		p := s.follower(t)
		for range 2 {
			_, result := p.status(t, `"target":"1"`)
			require.Equal(t, shared.Pending, result.Outcome)
			assert.Contains(t, result.Message, "it was not handed to the host yet; "+away)
			go p.status(t, `"target":"1","wait":"done","timeout":"4m"`)
			time.Sleep(2 * time.Minute)
		}
		time.Sleep(5 * time.Minute)
		s.released(t)
	})
}

// TestAScanOfWhichNothingIsHeard: where KSC gives no events of a scan, for it was
// dropped or by want of a right, nobody is told that nothing was found.
func TestAScanOfWhichNothingIsHeard(t *testing.T) {
	for name, c := range map[string]struct {
		options ksctest.Options
		dropped bool
	}{
		"dropped":                  {ksctest.Options{}, true},
		"dropped, of a host alone": {ksctest.Options{Tasks: ksctest.TaskOptions{Kind: "local"}}, true},
		"no right":                 {ksctest.Options{Denied: []string{"Tasks.GetTaskHistory"}}, false},
		"events that are garbled":  {ksctest.Options{Mischief: map[string]float64{"html@Tasks.GetTaskHistory": 1}, Seed: 1}, false},
	} {
		dir := t.TempDir()
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c.options.Tasks.Findings = 7
				s := newSite(t, dir, c.options)
				if c.dropped { // its end is known, and not yet made sure of
					time.AfterFunc(12*time.Second, func() {
						for range 100 {
							s.ksc.PutConsoleTask(ksctest.ConsoleTask{Name: "[Response][KUMA] getFile - 1 - 1", Host: "another"})
						}
					})
				}
				_, result := s.follower(t).send(t, waits("1", "onDemandScan", `[{"enabled":true,"path":"","recursive":true,"type":14}]`, ""))
				require.Equal(t, shared.Succeeded, result.Outcome, "%+v", result.Error)
				assert.Contains(t, result.Message, "KSC gave no events of it, so whether something was found is not known here")
			})
		})
	}
}

// TestWhatGoesSpeaksToo: a user of the console makes a task of the expected name, the
// request's own comes within ten seconds of that one's end, and KSC drops both before
// these are over. What was there for four seconds is not overlooked.
func TestWhatGoesSpeaksToo(t *testing.T) {
	for own := 3 * time.Second; own < 14*time.Second; own += 500 * time.Millisecond {
		dir := t.TempDir()
		synctest.Test(t, func(t *testing.T) {
			s := newSite(t, dir, ksctest.Options{Tasks: ksctest.TaskOptions{Delay: own}})
			time.AfterFunc(time.Second, func() {
				s.ksc.PutConsoleTask(ksctest.ConsoleTask{Name: "[Response][KUMA] isolateHost - 2026 - 1", Host: hostID, State: 4})
			})
			time.AfterFunc(own+4*time.Second, func() {
				for range 100 {
					s.ksc.PutConsoleTask(ksctest.ConsoleTask{Name: "[Response][KUMA] getFile - 1 - 1", Host: "another"})
				}
			})
			_, result := s.follower(t).send(t, waits("1", "isolateHost", `{"action":1}`, ""))
			require.Equal(t, shared.Pending, result.Outcome, "its own came after %s", own)
			assert.Equal(t, shared.TaskAmbiguous, result.Error.Code, result.Message)
			s.released(t)
		})
	}
}
