package plugin_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

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
