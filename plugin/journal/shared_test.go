package journal

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kes-respond/kes-respond/shared"
)

// slowAnchor knows the head some time after it was told.
type slowAnchor struct{ knows atomic.Uint64 }

func (s *slowAnchor) Write(data []byte) (int, error) {
	var head anchored
	err := json.Unmarshal(data, &head)
	for range 2000 {
		runtime.Gosched()
	}
	s.knows.Store(head.Seq)
	return len(data), err
}

// TestNobodyGoesOnBeforeTheAnchorKnows, also of those who did not flush.
func TestNobodyGoesOnBeforeTheAnchorKnows(t *testing.T) {
	anchor := &slowAnchor{}
	var flushes atomic.Int64
	j := open(t, newDir(t), func(o *Options) {
		o.Anchor = anchor
		o.Step = func(s string) {
			if s == "sync" {
				flushes.Add(1)
			}
		}
	})
	const many = 30
	before := flushes.Load()
	crowd(t, j, many, func(i int) {
		c, _, err := j.Claim(t.Context(), keyed(deletes(fmt.Sprint(i)), fmt.Sprint(i)), nil)
		if assert.NoError(t, err) {
			assert.LessOrEqual(t, c.Record().Seq, anchor.knows.Load())
		}
	})
	assert.Less(t, flushes.Load()-before, int64(many), "no flush was shared")
}

// TestWhoSharesATurnIsCountedInIt: each claim sees those before it, whether they
// take the last place of a limit or are equal.
func TestWhoSharesATurnIsCountedInIt(t *testing.T) {
	j := open(t, newDir(t))
	const many, places = 30, 4
	few := func(u Usage) *Refusal {
		if hosts, _, _ := u.Isolated(day, places); hosts >= places {
			return &Refusal{shared.Cap, "few", "no more"}
		}
		return nil
	}
	var claims, refused atomic.Int64
	crowd(t, j, many, func(i int) {
		e := isolates(fmt.Sprint(i), "on")
		e.HostID, e.Digest = fmt.Sprint("host", i), fmt.Sprint("d", i)
		switch c, p, err := j.Claim(t.Context(), e, few); {
		case !assert.NoError(t, err), !assert.Nil(t, p):
		case c != nil:
			claims.Add(1)
		default:
			refused.Add(1)
		}
	})
	assert.Equal(t, []int64{places, many - places}, []int64{claims.Load(), refused.Load()})
	for _, key := range []string{"", "k"} {
		var first, answered atomic.Int64
		crowd(t, j, many, func(i int) {
			switch c, p, err := j.Claim(t.Context(), keyed(deletes(fmt.Sprint(key, i)), key), nil); {
			case !assert.NoError(t, err):
			case c != nil:
				first.Add(1)
			case p != nil:
				answered.Add(1)
			}
		})
		assert.Equal(t, []int64{1, many - 1}, []int64{first.Load(), answered.Load()})
	}
	sound(t, j, nil)
}

// TestCloseWhileManyWait: each is told something, and who was told that it is
// recorded is.
func TestCloseWhileManyWait(t *testing.T) {
	dir := newDir(t)
	j := open(t, dir)
	const many = 40
	var told sync.Map
	closed := make(chan error, 1)
	crowd(t, j, many, func(i int) {
		if i == many/2 {
			go func() { closed <- j.Close() }()
		}
		id := fmt.Sprint(i)
		switch c, _, err := j.Claim(t.Context(), keyed(deletes(id), id), nil); {
		case err == nil:
			told.Store(id, c)
		default:
			assert.Nil(t, c)
			if e, is := errors.AsType[*Error](err); assert.True(t, is, "%v", err) {
				assert.Contains(t, []Kind{Closed, Disk}, e.Kind, "%v", err) // Disk: closed before it was flushed
			}
		}
	})
	require.NoError(t, <-closed)
	require.Empty(t, j.waiting())
	other := open(t, dir)
	for id := range told.Range {
		_, found, err := other.ByKey(t.Context(), id.(string))
		require.NoError(t, err)
		require.True(t, found)
	}
	sound(t, other, nil)
}

// TestNoFileIsLeftOpen, whatever becomes of an index that was.
func TestNoFileIsLeftOpen(t *testing.T) {
	const descriptors = "/proc/self/fd"
	if _, err := os.Stat(descriptors); err != nil {
		t.Skip("the system does not say what is open")
	}
	count := func() int {
		list, err := os.ReadDir(descriptors)
		require.NoError(t, err)
		return len(list)
	}
	dir := newDir(t)
	a, b := open(t, dir, smallFiles), open(t, dir, smallFiles)
	use := func(i int) {
		for _, j := range []*Journal{a, b} {
			id := fmt.Sprint(i, j.self)
			j.mustClaim(t, keyed(deletes(id), id))
			switch i % 4 {
			case 0:
				require.NoError(t, j.exclusive(t.Context(), func(tu *turn) error { return tu.grow(roomGauge) }))
			case 1:
				require.NoError(t, j.exclusive(t.Context(), func(tu *turn) error { return tu.rebuild() }))
			case 2:
				require.Error(t, j.exclusive(t.Context(), func(tu *turn) error { tu.stale = true; return errIndex }))
			}
		}
	}
	use(0)
	before := count()
	for i := range 12 {
		use(1 + i)
	}
	assert.LessOrEqual(t, count(), before)
}
