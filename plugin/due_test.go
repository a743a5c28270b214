package plugin_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/kes-respond/kes-respond/plugin/ksc/ksctest"
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
