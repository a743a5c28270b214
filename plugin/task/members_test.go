package task

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// helpPage is what the vendor's page says of each task's parameters: name,
// JSON type, and '?' after an optional one. Those of onDemandScan are an
// item's.
var helpPage = map[string]string{
	"getFile":          "md5hash string, sha256hash string, path string",
	"deleteFile":       "md5hash string, sha256hash string, path string, searchInSubfolders boolean?",
	"quarantineFile":   "md5hash string, sha256hash string, path string",
	"iocScan":          "ioc string, isolateHost boolean, scanCriticalAreas boolean, quarantineObject boolean",
	"startProcess":     "executablePath string, arguments string?, workingFolder string?",
	"terminateProcess": "md5hash string, sha256hash string, path string, caseSensitive boolean",
	"isolateHost":      "action number",
	"preventExecution": "hash string, path string, caseSensitive boolean",
	"onDemandScan":     "enabled boolean, path string, recursive boolean, type number",
}

// inSample is a place for one object: a task's sample, and its members in the
// help page's order, each to be bent by itself.
type inSample struct {
	task    *Task
	referee func(t testing.TB, raw string) error
	at      string // where the object stands: /params or /params/0
	members []sampleMember
}

type sampleMember struct {
	name, kind, value string
	optional          bool
}

func sampleOf(t *testing.T, task *Task) inSample {
	t.Helper()
	s := inSample{task: task, referee: refereeOf(t, task), at: "/params"}
	raw := task.Sample()
	if raw[0] == '[' {
		var items []json.RawMessage
		require.NoError(t, json.Unmarshal(raw, &items))
		require.Len(t, items, 1)
		raw, s.at = items[0], "/params/0"
	}
	var values map[string]json.RawMessage
	require.NoError(t, json.Unmarshal(raw, &values))
	for _, line := range strings.Split(helpPage[task.Name], ", ") {
		name, kind, _ := strings.Cut(line, " ")
		kind, optional := strings.CutSuffix(kind, "?")
		require.Contains(t, values, name, "the sample shows every parameter")
		s.members = append(s.members, sampleMember{name, kind, string(values[name]), optional})
	}
	require.Len(t, values, len(s.members), "the sample shows what the page does not have")
	return s
}

// params are the sample's with the member at i written by write, which may
// write nothing, or more than one.
func (s inSample) params(i int, write func(m sampleMember) string) string {
	var parts []string
	for j, m := range s.members {
		text := fmt.Sprintf("%q:%s", m.name, m.value)
		if i == j {
			text = write(m)
		}
		if text != "" {
			parts = append(parts, text)
		}
	}
	object := "{" + strings.Join(parts, ",") + "}"
	if s.at != "/params" {
		return "[" + object + "]"
	}
	return object
}

// refused demands that both we and the schema refuse, at these places alone.
// What a schema cannot see, a member that stands twice, is ours alone.
func (s inSample) refused(t *testing.T, raw string, bySchema bool, places ...string) {
	t.Helper()
	_, found := s.task.Parse(json.RawMessage(raw))
	var at []string
	for _, v := range found {
		at = append(at, v.Pointer)
		assert.NotEmpty(t, v.Message)
	}
	assert.Equal(t, places, at, raw)
	if bySchema {
		assert.Error(t, s.referee(t, raw), "the schema takes %s", raw)
	}
}

func (s inSample) accepted(t *testing.T, raw string) Params {
	t.Helper()
	p, found := s.task.Parse(json.RawMessage(raw))
	assert.Empty(t, found, raw)
	assert.NoError(t, s.referee(t, raw), raw)
	return p
}

func TestEverySampleMemberIsHeldToThePage(t *testing.T) {
	require.Len(t, helpPage, len(All()))
	for _, task := range All() {
		t.Run(task.Name, func(t *testing.T) {
			s := sampleOf(t, task)
			for i, m := range s.members {
				t.Run(m.name, func(t *testing.T) { heldToThePage(t, s, i, m) })
			}
			whole := s.params(-1, nil)
			assert.JSONEq(t, whole, string(s.accepted(t, whole).JSON()))
			assert.Equal(t, string(task.Sample()), string(s.accepted(t, whole).JSON()), "members are sent in the page's order")
		})
	}
}

func heldToThePage(t *testing.T, s inSample, i int, m sampleMember) {
	place := s.at + "/" + m.name
	none := func(sampleMember) string { return "" }
	if m.optional {
		p := s.accepted(t, s.params(i, none))
		assert.NotContains(t, string(p.JSON()), m.name, "what was left out is not sent")
	} else {
		s.refused(t, s.params(i, none), true, place)
	}
	for _, value := range []string{"null", "true", "false", "0", "1", "1.5", "-1", `""`, `"1"`, `"true"`, "[]", "{}", "[" + m.value + "]", `{"` + m.name + `":` + m.value + "}"} {
		if jsonType(value) == m.kind && value != "1.5" && value != "-1" {
			continue
		}
		s.refused(t, s.params(i, func(m sampleMember) string { return fmt.Sprintf("%q:%s", m.name, value) }), true, place)
	}
	for _, name := range []string{m.name + "s", m.name[1:], strings.ToUpper(m.name), strings.ToUpper(m.name[:1]) + m.name[1:], "_" + m.name} {
		places := []string{s.at + "/" + name}
		if !m.optional {
			places = []string{place, s.at + "/" + name}
		}
		s.refused(t, s.params(i, func(m sampleMember) string { return fmt.Sprintf("%q:%s", name, m.value) }), true, places...)
		s.refused(t, s.params(i, func(m sampleMember) string { return fmt.Sprintf("%q:%s,%q:%s", m.name, m.value, name, m.value) }), true, s.at+"/"+name)
	}
	for _, second := range []string{m.name, escaped(m.name)} {
		s.refused(t, s.params(i, func(m sampleMember) string { return fmt.Sprintf("%q:%s,\"%s\":%s", m.name, m.value, second, m.value) }), false, place)
	}
	if m.kind == "number" {
		same := string(s.accepted(t, s.params(-1, nil)).JSON())
		for _, end := range []string{".0", ".000", "e0", "E+0", "e-0", ".0e0", "0e-1"} {
			p := s.accepted(t, s.params(i, func(m sampleMember) string { return fmt.Sprintf("%q:%s%s", m.name, m.value, end) }))
			assert.Equal(t, same, string(p.JSON()))
		}
	}
}

// escaped writes a name's first letter as JSON may.
func escaped(name string) string { return fmt.Sprintf(`\u%04x%s`, name[0], name[1:]) }

func jsonType(raw string) string {
	switch raw[0] {
	case '"':
		return "string"
	case 't', 'f':
		return "boolean"
	case '[':
		return "array"
	case '{':
		return "object"
	case 'n':
		return "null"
	}
	return "number"
}

func TestNoOtherValueStandsForParams(t *testing.T) {
	for _, task := range All() {
		t.Run(task.Name, func(t *testing.T) {
			s := sampleOf(t, task)
			array := s.at != "/params"
			for _, raw := range []string{"null", "true", "false", "0", "1", `""`, `"x"`, "[[]]"} {
				if array && raw == "[[]]" {
					s.refused(t, raw, true, "/params/0")
					continue
				}
				s.refused(t, raw, true, "/params")
			}
			s.refused(t, "[]", true, "/params")
			var required []string
			for _, m := range s.members {
				if !m.optional {
					required = append(required, s.at+"/"+m.name)
				}
			}
			slices.Sort(required)
			var inOrder []string
			empty := "{}"
			if array {
				empty = "[{}]"
				s.refused(t, "{}", true, "/params")
				s.refused(t, "[null]", true, "/params/0")
			}
			_, found := task.Parse(json.RawMessage(empty))
			for _, v := range found {
				assert.Equal(t, "is required", v.Message)
				inOrder = append(inOrder, v.Pointer)
			}
			slices.Sort(inOrder)
			assert.Equal(t, required, inOrder)
			for _, raw := range []string{"", " ", "{", "nul", "{}{}", "\xff", "\"\xff\"", "\x00", "\ufeff{}"} {
				s.refused(t, raw, false, "/params")
			}
			var none Params
			p, found := task.Parse(nil)
			assert.Equal(t, none, p)
			assert.Equal(t, "/params: is not one JSON value in UTF-8\n", list(found))
		})
	}
}
