//go:build unix

package journal

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kes-respond/kes-respond/shared"
)

// TestALedgerThatWasMovedAway takes no request that nobody would look for in it,
// and all that became of those which were sent: with nothing in its place, with
// another ledger there, and for two who have it open. Where it is back it goes on.
func TestALedgerThatWasMovedAway(t *testing.T) {
	for name, instead := range map[string]func(t *testing.T, dir string) *Journal{
		"nothing":        func(*testing.T, string) *Journal { return nil },
		"another ledger": func(t *testing.T, dir string) *Journal { return open(t, dir) },
		"a link to another": func(t *testing.T, dir string) *Journal {
			another := newDir(t)
			j := open(t, another)
			require.NoError(t, os.Symlink(another, dir))
			return j
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := newDir(t)
			away := filepath.Join(filepath.Dir(dir), "away")
			j, other := open(t, dir), open(t, dir)
			sent, alsoSent, claimed := j.mustClaim(t, deletes("sent")), other.mustClaim(t, isolates("also sent", "on")), j.mustClaim(t, keyed(deletes("claimed"), "k"))
			require.NoError(t, sent.Sending(t.Context(), added))
			require.NoError(t, alsoSent.Sending(t.Context(), added))
			left := other.mustClaim(t, keyed(deletes("left"), "left"))
			require.NoError(t, left.Release(t.Context()))

			require.NoError(t, os.Rename(dir, away))
			there := instead(t, dir)
			refused := func(err error) {
				t.Helper()
				e := isKind(t, err, Place)
				assert.Contains(t, e.Message, dir)
				assert.Contains(t, e.Assistance, "Start this program again")
			}
			_, _, err := j.Claim(t.Context(), keyed(deletes("new"), "new"), nil)
			refused(err)
			_, _, err = other.Claim(t.Context(), keyed(deletes("claimed again"), "k"), nil)
			refused(err)
			refused(claimed.Sending(t.Context(), added))
			_, err = j.Adopt(t.Context(), left.Record())
			refused(err)
			refused(j.Suspend(t.Context(), "nobody would see it"))
			_, err = j.Resume(t.Context())
			refused(err)
			_, err = j.Login(t.Context(), "main", "ann", "wrong")
			refused(err)
			refused(j.Here())

			if there == nil && runtime.GOOS != "linux" {
				t.Skip("without a lock no line is written: only Linux finds it by the descriptor")
			}
			require.NoError(t, os.Remove(filepath.Join(away, indexFile)), "what is made anew is made there as well")
			require.NoError(t, sent.Stored(t.Context(), 7, added))
			require.NoError(t, alsoSent.Stored(t.Context(), 8, added))
			require.NoError(t, sent.Ended(t.Context(), shared.Submitted, "", "done"))
			require.NoError(t, alsoSent.Ended(t.Context(), shared.Succeeded, "", "done"))
			require.NoError(t, claimed.Ended(t.Context(), shared.Refused, shared.Journal, "not sent"))
			assert.FileExists(t, filepath.Join(away, indexFile))
			sound(t, j, nil)
			incidents := map[string]int64{}
			for _, r := range all(t, j, Filter{}) {
				incidents[r.ID.Text()] = r.Incident
			}
			assert.Equal(t, map[string]int64{"sent": 7, "also sent": 8, "claimed": 0, "left": 0}, incidents)
			if there != nil {
				sound(t, there, nil)
				assert.Empty(t, all(t, there, Filter{}), "nothing of it is in the other")
				there.mustClaim(t, deletes("of another"))
				require.NoError(t, there.Close())
			}

			if there != nil {
				require.NoError(t, os.Rename(dir, dir+"-another"))
			}
			require.NoError(t, os.Rename(away, dir))
			require.NoError(t, j.Here())
			j.mustClaim(t, keyed(deletes("new"), "new"))
			other.mustPrior(t, keyed(deletes("new"), "new"))
			require.NoError(t, j.Suspend(t.Context(), "seen again"))
			sound(t, other, nil)
		})
	}
}

// TestALedgerBehindALinkToItself is the same one: it was moved, and is found.
func TestALedgerBehindALinkToItself(t *testing.T) {
	dir := newDir(t)
	j := open(t, dir)
	require.NoError(t, os.Rename(dir, dir+"-moved"))
	require.NoError(t, os.Symlink(dir+"-moved", dir))
	require.NoError(t, carry(t.Context(), j.mustClaim(t, deletes("1")), 1, shared.Submitted))
	sound(t, j, nil)
}

// TestALedgerThatIsTakenAwayMeanwhile: while two processes send without a pause it
// is moved back and forth; each request is in the ledger whole, or refused.
func TestALedgerThatIsTakenAwayMeanwhile(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("without a lock no line is written: only Linux finds it by the descriptor")
	}
	dir := newDir(t)
	away := filepath.Join(filepath.Dir(dir), "away")
	ends := make(chan map[string]int64)
	stop := make(chan struct{})
	for who := range 2 {
		j := open(t, dir)
		go func() {
			sent := map[string]int64{}
			defer func() { ends <- sent }()
			for n := int64(1); ; n++ {
				select {
				case <-stop:
					return
				default:
				}
				id := fmt.Sprint(who, "-", n)
				c, _, err := j.Claim(t.Context(), keyed(deletes(id), id), nil)
				if err == nil {
					err = c.Sending(t.Context(), added)
				}
				if err != nil {
					var e *Error
					assert.True(t, errors.As(err, &e) && e.Kind == Place, "%v", err)
					continue
				}
				sent[id] = n
				if !assert.NoError(t, c.Stored(t.Context(), n, added)) || !assert.NoError(t, c.Ended(t.Context(), shared.Submitted, "", "")) {
					return
				}
			}
		}()
	}
	for range 100 {
		require.NoError(t, os.Rename(dir, away))
		<-time.After(time.Millisecond) // it is away for a while
		require.NoError(t, os.Rename(away, dir))
		<-time.After(time.Millisecond)
	}
	close(stop)
	sent := <-ends
	for id, n := range <-ends {
		sent[id] = n
	}
	require.NotEmpty(t, sent)
	j := open(t, dir)
	sound(t, j, nil)
	for id, n := range sent {
		r, found, err := j.ByKey(t.Context(), id)
		require.NoError(t, err)
		require.True(t, found, id)
		assert.Equal(t, []any{n, shared.Submitted}, []any{r.Incident, r.Outcome}, id)
	}
}
