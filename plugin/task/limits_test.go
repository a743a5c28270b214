package task

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// longPath is a path of n characters, width UTF-16 units each after the drive.
func longPath(n int, letter string) string { return `C:\` + strings.Repeat(letter, n-3) }

// withText puts a text into one member of a task's sample.
func withText(t *testing.T, s inSample, member, text string) string {
	t.Helper()
	for i, m := range s.members {
		if m.name == member {
			value, err := json.Marshal(text)
			require.NoError(t, err)
			return s.params(i, func(sampleMember) string { return fmt.Sprintf("%q:%s", member, value) })
		}
	}
	t.Fatalf("%s has no %s", s.task.Name, member)
	return ""
}

func TestTextsAtTheirLongest(t *testing.T) {
	type place struct{ task, member, at string }
	for _, p := range []place{
		{"getFile", "path", "/params/path"},
		{"deleteFile", "path", "/params/path"},
		{"quarantineFile", "path", "/params/path"},
		{"terminateProcess", "path", "/params/path"},
		{"preventExecution", "path", "/params/path"},
		{"startProcess", "executablePath", "/params/executablePath"},
		{"startProcess", "arguments", "/params/arguments"},
		{"startProcess", "workingFolder", "/params/workingFolder"},
		{"onDemandScan", "path", "/params/0/path"},
	} {
		task, ok := Lookup(p.task)
		require.True(t, ok)
		sample := sampleOf(t, task)
		low := 0
		if p.member == "executablePath" {
			low = 1
		}
		bySchema := fmt.Sprintf("%s: must be a string of %d to 32767 characters\n", p.at, low)
		byUs := p.at + ": is longer than 32767 UTF-16 units, the most that Windows takes\n"
		for _, c := range []struct{ name, text, want string }{
			{"at the edge", longPath(32767, "a"), ""},
			{"one more", longPath(32768, "a"), bySchema},
			{"far more", longPath(1<<17, "a"), bySchema},
			{"two bytes each", longPath(32767, "я"), ""},
			{"two bytes each, one more", longPath(32768, "я"), bySchema},
			{"two units each", longPath(16385, "\U0001f600"), ""},
			{"two units each, one more", longPath(16386, "\U0001f600"), byUs},
			{"two units each, at the schema's edge", longPath(32767, "\U0001f600"), byUs},
		} {
			_, found := task.Parse(json.RawMessage(withText(t, sample, p.member, c.text)))
			assert.Equal(t, c.want, list(found), "%s %s, %s", p.task, p.member, c.name)
		}
	}
}

func TestScanObjectsAtTheirMost(t *testing.T) {
	task, ok := Lookup("onDemandScan")
	require.True(t, ok)
	one := strings.Trim(string(task.Sample()), "[]")
	array := func(n int, item string) json.RawMessage {
		return json.RawMessage("[" + strings.TrimSuffix(strings.Repeat(item+",", n), ",") + "]")
	}
	const wrong = "/params: must be an array of 1 to 64 items\n"
	for _, c := range []struct {
		n    int
		item string
		want string
	}{
		{1, one, ""},
		{64, one, ""},
		{65, one, wrong},
		{1000, one, wrong},
		{65, "{}", wrong},
		{65, "null", wrong},
		{64, "null", strings.Join(numbered(64, "/params/%d: must be an object\n"), "")},
	} {
		_, found := task.Parse(array(c.n, c.item))
		assert.Equal(t, c.want, list(found), "%d items", c.n)
	}
}

func numbered(n int, format string) (all []string) {
	for i := range n {
		all = append(all, fmt.Sprintf(format, i))
	}
	return all
}

// TestMillionsOfWrongItemsAreOneViolation: three bytes of a line must not
// become four violations each.
func TestMillionsOfWrongItemsAreOneViolation(t *testing.T) {
	task, ok := Lookup("onDemandScan")
	require.True(t, ok)
	raw := json.RawMessage("[" + strings.Repeat("{},", 1<<17) + "{}]")
	_, found := task.Parse(raw)
	assert.Len(t, found, 1)
}

func TestDeepNestingIsRefusedNotFollowed(t *testing.T) {
	for _, task := range All() {
		for _, deep := range []string{
			strings.Repeat("[", 9000) + strings.Repeat("]", 9000),
			strings.Repeat(`{"a":`, 9000) + "1" + strings.Repeat("}", 9000),
			strings.Repeat("[", 1<<20),
			strings.Repeat("[", 1<<20) + strings.Repeat("]", 1<<20),
		} {
			p, found := task.Parse(json.RawMessage(deep))
			assert.Equal(t, Params{}, p)
			assert.NotEmpty(t, found)
		}
	}
}

func TestNumbersAreReadExactly(t *testing.T) {
	for text, want := range map[string]int{
		"0": 0, "-0": 0, "0.0": 0, "-0.00e5": 0, "0e999999999999999999999": 0, "0e-999999999999999999999": 0,
		"1": 1, "-1": -1, "1.0": 1, "1e0": 1, "1E+0": 1, "10e-1": 1, "0.1e1": 1, "0.01e2": 1, "100e-2": 1,
		"22": 22, "2.2e1": 22, "220E-1": 22, "999999999": 999999999, "9.99999999e8": 999999999, "1e8": 100000000,
		"1" + strings.Repeat("0", 400) + "e-400": 1, "0." + strings.Repeat("0", 399) + "1e400": 1,
	} {
		got, ok := exactly(text)
		assert.True(t, ok, text)
		assert.Equal(t, want, got, text)
	}
	for _, text := range []string{
		"0.5", "1.5", "-0.1", "1e-1", "1e-400", "-1e-400", "1e-999999999999999999999", "0." + strings.Repeat("0", 400) + "1",
		"1." + strings.Repeat("0", 400) + "1", "1e9", "1000000000", "1e400", "1e999999999", "1e999999999999999999999",
		"4294967296", "18446744073709551616", "", "-", "null", `"1"`, "true", "[1]", "Infinity", "NaN",
	} {
		_, ok := exactly(text)
		assert.False(t, ok, text)
		var w whole
		assert.Error(t, w.UnmarshalJSON([]byte(text)), text)
	}
}
