package plugin_test

import (
	"sync"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kes-respond/kes-respond/plugin/ksc/ksctest"
	"github.com/kes-respond/kes-respond/shared"
)

// TestTheDiskAndKSCWorkAtOnce: a slow disk holds up neither the second step nor
// who waits for a turn at the server, and nobody hears that a request was stored
// before the disk has it.
func TestTheDiskAndKSCWorkAtOnce(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, dir, ksctest.Options{})
		hold := make(chan struct{})
		release := sync.OnceFunc(func() { close(hold) })
		p := s.start(t, func(step string) {
			if step == "sync" && len(s.ksc.Incidents()) > 0 {
				<-hold
			}
		})
		defer release()
		r, refusal := shared.ParseRequest([]byte(keyed("1", "k")))
		require.Nil(t, refusal)
		submitted := false
		var result shared.Result
		var all sync.WaitGroup
		all.Go(func() {
			result = p.Respond(t.Context(), r, func(e shared.Event) {
				submitted = submitted || e.Progress != nil && e.Progress.Stage == shared.StageSubmitted
			})
		})
		synctest.Wait()
		require1(t, s, 1)
		assert.Equal(t, 1, p.sent("HostGroup.UpdateIncident"), "the second step waits for the disk")
		assert.Empty(t, result.Outcome, "it was told before it is on the disk")
		assert.False(t, submitted, "it was told before it is on the disk")

		release()
		all.Wait()
		assert.Equal(t, shared.Submitted, result.Outcome, "%+v", result.Error)
		assert.True(t, submitted)
	})
}
