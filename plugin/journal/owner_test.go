package journal

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kes-respond/kes-respond/shared"
)

func TestAdopt(t *testing.T) {
	dir := newDir(t)
	j, a, b := open(t, dir), open(t, dir), open(t, dir)
	c := j.mustClaim(t, keyed(deletes("1"), "k"))
	require.NoError(t, c.Sending(t.Context(), added))
	alive, _, err := a.ByKey(t.Context(), "k")
	require.NoError(t, err)
	_, err = a.Adopt(t.Context(), alive)
	isKind(t, err, Taken)
	doubt, err := a.InDoubt(t.Context())
	require.NoError(t, err)
	assert.Empty(t, doubt)

	require.NoError(t, j.Close())
	doubt, err = a.InDoubt(t.Context())
	require.NoError(t, err)
	require.Len(t, doubt, 1)
	d, err := a.Adopt(t.Context(), doubt[0])
	require.NoError(t, err)
	assert.Equal(t, []any{"1", Sending, added, true}, []any{d.Record().ID.Text(), d.Record().Stage, *d.Record().AddedAt, d.Record().MayBeSent})
	_, err = b.Adopt(t.Context(), doubt[0])
	isKind(t, err, Taken)
	require.NoError(t, d.Stored(t.Context(), 9, added))
	require.NoError(t, d.Ended(t.Context(), shared.Pending, "", ""))
	r, _, err := b.ByIncident(t.Context(), "main", 9)
	require.NoError(t, err)
	assert.Equal(t, shared.Pending, r.Outcome)
	open, err := b.Unsettled(t.Context())
	require.NoError(t, err)
	require.Len(t, open, 1, "pending waits for somebody")

	e, err := b.Adopt(t.Context(), r)
	require.NoError(t, err)
	assert.Equal(t, int64(9), e.Record().Incident)
	require.NoError(t, e.Ended(t.Context(), shared.Succeeded, "", ""))
	_, err = b.Adopt(t.Context(), r)
	isKind(t, err, Taken)
	open, err = b.Unsettled(t.Context())
	require.NoError(t, err)
	assert.Empty(t, open)
	sound(t, b, nil)
}

// TestAfterAPowerFailureAClaimIsInDoubt: the line "sending" may be lost.
func TestAfterAPowerFailureAClaimIsInDoubt(t *testing.T) {
	dir := newDir(t)
	j := open(t, dir)
	j.mustClaim(t, deletes("1"))
	require.NoError(t, j.Close())
	k := open(t, dir)
	doubt, err := k.InDoubt(t.Context())
	require.NoError(t, err)
	require.Len(t, doubt, 1)
	assert.False(t, doubt[0].MayBeSent, "this boot has not ended: nothing was sent")
	k.boot = "another boot id."
	doubt, err = k.InDoubt(t.Context())
	require.NoError(t, err)
	require.Len(t, doubt, 1)
	assert.True(t, doubt[0].MayBeSent)
	c, err := k.Adopt(t.Context(), doubt[0])
	require.NoError(t, err)
	assert.True(t, c.Record().MayBeSent)
	r, _, err := k.BySeq(t.Context(), doubt[0].Seq)
	require.NoError(t, err)
	assert.True(t, r.MayBeSent, "that it was adopted does not settle it")
}
