package shared_test

import (
	"encoding/json"
	"math"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/kes-respond/kes-respond/shared"
)

var someTime = time.Date(2026, 11, 25, 9, 30, 0, 123456789, time.UTC)

// textOf draws text of all sorts, from nothing to more than a line holds:
// bytes that are no UTF-8, control characters, line separators, characters
// beyond the BMP. Only the piece that is repeated is drawn, so that a failure
// can be read.
func textOf(t *rapid.T, longest int) func(label string) string {
	piece := rapid.OneOf(
		rapid.StringN(0, 20, -1),
		rapid.StringOfN(rapid.RuneFrom([]rune("\x00\x1b\x7f\u0085\u2028\u2029\u202e\ufeff\uffff😀𝒳\"\\/<>&")), 0, 20, -1),
		rapid.Map(rapid.SliceOfN(rapid.Byte(), 0, 20), func(b []byte) string { return string(b) }),
	)
	return func(label string) string {
		p := piece.Draw(t, label)
		return strings.Repeat(p, rapid.SampledFrom([]int{0, 1, 1, 2, longest}).Draw(t, "times"))
	}
}

func textsOf(t *rapid.T, text func(string) string, label string) []string {
	texts := []string{}
	for range rapid.IntRange(0, 5).Draw(t, label) {
		texts = append(texts, text(label))
	}
	return texts
}

func anyError(t *rapid.T, text func(string) string) *shared.Error {
	e := &shared.Error{
		Code:    rapid.SampledFrom([]shared.Code{shared.BadRequest, shared.HostAmbiguous, shared.KSCError}).Draw(t, "code"),
		Message: text("message"), Assistance: text("assistance"),
	}
	for range rapid.IntRange(0, 30).Draw(t, "violations") {
		e.Violations = append(e.Violations, shared.Violation{Pointer: text("pointer"), Message: text("wrong")})
	}
	for range rapid.IntRange(0, 30).Draw(t, "candidates") {
		e.Candidates = append(e.Candidates, shared.Candidate{
			ID: text("id"), Name: text("name"), FQDN: text("fqdn"), IPv4: text("ipv4"),
		})
	}
	if rapid.Bool().Draw(t, "upstream") {
		e.Upstream = &shared.Upstream{Module: text("module"), Code: 1184, Message: text("said")}
	}
	return e
}

func anyEvent(t *rapid.T) shared.Event {
	text := textOf(t, rapid.SampledFrom([]int{1, 100, 5000}).Draw(t, "longest"))
	e := shared.Event{Time: someTime, ID: shared.ID("7"), Seq: 3}
	raw := func(label string) json.RawMessage {
		data, err := json.Marshal(map[string]string{"x": text(label)})
		require.NoError(t, err)
		return data
	}
	switch rapid.IntRange(0, 5).Draw(t, "kind") {
	case 0:
		e.ID, e.Seq = "", 0
		e.Hello = &shared.Hello{
			Protocol: 1, Name: text("name"), Version: text("version"),
			Tasks: textsOf(t, text, "tasks"),
		}
	case 1:
		e.Accepted = &shared.Accepted{Host: shared.Host{ID: text("id"), Name: text("name")}}
	case 2:
		e.Progress = &shared.Progress{
			Stage: "warning", Message: text("message"),
			Incident:    &shared.Incident{Server: text("server"), ID: text("incident"), AddedAt: &someTime},
			ConsoleTask: &shared.ConsoleTask{ID: text("cid"), Name: text("cname"), State: text("state"), Description: text("description")},
		}
	case 3:
		e.Result = &shared.Result{
			Outcome: shared.Refused, Task: text("task"), TargetHost: text("target"), Message: text("message"),
			Host:        &shared.Host{ID: text("id"), Name: text("name")},
			Incident:    &shared.Incident{Server: text("server"), ID: text("incident")},
			ConsoleTask: &shared.ConsoleTask{ID: text("cid"), Name: text("cname"), State: text("state"), Description: text("description")},
			HostEvents:  []shared.HostEvents{{Type: text("kind"), Count: 3, Descriptions: textsOf(t, text, "descriptions")}, {Type: text("kinds")}},
			Undo:        &shared.Undo{Task: text("undo"), Params: raw("params")},
			DuplicateOf: text("duplicate"),
			Plan:        &shared.Plan{BodySHA256: "00", Body: text("body"), Decision: text("decision"), Warnings: textsOf(t, text, "warnings")},
			Error:       anyError(t, text),
		}
	case 4:
		e.Described = &shared.Description{Protocol: 1, Name: text("name"), Version: text("version"), Tasks: []shared.TaskDescription{{
			Name: text("task"), Summary: text("summary"), Effects: []shared.Effect{shared.Reads}, Digest: "00",
			Schema: raw("schema"), Sample: raw("sample"), Hints: raw("hints"),
		}}}
	case 5:
		e.Problem = &shared.Problem{Code: shared.BadRequest, Message: text("message"), Assistance: text("assistance"), Line: math.MaxInt64}
	}
	return e
}

var notPlain = regexp.MustCompile(`[^\x20-\x7e]`)

// TestEventLineOfAnyText: whatever an event holds, its line can be written,
// read by any reader of lines, and read back.
func TestEventLineOfAnyText(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		e := anyEvent(t)
		before, err := json.Marshal(e)
		require.NoError(t, err)
		line, err := shared.EventLine(e)
		require.NoError(t, err)
		require.LessOrEqual(t, len(line), shared.MaxEventBytes)
		text, ended := strings.CutSuffix(string(line), "\n")
		require.True(t, ended)
		require.False(t, notPlain.MatchString(text))

		var back shared.Event
		require.NoError(t, json.Unmarshal(line, &back))
		require.Equal(t, e.Type(), back.Type())
		require.Equal(t, e.ID, back.ID)
		require.Equal(t, e.Seq, back.Seq)
		require.Equal(t, someTime, back.Time)
		if e.Result != nil {
			require.Equal(t, e.Result.Outcome, back.Result.Outcome)
			require.Equal(t, e.Result.Error.Code, back.Result.Error.Code)
			whole := e.Result.Error
			listed := len(back.Result.Error.Violations) + len(back.Result.Error.Candidates)
			require.Equal(t, len(whole.Violations)+len(whole.Candidates), listed+back.Result.Error.Omitted)
			for _, c := range back.Result.Error.Candidates {
				require.True(t, anyCandidate(whole, c.ID), "half an id names another host")
			}
		}
		after, err := json.Marshal(e)
		require.NoError(t, err)
		require.True(t, string(before) == string(after), "the event itself was changed")

		require.True(t, string(line) == lineOf(t, back), "read and written again it is another line")
		if whole, err := shared.ASCIIJSON(e); err == nil && len(whole) < shared.MaxEventBytes {
			require.True(t, text == string(whole), "an event that fits loses nothing")
		}
	})
}

func anyCandidate(e *shared.Error, id string) bool {
	return slices.ContainsFunc(e.Candidates, func(c shared.Candidate) bool { return string([]rune(c.ID)) == id })
}

func lineOf(t require.TestingT, e shared.Event) string {
	line, err := shared.EventLine(e)
	require.NoError(t, err)
	return string(line)
}

// TestWhatIsLeftOutFirst fixes the order in which an event gives way.
func TestWhatIsLeftOutFirst(t *testing.T) {
	read := func(r shared.Result) shared.Result {
		var e shared.Event
		require.NoError(t, json.Unmarshal([]byte(lineOf(t, shared.Event{Time: someTime, ID: "7", Result: &r})), &e))
		return *e.Result
	}
	undo := &shared.Undo{Task: "isolateHost", Params: json.RawMessage(`{"action":0}`)}
	message := strings.Repeat("m", 9000)

	r := read(shared.Result{Message: message, Undo: undo, Plan: &shared.Plan{Body: strings.Repeat("b", 57000), Decision: "d"}})
	assert.Equal(t, message, r.Message, "the body goes before a text is cut")
	assert.Empty(t, r.Plan.Body, "a body is whole or absent")
	assert.Equal(t, "d", r.Plan.Decision)

	full := shared.Result{Message: strings.Repeat("m", 70000), Undo: undo, Error: &shared.Error{Code: shared.BadRequest}}
	for range 20 {
		full.Error.Violations = append(full.Error.Violations, shared.Violation{Pointer: "/p", Message: "wrong"})
	}
	r = read(full)
	assert.Equal(t, strings.Repeat("m", 4096)+"…", r.Message, "texts are cut at 4096 bytes first")
	assert.Equal(t, undo, r.Undo, "texts are cut before anything else but the body goes")
	assert.Len(t, r.Error.Violations, 20)
	assert.Zero(t, r.Error.Omitted)

	for range 1000 {
		full.Error.Candidates = append(full.Error.Candidates, shared.Candidate{ID: strings.Repeat("i", 200), Name: strings.Repeat("n", 300)})
	}
	r = read(full)
	assert.Nil(t, r.Undo)
	assert.Len(t, r.Error.Violations, 20)
	assert.Len(t, r.Error.Candidates, 20, "lists are cut last")
	assert.Equal(t, 980, r.Error.Omitted)
	assert.Equal(t, strings.Repeat("i", 200), r.Error.Candidates[0].ID, "an id is whole or absent")

	r = read(shared.Result{Host: &shared.Host{ID: strings.Repeat("h", 70000), Name: "n"}, Incident: &shared.Incident{ID: "4711"}})
	assert.Equal(t, &shared.Host{Name: "n"}, r.Host)
	assert.Equal(t, "4711", r.Incident.ID)
}

// TestACutSplitsNothing cuts a text of characters of every width at each place.
func TestACutSplitsNothing(t *testing.T) {
	for shift := range 4 {
		for _, c := range []string{"ж", "€", "😀"} {
			message := strings.Repeat("x", shift) + strings.Repeat(c, 20000)
			var e shared.Event
			line := lineOf(t, shared.Event{Time: someTime, Problem: &shared.Problem{Message: message}})
			require.NoError(t, json.Unmarshal([]byte(line), &e))
			kept, cut := strings.CutSuffix(e.Problem.Message, "…")
			assert.True(t, cut)
			assert.True(t, strings.HasPrefix(message, kept))
			assert.True(t, utf8.ValidString(kept))
			assert.Greater(t, len(kept), 4096-utf8.UTFMax)
			assert.NotContains(t, line, "fffd")
		}
	}
}

// TestEventsThatCannotBeWritten: there is an error, and never a broken line.
func TestEventsThatCannotBeWritten(t *testing.T) {
	for name, e := range map[string]shared.Event{
		"no kind":       {Time: someTime},
		"no JSON":       {Time: someTime, Result: &shared.Result{Undo: &shared.Undo{Params: json.RawMessage(`{`)}}},
		"no id":         {Time: someTime, ID: "x\n", Result: &shared.Result{}},
		"two ids":       {Time: someTime, ID: `1,"outcome":2`, Result: &shared.Result{}},
		"no time":       {Time: time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC), Result: &shared.Result{}},
		"an endless id": {Time: someTime, ID: shared.IDOf(strings.Repeat("i", 1<<17)), Result: &shared.Result{}},
	} {
		line, err := shared.EventLine(e)
		assert.Error(t, err, name)
		assert.Nil(t, line, name)
	}
}

// TestLongestIDFits: an id that ParseID takes never costs the event its line.
func TestLongestIDFits(t *testing.T) {
	id, err := shared.ParseID([]byte(`"` + strings.Repeat("😀", shared.MaxIDLength) + `"`))
	require.NoError(t, err)
	line := lineOf(t, shared.Event{Time: someTime, ID: id, Accepted: &shared.Accepted{Host: shared.Host{ID: strings.Repeat("\x01", 1<<20)}}})
	assert.Contains(t, line, strings.Repeat(`\ud83d\ude00`, shared.MaxIDLength))
	assert.LessOrEqual(t, len(line), shared.MaxEventBytes)
}

func TestErrorEventHasANullID(t *testing.T) {
	assert.Equal(t, `{"type":"error","time":"2026-11-25T09:30:00.123456789Z","id":null,"code":"bad_request","message":"m","line":3}`+"\n",
		lineOf(t, shared.Event{Time: someTime, Problem: &shared.Problem{Code: shared.BadRequest, Message: "m", Line: 3}}))
}
