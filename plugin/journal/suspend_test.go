package journal

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestSuspend: everybody who shares the ledger learns of it, and the chain has
// both its beginning and its end.
func TestSuspend(t *testing.T) {
	dir := newDir(t)
	a, b := open(t, dir), open(t, dir)
	assert.Nil(t, a.Suspended())
	was, err := a.Resume(t.Context())
	require.NoError(t, err)
	assert.False(t, was)
	require.NoError(t, a.Suspend(t.Context(), "a rule ran wild"))
	s := b.Suspended()
	require.NotNil(t, s)
	assert.Equal(t, "tester", s.User)
	assert.Equal(t, "a rule ran wild", s.Reason)
	require.NoError(t, b.Suspend(t.Context(), "still"))
	assert.Equal(t, "still", a.Suspended().Reason)
	a.mustClaim(t, deletes("1"))
	was, err = b.Resume(t.Context())
	require.NoError(t, err)
	assert.True(t, was)
	assert.Nil(t, a.Suspended())
	sound(t, a, nil)
	assert.Len(t, all(t, a, Filter{}), 1, "they are no requests")
	c := open(t, dir)
	require.NoError(t, os.Remove(filepath.Join(dir, indexFile)))
	_, err = c.Unsettled(t.Context())
	require.NoError(t, err, "an index that is made anew passes over them")
}

// TestASuspensionThatCannotBeRead is one.
func TestASuspensionThatCannotBeRead(t *testing.T) {
	dir := newDir(t)
	j := open(t, dir)
	for _, text := range []string{"", "{", "[]"} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, suspendedFile), []byte(text), 0o600))
		s := j.Suspended()
		require.NotNil(t, s, text)
		assert.Contains(t, s.Reason, "cannot be read")
	}
	was, err := j.Resume(t.Context())
	require.NoError(t, err)
	assert.True(t, was)
}
