package report_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/kes-respond/kes-respond/plugin/journal"
	"github.com/kes-respond/kes-respond/plugin/journal/report"
	"github.com/kes-respond/kes-respond/shared"
)

var (
	until = time.Date(2026, 11, 27, 12, 30, 0, 0, time.UTC)
	since = until.Add(-7 * 24 * time.Hour)
)

func record(seq uint64, change func(*journal.Record)) journal.Record {
	r := journal.Record{
		Seq: seq, At: until.Add(-time.Hour), User: "edr", Outcome: shared.Submitted, Incident: 7,
		Entry: journal.Entry{ID: shared.ID(fmt.Sprint(seq)), Task: "isolateHost", HostName: "PC-1", Allowed: true, Effects: []shared.Effect{"isolates"}},
	}
	change(&r)
	return r
}

func done(after time.Duration) func(*journal.Record) {
	return func(r *journal.Record) {
		added := r.At
		end := added.Add(after)
		r.Outcome, r.AddedAt, r.ConsoleTask = shared.Succeeded, &added, &shared.ConsoleTask{ID: "1", FinishedAt: &end}
	}
}

func TestSums(t *testing.T) {
	c := report.New(since, until)
	c.Unsettled(nil)
	for _, r := range []journal.Record{
		record(6, done(10*time.Minute)),
		record(5, done(time.Minute)),
		record(4, done(2*time.Minute)),
		record(3, done(-time.Second)), // the clocks disagree
		record(2, func(r *journal.Record) {
			r.HostName, r.Target, r.Actor, r.Outcome, r.Code, r.Rule, r.Message = "", "pc-2", "soc", shared.Refused, shared.Policy, "night", "not at night"
			r.Effects = nil
		}),
		record(1, func(r *journal.Record) { done(time.Hour)(r); r.DuplicateOf = 5 }), // its time is that of number 5
	} {
		c.Add(r)
	}
	r := c.Report()
	assert.Equal(t, 6, r.Requests)
	assert.Equal(t, []report.Sum{{Name: "succeeded", Count: 4}, {Name: "refused", Count: 1}, {Name: "duplicate", Count: 1}}, r.Outcomes)
	assert.Equal(t, []report.Group{{Name: "isolates", Count: 5, By: map[string]int{"succeeded": 4, "duplicate": 1}}}, r.Effects)
	assert.Equal(t, []report.Group{
		{Name: "PC-1", Count: 5, By: map[string]int{"succeeded": 4, "duplicate": 1}}, {Name: "pc-2", Count: 1, By: map[string]int{"refused": 1}},
	}, r.Hosts.Top)
	assert.Equal(t, "soc (edr)", r.People.Top[1].Name)
	assert.Equal(t, "policy: night: not at night", r.Reasons.Top[0].Name)
	assert.Equal(t, 3, r.Took.Known)
	assert.Equal(t, 2*time.Minute, r.Took.Median)
	assert.Equal(t, 10*time.Minute, r.Took.Slowest)
	assert.Equal(t, "6", r.Took.Of.ID)
	assert.Equal(t, 1, r.Took.Odd)
	assert.Equal(t, "number 5 of the ledger answered for it", r.List[5].Message)
	assert.Empty(t, r.Open)
}

// TestHosts: a host is one of one server, whatever it is called, and however it
// was asked for.
func TestHosts(t *testing.T) {
	c := report.New(since, until)
	for i, h := range [][3]string{ // server, id, name
		{"a", "1", ""},
		{"a", "1", "PC-1"},
		{"a", "1", "PC-1-old"}, // renamed since
		{"b", "1", "PC-1"},     // another one
		{"b", "2", "PC-2"},
		{"b", "3", "PC-2"},
		{"a", "4", "PC-3"},
		{"", "", ""},
	} {
		c.Add(record(uint64(100-i), func(r *journal.Record) { r.Server, r.HostID, r.HostName = h[0], h[1], h[2] }))
	}
	got := map[string]int{}
	for _, g := range c.Report().Hosts.Top {
		got[g.Name] = g.Count
	}
	assert.Equal(t, map[string]int{"PC-1 (a)": 3, "PC-1 (b)": 1, "PC-2 (b, 2)": 1, "PC-2 (b, 3)": 1, "PC-3": 1, "-": 1}, got)
}

// TestEdges: what is older than the period tells how far back the ledger goes,
// and what is later than its end, that a clock was set back.
func TestEdges(t *testing.T) {
	c := report.New(since, until)
	for _, at := range []time.Time{until.Add(time.Hour), until, since, since.Add(-time.Nanosecond)} {
		c.Add(record(1, func(r *journal.Record) { // the last one ends in the period, and belongs to the one before
			r.At, r.ChangedAt = at, until
		}))
	}
	r := c.Report()
	assert.Equal(t, 3, r.Requests)
	assert.Equal(t, 1, r.Ahead)
	assert.Equal(t, since.Add(-time.Nanosecond), r.Oldest)
	assert.False(t, r.Partial())
	r.Dropped = true
	assert.False(t, r.Partial(), "the period is younger than what was dropped")
	for _, oldest := range []time.Time{{}, since.Add(1)} {
		r.Oldest = oldest
		assert.True(t, r.Partial())
	}
}

// TestOpen: that nobody looked whether a process lives is not told as a death.
func TestOpen(t *testing.T) {
	open := []journal.Record{
		record(1, func(r *journal.Record) { r.Outcome, r.Running = "", true }),
		record(2, func(r *journal.Record) { r.Outcome = "" }),
		record(3, func(r *journal.Record) { r.Outcome = shared.Pending }),
	}
	late := record(4, func(r *journal.Record) { r.Outcome = "" }) // claimed after the look
	stands := func(list []report.Request) (all []string) {
		for _, q := range list {
			all = append(all, q.ID+" "+q.Standing)
		}
		return all
	}
	for name, looked := range map[string]bool{"looked": true, "not looked": false} {
		c := report.New(since, until)
		want, listed := []string{"1 not ended", "2 not ended", "3 pending", "4 not ended"}, []string{"4 not ended", "3 pending", "2 not ended", "1 not ended"}
		if looked {
			c.Unsettled(open)
			want, listed = []string{"1 running", "2 in doubt", "3 pending"}, []string{"4 not ended", "3 pending", "2 in doubt", "1 running"}
		}
		c.Add(late)
		for i := range open {
			r := open[len(open)-1-i]
			r.Running = false // as Records gives it
			c.Add(r)
		}
		r := c.Report()
		assert.Equal(t, want, stands(r.Open), name)
		assert.Equal(t, listed, stands(r.List), name)
	}
}

// TestLimits: what is beyond a list is counted, and nothing is lost at its edge.
func TestLimits(t *testing.T) {
	for _, beyond := range []int{0, 1} {
		c := report.New(since, until)
		var open []journal.Record
		for i := range report.MaxOpen + beyond {
			open = append(open, record(uint64(i+1), func(r *journal.Record) { r.Outcome = shared.Unknown }))
		}
		c.Unsettled(open)
		for i := range report.MaxRequests + beyond {
			c.Add(record(uint64(i+1), func(r *journal.Record) { r.HostName = fmt.Sprint("PC-", i%(report.MaxGroups+beyond)) }))
		}
		r := c.Report()
		assert.Equal(t, report.MaxRequests+beyond, r.Requests)
		assert.Len(t, r.List, report.MaxRequests)
		assert.Equal(t, beyond, r.ListMore)
		assert.Len(t, r.Open, report.MaxOpen)
		assert.Equal(t, beyond, r.OpenMore)
		assert.Len(t, r.Hosts.Top, report.MaxGroups)
		assert.Equal(t, beyond, r.Hosts.More)
	}
}

func TestNothingMovesACursor(t *testing.T) {
	bad := "a\x1b[2J\u202eb\nc\u2028d\uffff\ufffe\xff" // and what no XML may have
	const harmless = "a\uFFFD[2J\uFFFDb\uFFFDc\uFFFDd\uFFFD\uFFFD\uFFFD"
	c := report.New(since, until)
	c.Add(record(1, func(r *journal.Record) {
		r.Task, r.HostName, r.Actor, r.User, r.Reason, r.CaseID, r.Server, r.Rule, r.Message, r.Code = bad, bad, bad, bad, bad, bad, bad, bad, bad, shared.Code(bad)
		r.Outcome, r.Effects, r.ID = shared.Refused, []shared.Effect{shared.Effect(bad)}, shared.ID(`"`+"a\u202e"+`"`)
	}))
	text, err := shared.ASCIIJSON(c.Report())
	require.NoError(t, err)
	for _, escape := range []string{`\u001b`, `\u202e`, `\u2028`, `\n`, `\uffff`, `\ufffe`} {
		assert.NotContains(t, string(text), escape)
	}
	assert.Equal(t, harmless, c.Report().List[0].Host)
}

// TestTimelineHasEveryRequest of any period once, in no more steps than can be
// told apart.
func TestTimelineHasEveryRequest(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		period := time.Duration(rapid.Int64Range(0, int64(40*365*24*time.Hour)).Draw(t, "period"))
		from := until.Add(-period)
		c := report.New(from, until)
		n := rapid.IntRange(0, 20).Draw(t, "requests")
		for range n {
			at := from.Add(time.Duration(rapid.Int64Range(0, int64(period)).Draw(t, "at")))
			c.Add(record(1, func(r *journal.Record) { r.At = at }))
		}
		over, sum := c.Report().Over, 0
		for i, s := range over.Steps {
			sum += s.By["submitted"]
			if i > 0 {
				require.Equal(t, time.Duration(over.Hours)*time.Hour, s.At.Sub(over.Steps[i-1].At))
			}
		}
		require.Equal(t, n, sum)
		require.NotEmpty(t, over.Steps)
		require.LessOrEqual(t, len(over.Steps), 62)
		require.False(t, over.Steps[len(over.Steps)-1].At.After(until))
	})
}
