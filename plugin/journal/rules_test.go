package journal

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kes-respond/kes-respond/shared"
)

func TestTheSameKeyIsAnsweredWhateverBecameOfIt(t *testing.T) {
	for _, o := range []shared.Outcome{"", shared.Succeeded, shared.Submitted, shared.Pending, shared.Partial, shared.Failed, shared.Cancelled, shared.Unknown} {
		j := open(t, newDir(t))
		c := j.mustClaim(t, keyed(deletes("1"), "k"))
		if o != "" {
			require.NoError(t, c.Ended(t.Context(), o, shared.Timeout, "so"))
		}
		again := keyed(deletes("2"), "k")
		again.AllowDuplicate = true
		p := j.mustPrior(t, again)
		assert.Equal(t, []any{"1", o}, []any{p.ID.Text(), p.Outcome})
		refused := keyed(deletes("3"), "k")
		refused.Allowed = false
		assert.Equal(t, "1", j.mustPrior(t, refused).ID.Text())

		r, found, err := j.ByID(t.Context(), shared.IDOf("2"))
		require.NoError(t, err)
		require.True(t, found, "who was answered is recorded")
		assert.Equal(t, p.Seq, r.DuplicateOf)
		for name, e := range map[string]Entry{
			"host": func() Entry { e := keyed(deletes("4"), "k"); e.HostID = "host-2"; return e }(),
			"task": func() Entry { e := keyed(deletes("4"), "k"); e.Digest = "other"; return e }(),
			"KSC":  func() Entry { e := keyed(deletes("4"), "k"); e.Server = "other"; return e }(),
		} {
			_, _, err = j.Claim(t.Context(), e, nil)
			assert.Equal(t, "1", isKind(t, err, Reused).Prior.ID.Text(), name)
		}
	}
}

func TestEqualRequests(t *testing.T) {
	first := map[string]func(string) Entry{
		"delete":  deletes,
		"isolate": func(id string) Entry { return isolates(id, "on") },
	}
	for _, c := range []struct {
		outcome         shared.Outcome
		delete, isolate bool
	}{
		{"", true, true},
		{shared.Submitted, true, true},
		{shared.Pending, true, true},
		{shared.Succeeded, false, true},
		{shared.Partial, false, true},
		{shared.Failed, false, false},
		{shared.Cancelled, false, false},
		{shared.Unknown, false, false},
	} {
		for name, want := range map[string]bool{"delete": c.delete, "isolate": c.isolate} {
			synctest.Test(t, func(t *testing.T) {
				j := open(t, newDir(t))
				claim := j.mustClaim(t, first[name]("1"))
				if c.outcome != "" {
					require.NoError(t, claim.Ended(t.Context(), c.outcome, "", ""))
				}
				again := first[name]("2")
				_, p, err := j.Claim(t.Context(), again, nil)
				require.NoError(t, err)
				assert.Equal(t, want, p != nil, "%s %s", name, c.outcome)
				again.AllowDuplicate = true
				j.mustClaim(t, again)
			})
		}
	}
}

func TestTheWindow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j := open(t, newDir(t))
		j.mustClaim(t, deletes("1"))
		time.Sleep(5*time.Minute - 2*time.Millisecond)
		j.mustPrior(t, deletes("2"))
		time.Sleep(2 * time.Millisecond)
		j.mustClaim(t, deletes("3"))
	})
}

func TestTheWindowSwitchedOff(t *testing.T) {
	j := open(t, newDir(t), func(o *Options) { o.DuplicateWindow = -1 })
	j.mustClaim(t, deletes("1"))
	j.mustClaim(t, deletes("2"))
}

func TestReadsAreNeverDuplicates(t *testing.T) {
	j := open(t, newDir(t))
	e := deletes("1")
	e.Effects = []shared.Effect{shared.Reads, shared.Scans}
	j.mustClaim(t, e)
	j.mustClaim(t, e)
	e.Effects = []shared.Effect{shared.Scans, shared.Isolates}
	j.mustClaim(t, e)
	j.mustPrior(t, e)
}

// TestANewerOppositeEndsTheWindow: isolated, released, isolated again is three
// requests, whatever the first one's state; a release that surely did not
// happen is none.
func TestANewerOppositeEndsTheWindow(t *testing.T) {
	for _, c := range []struct {
		release shared.Outcome
		answers bool
	}{
		{"", false},
		{shared.Submitted, false},
		{shared.Succeeded, false},
		{shared.Unknown, false},
		{shared.Pending, false},
		{shared.Failed, true},
		{shared.Cancelled, true},
	} {
		for _, first := range []shared.Outcome{"", shared.Submitted, shared.Succeeded} {
			j := open(t, newDir(t))
			on := j.mustClaim(t, isolates("1", "on"))
			if first != "" {
				require.NoError(t, on.Ended(t.Context(), first, "", ""))
			}
			off := j.mustClaim(t, isolates("2", "off"))
			if c.release != "" {
				require.NoError(t, off.Ended(t.Context(), c.release, "", ""))
			}
			elsewhere := isolates("3", "off")
			elsewhere.HostID, elsewhere.Digest = "host-2", "d-elsewhere"
			j.mustClaim(t, elsewhere)
			refused := isolates("4", "off")
			refused.Allowed = false
			_, _, err := j.Claim(t.Context(), refused, nil)
			require.NoError(t, err)
			_, p, err := j.Claim(t.Context(), isolates("5", "on"), nil)
			require.NoError(t, err)
			assert.Equal(t, c.answers, p != nil, "first %q, release %q", first, c.release)
		}
	}
}

// TestAnEarlierOneAnswersPastAFailure: the newest equal request failed, but one
// before it is still under way.
func TestAnEarlierOneAnswersPastAFailure(t *testing.T) {
	j := open(t, newDir(t))
	j.mustClaim(t, deletes("1"))
	for range 3 {
		again := deletes("2")
		again.AllowDuplicate = true
		require.NoError(t, j.mustClaim(t, again).Ended(t.Context(), shared.Failed, "", ""))
	}
	assert.Equal(t, "1", j.mustPrior(t, deletes("3")).ID.Text())
}

func TestWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := newDir(t)
		j, other := open(t, dir), open(t, dir)
		c := j.mustClaim(t, keyed(deletes("1"), "k"))
		p := other.mustPrior(t, keyed(deletes("2"), "k"))
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		r, err := p.Wait(ctx)
		cancel()
		assert.ErrorIs(t, err, context.DeadlineExceeded)
		assert.True(t, r.Running)

		start := time.Now()
		time.AfterFunc(10*time.Second, func() { assert.NoError(t, carry(t.Context(), c, 7, shared.Submitted)) })
		r, err = p.Wait(t.Context())
		require.NoError(t, err)
		assert.Equal(t, []any{shared.Submitted, int64(7)}, []any{r.Outcome, r.Incident})
		assert.LessOrEqual(t, time.Since(start), 10*time.Second+longestPause+time.Second)
		r, err = other.mustPrior(t, keyed(deletes("3"), "k")).Wait(t.Context())
		require.NoError(t, err)
		assert.Equal(t, shared.Submitted, r.Outcome)
	})
}

// TestManyOfOneProcessWait for a request of the same process, as the goroutines
// of a server do.
func TestManyOfOneProcessWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j := open(t, newDir(t))
		c := j.mustClaim(t, keyed(deletes("1"), "k"))
		var all sync.WaitGroup
		for range 20 {
			p := j.mustPrior(t, keyed(deletes("2"), "k"))
			all.Go(func() {
				r, err := p.Wait(t.Context())
				assert.NoError(t, err)
				assert.Equal(t, []any{shared.Submitted, int64(7)}, []any{r.Outcome, r.Incident})
			})
		}
		time.Sleep(time.Minute)
		require.NoError(t, carry(t.Context(), c, 7, shared.Submitted))
		ended := time.Now()
		all.Wait()
		assert.LessOrEqual(t, time.Since(ended), longestPause+time.Second)
	})
}

// TestWaitSeesThatTheProcessDied; one that closes its ledger is as good as dead.
func TestWaitSeesThatTheProcessDied(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := newDir(t)
		j, other := open(t, dir), open(t, dir)
		c := j.mustClaim(t, keyed(deletes("1"), "k"))
		require.NoError(t, c.Sending(t.Context(), added))
		p := other.mustPrior(t, keyed(deletes("2"), "k"))
		time.AfterFunc(time.Second, func() { assert.NoError(t, j.Close()) })
		r, err := p.Wait(t.Context())
		require.NoError(t, err)
		assert.True(t, r.InDoubt())
		assert.True(t, r.MayBeSent)
	})
}
