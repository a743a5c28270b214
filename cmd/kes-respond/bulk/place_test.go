package bulk

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kes-respond/kes-respond/shared"
)

// TestAHostThatIsSlowKeepsItsConsoleTask until it has ended, or its grace has: ninety
// newer ones begin meanwhile, and no more.
func TestAHostThatIsSlowKeepsItsConsoleTask(t *testing.T) {
	for name, c := range map[string]struct {
		grace, takes, want time.Duration
		seen               bool
		says               string
	}{
		"it ends in time":       {time.Minute, 20 * time.Second, 20 * time.Second, true, "waiting until it has, or until 2000-01-01T00:01:00Z"},
		"it does not move":      {time.Minute, time.Hour, time.Minute, true, "waiting until it has, or until 2000-01-01T00:01:00Z"},
		"nobody has looked":     {time.Minute, time.Hour, 30 * time.Minute, false, "waiting until it has, or until 2000-01-01T00:30:00Z"},
		"it ends before a look": {time.Minute, 20 * time.Minute, 20 * time.Minute, false, "waiting until it has, or until 2000-01-01T00:30:00Z"},
		"no grace":              {0, time.Hour, 0, true, ""},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				said := ""
				p := newPace(&countedLedger{}, "default", 80, c.grace, func(why string) { said += why })
				admit := func() *place {
					at, err := p.admit(t.Context())
					require.NoError(t, err)
					at.heard(shared.Event{Accepted: &shared.Accepted{}})
					return at
				}
				began := time.Now()
				slow := admit()
				if c.seen {
					slow.heard(shared.Event{Progress: &shared.Progress{Stage: shared.StageTaken}})
				}
				slow.heard(shared.Event{Progress: &shared.Progress{Stage: shared.StageWarning}})
				time.AfterFunc(c.takes, slow.ended)
				for range newerAtMost {
					admit().ended()
				}
				require.Equal(t, began, time.Now(), "nothing is waited for before KSC might drop it")
				require.Empty(t, said)
				admit().ended()
				assert.Equal(t, c.want, time.Since(began))
				assert.Contains(t, said, c.says)
				assert.Equal(t, c.says == "", said == "")
				admit().ended()
				assert.Equal(t, c.want, time.Since(began), "the next one is not held up by what is over")
			})
		})
	}
}

// TestWhatMovesIsWaitedFor: its grace begins anew.
func TestWhatMovesIsWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPace(&countedLedger{}, "default", 80, time.Minute, func(string) {})
		first, err := p.admit(t.Context())
		require.NoError(t, err)
		first.counted()
		for i := range time.Duration(4) { // the last after 150 seconds
			time.AfterFunc(i*50*time.Second, func() { first.heard(shared.Event{Progress: &shared.Progress{Stage: shared.StageRunning}}) })
		}
		began := time.Now()
		for range newerAtMost + 1 {
			at, err := p.admit(t.Context())
			require.NoError(t, err)
			at.ended()
		}
		assert.Equal(t, 210*time.Second, time.Since(began))
	})
}

// TestWhatIsNotCountedYetIsWaitedFor: it may be on its way to KSC. One that ends
// without having been counted was never there.
func TestWhatIsNotCountedYetIsWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPace(&countedLedger{}, "default", 80, time.Second, func(string) {})
		first, err := p.admit(t.Context())
		require.NoError(t, err)
		time.AfterFunc(time.Hour, first.ended)
		began := time.Now()
		for range newerAtMost + 1 {
			at, err := p.admit(t.Context())
			require.NoError(t, err)
			at.ended()
		}
		assert.Equal(t, time.Hour, time.Since(began))
		assert.Zero(t, p.open.Load())
	})
}

// TestWhatAnEarlierRunSentHasItsPlace, from its claim on.
func TestWhatAnEarlierRunSentHasItsPlace(t *testing.T) {
	for ago, want := range map[time.Duration]time.Duration{0: 30 * time.Minute, 20 * time.Minute: 10 * time.Minute, time.Hour: 0} {
		synctest.Test(t, func(t *testing.T) {
			p := newPace(&countedLedger{}, "default", 80, time.Minute, func(string) {})
			earlier := p.enlist(time.Now().Add(-ago))
			earlier.counted()
			began := time.Now()
			for range newerAtMost + 1 {
				at, err := p.admit(t.Context())
				require.NoError(t, err)
				at.ended()
			}
			assert.Equal(t, want, time.Since(began), "claimed %v ago", ago)
			earlier.ended()
			assert.Zero(t, p.open.Load(), "it was not admitted")
		})
	}
}
