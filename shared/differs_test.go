package shared_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func decode(text string) (any, error) {
	dec := json.NewDecoder(strings.NewReader(text))
	dec.UseNumber()
	var v any
	err := dec.Decode(&v)
	return v, err
}

// differs says where an event is not what an example shows. "…" stands for
// any value, a text that ends so for one that begins as it does, and a time
// for any time.
func differs(place string, want, got any) string {
	switch w := want.(type) {
	case string:
		g, isText := got.(string)
		begin, open := strings.CutSuffix(w, "…")
		switch {
		case w == "…", open && isText && strings.HasPrefix(g, begin), isTime(w) && isTime(g), isText && g == w:
			return ""
		}
	case map[string]any:
		g, ok := got.(map[string]any)
		if !ok {
			break
		}
		if a, b := slices.Sorted(maps.Keys(w)), slices.Sorted(maps.Keys(g)); !slices.Equal(a, b) {
			return fmt.Sprintf("%s has the members %v, shown are %v", place, b, a)
		}
		for name := range w {
			if found := differs(place+"/"+name, w[name], g[name]); found != "" {
				return found
			}
		}
		return ""
	case []any:
		g, ok := got.([]any)
		if !ok || len(g) != len(w) {
			break
		}
		for i := range w {
			if found := differs(place+"/"+strconv.Itoa(i), w[i], g[i]); found != "" {
				return found
			}
		}
		return ""
	default:
		if want == got {
			return ""
		}
	}
	return fmt.Sprintf("%s is %v, shown is %v", place, got, want)
}

func isTime(s string) bool {
	_, err := time.Parse(time.RFC3339Nano, s)
	return err == nil && strings.HasSuffix(s, "Z")
}

// TestDiffersSeesADifference, or every example would pass.
func TestDiffersSeesADifference(t *testing.T) {
	for _, c := range []struct {
		want, got string
		same      bool
	}{
		{`{"a":1}`, `{"a":1}`, true},
		{`{"a":1}`, `{"a":1,"b":2}`, false},
		{`{"a":1,"b":2}`, `{"a":1}`, false},
		{`{"a":1}`, `{"a":1.0}`, false},
		{`{"a":1}`, `{"a":"1"}`, false},
		{`["x…"]`, `["xyz"]`, true},
		{`["x…"]`, `["yxz"]`, false},
		{`["x…"]`, `[1]`, false},
		{`[1,2]`, `[1]`, false},
		{`[1]`, `{"0":1}`, false},
		{`{}`, `[]`, false},
		{`["…"]`, `[{"a":1}]`, true},
		{`["…"]`, `[]`, false},
		{`"2026-11-25T09:00:00Z"`, `"2000-01-01T00:00:00.5Z"`, true},
		{`"2026-11-25T09:00:00Z"`, `"2000-01-01T00:00:00+01:00"`, false},
		{`"2026-11-25T09:00:00Z"`, `"soon"`, false},
		{`null`, `false`, false},
		{`null`, `null`, true},
	} {
		want, err := decode(c.want)
		require.NoError(t, err)
		got, err := decode(c.got)
		require.NoError(t, err)
		assert.Equal(t, c.same, differs("", want, got) == "", "%s and %s", c.want, c.got)
	}
}
