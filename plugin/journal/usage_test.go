package journal

import (
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kes-respond/kes-respond/shared"
)

// atMost is a limit on all requests of a span.
func atMost(most int, span time.Duration) Limit {
	return func(u Usage) *Refusal {
		if used, free := u.Used("", span, most); used >= most {
			return &Refusal{shared.Cap, "few", fmt.Sprintf("again at %s", free.UTC().Format(time.RFC3339))}
		}
		return nil
	}
}

func usage(t testing.TB, j *Journal, look func(Usage)) {
	t.Helper()
	_, err := j.Rehearse(t.Context(), isolates("", "on"), func(u Usage) *Refusal {
		look(u)
		return nil
	})
	require.NoError(t, err)
}

// TestTheLastPlaceIsGivenOnce: many goroutines of several processes ask at once.
func TestTheLastPlaceIsGivenOnce(t *testing.T) {
	dir := newDir(t)
	js := []*Journal{open(t, dir), open(t, dir), open(t, dir)}
	var got, refused atomic.Int32
	t.Run("", func(t *testing.T) {
		for i := range 30 {
			t.Run("", func(t *testing.T) {
				t.Parallel()
				c, p, err := js[i%3].Claim(t.Context(), keyed(deletes(fmt.Sprint(i)), fmt.Sprint(i)), atMost(7, time.Hour))
				assert.NoError(t, err)
				assert.Nil(t, p)
				if c != nil {
					got.Add(1)
				} else {
					refused.Add(1)
				}
			})
		}
	})
	assert.Equal(t, []int32{7, 23}, []int32{got.Load(), refused.Load()})
	list := all(t, js[0], Filter{Outcome: shared.Refused})
	require.Len(t, list, 23)
	assert.Equal(t, []any{shared.Cap, "few"}, []any{list[0].Code, list[0].Rule})
	assert.Regexp(t, "^again at 20", list[0].Message)
	p := js[1].mustPrior(t, keyed(deletes("again"), all(t, js[0], Filter{})[29].IdempotencyKey))
	assert.Empty(t, p.Outcome, "who is answered needs no place")
}

// TestWhenAPlaceIsFree asks at the time that was named, and a step before it.
func TestWhenAPlaceIsFree(t *testing.T) {
	for _, span := range []time.Duration{time.Minute, time.Hour, 24 * time.Hour} {
		t.Run(span.String(), func(t *testing.T) {
			base := newDir(t)
			synctest.Test(t, func(t *testing.T) {
				j := open(t, base)
				for i := range 3 {
					j.mustClaim(t, keyed(deletes(fmt.Sprint(i)), fmt.Sprint(i)))
					time.Sleep(span / 10)
				}
				var free time.Time
				usage(t, j, func(u Usage) {
					used, at := u.Used("", span, 3)
					assert.Equal(t, 3, used)
					_, later := u.Used("", span, 2)
					assert.Greater(t, later, at, "a second place is free later")
					free = at
				})
				w, _ := wheelOf(span)
				late := time.Until(free) - span*7/10 // the first is three tenths of it old
				assert.Greater(t, late, time.Duration(0))
				assert.LessOrEqual(t, late, w.step)
				time.Sleep(time.Until(free) - time.Millisecond)
				usage(t, j, func(u Usage) {
					used, _ := u.Used("", span, 3)
					assert.Equal(t, 3, used)
				})
				time.Sleep(time.Millisecond)
				c, _, err := j.Claim(t.Context(), keyed(deletes("last"), "last"), atMost(3, span))
				assert.NoError(t, err)
				assert.NotNil(t, c)
				c, _, err = j.Claim(t.Context(), keyed(deletes("more"), "more"), atMost(3, span))
				assert.NoError(t, err)
				assert.Nil(t, c)
			})
		})
	}
}

// TestAClockThatWasSet: a request of a time to come keeps nobody for longer than
// the span, and those before a jump are not lost behind it.
func TestAClockThatWasSet(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	for _, w := range wheels {
		page := make([]byte, pageSize)
		count := func(at time.Time) (n int) {
			w.within(page, at, w.span(), func(_ time.Time, m int) { n += m })
			return n
		}
		w.add(page, now, 1)
		w.add(page, now.Add(-w.span()/2), 1)
		assert.Equal(t, 2, count(now), "out of order")
		w.add(page, now.Add(w.span()/2), 1)
		assert.Equal(t, 3, count(now), "a little ahead counts")
		w.add(page, now.Add(400*24*time.Hour), 1)
		assert.Zero(t, count(now), "far ahead does not")
		w.add(page, now, 1)
		assert.Equal(t, 1, count(now), "and is forgotten when the clock is right again")
		w.add(page, now.Add(-2*w.span()), -1)
		assert.Equal(t, 1, count(now), "what is not held cannot be taken away")
		w.add(page, now.Add(400*24*time.Hour), -1)
		assert.Equal(t, 1, count(now), "and does not turn the wheel")
		for range 1 << 16 {
			w.add(page, now, 1)
		}
		assert.Equal(t, 1<<16-1, count(now), "it does not begin anew")
	}
}

func TestIsolatedHosts(t *testing.T) {
	dir := newDir(t)
	j := open(t, dir)
	for i := range mostHeld + 3 {
		e := isolates(fmt.Sprint(i), "on")
		e.HostID = fmt.Sprint("h", i)
		e.Digest = e.HostID
		require.NoError(t, carry(t.Context(), j.mustClaim(t, e), int64(i+1), shared.Submitted))
	}
	usage(t, j, func(u Usage) {
		hosts, already, free := u.Isolated(day, mostHeld)
		assert.Equal(t, mostHeld, hosts)
		assert.False(t, already)
		assert.WithinDuration(t, time.Now().Add(day), free, time.Minute)
		u.e.HostID = fmt.Sprint("h", mostHeld)
		_, already, _ = u.Isolated(day, mostHeld)
		assert.True(t, already, "the newest are the ones that are known")
		hosts, _, _ = u.Isolated(0, 1)
		assert.Zero(t, hosts, "not for longer than was asked")
	})
}

// TestAHostThatIsIsolatedAgain counts from then on, whatever became of the others.
func TestAHostThatIsIsolatedAgain(t *testing.T) {
	base := newDir(t)
	synctest.Test(t, func(t *testing.T) {
		j := open(t, base)
		on := func() Entry {
			e := isolates("on", "on")
			e.AllowDuplicate = true
			return e
		}
		counted := func(want int, why string) {
			t.Helper()
			usage(t, j, func(u Usage) {
				hosts, already, _ := u.Isolated(day, 1)
				assert.Equal(t, want, hosts, why)
				assert.Equal(t, want == 1, already, why)
			})
		}
		require.NoError(t, carry(t.Context(), j.mustClaim(t, on()), 1, shared.Submitted))
		time.Sleep(day)
		counted(0, "its time is over")
		require.NoError(t, carry(t.Context(), j.mustClaim(t, on()), 2, shared.Submitted))
		counted(1, "it was isolated again")

		time.Sleep(day)
		first, second := j.mustClaim(t, on()), j.mustClaim(t, on())
		counted(1, "one host, not two requests")
		require.NoError(t, first.Ended(t.Context(), shared.Failed, "", ""))
		counted(1, "the second isolates it")
		require.NoError(t, carry(t.Context(), second, 3, shared.Submitted))
		third := j.mustClaim(t, on())
		require.NoError(t, third.Ended(t.Context(), shared.Cancelled, "", ""))
		counted(1, "it is isolated, whatever became of the third")

		last := j.mustClaim(t, on())
		off := isolates("off", "off")
		off.Effects = []shared.Effect{shared.Releases}
		require.NoError(t, carry(t.Context(), j.mustClaim(t, off), 4, shared.Submitted))
		counted(0, "it was released")
		require.NoError(t, carry(t.Context(), last, 5, shared.Submitted))
		counted(1, "and isolated by one that was stored after that")
	})
}

// TestAReleaseWithASpoiltIndex reads again which hosts are isolated.
func TestAReleaseWithASpoiltIndex(t *testing.T) {
	dir := newDir(t)
	j := open(t, dir)
	off := isolates("off", "off")
	off.Effects = []shared.Effect{shared.Releases}
	require.NoError(t, carry(t.Context(), j.mustClaim(t, off), 1, shared.Submitted))
	scan := isolates("scan", "")
	scan.Slot, scan.Effects = "", []shared.Effect{shared.Scans, shared.Isolates}
	require.NoError(t, carry(t.Context(), j.mustClaim(t, scan), 2, shared.Submitted))
	const pages = int64(1 + firstOpenPages + firstHashPages + firstGaugePages)
	spoilPages(t, dir, pages, pages+heldPages-1)
	second := j.mustClaim(t, off)
	require.NoError(t, carry(t.Context(), second, 3, shared.Submitted))
	require.Equal(t, second.Record().Seq, j.mustPrior(t, off).Seq)
}

// TestWhenAHostIsFree: not by the end of the first where there are too many.
func TestWhenAHostIsFree(t *testing.T) {
	base := newDir(t)
	synctest.Test(t, func(t *testing.T) {
		j := open(t, base)
		start := time.Now()
		for i := range 4 {
			e := isolates(fmt.Sprint(i), "on")
			e.HostID, e.Digest = fmt.Sprint("h", i), fmt.Sprint("h", i)
			require.NoError(t, carry(t.Context(), j.mustClaim(t, e), int64(i+1), shared.Submitted))
			time.Sleep(time.Hour)
		}
		for most, want := range map[int]time.Duration{4: day, 3: day + time.Hour, 1: day + 3*time.Hour, 5: 4 * time.Hour} {
			usage(t, j, func(u Usage) {
				hosts, _, free := u.Isolated(day, most)
				assert.Equal(t, 4, hosts)
				assert.WithinDuration(t, start.Add(want), free, time.Second, "%d", most)
			})
		}
	})
}

// TestTheIndexGrowsWithItsServers: each server has a gauge, and none is lost.
func TestTheIndexGrowsWithItsServers(t *testing.T) {
	dir := newDir(t)
	j, other := open(t, dir), open(t, dir)
	const servers = 5 * firstGaugePages
	for i := range servers {
		for range 2 {
			e := deletes(fmt.Sprint(i))
			e.Server, e.AllowDuplicate = fmt.Sprint("s", i), true
			j.mustClaim(t, e)
		}
	}
	for i := range servers {
		usage(t, other, func(u Usage) {
			u.e.Server = fmt.Sprint("s", i)
			many, _ := u.Outstanding(time.Hour, 1)
			assert.Equal(t, 2, many)
			used, _ := u.Used(shared.Deletes, time.Hour, 1)
			assert.Equal(t, 2*servers, used)
		})
	}
	spoilPages(t, dir, 1+firstOpenPages+firstHashPages, 1+firstOpenPages+firstHashPages+servers)
	var used int
	usage(t, other, func(u Usage) { used, _ = u.Used(shared.Deletes, time.Hour, 1) })
	assert.Equal(t, 2*servers, used, "what was spoilt is counted again")
}

// TestAFloodOfServersIsCountedTogether: the index stays small, and nobody is
// counted for less than he sent.
func TestAFloodOfServersIsCountedTogether(t *testing.T) {
	j := open(t, newDir(t))
	const servers = mostGauges + 200
	for i := range servers {
		e := deletes(fmt.Sprint(i))
		e.Server, e.AllowDuplicate = fmt.Sprint("s", i), true
		j.mustClaim(t, e)
	}
	var least, used int
	usage(t, j, func(u Usage) {
		assert.LessOrEqual(t, u.t.x.gaugePages, uint32(mostGauges))
		least = 1
		for i := range servers {
			u.e.Server = fmt.Sprint("s", i)
			many, _ := u.Outstanding(time.Hour, 1)
			least = min(least, many)
		}
		used, _ = u.Used(shared.Deletes, time.Hour, 1)
	})
	assert.Equal(t, 1, least)
	assert.Equal(t, servers, used)
}
