package display_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kes-respond/kes-respond/cmd/kes-respond/display"
	"github.com/kes-respond/kes-respond/cmd/kes-respond/exit"
	"github.com/kes-respond/kes-respond/shared"
)

func code(t *testing.T, err error) int {
	t.Helper()
	if err == nil {
		return shared.ExitOK
	}
	end, is := errors.AsType[*exit.Error](err)
	require.True(t, is, "%v", err)
	return end.Code
}

// TestJSONNumbersWhatIsShown and nothing that is not: callers look for gaps.
func TestJSONNumbersWhatIsShown(t *testing.T) {
	for quiet, types := range map[bool][]string{false: {"accepted", "progress", "result"}, true: {"result"}} {
		var out strings.Builder
		o := display.Output{Out: &out, JSON: true, Quiet: quiet}
		emit := o.Emitter(`"r-1"`)
		emit(shared.Event{Accepted: &shared.Accepted{}})
		emit(shared.Event{Progress: &shared.Progress{Stage: shared.StageTaken}})
		require.NoError(t, o.End(shared.Request{ID: `"r-1"`}, shared.Result{Outcome: shared.Submitted}))
		var shown []string
		for line := range strings.Lines(out.String()) {
			var e struct {
				Type string
				ID   string
				Seq  int
			}
			require.NoError(t, json.Unmarshal([]byte(line), &e))
			assert.Equal(t, len(shown), e.Seq)
			assert.Equal(t, "r-1", e.ID)
			shown = append(shown, e.Type)
		}
		assert.Equal(t, types, shown)
	}
}

// full takes nothing, as a disk that is full.
type full struct{}

func (full) Write([]byte) (int, error) { return 0, errors.New("full") }

// TestAResultThatCannotBeWrittenIsNoSuccess where nobody has heard of it, and says
// which incident it was.
func TestAResultThatCannotBeWrittenIsNoSuccess(t *testing.T) {
	for want, result := range map[int]shared.Result{
		shared.ExitUnknown: {Outcome: shared.Submitted, Incident: &shared.Incident{Server: "a", ID: "77"}},
		shared.ExitFailed:  {Outcome: shared.Planned},
		shared.ExitPending: {Outcome: shared.Pending, Incident: &shared.Incident{Server: "a", ID: "77"}},
	} {
		o := display.Output{Out: full{}}
		err := o.End(shared.Request{}, result)
		assert.Equal(t, want, code(t, err), "%s", result.Outcome)
		require.ErrorContains(t, err, "full")
		assert.ErrorContains(t, err, "it was: "+string(result.Outcome))
		require.EqualError(t, o.Err(), "full")
		if result.Incident != nil {
			assert.ErrorContains(t, err, "incident 77 on server a")
		}
	}
}

// TestNothingFromOutsideForgesALine or moves the cursor, in colour or not.
func TestNothingFromOutsideForgesALine(t *testing.T) {
	const hostile = "a\nsucceeded: all is well\x1b[2J\r"
	var b strings.Builder
	display.Line(&b, hostile, hostile)
	b.WriteString(display.Outcome(shared.Failed, hostile, false))
	assert.Equal(t, 2, strings.Count(b.String(), "\n"))
	assert.NotContains(t, b.String(), "\x1b")
	painted := display.Outcome(shared.Failed, hostile, true)
	assert.True(t, strings.HasPrefix(painted, "\x1b[31mfailed\x1b[0m: a"), "%q", painted)
	assert.Equal(t, 2, strings.Count(painted, "\x1b"))
}

// TestPlaceNamesTheFlag where there is one, and the place in the request elsewhere.
func TestPlaceNamesTheFlag(t *testing.T) {
	for _, c := range []struct {
		pointer string
		flags   bool
		want    string
	}{
		{"/params/path", true, "--path"},
		{"/params/path", false, "at /params/path"},
		{"/params", true, "at /params"},
		{"/params/0", true, "at /params/0"},
		{"", true, "at "},
	} {
		assert.Equal(t, c.want, display.Place(c.pointer, c.flags), "%+v", c)
	}
}
