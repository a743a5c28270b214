package journal

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kes-respond/kes-respond/shared"
)

// TestLeft: what is only stored becomes open when somebody waits for its end, and
// says what that one was told; the lines alone say the same. What is known better
// stays.
func TestLeft(t *testing.T) {
	dir := newDir(t)
	j := open(t, dir)
	r := left(t, j, isolating("1"), shared.Submitted)
	for _, step := range []struct {
		outcome shared.Outcome
		code    shared.Code
		message string
		want    []any
		lines   int
	}{
		{shared.Pending, "", "", []any{shared.Pending, shared.Code(""), r.Message}, 1},
		{shared.Pending, "", "", []any{shared.Pending, shared.Code(""), r.Message}, 0},
		{shared.Pending, shared.Timeout, "late", []any{shared.Pending, shared.Timeout, "late"}, 1},
		{shared.Pending, shared.Timeout, "late", []any{shared.Pending, shared.Timeout, "late"}, 0},
		{shared.Pending, "", "", []any{shared.Pending, shared.Timeout, "late"}, 0},
		{shared.Unknown, shared.TaskLost, "gone", []any{shared.Unknown, shared.TaskLost, "gone"}, 1},
		{shared.Pending, shared.Timeout, "late", []any{shared.Unknown, shared.TaskLost, "gone"}, 0},
	} {
		before := lines(t, j)
		require.NoError(t, j.Left(t.Context(), r.Seq, step.outcome, step.code, step.message))
		assert.Equal(t, step.lines, lines(t, j)-before)
		for _, index := range []bool{true, false} {
			if !index {
				require.NoError(t, os.Remove(filepath.Join(dir, indexFile)))
			}
			open, err := j.Unsettled(t.Context())
			require.NoError(t, err)
			require.Len(t, open, 1)
			assert.Equal(t, step.want, []any{open[0].Outcome, open[0].Code, open[0].Message}, "index %v", index)
		}
	}
	_, err := j.Finished(t.Context(), r.Seq, shared.Succeeded, "", "done", task("17"))
	require.NoError(t, err)
	require.NoError(t, j.Left(t.Context(), r.Seq, shared.Pending, shared.Timeout, "late"))
	assert.Equal(t, shared.Succeeded, bySeq(t, j, r.Seq).Outcome)
	open, err := j.Unsettled(t.Context())
	require.NoError(t, err)
	assert.Empty(t, open)

	half := j.mustClaim(t, isolating("2"))
	require.NoError(t, half.Stored(t.Context(), 4711, timeNow()))
	before := lines(t, j)
	require.NoError(t, j.Left(t.Context(), half.Record().Seq, shared.Pending, shared.Timeout, "late"), "it has not ended")
	require.NoError(t, half.Ended(t.Context(), shared.Pending, shared.Denied, "not confirmed"))
	require.NoError(t, j.Left(t.Context(), half.Record().Seq, shared.Pending, shared.Timeout, "late"), "its second step is not done")
	require.NoError(t, j.Left(t.Context(), 9999, shared.Pending, shared.Timeout, "late"), "nobody knows it")
	assert.Equal(t, 1, lines(t, j)-before)
	assert.False(t, bySeq(t, j, half.Record().Seq).TakenByKSC())
	isKind(t, j.Left(t.Context(), r.Seq, shared.Submitted, "", ""), Held)
}
