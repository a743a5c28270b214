package plugin

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kes-respond/kes-respond/plugin/journal"
	"github.com/kes-respond/kes-respond/plugin/ksc"
	"github.com/kes-respond/kes-respond/shared"
)

// left is a request in the ledger that KSC has stored.
func left(t *testing.T, j *journal.Journal, id string, incident int64) uint64 {
	t.Helper()
	claim, prior, err := j.Claim(t.Context(), journal.Entry{
		ID: shared.ID(`"` + id + `"`), Server: "main", Task: "isolateHost", HostID: "h", Digest: id, Allowed: true,
	}, nil)
	require.NoError(t, err)
	require.Nil(t, prior)
	now := time.Now().UTC().Truncate(time.Second)
	require.NoError(t, claim.Sending(t.Context(), now))
	require.NoError(t, claim.Stored(t.Context(), incident, now))
	claim.Updated()
	require.NoError(t, claim.Ended(t.Context(), shared.Submitted, "", "stored"))
	return claim.Record().Seq
}

func newLedgerOf(t *testing.T) *journal.Journal {
	t.Helper()
	j, err := journal.Open(t.Context(), filepath.Join(t.TempDir(), "ledger"), journal.Options{User: "tester", PID: 1})
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, j.Close()) })
	return j
}

func completed(id string) sight {
	return sight{task: &shared.ConsoleTask{ID: id, Name: "n", State: "completed"}, state: ksc.StateCompleted, finished: true}
}

// TestTheLedgerHasTheLastWord: an end that was seen is none where, in the ledger,
// the console task is another request's, the request has another one, or has ended
// otherwise.
func TestTheLedgerHasTheLastWord(t *testing.T) {
	conclude := func(t *testing.T, j *journal.Journal, seq uint64) shared.Result {
		r, found, err := j.BySeq(t.Context(), seq)
		require.NoError(t, err)
		require.True(t, found)
		o := &order{journal: j, record: r}
		stored := shared.Result{Outcome: shared.Submitted, Incident: &shared.Incident{Server: "main", ID: "1"}, Undo: &shared.Undo{Task: "isolateHost"}}
		return o.concluded(t.Context(), stored, completed("17"))
	}
	t.Run("nothing else", func(t *testing.T) {
		j := newLedgerOf(t)
		result := conclude(t, j, left(t, j, "1", 1))
		assert.Equal(t, shared.Succeeded, result.Outcome)
		assert.Equal(t, "17", result.ConsoleTask.ID)
	})
	t.Run("it is another request's", func(t *testing.T) {
		j := newLedgerOf(t)
		seq, other := left(t, j, "1", 1), left(t, j, "2", 2)
		require.NoError(t, j.Matched(t.Context(), other, shared.ConsoleTask{ID: "17"}))
		result := conclude(t, j, seq)
		require.Equal(t, shared.Pending, result.Outcome, result.Message)
		assert.Equal(t, shared.TaskAmbiguous, result.Error.Code)
		assert.Contains(t, result.Message, "console task 17 belongs to request 2")
	})
	t.Run("the request has another one", func(t *testing.T) {
		j := newLedgerOf(t)
		seq := left(t, j, "1", 1)
		require.NoError(t, j.Matched(t.Context(), seq, shared.ConsoleTask{ID: "18"}))
		result := conclude(t, j, seq)
		require.Equal(t, shared.Pending, result.Outcome, result.Message)
		assert.Equal(t, shared.TaskAmbiguous, result.Error.Code)
		assert.Contains(t, result.Message, "has console task 18 already")
	})
	t.Run("it has ended otherwise", func(t *testing.T) {
		j := newLedgerOf(t)
		seq := left(t, j, "1", 1)
		_, err := j.Finished(t.Context(), seq, shared.Failed, shared.TaskFailed, "it failed", shared.ConsoleTask{ID: "17", State: "failed"})
		require.NoError(t, err)
		result := conclude(t, j, seq)
		require.Equal(t, shared.Failed, result.Outcome, result.Message)
		assert.Equal(t, shared.TaskFailed, result.Error.Code)
		assert.Equal(t, "failed", result.ConsoleTask.State)
		assert.Nil(t, result.Undo)
	})
}

// TestWhatTheLedgerNamesIsLookedAt: where another process has recorded another
// console task than the one that was seen, how that one stood says nothing.
func TestWhatTheLedgerNamesIsLookedAt(t *testing.T) {
	for id, state := range map[string]ksc.TaskState{"17": ksc.StateCompleted, "18": ksc.StateUnknown} {
		j := newLedgerOf(t)
		seq := left(t, j, "1", 1)
		one := &wait{followed: followed{journal: j, seq: seq}, news: make(chan struct{}, 1), told: map[step]bool{}}
		seen := completed("17")
		seen.finished = false
		one.tell(func(s *sight) { *s = seen })
		require.NoError(t, j.Matched(t.Context(), seq, shared.ConsoleTask{ID: id, State: "running"}))
		require.False(t, (&round{}).elsewhere(t.Context(), one))
		s := one.now()
		assert.Equal(t, id, s.task.ID)
		assert.Equal(t, state, s.state)
		if id == "17" {
			assert.Equal(t, "completed", s.task.State, "as it was seen last")
		}
		assert.True(t, one.settled)
	}
}
