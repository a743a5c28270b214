package journal

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/kes-respond/kes-respond/shared"
)

// left is a request that was sent and left to KSC; its incident is its number.
func left(t testing.TB, j *Journal, e Entry, o shared.Outcome) Record {
	t.Helper()
	c := j.mustClaim(t, e)
	require.NoError(t, carry(t.Context(), c, int64(c.Record().Seq), o))
	return bySeq(t, j, c.Record().Seq)
}

func bySeq(t testing.TB, j *Journal, seq uint64) Record {
	t.Helper()
	r, found, err := j.BySeq(t.Context(), seq)
	require.NoError(t, err)
	require.True(t, found)
	return r
}

func isolating(id string) Entry {
	e := isolates(id, "on")
	e.AllowDuplicate = true
	return e
}

func task(id string) shared.ConsoleTask {
	return shared.ConsoleTask{ID: id, Name: "Isolate", State: "Running"}
}

// lines is how many lines the ledger has.
func lines(t testing.TB, j *Journal) int {
	t.Helper()
	return sound(t, j, nil).Lines
}

// TestAConsoleTaskHasOneRequest: the first gets it, in whatever process, and the
// ledger says who, also from its lines alone.
func TestAConsoleTaskHasOneRequest(t *testing.T) {
	dir := newDir(t)
	j, other := open(t, dir), open(t, dir)
	first, second := left(t, j, isolating("1"), shared.Submitted), left(t, other, isolating("2"), shared.Pending)
	require.NoError(t, other.Matched(t.Context(), first.Seq, task("17")))
	before := lines(t, j)
	require.NoError(t, j.Matched(t.Context(), first.Seq, task("17")), "its own")
	for _, index := range []bool{true, false} {
		if !index {
			require.NoError(t, os.Remove(filepath.Join(dir, indexFile)))
		}
		assert.Contains(t, isKind(t, j.Matched(t.Context(), second.Seq, task("17")), Taken).Message, "request 1")
		_, err := j.Finished(t.Context(), second.Seq, shared.Succeeded, "", "", task("17"))
		isKind(t, err, Taken)
		r, found, err := j.ByConsoleTask(t.Context(), "main", "", "17")
		require.NoError(t, err)
		require.True(t, found)
		assert.Equal(t, []any{first.Seq, shared.Submitted, "17", "Running", false}, []any{r.Seq, r.Outcome, r.ConsoleTask.ID, r.ConsoleTask.State, r.Finished()})
	}
	assert.Contains(t, isKind(t, j.Matched(t.Context(), first.Seq, task("18")), Held).Message, "console task 17")
	assert.Equal(t, before, lines(t, j), "nothing of that was written")

	elsewhere := isolating("3")
	elsewhere.Server = "second"
	third := left(t, j, elsewhere, shared.Unknown)
	require.NoError(t, j.Matched(t.Context(), third.Seq, task("17")), "another KSC counts for itself")
	elsewhere.Server = "" // the one that has no name
	require.NoError(t, j.Matched(t.Context(), left(t, j, elsewhere, shared.Submitted).Seq, task("17")))
	isKind(t, j.Matched(t.Context(), left(t, j, elsewhere, shared.Submitted).Seq, task("17")), Taken)
	for _, q := range []string{"", "18", "1", strings.Repeat("7", 100)} {
		_, found, err := j.ByConsoleTask(t.Context(), "main", "", q)
		require.NoError(t, err)
		assert.False(t, found, q)
	}
	unsettled, err := j.Unsettled(t.Context())
	require.NoError(t, err)
	assert.Len(t, unsettled, 2, "a match settles nothing")
}

// TestAHostsOwnTaskHasOneRequest: what is the host's alone may have the id of
// another host's; written in another case it is the same host.
func TestAHostsOwnTaskHasOneRequest(t *testing.T) {
	dir := newDir(t)
	j := open(t, dir)
	at := func(id, host string) Record {
		e := isolating(id)
		e.HostID = host
		return left(t, j, e, shared.Submitted)
	}
	here, there, again := at("1", "pc-1"), at("2", "pc-2"), at("3", "PC-1")
	own := task(LocalTask + "17")
	require.NoError(t, j.Matched(t.Context(), here.Seq, own))
	require.NoError(t, j.Matched(t.Context(), there.Seq, own))
	_, err := j.Finished(t.Context(), there.Seq, shared.Succeeded, "", "", own)
	require.NoError(t, err)
	for _, index := range []bool{true, false} {
		if !index {
			require.NoError(t, os.Remove(filepath.Join(dir, indexFile)))
		}
		isKind(t, j.Matched(t.Context(), again.Seq, own), Taken)
		for host, seq := range map[string]uint64{"PC-1": here.Seq, "pc-2": there.Seq, "pc-3": 0, "": 0} {
			r, found, err := j.ByConsoleTask(t.Context(), "main", host, own.ID)
			require.NoError(t, err)
			assert.Equal(t, seq != 0, found, host)
			assert.Equal(t, seq, r.Seq, host)
		}
	}
}

// TestTheFirstEndWins, whoever tells of another one, and however often.
func TestTheFirstEndWins(t *testing.T) {
	dir := newDir(t)
	j, other := open(t, dir), open(t, dir)
	first := left(t, j, isolating("1"), shared.Pending)
	require.NoError(t, j.Matched(t.Context(), first.Seq, task("17")))
	ended := task("17")
	at := added.Add(time.Minute)
	ended.State, ended.FinishedAt = "Completed", &at
	r, err := other.Finished(t.Context(), first.Seq, shared.Succeeded, "", "done", ended)
	require.NoError(t, err)
	assert.True(t, r.Finished())
	assert.Equal(t, bySeq(t, j, first.Seq), r)
	assert.Equal(t, []any{shared.Succeeded, "done", "Completed", at, Updated, false, int64(first.Seq)},
		[]any{r.Outcome, r.Message, r.ConsoleTask.State, *r.ConsoleTask.FinishedAt, r.Stage, r.MayBeSent, r.Incident})
	before := lines(t, j)
	for _, o := range []shared.Outcome{shared.Failed, shared.Succeeded, shared.Partial} {
		again, err := j.Finished(t.Context(), first.Seq, o, shared.TaskFailed, "no", task("18"))
		require.NoError(t, err)
		assert.Equal(t, r, again)
	}
	require.NoError(t, j.Matched(t.Context(), first.Seq, task("17")))
	isKind(t, j.Matched(t.Context(), first.Seq, task("18")), Held)
	assert.Equal(t, before, lines(t, j))
	unsettled, err := j.Unsettled(t.Context())
	require.NoError(t, err)
	assert.Empty(t, unsettled)
	_, err = j.Adopt(t.Context(), r)
	isKind(t, err, Taken)
}

// TestWhoIsNotFollowed: what was not sent, what somebody has, what has ended
// otherwise, and what does not say how it ended.
func TestWhoIsNotFollowed(t *testing.T) {
	dir := newDir(t)
	j := open(t, dir)
	dead, err := Open(t.Context(), dir, Options{})
	require.NoError(t, err)
	refused := isolating("refused")
	refused.Allowed = false
	_, _, err = j.Claim(t.Context(), refused, nil)
	require.NoError(t, err)
	seq := func(r Record, found bool, err error) uint64 {
		require.NoError(t, err)
		require.True(t, found)
		return r.Seq
	}
	running, doubt := j.mustClaim(t, isolating("running")), dead.mustClaim(t, isolating("doubt"))
	require.NoError(t, running.Stored(t.Context(), 1001, added))
	require.NoError(t, doubt.Stored(t.Context(), 1002, added))
	require.NoError(t, dead.Close())
	unsent := j.mustClaim(t, isolating("unsent"))
	require.NoError(t, unsent.Ended(t.Context(), shared.Unknown, "", ""))
	cancelled := left(t, j, isolating("cancelled"), shared.Cancelled)
	before := lines(t, j)
	for why, n := range map[string]uint64{
		"does not have it": 999, "it was refused": seq(j.ByID(t.Context(), shared.IDOf("refused"))),
		"a process still has it": running.Record().Seq, "in doubt": doubt.Record().Seq,
		"no incident": unsent.Record().Seq, "ended as cancelled": cancelled.Seq,
	} {
		assert.Contains(t, isKind(t, j.Matched(t.Context(), n, task("17")), Held).Message, why)
		_, err := j.Finished(t.Context(), n, shared.Failed, "", "", task("17"))
		assert.Contains(t, isKind(t, err, Held).Message, why)
	}
	submitted := left(t, j, isolating("submitted"), shared.Submitted)
	for _, id := range []string{"", strings.Repeat("7", maxTaskID+1), "\xff"} {
		isKind(t, j.Matched(t.Context(), submitted.Seq, task(id)), Held)
	}
	for _, o := range []shared.Outcome{"", shared.Submitted, shared.Pending, shared.Unknown, shared.Cancelled, shared.Refused, shared.Planned} {
		_, err := j.Finished(t.Context(), submitted.Seq, o, "", "", task("17"))
		isKind(t, err, Held)
	}
	assert.Equal(t, before+4, lines(t, j), "only the one that was submitted since")
	_, found, err := j.ByConsoleTask(t.Context(), "main", "", "17")
	require.NoError(t, err)
	assert.False(t, found)
}

// TestTheNewLinesKeepTheMatch: who adopts a matched request writes it on.
func TestTheNewLinesKeepTheMatch(t *testing.T) {
	dir := newDir(t)
	j := open(t, dir)
	r := left(t, j, isolating("1"), shared.Pending)
	require.NoError(t, j.Matched(t.Context(), r.Seq, task("17")))
	first, err := j.Adopt(t.Context(), r)
	require.NoError(t, err)
	isKind(t, j.Matched(t.Context(), r.Seq, task("18")), Held)
	require.NoError(t, j.Matched(t.Context(), r.Seq, task("17")), "it has it")
	first.Updated()
	require.NoError(t, first.Release(t.Context()))
	second, err := j.Adopt(t.Context(), r)
	require.NoError(t, err)
	assert.Equal(t, "17", second.Record().ConsoleTask.ID)
	require.NoError(t, second.Ended(t.Context(), shared.Pending, "", ""))
	got := bySeq(t, j, r.Seq)
	assert.Equal(t, "17", got.ConsoleTask.ID)
	got, err = j.Finished(t.Context(), r.Seq, shared.Partial, "", "", shared.ConsoleTask{})
	require.NoError(t, err)
	assert.Equal(t, "17", got.ConsoleTask.ID, "without an id: the one that it has")
	for _, r := range all(t, j, Filter{Outcome: shared.Partial}) {
		assert.Equal(t, "17", r.ConsoleTask.ID)
	}
	unmatched := left(t, j, isolating("2"), shared.Pending)
	got, err = j.Finished(t.Context(), unmatched.Seq, shared.Failed, shared.KSCError, "no", shared.ConsoleTask{})
	require.NoError(t, err)
	assert.Nil(t, got.ConsoleTask)
}

// TestTheZeroJournalFollowsNothing.
func TestTheZeroJournalFollowsNothing(t *testing.T) {
	var j Journal
	require.NoError(t, j.Matched(t.Context(), 1, task("17")))
	r, err := j.Finished(t.Context(), 1, shared.Partial, shared.TaskFailed, "half", task("17"))
	require.NoError(t, err)
	assert.Equal(t, []any{uint64(1), shared.Partial, shared.TaskFailed, "half", "17"}, []any{r.Seq, r.Outcome, r.Code, r.Message, r.ConsoleTask.ID})
	_, found, err := j.ByConsoleTask(t.Context(), "main", "", "17")
	require.NoError(t, err)
	assert.False(t, found)
	_, sure := j.Changed()
	assert.False(t, sure)
}

// TestChangedRises with each line of any process, and with nothing else.
func TestChangedRises(t *testing.T) {
	dir := newDir(t)
	j, other := open(t, dir), open(t, dir)
	r := left(t, j, isolating("1"), shared.Submitted)
	last := uint64(0)
	rises := func(want bool) {
		t.Helper()
		mark, sure := j.Changed()
		require.True(t, sure)
		assert.Equal(t, want, mark > last)
		last = mark
	}
	rises(true)
	rises(false)
	require.NoError(t, other.Matched(t.Context(), r.Seq, task("17")))
	rises(true)
	require.NoError(t, other.Matched(t.Context(), r.Seq, task("17")))
	rises(false)
	_, err := other.Finished(t.Context(), r.Seq, shared.Succeeded, "", "", task("17"))
	require.NoError(t, err)
	rises(true)
	_, err = j.Finished(t.Context(), r.Seq, shared.Succeeded, "", "", task("17"))
	require.NoError(t, err)
	rises(false)
}

func taskOf(r Record) string {
	if r.ConsoleTask == nil {
		return ""
	}
	return r.ConsoleTask.ID
}

// drawFollowed draws a request, more often one that was left to KSC, a process
// and a console task.
func (m *machine) drawFollowed(rt *rapid.T) (*modelled, *Journal, string) {
	fits := (*modelled).isLeft
	if rapid.IntRange(0, 4).Draw(rt, "any") == 0 {
		fits = func(*modelled) bool { return true }
	}
	r := m.pick(rt, fits)
	return r, m.js[rapid.IntRange(0, len(m.js)-1).Draw(rt, "process")], rapid.SampledFrom([]string{"1", "2", "3", "local:1"}).Draw(rt, "task")
}

// follows is what stands against a match; "" where nothing does.
func (m *machine) follows(r *modelled, task string) Kind {
	switch {
	case !r.isLeft(), r.task != "" && r.task != task:
		return Held
	case m.model.has(r, task):
		return Taken
	}
	return ""
}

func (m *machine) matched(rt *rapid.T) {
	r, j, id := m.drawFollowed(rt)
	if r == nil {
		return
	}
	err := j.Matched(m.t.Context(), r.seq, task(id))
	if kind := m.follows(r, id); kind != "" && r.task != id {
		isKindIn(rt, err, kind)
		return
	}
	require.NoError(rt, err)
	r.task = id
}

func (m *machine) finished(rt *rapid.T) {
	r, j, id := m.drawFollowed(rt)
	if r == nil {
		return
	}
	o := rapid.SampledFrom([]shared.Outcome{shared.Succeeded, shared.Partial, shared.Failed}).Draw(rt, "outcome")
	got, err := j.Finished(m.t.Context(), r.seq, o, "", "", task(id))
	if kind := m.follows(r, id); kind != "" && !r.finished() {
		isKindIn(rt, err, kind)
		return
	}
	require.NoError(rt, err)
	if !r.finished() {
		r.outcome, r.task = o, id
		m.model.holds(r)
	}
	m.same(rt, r, got)
}
