package journal

import (
	"bytes"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kes-respond/kes-respond/shared"
)

// counted is all that a Limit can be told, of the one host of these tests.
type counted struct {
	isolates, releases, all, outstanding, hosts int
	already                                     bool
}

func countOf(t *testing.T, j *Journal) (c counted) {
	t.Helper()
	usage(t, j, func(u Usage) {
		c.isolates, _ = u.Used(shared.Isolates, day, 1)
		c.releases, _ = u.Used(shared.Releases, day, 1)
		c.all, _ = u.Used("", day, 1)
		c.outstanding, _ = u.Outstanding(time.Hour, 1)
		c.hosts, c.already, _ = u.Isolated(day, 1)
	})
	return c
}

// TestAKillBetweenTwoPagesCountsOnce takes each step that is counted, and lays
// down what a kill between any two writes to the index can have left: the old
// header, and any of the changed pages.
func TestAKillBetweenTwoPagesCountsOnce(t *testing.T) {
	release := func(id string) Entry {
		e := isolates(id, "off")
		e.Effects = []shared.Effect{shared.Releases}
		return e
	}
	submitted := func(t *testing.T, j *Journal) { left(t, j, isolates("1", "on"), shared.Submitted) }
	last := func(t *testing.T, j *Journal) uint64 {
		r, found, err := j.ByID(t.Context(), shared.IDOf("1"))
		require.NoError(t, err)
		require.True(t, found)
		return r.Seq
	}
	ends := func(o shared.Outcome) func(t *testing.T, j *Journal) {
		return func(t *testing.T, j *Journal) {
			_, err := j.Finished(t.Context(), last(t, j), o, "", "", task("17"))
			require.NoError(t, err)
		}
	}
	for i, step := range []struct {
		name  string
		do    func(t *testing.T, j *Journal)
		want  counted
		first func(t *testing.T, j *Journal) // what is there before
	}{
		{"claimed", func(t *testing.T, j *Journal) { j.mustClaim(t, isolates("1", "on")) }, counted{1, 0, 1, 1, 1, true}, nil},
		{"unsent", func(t *testing.T, j *Journal) {
			c := j.mustClaim(t, isolates("1", "on"))
			require.NoError(t, c.Ended(t.Context(), shared.Failed, shared.Unreachable, ""))
		}, counted{0, 0, 0, 0, 0, false}, nil},
		{"stored", func(t *testing.T, j *Journal) {
			c := j.mustClaim(t, isolates("1", "on"))
			require.NoError(t, carry(t.Context(), c, 1, shared.Submitted))
		}, counted{1, 0, 1, 1, 1, true}, nil},
		{"finished", func(t *testing.T, j *Journal) {
			c := j.mustClaim(t, isolates("1", "on"))
			require.NoError(t, carry(t.Context(), c, 1, shared.Succeeded))
		}, counted{1, 0, 1, 0, 1, true}, nil},
		{"released", func(t *testing.T, j *Journal) {
			require.NoError(t, carry(t.Context(), j.mustClaim(t, isolates("1", "on")), 1, shared.Submitted))
			require.NoError(t, carry(t.Context(), j.mustClaim(t, release("2")), 2, shared.Submitted))
		}, counted{1, 1, 1, 2, 0, false}, nil},
		{"matched", func(t *testing.T, j *Journal) {
			require.NoError(t, j.Matched(t.Context(), last(t, j), task("17")))
		}, counted{hosts: 1, already: true}, submitted},
		{"succeeded later", ends(shared.Succeeded), counted{outstanding: -1, hosts: 1, already: true}, submitted},
		{"partial later", ends(shared.Partial), counted{outstanding: -1, hosts: 1, already: true}, submitted},
		{"failed later", ends(shared.Failed), counted{outstanding: -1}, submitted},
	} {
		t.Run(step.name, func(t *testing.T) {
			dir := newDir(t)
			j := open(t, dir)
			fillUp(t, j, fmt.Sprint("before", i), 1) // deletes, which count among all
			least := 4
			if step.first != nil {
				step.first(t, j)
				least = 0 // what a console task adds may all lie in one page: places are by a key of the ledger's own
			}
			base := countOf(t, j)
			before := readFile(t, dir, indexFile)
			step.do(t, j)
			after := readFile(t, dir, indexFile)
			want := counted{
				base.isolates + step.want.isolates, base.releases + step.want.releases, base.all + step.want.all,
				base.outstanding + step.want.outstanding, step.want.hosts, step.want.already,
			}
			require.Equal(t, want, countOf(t, j))
			require.NoError(t, j.Close())
			require.Len(t, after, len(before))
			var changed []int
			for at := pageSize; at < len(before); at += pageSize {
				if !bytes.Equal(before[at:at+pageSize], after[at:at+pageSize]) {
					changed = append(changed, at)
				}
			}
			require.Greater(t, len(changed), least, "the test tries nothing")
			for mask := range 1 << min(len(changed), 9) {
				mixed := bytes.Clone(before)
				for bit, at := range changed {
					if mask>>min(bit, 8)&1 == 1 { // the rest go with the last
						copy(mixed[at:at+pageSize], after[at:at+pageSize])
					}
				}
				writeFile(t, mixed, dir, indexFile)
				k := open(t, dir)
				_, found, err := k.ByConsoleTask(t.Context(), "main", "", "17")
				require.NoError(t, err)
				require.Equal(t, step.first != nil, found, "with the changed pages %b", mask)
				if !assert.Equal(t, want, countOf(t, k), "with the changed pages %b of %d", mask, len(changed)) {
					return
				}
				require.NoError(t, k.Close())
			}
		})
	}
}
