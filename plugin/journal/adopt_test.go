package journal

import (
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kes-respond/kes-respond/shared"
)

// mustAdopt demands a Claim on the request with that key.
func (j *Journal) mustAdopt(t testing.TB, key string) *Claim {
	t.Helper()
	r, found, err := j.ByKey(t.Context(), key)
	require.NoError(t, err)
	require.True(t, found)
	c, err := j.Adopt(t.Context(), r)
	require.NoError(t, err)
	return c
}

func numbers(t testing.TB, list []Record, err error) (seqs []uint64) {
	t.Helper()
	require.NoError(t, err)
	for _, r := range list {
		seqs = append(seqs, r.Seq)
	}
	return seqs
}

// TestWhoAdoptsMayDieToo: whatever a request had ended as, it is in doubt again
// when the one who adopted it dies, knows what was known, and is settled by the
// next.
func TestWhoAdoptsMayDieToo(t *testing.T) {
	for _, ended := range []shared.Outcome{shared.Submitted, shared.Pending, shared.Unknown} {
		for _, stored := range []bool{true, false} {
			for _, index := range []bool{true, false} {
				what := []any{ended, stored, index}
				dir := newDir(t)
				first, other := open(t, dir), open(t, dir)
				c := sending(t, first, keyed(deletes("1"), "k"))
				if stored {
					require.NoError(t, c.Stored(t.Context(), 7, added))
				}
				require.NoError(t, c.Ended(t.Context(), ended, "", "so"))
				seq := c.Record().Seq
				list, err := other.Unsettled(t.Context())
				assert.Equal(t, ended != shared.Submitted, len(numbers(t, list, err)) == 1, what)

				d := first.mustAdopt(t, "k") // the process that claimed it is one of those who may
				assert.Error(t, c.Ended(t.Context(), shared.Failed, "", ""), "the claim before it has ended")
				list, err = other.InDoubt(t.Context())
				assert.Empty(t, numbers(t, list, err), "it is being settled")
				_, err = first.Adopt(t.Context(), d.Record())
				isKind(t, err, Taken)
				require.NoError(t, first.Close())
				if !index {
					require.NoError(t, os.Remove(filepath.Join(dir, indexFile)))
				}
				for _, ask := range []func() ([]Record, error){
					func() ([]Record, error) { return other.InDoubt(t.Context()) },
					func() ([]Record, error) { return other.Unsettled(t.Context()) },
				} {
					list, err = ask()
					require.Equal(t, []uint64{seq}, numbers(t, list, err), what)
					require.Equal(t, []any{shared.Outcome(""), !stored, true}, []any{list[0].Outcome, list[0].MayBeSent, list[0].InDoubt()}, what)
				}
				e := other.mustAdopt(t, "k")
				require.Equal(t, []any{!stored, d.Record().Stage, d.Record().Incident}, []any{e.Record().MayBeSent, e.Record().Stage, e.Record().Incident}, what)
				require.NoError(t, e.Found(t.Context(), 7, added))
				require.NoError(t, e.Ended(t.Context(), shared.Submitted, "", ""))
				assert.Error(t, e.Ended(t.Context(), shared.Failed, "", ""))
				list, err = other.Unsettled(t.Context())
				assert.Empty(t, numbers(t, list, err), what)
				assert.Equal(t, shared.Submitted, all(t, other, Filter{})[0].Outcome)
				sound(t, other, nil)
			}
		}
	}
}

// TestMayBeSent: what nobody found yet may be there, also when its request was
// given up as unknown.
func TestMayBeSent(t *testing.T) {
	j := open(t, newDir(t))
	for _, c := range []struct {
		stage Stage
		ended shared.Outcome
		want  bool
	}{
		{Claimed, "", false},
		{Sending, "", true},
		{Stored, "", false},
		{Claimed, shared.Cancelled, false},
		{Sending, shared.Failed, false},
		{Sending, shared.Unknown, true},
		{Stored, shared.Unknown, false},
		{Stored, shared.Pending, false},
	} {
		name := string(c.stage) + string(c.ended)
		claim := j.mustClaim(t, keyed(deletes(name), name))
		if c.stage != Claimed {
			require.NoError(t, claim.Sending(t.Context(), added))
		}
		if c.stage == Stored {
			require.NoError(t, claim.Stored(t.Context(), 7, added))
		}
		if c.ended != "" {
			require.NoError(t, claim.Ended(t.Context(), c.ended, "", ""))
		}
		r, _, err := j.ByKey(t.Context(), name)
		require.NoError(t, err)
		assert.Equal(t, c.want, r.MayBeSent, name)
		if c.ended == shared.Unknown || c.ended == shared.Pending {
			assert.Equal(t, c.want, j.mustAdopt(t, name).Record().MayBeSent, name)
		}
	}
}

// TestWhatWasAdoptedKeepsItsFile, although it was done with when that was
// written.
func TestWhatWasAdoptedKeepsItsFile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j := open(t, newDir(t), smallFiles)
		fillUp(t, j, "a", 10)
		c := j.mustClaim(t, keyed(deletes("r"), "r"))
		require.NoError(t, carry(t.Context(), c, 77, shared.Submitted))
		fillUp(t, j, "b", 10)
		require.Greater(t, segmentsOf(t, j)[1], c.at.segment())
		c = j.mustAdopt(t, "r")
		time.Sleep(40 * day)
		fillUp(t, j, "c", 10)
		assert.Equal(t, c.at.segment(), segmentsOf(t, j)[0])
		require.NoError(t, c.Ended(t.Context(), shared.Pending, "", ""))
		fillUp(t, j, "d", 10)
		assert.Greater(t, segmentsOf(t, j)[0], c.at.segment())
		_, err := j.Adopt(t.Context(), c.Record())
		isKind(t, err, Taken)
		list, err := j.Unsettled(t.Context())
		assert.Empty(t, numbers(t, list, err))
		sound(t, j, nil)
	})
}

// TestALedgerWithLinesOfTheSecondStep, as earlier versions wrote them, says the
// same: it is done, and is not done again by who adopts the request.
func TestALedgerWithLinesOfTheSecondStep(t *testing.T) {
	dir := newDir(t)
	first, other := open(t, dir), open(t, dir)
	c := sending(t, first, keyed(deletes("1"), "k"))
	require.NoError(t, c.Stored(t.Context(), 7, added))
	c.Updated()
	require.NoError(t, c.write(t.Context(), string(Updated), c.progress, false, nil))
	require.NoError(t, first.Close())
	for _, index := range []bool{true, false} {
		if !index {
			require.NoError(t, os.Remove(filepath.Join(dir, indexFile)))
		}
		r, found, err := other.ByIncident(t.Context(), "main", 7)
		require.NoError(t, err)
		require.True(t, found)
		assert.True(t, r.InDoubt())
		assert.False(t, r.MayBeSent)
		assert.Equal(t, Updated, r.Stage)
	}
	assert.Equal(t, Updated, all(t, other, Filter{})[0].Stage)
	d := other.mustAdopt(t, "k")
	assert.Equal(t, []any{Updated, int64(7)}, []any{d.Record().Stage, d.Record().Incident})
	require.NoError(t, d.Ended(t.Context(), shared.Submitted, "", ""))
	sound(t, other, nil)
}
