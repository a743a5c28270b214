package shared_test

import (
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kes-respond/kes-respond/shared"
)

func TestListsOfViolationsEnd(t *testing.T) {
	for _, c := range []struct{ line string }{
		{`{` + strings.Repeat(`"task":1,`, 30) + `"id":1}`},
		{`{"id":1,` + strings.Repeat(`"task":1,`, 300) + `"task":1}`},
		{unknownMembers(500)},
	} {
		_, refusal := shared.ParseRequest([]byte(c.line))
		assert.Len(t, refusal.Violations, shared.MaxListed)
		names := strings.Count(c.line, `"task"`)
		if names > 0 {
			assert.Equal(t, names-1+3-shared.MaxListed, refusal.Omitted, "doubles, and three members that are wrong or missing")
		} else {
			assert.Equal(t, 500+3-shared.MaxListed, refusal.Omitted)
		}
	}
}

func unknownMembers(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, `"m%d":0,`, i)
	}
	return `{` + b.String() + `"id":1}`
}

// TestBrokenInputCostsNoMoreThanItsLength holds against an attacker who makes
// much be wrong in a deep place, or under a long name: what is allocated stays
// in proportion to the line.
func TestBrokenInputCostsNoMoreThanItsLength(t *testing.T) {
	lost := strings.Repeat(`"{{.",`, 5000)
	respond := func(params string) string { return `{"id":1,"task":"t","targetHost":"h","params":` + params + `}` }
	for name, c := range map[string]struct {
		line string
		most float64 // bytes allocated for each byte of the line
	}{
		"deep":                   {`{"params":` + strings.Repeat("[", 2000) + lost + "0" + strings.Repeat("]", 2000) + "}", 32},
		"long name":              {`{"params":{"` + strings.Repeat("k", 1<<16) + `":[` + lost + "0]}}", 4},
		"doubles":                {`{` + strings.Repeat(`"a":1,`, 1<<18) + `"b":1}`, 2},
		"names":                  {names(1<<17, `"id":1`), 2},
		"names in params":        {respond(names(1<<17, `"id":1`)), 2},
		"names in connection":    {with(`"id":1,"connection":` + names(1<<17, `"id":1`)), 2},
		"names in incident":      {`{"id":1,"type":"status","incident":` + names(1<<17, `"id":"1"`) + `}`, 2},
		"names in small objects": {respond(`[` + strings.Repeat(names(17, `"id":1`)+`,`, 1<<13) + `0]`), 2},
		"names with escapes":     {`{` + strings.Repeat(`"\u0069":1,`, 1<<17) + `"id":1}`, 2},
		"texts with escapes":     {respond(`[` + strings.Repeat(`"\n",`, 1<<19) + `0]`), 2},
		"numbers":                {respond(`[` + strings.Repeat(`0,`, 1<<19) + `0]`), 2},
		"empty arrays":           {respond(`[` + strings.Repeat(`[],`, 1<<19) + `0]`), 2},
		"empty objects":          {respond(`[` + strings.Repeat(`{},`, 1<<19) + `0]`), 2},
		"nothing else":           {respond(`{"ioc":"` + strings.Repeat("x", 1<<21) + `"}`), 2},
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		r, _ := shared.ParseRequest([]byte(c.line))
		runtime.ReadMemStats(&after)
		allocated := after.TotalAlloc - before.TotalAlloc - uint64(len(c.line)) // the copy that is read
		assert.LessOrEqual(t, float64(allocated)/float64(len(c.line)), c.most, name)
		assert.NotEmpty(t, r.ID, name)
	}
}

// names is an object of n members whose names differ, and one more.
func names(n int, last string) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, `"%d":0,`, i)
	}
	return `{` + b.String() + last + `}`
}

// TestValuesOfARequestAreBounded at the edge: members and items at every level
// count together, and whatever is too much the request keeps its id.
func TestValuesOfARequestAreBounded(t *testing.T) {
	const others = 4 // id, task, targetHost and params
	respond := func(params string) string {
		return `{"task":"t","targetHost":"h","params":` + params + `,"id":7}`
	}
	zeros := func(n int) string { return "[" + strings.Repeat(" 0 ,", n-1) + "\t0 ]" }
	for name, fill := range map[string]func(n int) string{
		"items":          zeros,
		"members":        func(n int) string { return names(n-1, `"last":0`) },
		"empty arrays":   func(n int) string { return "[" + strings.Repeat("[ ],", n-1) + "[]]" },
		"empty objects":  func(n int) string { return "[" + strings.Repeat("{},", n-1) + "{ }]" },
		"texts":          func(n int) string { return "[" + strings.Repeat(`",[{:",`, n-1) + `""]` },
		"items in items": func(n int) string { return "[" + zeros(n-3) + `,{"a":null}]` },
	} {
		assert.Empty(t, wrong(t, respond(fill(shared.MaxValues-others))), name)
		r, refusal := shared.ParseRequest([]byte(respond(fill(shared.MaxValues - others + 1))))
		assert.Equal(t, shared.ID("7"), r.ID, name)
		assert.Equal(t, shared.TypeRespond, r.Type)
		require.NotNil(t, refusal, name)
		assert.Equal(t, []shared.Violation{{Message: "holds more than 10000 members and items"}}, refusal.Violations, name)
		assert.Contains(t, refusal.Message, "breaks the contract at its top level: holds more than 10000 members and items")
	}

	many := names(shared.MaxValues, `"last":0`)
	many = many[1 : len(many)-1]
	r, refusal := shared.ParseRequest([]byte(`{` + many + `,"\u0069d":"x","type":"describe"}`))
	assert.Equal(t, shared.ID(`"x"`), r.ID, "wherever its id stands")
	assert.Equal(t, shared.TypeDescribe, r.Type)
	require.NotNil(t, refusal)
	assert.Equal(t, []shared.Violation{{Message: "holds more than 10000 members and items"}}, refusal.Violations)
	for _, line := range []string{`{"id":1,` + many + `,"id":2}`, `{` + many + `,"id":1,"i\u0064":2}`} {
		r, refusal = shared.ParseRequest([]byte(line))
		assert.Empty(t, r.ID)
		assert.Contains(t, refusal.Message, "its id stands twice")
	}

	found, err := shared.CheckJSON([]byte(zeros(shared.MaxValues)))
	require.NoError(t, err)
	assert.Empty(t, found)
	found, err = shared.CheckJSON([]byte(zeros(shared.MaxValues + 1)))
	require.NoError(t, err)
	assert.Equal(t, []shared.Violation{{Message: "holds more than 10000 members and items"}}, found)
}

func TestLimitsAtTheirEdges(t *testing.T) {
	nested := func(depth int) string {
		return with(`"id":1,"connection":{"a":` + strings.Repeat("[", depth-2) + strings.Repeat("]", depth-2) + `}`)
	}
	assert.Empty(t, wrong(t, nested(shared.MaxDepth)))
	found := wrong(t, nested(shared.MaxDepth+1))
	require.Len(t, found, 1)
	assert.True(t, strings.HasPrefix(found[0], "/connection/a/0/0/"), found[0])
	assert.True(t, strings.HasSuffix(found[0], " is nested deeper than 64 levels"), found[0])

	room := shared.MaxRequestBytes - len(with(`"id":1,"connection":{"a":""}`))
	fits := with(`"id":1,"connection":{"a":"` + strings.Repeat("x", room) + `"}`)
	require.Len(t, fits, shared.MaxRequestBytes)
	assert.Empty(t, wrong(t, fits))
}
