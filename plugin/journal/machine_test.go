package journal

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/kes-respond/kes-respond/shared"
)

// machine holds the ledger, open in several processes, against the model.
type machine struct {
	t     testing.TB
	dir   string
	js    []*Journal
	model model
	n     int
}

func (m *machine) options() Options {
	return Options{SegmentBytes: 3 << 10, DuplicateWindow: 5 * time.Minute}
}

func (m *machine) reopen(rt *rapid.T, i int) {
	j, err := Open(m.t.Context(), m.dir, m.options())
	require.NoError(rt, err)
	m.js[i] = j
}

func (m *machine) claim(rt *rapid.T) {
	i := rapid.IntRange(0, len(m.js)-1).Draw(rt, "process")
	m.n++
	e := drawEntry(rt, m.n)
	if rapid.IntRange(0, 3).Draw(rt, "past") == 0 {
		if r := m.pick(rt, func(*modelled) bool { return true }); r != nil {
			e.Past = r.seq
		}
	}
	want, reused := m.model.answer(e, 5*time.Minute)
	c, p, err := m.js[i].Claim(m.t.Context(), e, nil)
	if reused {
		require.Equal(rt, want.seq, isKindIn(rt, err, Reused).Prior.Seq)
		return
	}
	require.NoError(rt, err)
	if want != nil {
		require.NotNil(rt, p, "request r%d should be answered by %s", m.n, want.ID)
		m.same(rt, want, p.Record)
		return
	}
	require.Nil(rt, p, "request r%d should not be answered", m.n)
	if !e.Allowed {
		require.Nil(rt, c)
		return
	}
	r := &modelled{Entry: e, seq: c.Record().Seq, at: time.Now().Truncate(time.Millisecond), process: i, stage: Claimed, claim: c}
	m.model.requests = append(m.model.requests, r)
	m.model.holds(r)
}

func isKindIn(rt *rapid.T, err error, k Kind) *Error {
	var e *Error
	require.ErrorAs(rt, err, &e)
	require.Equal(rt, k, e.Kind, "%v", err)
	return e
}

func (m *machine) same(rt *rapid.T, want *modelled, r Record) {
	require.Equal(rt, []any{want.seq, want.ID, want.outcome, want.stage, want.incident}, []any{r.Seq, r.ID, r.Outcome, r.Stage, r.Incident})
	require.Equal(rt, []any{want.task, want.finished(), want.Baseline, want.Marked}, []any{taskOf(r), r.Finished(), r.Baseline, r.Marked})
	require.Equal(rt, want.process >= 0 && want.outcome == "", r.Running, "running")
	require.Equal(rt, (want.outcome == "" || want.outcome == shared.Unknown) && want.incident == 0 && want.stage != Claimed, r.MayBeSent)
}

// pick draws one of the requests that fit; nil when there is none.
func (m *machine) pick(rt *rapid.T, fits func(*modelled) bool) *modelled {
	var some []*modelled
	for _, r := range m.model.requests {
		if fits(r) {
			some = append(some, r)
		}
	}
	if len(some) == 0 {
		return nil
	}
	return rapid.SampledFrom(some).Draw(rt, "request")
}

func (m *machine) advance(rt *rapid.T) {
	r := m.pick(rt, func(r *modelled) bool { return r.process >= 0 && r.outcome == "" })
	if r == nil {
		return
	}
	ctx := m.t.Context()
	switch rapid.SampledFrom([]Stage{Sending, Stored, found, eventEnded}).Draw(rt, "step") {
	case Sending:
		require.NoError(rt, r.claim.Sending(ctx, added))
		r.stage = Sending
	case Stored:
		r.incident = int64(m.n*1000) + int64(r.seq)
		require.NoError(rt, r.claim.Stored(ctx, r.incident, added))
		r.stage = Stored
		m.model.holds(r)
	case found:
		m.found(rt, r)
	case eventEnded:
		if rapid.Bool().Draw(rt, "updated") {
			r.claim.Updated()
			r.stage = Updated
		}
		r.outcome = rapid.SampledFrom([]shared.Outcome{
			shared.Succeeded, shared.Submitted, shared.Partial, shared.Pending, shared.Failed, shared.Cancelled, shared.Unknown,
		}).Draw(rt, "outcome")
		require.NoError(rt, r.claim.Ended(ctx, r.outcome, "", ""))
		m.model.holds(r)
	}
}

// die ends one process and starts another in its place, now and then without
// the index.
func (m *machine) die(rt *rapid.T) {
	i := rapid.IntRange(0, len(m.js)-1).Draw(rt, "process")
	require.NoError(rt, m.js[i].Close())
	for _, r := range m.model.requests {
		if r.process == i {
			r.process = -1
		}
	}
	if rapid.IntRange(0, 3).Draw(rt, "index") == 0 {
		require.NoError(rt, os.Remove(filepath.Join(m.dir, indexFile)))
	}
	m.reopen(rt, i)
}

func (m *machine) adopt(rt *rapid.T) {
	r := m.pick(rt, func(*modelled) bool { return true })
	if r == nil {
		return
	}
	i := rapid.IntRange(0, len(m.js)-1).Draw(rt, "process")
	c, err := m.js[i].Adopt(m.t.Context(), Record{Seq: r.seq})
	free := r.outcome == "" && r.process < 0 || r.outcome == shared.Pending || r.outcome == shared.Unknown || r.outcome == shared.Submitted
	if !free {
		isKindIn(rt, err, Taken)
		return
	}
	require.NoError(rt, err)
	r.process, r.outcome, r.claim = i, "", c
	m.same(rt, r, c.Record())
}

// check compares all that can be asked.
func (m *machine) check(rt *rapid.T) {
	ctx := m.t.Context()
	j := m.js[m.n%len(m.js)]
	var open, doubt []uint64
	for _, r := range m.model.requests {
		got, found, err := j.ByID(ctx, r.ID)
		require.NoError(rt, err)
		require.True(rt, found)
		m.same(rt, r, got)
		if r.incident != 0 {
			got, found, err = j.ByIncident(ctx, r.Server, r.incident)
			require.NoError(rt, err)
			require.True(rt, found)
			require.Equal(rt, r.seq, got.Seq)
		}
		if r.task != "" {
			got, found, err = j.ByConsoleTask(ctx, r.Server, r.HostID, r.task)
			require.NoError(rt, err)
			require.True(rt, found)
			m.same(rt, r, got)
		}
		if r.outcome == "" || r.outcome == shared.Pending || r.outcome == shared.Unknown {
			open = append(open, r.seq)
		}
		if r.outcome == "" && r.process < 0 {
			doubt = append(doubt, r.seq)
		}
	}
	seqs := func(list []Record, err error) (out []uint64) {
		require.NoError(rt, err)
		for _, r := range list {
			out = append(out, r.Seq)
		}
		return out
	}
	require.Equal(rt, open, seqs(j.Unsettled(ctx)))
	require.Equal(rt, doubt, seqs(j.InDoubt(ctx)))
	var listed []uint64
	for r, err := range j.Records(ctx, Filter{}) {
		require.NoError(rt, err)
		if r.Allowed && r.DuplicateOf == 0 {
			listed = append(listed, r.Seq)
			i := slices.IndexFunc(m.model.requests, func(q *modelled) bool { return q.seq == r.Seq })
			require.Equal(rt, []any{m.model.requests[i].outcome, m.model.requests[i].task}, []any{r.Outcome, taskOf(r)})
		}
	}
	slices.Reverse(listed)
	var want []uint64
	for _, r := range m.model.requests {
		want = append(want, r.seq)
	}
	require.Equal(rt, want, listed)
	m.counted(rt, j)
}

// counted compares what is counted. No history lasts a day.
func (m *machine) counted(rt *rapid.T, j *Journal) {
	now := time.Now()
	effects := []shared.Effect{"", shared.Isolates, shared.Releases, shared.Deletes, shared.Reads}
	used := map[string]int{}
	var many, hosts int
	var already bool
	_, err := j.Rehearse(m.t.Context(), Entry{Server: "main", HostID: "h1"}, func(u Usage) *Refusal {
		for _, effect := range effects {
			for _, w := range wheels {
				used[string(effect)+w.span().String()], _ = u.Used(effect, w.span(), 1)
			}
		}
		many, _ = u.Outstanding(30*time.Minute, 1)
		hosts, already, _ = u.Isolated(day, 1)
		return nil
	})
	require.NoError(rt, err)
	between := func(n int, span, step time.Duration, what string, fits func(*modelled) bool) {
		exactly := func(span time.Duration) int {
			return m.model.used(func(r *modelled) bool { return now.Sub(r.at) < span && fits(r) })
		}
		require.GreaterOrEqual(rt, n, exactly(span), "%s in %s", what, span)
		require.LessOrEqual(rt, n, exactly(span+step), "%s in %s", what, span)
	}
	for _, effect := range effects {
		for _, w := range wheels {
			between(used[string(effect)+w.span().String()], w.span(), w.step, string(effect), func(r *modelled) bool {
				return slices.Contains(r.Effects, effect) || effect == "" && r.Effects[0] != shared.Releases
			})
		}
	}
	between(many, 30*time.Minute, time.Minute, "outstanding", func(r *modelled) bool {
		return r.Server == "main" && r.outcome != shared.Succeeded && r.outcome != shared.Partial && r.outcome != shared.Failed
	})
	isolated := m.model.hosts()
	require.Len(rt, isolated, hosts)
	require.Equal(rt, isolated["main h1"], already)
}

// run plays one history and compares what came of it.
func (m *machine) run(rt *rapid.T) {
	defer func() {
		for _, j := range m.js {
			_ = j.Close()
		}
		_ = os.RemoveAll(m.dir)
	}()
	for i := range m.js {
		m.reopen(rt, i)
	}
	for range rapid.IntRange(1, 40).Draw(rt, "steps") {
		switch rapid.IntRange(0, 16).Draw(rt, "what") {
		case 0, 1, 2, 3, 4, 5:
			m.claim(rt)
		case 6, 7, 8, 9:
			m.advance(rt)
		case 10:
			time.Sleep(time.Duration(rapid.IntRange(1, 200).Draw(rt, "seconds")) * time.Second)
		case 11:
			m.die(rt)
		case 12:
			m.adopt(rt)
		case 13, 14:
			m.matched(rt)
		case 15, 16:
			m.finished(rt)
		}
	}
	m.check(rt)
	p, err := m.js[0].Verify(m.t.Context(), nil)
	require.NoError(rt, err)
	require.Empty(rt, p.Flaws)
}

// TestAgainstTheModel lets rapid look for a history in which the ledger and the
// rules part ways. Each runs in a bubble of its own, out of which a failure is
// carried to rapid, so that it can shrink the history.
func TestAgainstTheModel(t *testing.T) {
	base := t.TempDir()
	runs := 0
	rapid.Check(t, func(rt *rapid.T) {
		runs++
		var failure any
		synctest.Test(t, func(t *testing.T) {
			defer func() { failure = recover() }()
			m := &machine{t: t, dir: filepath.Join(base, fmt.Sprint(runs)), js: make([]*Journal, 3)}
			m.run(rt)
		})
		if failure != nil {
			panic(failure)
		}
	})
}
