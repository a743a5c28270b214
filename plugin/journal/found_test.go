package journal

import (
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/kes-respond/kes-respond/shared"
)

func sending(t *testing.T, j *Journal, e Entry) *Claim {
	t.Helper()
	c := j.mustClaim(t, e)
	require.NoError(t, c.Sending(t.Context(), added))
	return c
}

// TestFound: an incident that another request has is not taken a second time,
// however that one came to it and whatever became of it.
func TestFound(t *testing.T) {
	dir := newDir(t)
	j, other := open(t, dir), open(t, dir)
	first := sending(t, j, keyed(deletes("1"), "1"))
	second := sending(t, other, keyed(deletes("2"), "2"))
	require.NoError(t, first.Stored(t.Context(), 7, added))
	e := isKind(t, second.Found(t.Context(), 7, added), Taken)
	assert.Contains(t, e.Message, "request 1")
	require.NoError(t, first.Ended(t.Context(), shared.Failed, "", ""))
	for _, index := range []bool{true, false} {
		if !index {
			require.NoError(t, os.Remove(filepath.Join(dir, indexFile)))
		}
		isKind(t, second.Found(t.Context(), 7, added), Taken)
		r, _, err := j.ByKey(t.Context(), "2")
		require.NoError(t, err)
		assert.Equal(t, []any{Sending, int64(0), true}, []any{r.Stage, r.Incident, r.MayBeSent}, "a refusal records nothing")
	}

	elsewhere := keyed(deletes("3"), "3")
	elsewhere.Server = "second"
	require.NoError(t, sending(t, j, elsewhere).Found(t.Context(), 7, added), "another KSC counts for itself")
	require.NoError(t, second.Found(t.Context(), 8, added))
	require.NoError(t, second.Found(t.Context(), 8, added), "its own")
	isKind(t, sending(t, j, keyed(deletes("4"), "4")).Found(t.Context(), 8, added), Taken)
	r, _, err := j.ByIncident(t.Context(), "main", 8)
	require.NoError(t, err)
	assert.Equal(t, []any{"2", Stored, added, false}, []any{r.ID.Text(), r.Stage, *r.AddedAt, r.MayBeSent})

	// KSC was brought back from a backup and counts anew: Stored asks nobody.
	require.NoError(t, sending(t, j, keyed(deletes("5"), "5")).Stored(t.Context(), 8, added))
	r, _, err = j.ByIncident(t.Context(), "main", 8)
	require.NoError(t, err)
	assert.Equal(t, "5", r.ID.Text())
	sound(t, j, nil)
}

// TestManyFindOneIncident: of all who lost the same answer one gets it, and the
// ledger says who.
func TestManyFindOneIncident(t *testing.T) {
	dir := newDir(t)
	js := []*Journal{open(t, dir), open(t, dir), open(t, dir)}
	const n = 12
	var claims [n]*Claim
	for i := range claims {
		claims[i] = sending(t, js[i%3], keyed(deletes(fmt.Sprint(i)), fmt.Sprint(i)))
	}
	var all sync.WaitGroup
	var errs [n]error
	for i, c := range claims {
		all.Go(func() { errs[i] = c.Found(t.Context(), 7, added) })
	}
	all.Wait()
	var got []string
	for i, err := range errs {
		if err == nil {
			got = append(got, fmt.Sprint(i))
		} else {
			isKind(t, err, Taken)
		}
	}
	require.Len(t, got, 1)
	r, _, err := js[0].ByIncident(t.Context(), "main", 7)
	require.NoError(t, err)
	assert.Equal(t, got[0], r.ID.Text())
}

// TestWhoAdoptsFinds, but not what the one who died had recorded for another.
func TestWhoAdoptsFinds(t *testing.T) {
	dir := newDir(t)
	dead, j := open(t, dir), open(t, dir)
	sending(t, dead, keyed(deletes("1"), "1"))
	c := sending(t, dead, keyed(deletes("2"), "2"))
	require.NoError(t, c.Stored(t.Context(), 7, added))
	require.NoError(t, dead.Close())
	doubt, err := j.InDoubt(t.Context())
	require.NoError(t, err)
	require.Len(t, doubt, 2)
	a, err := j.Adopt(t.Context(), doubt[0])
	require.NoError(t, err)
	b, err := j.Adopt(t.Context(), doubt[1])
	require.NoError(t, err)
	isKind(t, a.Found(t.Context(), 7, added), Taken)
	require.NoError(t, b.Found(t.Context(), 7, added))
	require.NoError(t, a.Found(t.Context(), 6, added))
	require.NoError(t, a.Ended(t.Context(), shared.Submitted, "", ""))
	isKind(t, sending(t, j, keyed(deletes("3"), "3")).Found(t.Context(), 6, added), Taken)
}

const found Stage = "found" // a step that is written as Stored

// found gives a request an incident that may be another's.
func (m *machine) found(rt *rapid.T, r *modelled) {
	incident := int64(m.n*1000) + int64(r.seq)
	if q := m.pick(rt, func(q *modelled) bool { return q.incident != 0 }); q != nil {
		incident = q.incident
	}
	err := r.claim.Found(m.t.Context(), incident, added)
	if m.model.taken(r, incident) {
		isKindIn(rt, err, Taken)
		return
	}
	require.NoError(rt, err)
	r.stage, r.incident = Stored, incident
	m.model.holds(r)
}
