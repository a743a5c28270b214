package main

import (
	"bufio"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kes-respond/kes-respond/plugin/journal"
	"github.com/kes-respond/kes-respond/shared"
)

func listed(t *testing.T, living bool, records ...journal.Record) string {
	t.Helper()
	var b strings.Builder
	out := bufio.NewWriter(&b)
	table := table{out: out}
	for _, r := range records {
		require.NoError(t, table.add(r, living))
	}
	require.NoError(t, table.flush())
	require.NoError(t, out.Flush())
	return b.String()
}

func request(id string, change func(*journal.Record)) journal.Record {
	r := journal.Record{
		At: time.Date(2026, 11, 20, 8, 0, 0, 0, time.FixedZone("", 3600)), User: "edr", Stage: journal.Updated, Outcome: shared.Submitted, Incident: 7,
		Entry: journal.Entry{ID: shared.ID(id), Task: "isolateHost", HostID: "id-1", Allowed: true},
	}
	change(&r)
	return r
}

func TestTableForPeople(t *testing.T) {
	assert.Equal(t, `TIME                  OUTCOME    TASK         HOST   WHO           INCIDENT  ID
2026-11-20T07:00:00Z  submitted  isolateHost  PC-1   edr           7         a
2026-11-20T07:00:00Z  unknown    isolateHost  pc-1.  soar�x (edr)  -         2
    message: the answer was lost�2026 forged
2026-11-20T07:00:00Z  sending    isolateHost  id-1   edr           -         c
2026-11-20T07:00:00Z  duplicate  isolateHost  id-1   edr           -         d
    message: number 5 of the ledger answered for it
`, listed(t, false,
		request(`"a"`, func(r *journal.Record) { r.HostName, r.Target, r.Message = "PC-1", "pc-1.", "fine, so not shown" }),
		request(`2`, func(r *journal.Record) {
			r.Target, r.Actor, r.Incident, r.Outcome, r.Message = "pc-1.", "soar\x1bx", 0, shared.Unknown, "the answer was lost\n2026 forged"
		}),
		request(`"c"`, func(r *journal.Record) { r.Outcome, r.Stage, r.Incident = "", journal.Sending, 0 }),
		request(`"d"`, func(r *journal.Record) { r.Outcome, r.Stage, r.Incident, r.DuplicateOf = "", "", 0, 5 }),
	))
}

// TestTableTellsTheConsoleTask where it is known, below why it ended.
func TestTableTellsTheConsoleTask(t *testing.T) {
	text := listed(t, false,
		request(`"a"`, func(r *journal.Record) { r.ConsoleTask = &shared.ConsoleTask{ID: "17"} }),
		request(`"b"`, func(r *journal.Record) {
			r.Outcome, r.Message = shared.Failed, "the host said no"
			r.ConsoleTask = &shared.ConsoleTask{ID: "local:18", State: "Fai\x1bled", Name: "not shown"}
		}))
	assert.Contains(t, text, " a\n    console task: 17\n")
	assert.Contains(t, text, " b\n    message: the host said no\n    console task: local:18 (Fai\ufffdled)\n")
	assert.NotContains(t, text, "not shown")
}

func TestTableKnowsWhatRuns(t *testing.T) {
	open := func(r *journal.Record) { r.Outcome = "" }
	text := listed(t, true, request(`"a"`, func(r *journal.Record) { open(r); r.Running = true }), request(`"b"`, open))
	assert.Contains(t, text, "Z  running   isolateHost")
	assert.Contains(t, text, "Z  in doubt  isolateHost")
}

// TestTableKeepsItsShape: a long name does not push the rest away, and an id
// can be copied. It holds no more than a block of rows.
func TestTableKeepsItsShape(t *testing.T) {
	id := strings.Repeat("i", 128)
	text := listed(t, false, request(`"`+id+`"`, func(r *journal.Record) { r.HostName = strings.Repeat("é", 300) }))
	assert.Contains(t, text, "  "+strings.Repeat("é", 47)+"…  ")
	assert.Contains(t, text, "  "+id+"\n")

	many := make([]journal.Record, 2500)
	for i := range many {
		many[i] = request(`"x"`, func(*journal.Record) {})
	}
	assert.Equal(t, 2501, strings.Count(listed(t, false, many...), "\n"))
}

func TestWhatTheFiltersWant(t *testing.T) {
	r := request(`"a"`, func(r *journal.Record) {
		r.HostName, r.Target, r.Server, r.Actor = "PC-1", "pc-1.corp.example", "east", "soar"
		r.Effects = []shared.Effect{shared.Scans, shared.Isolates}
	})
	none := &once{}
	all := journalFlags{since: none, effect: none, outcome: none, host: none, user: none, server: none}
	is := func(value string) *once { return &once{value: value, set: true} }
	for name, one := range map[string]struct {
		change func(*journalFlags)
		want   bool
	}{
		"all":            {func(*journalFlags) {}, true},
		"since":          {func(f *journalFlags) { f.since = is(r.At.Format(time.RFC3339)) }, true},
		"since later":    {func(f *journalFlags) { f.since = is(r.At.Add(time.Second).Format(time.RFC3339)) }, false},
		"effect":         {func(f *journalFlags) { f.effect = is("isolates") }, true},
		"other effect":   {func(f *journalFlags) { f.effect = is("deletes") }, false},
		"outcome":        {func(f *journalFlags) { f.outcome = is("submitted") }, true},
		"other outcome":  {func(f *journalFlags) { f.outcome = is("failed") }, false},
		"host id":        {func(f *journalFlags) { f.host = is("id-1") }, true},
		"case of an id":  {func(f *journalFlags) { f.host = is("ID-1") }, false},
		"host name":      {func(f *journalFlags) { f.host = is("pc-1") }, true},
		"as asked":       {func(f *journalFlags) { f.host = is("PC-1.CORP.EXAMPLE") }, true},
		"part of a name": {func(f *journalFlags) { f.host = is("PC") }, false},
		"actor":          {func(f *journalFlags) { f.user = is("soar") }, true},
		"user":           {func(f *journalFlags) { f.user = is("edr") }, true},
		"other user":     {func(f *journalFlags) { f.user = is("root") }, false},
		"server":         {func(f *journalFlags) { f.server = is("east") }, true},
		"other server":   {func(f *journalFlags) { f.server = is("west") }, false},
		"one of two":     {func(f *journalFlags) { f.server, f.host = is("east"), is("id-2") }, false},
	} {
		f := all
		one.change(&f)
		filter, err := f.filter()
		require.NoError(t, err)
		assert.Equal(t, one.want, filter.Wants(r), name)
	}
	empty := all
	empty.host = is("")
	_, err := empty.filter()
	assert.ErrorContains(t, err, "--host is empty")
}

func TestSince(t *testing.T) {
	now := time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
	for text, want := range map[string]time.Time{
		"24h": now.Add(-24 * time.Hour), "7d": now.Add(-7 * 24 * time.Hour), "0d": now, "0s": now, "2026-11-19": time.Date(2026, 11, 19, 0, 0, 0, 0, time.UTC),
		"2026-11-19T08:00:00+02:00": time.Date(2026, 11, 19, 6, 0, 0, 0, time.UTC),
	} {
		got, err := since(text, now)
		require.NoError(t, err, text)
		assert.True(t, want.Equal(got), text)
	}
	for _, text := range []string{"", "-1h", "-1d", "d", "1.5d", "65536d", "24", "19.11.2026", "2026-11-19 08:00"} {
		_, err := since(text, now)
		assert.Error(t, err, text)
	}
}

// TestOutcomesThatTheListKnows are all that the ledger can hold: planned is
// never written.
func TestOutcomesThatTheListKnows(t *testing.T) {
	assert.NotContains(t, endings(), string(shared.Planned))
	assert.Equal(t, []string{"blocks", "deletes", "executes", "isolates", "quarantines", "reads", "releases", "scans", "terminates"}, allEffects())
}
