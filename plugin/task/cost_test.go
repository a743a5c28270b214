package task

import (
	"encoding/json"
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kes-respond/kes-respond/shared"
)

// dear are params made to cost the most for their bytes.
func dear() map[string]string {
	fill := func(n int, begin, one, end string) string {
		var b strings.Builder
		b.WriteString(begin)
		for i := range n {
			if i > 0 {
				b.WriteByte(',')
			}
			b.WriteString(strings.ReplaceAll(one, "#", fmt.Sprint(i)))
		}
		b.WriteString(end)
		return b.String()
	}
	const most, beyond = shared.MaxValues - 10, 1 << 14
	items := fill(64, "[", "@", "]")
	return map[string]string{
		"names":                       fill(most, "{", `"a#":0`, "}"),
		"names beyond":                fill(beyond, "{", `"a#":0`, "}"),
		"long names":                  fill(most, "{", `"`+strings.Repeat("a", 59)+`#":0`, "}"),
		"names in items":              strings.ReplaceAll(items, "@", fill(most/64-2, "{", `"a#":0`, "}")),
		"names in items, all missing": strings.ReplaceAll(items, "@", "{}"),
		"items":                       fill(most, "[", "0", "]"),
		"items beyond":                fill(beyond, "[", "0", "]"),
		"items of an item":            fill(most, "[[", "0", "]]"),
		"arrays":                      fill(most, "[", "[]", "]"),
		"objects":                     fill(most, "[", "{}", "]"),
		"items in a member":           fill(most, `{"ioc":[`, "0", "]}"),
		"items in a member beyond":    fill(beyond, `{"ioc":[`, "0", "]}"),
		"a long text":                 `{"ioc":"` + strings.Repeat("!", 1<<16) + `","path":"` + strings.Repeat("x", 1<<16) + `","md5hash":"` + strings.Repeat("x", 1<<16) + `","hash":"` + strings.Repeat("x", 1<<16) + `"}`,
		"a text of escapes":           `{"ioc":"` + strings.Repeat(`\u0001`, 1<<14) + `","path":"` + strings.Repeat(`\u0001`, 1<<14) + `","md5hash":"` + strings.Repeat(`\u0001`, 1<<14) + `"}`,
		"a long number":               `{"action":1` + strings.Repeat("0", 1<<16) + `}`,
		"a far exponent":              `{"action":1e` + strings.Repeat("9", 1<<16) + `}`,
		"a long name":                 `{"` + strings.Repeat("a", 1<<16) + `":0}`,
		"a long odd name":             `{"` + strings.Repeat(`\u0001`, 1<<14) + `":0}`,
	}
}

// TestParseCostsNoMoreThanItsParams: what is allocated for params that nobody
// can mean stays in proportion to their length and to the values that
// shared.MaxValues lets through, for every task.
func TestParseCostsNoMoreThanItsParams(t *testing.T) {
	for _, task := range All() {
		_, found := task.Parse(task.Sample()) // what is made once is not these params'
		require.Empty(t, found)
		for name, raw := range dear() {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			_, found := task.Parse(json.RawMessage(raw))
			runtime.ReadMemStats(&after)
			require.NotEmpty(t, found, "%s: %s", task.Name, name)
			assert.LessOrEqual(t, after.TotalAlloc-before.TotalAlloc, uint64(8*len(raw)+500*shared.MaxValues), "%s: %s", task.Name, name)
		}
	}
}

// TestParseNamesTheFirstHundred unknown names, and counts the others at the
// place where they stand.
func TestParseNamesTheFirstHundred(t *testing.T) {
	object := func(n int) string {
		var b strings.Builder
		b.WriteString(`{"action":1`)
		for i := range n {
			fmt.Fprintf(&b, `,"x%04d":0`, i)
		}
		return b.String() + "}"
	}
	named := func(found []shared.Violation) (n int) {
		for _, v := range found {
			if strings.Contains(v.Pointer, "/x") {
				n++
			}
		}
		return n
	}
	isolate, ok := Lookup("isolateHost")
	require.True(t, ok)
	for _, n := range []int{1, 99, 100, 101, 9000} {
		_, found := isolate.Parse(json.RawMessage(object(n)))
		assert.Len(t, found, n)
		assert.Equal(t, min(n, 100), named(found))
		assert.Equal(t, shared.Violation{Pointer: "/params/x0000", Message: "is not a parameter of this task"}, found[0])
		if n > 100 {
			assert.Equal(t, shared.Violation{Pointer: "/params", Message: "has a member that is not a parameter of this task"}, found[n-1])
			assert.Equal(t, n-shared.MaxListed, shared.Refuse(found...).Omitted)
		}
	}
	scan, ok := Lookup("onDemandScan")
	require.True(t, ok)
	_, found := scan.Parse(json.RawMessage("[" + strings.Repeat(object(100)+",", 63) + object(100) + "]"))
	assert.Len(t, found, 64*(100+1+4), "of each item, its action and the four that are missing are wrong too")
	assert.LessOrEqual(t, named(found), 100)
}
