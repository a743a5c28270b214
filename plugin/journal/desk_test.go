package journal

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/kes-respond/kes-respond/shared"
)

// TestTheDeskShowsWhatIsInTheFile, whatever a turn has done, and whoever had the
// turn before.
func TestTheDeskShowsWhatIsInTheFile(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 1))
	dir := newDir(t)
	js := []*Journal{open(t, dir, smallFiles), open(t, dir, smallFiles)}
	held := 0
	for i := range 200 {
		j := js[random.IntN(len(js))]
		e := isolates(fmt.Sprint(i), "on")
		e.HostID, e.AllowDuplicate = fmt.Sprint("h", random.IntN(60)), true
		if random.IntN(3) == 0 {
			e.Effects, e.Value = []shared.Effect{shared.Releases}, "off"
		}
		c := j.mustClaim(t, e)
		require.NoError(t, c.Stored(t.Context(), int64(i+1), added))
		if random.IntN(2) == 0 {
			require.NoError(t, c.Ended(t.Context(), shared.Failed, "", ""))
		}
		require.NoError(t, j.exclusive(t.Context(), func(tu *turn) error {
			if random.IntN(20) == 0 {
				require.NoError(t, tu.grow(roomOpen|roomGauge))
			}
			_, err := tu.append(line{
				Event: string(Claimed), By: j.self, Boot: j.boot, progress: progress{Stage: Claimed},
				Entry: Entry{ID: shared.IDOf(fmt.Sprint("more", i)), HostID: e.HostID, Server: e.Server, Effects: []shared.Effect{shared.Isolates}, Allowed: true},
			})
			require.NoError(t, err)
			require.Same(t, j.desk, tu.x.desk)
			seen := 0
			for n := range tu.x.desk.pages {
				s := &tu.x.desk.pages[n]
				if s.number == 0 {
					continue
				}
				seen++
				var page [pageSize]byte
				require.NoError(t, tu.x.fetch(page[:], s.number))
				require.True(t, page == s.page, "page %d", s.number)
			}
			require.Greater(t, seen, 3)
			if tu.x.desk.read {
				held++
				all := make([]byte, len(tu.x.desk.helds))
				_, err := tu.x.ReadAt(all, tu.x.heldAt()*pageSize)
				require.NoError(t, err)
				require.True(t, string(all) == string(tu.x.desk.helds[:]), "the isolated hosts")
			}
			return nil
		}))
	}
	require.Greater(t, held, 50)
	sound(t, js[0], nil)
}
