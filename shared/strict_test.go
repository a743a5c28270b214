package shared_test

import (
	"encoding/json"
	"errors"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/kes-respond/kes-respond/shared"
)

func TestCheckJSON(t *testing.T) {
	deep := func(n int) string { return strings.Repeat("[", n) + strings.Repeat("]", n) }
	for _, c := range []struct {
		text string
		want []string // "pointer message"
	}{
		{`1`, nil},
		{` "x" `, nil},
		{`{"a":{"a":[{"a":1},{"a":1}]},"b":"a"}`, nil},
		{`{"a":1,"A":1}`, nil}, // two names; which of them exists is the schema's to say
		{`{"":1,"":2}`, []string{"/ stands twice"}},
		{`{"a":1,"a":1,"a":1}`, []string{"/a stands twice", "/a stands twice"}},
		{`{"a":1,"\u0061":1}`, []string{"/a stands twice"}},
		{`{"\n":1,"\u000a":1}`, []string{"/\n stands twice"}},
		{`[0,{"a/b":{"c~":{"x":1,"x":2}}}]`, []string{"/1/a~1b/c~0/x stands twice"}},
		{`{"a":[[],[],["{{.X}}"]]}`, []string{`/a/2/0 holds "{{.": a field was not filled in by the caller's template`}},
		{`"\u007b{\u002e"`, []string{` holds "{{.": a field was not filled in by the caller's template`}},
		{`["<no value>"]`, []string{`/0 holds "<no value>": the caller's template found no such field`}},
		{`"{{ . }}"`, nil},
		{`"\u0000"`, []string{" holds a NUL character"}},
		{`"\ud800"`, []string{" holds U+FFFD: a character was lost on the way here"}},
		{`"\udc00\ud800"`, []string{" holds U+FFFD: a character was lost on the way here"}},
		{`"\ufffd"`, []string{" holds U+FFFD: a character was lost on the way here"}},
		{"\"\uFFFD\"", []string{" holds U+FFFD: a character was lost on the way here"}},
		{`"\ud83d\ude00😀"`, nil},
		{`"\\ud800 \\u0000"`, nil},
		{`{"\u0000":1}`, []string{"/\x00 has a name that cannot be read"}},
		{`{"\ud800":1}`, []string{"/\uFFFD has a name that cannot be read"}},
		{deep(64), nil},
		{deep(65), []string{strings.Repeat("/0", 64) + " is nested deeper than 64 levels"}},
		{`[` + deep(64) + `,` + deep(64) + `]`, []string{strings.Repeat("/0", 64) + " is nested deeper than 64 levels"}},
		{`{"` + strings.Repeat("ж", 300) + `":"\u0000"}`, []string{"/" + strings.Repeat("ж", 127) + "… holds a NUL character"}},
		{`{"` + strings.Repeat("/", 300) + `":"\u0000"}`, []string{"/" + strings.Repeat("~1", 127) + "~… holds a NUL character"}},
	} {
		found, err := shared.CheckJSON([]byte(c.text))
		require.NoError(t, err, c.text)
		var got []string
		for _, v := range found {
			got = append(got, v.Pointer+" "+v.Message)
		}
		assert.Equal(t, c.want, got, c.text)
	}
}

func TestCheckJSONOfManyMembers(t *testing.T) {
	var b strings.Builder
	for i := range 1000 {
		b.WriteString(`"m` + strconv.Itoa(i) + `":0,`)
	}
	for _, twice := range []int{0, 5, 15, 16, 17, 500, 999} {
		object := `{` + b.String() + `"m` + strconv.Itoa(twice) + `":0}`
		found, err := shared.CheckJSON([]byte(object))
		require.NoError(t, err)
		assert.Equal(t, []shared.Violation{{Pointer: "/m" + strconv.Itoa(twice), Message: "stands twice"}}, found)
		found, err = shared.CheckJSON([]byte(`[{},` + object + `,{"m0":0,"m999":0}]`))
		require.NoError(t, err)
		assert.Equal(t, []shared.Violation{{Pointer: "/1/m" + strconv.Itoa(twice), Message: "stands twice"}}, found)
	}
}

func TestNotJSON(t *testing.T) {
	for text, said := range map[string]string{
		"":              "unexpected end of JSON input at byte 0",
		"{\"a\":\"\xff": "byte 6 is not UTF-8",
		`{"a":1,}`:      "invalid character '}' looking for beginning of object key string at byte 8",
		`{} {}`:         "invalid character '{' after top-level value at byte 4",
	} {
		found, err := shared.CheckJSON([]byte(text))
		assert.ErrorIs(t, err, shared.ErrNotJSON)
		assert.Nil(t, found)
		assert.ErrorContains(t, err, said)
	}
}

// TestNamesAreReadAsTheLibraryReadsThem: two spellings of one name must not
// pass as two.
func TestNamesAreReadAsTheLibraryReadsThem(t *testing.T) {
	piece := rapid.SampledFrom([]string{
		`a`, `é`, `😀`, `u`, `\\`, `\"`, `\/`, `\b`, `\f`, `\n`, `\r`, `\t`, `\u0041`, `\u00E9`, `\u2028`, `\ud83d`, `\ude00`, `\uD83D\uDE00`, `\udbff\udfff`, `\uffff`,
	})
	rapid.Check(t, func(t *rapid.T) {
		raw := `"` + strings.Join(rapid.SliceOfN(piece, 0, 12).Draw(t, "pieces"), "") + `"`
		var name string
		require.NoError(t, json.Unmarshal([]byte(raw), &name))
		found, err := shared.CheckJSON([]byte(`{` + raw + `:"\u0000"}`))
		require.NoError(t, err)
		require.NotEmpty(t, found)
		require.Equal(t, shared.Violation{Pointer: shared.Pointer(name), Message: "holds a NUL character"}, found[len(found)-1])
	})
}

// anyJSON draws texts that are JSON, nearly JSON, or far from it.
func anyJSON() *rapid.Generator[string] {
	leaf := rapid.SampledFrom([]string{
		`1`, `-0`, `1e9`, `true`, `null`, `""`, `"a"`, `"\\"`, `"\""`, `"\u0061"`, `"{{."`, `"\ud800"`, `"\u0000"`, "\"\xff\"", `nul`, `01`, `"`, `"\x"`, "\"\n\"", ``,
	})
	key := rapid.SampledFrom([]string{`"a"`, `"b"`, `"\u0061"`, `"a\\"`, `"\""`, `"{"`, `""`, `a`})
	blank := rapid.SampledFrom([]string{"", "", " ", "\t\r\n"})
	return rapid.Custom(func(t *rapid.T) string {
		var value func(depth int) string
		value = func(depth int) string {
			kind := rapid.IntRange(0, 5).Draw(t, "kind")
			if depth == 0 || kind < 2 {
				return leaf.Draw(t, "leaf")
			}
			var parts []string
			for range rapid.IntRange(0, 4).Draw(t, "n") {
				part := value(depth - 1)
				if kind < 4 {
					part = key.Draw(t, "key") + blank.Draw(t, "b") + ":" + part
				}
				parts = append(parts, blank.Draw(t, "b")+part+blank.Draw(t, "b"))
			}
			if kind < 4 {
				return "{" + strings.Join(parts, ",") + "}"
			}
			return "[" + strings.Join(parts, ",") + "]"
		}
		return value(4)
	})
}

// TestCheckJSONAgainstTheLibrary: what encoding/json refuses is refused, and a
// second reading by its tokens finds what ours found.
func TestCheckJSONAgainstTheLibrary(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) { againstLibrary(t, []byte(anyJSON().Draw(t, "text"))) })
}

func againstLibrary(t require.TestingT, text []byte) {
	found, err := shared.CheckJSON(text)
	if err != nil {
		require.True(t, errors.Is(err, shared.ErrNotJSON))
		require.True(t, !json.Valid(text) || strings.ToValidUTF8(string(text), "") != string(text), "valid JSON is refused as none: %q", text)
		return
	}
	require.True(t, json.Valid(text), "taken, and no JSON: %q", text)
	wanted := flawsByTokens(text)
	if wanted > 100 {
		wanted = 100
	}
	require.Len(t, found, wanted, "%q", text)
	for _, v := range found {
		require.LessOrEqual(t, len(v.Pointer), 256+len("…"))
	}
}

// flawsByTokens counts flaws by json.Decoder, which shares nothing with ours.
func flawsByTokens(text []byte) int {
	type level struct {
		object, value bool
		seen          map[string]bool
	}
	dec := json.NewDecoder(strings.NewReader(string(text)))
	dec.UseNumber()
	var levels []*level
	flaws, deep := 0, false
	for {
		token, err := dec.Token()
		if err != nil {
			return flaws
		}
		var top *level
		if len(levels) > 0 {
			top = levels[len(levels)-1]
		}
		s, isText := token.(string)
		switch {
		case token == json.Delim('}') || token == json.Delim(']'):
			levels = levels[:len(levels)-1]
			continue
		case isText && top != nil && top.object && !top.value:
			if top.seen[s] {
				flaws++
			}
			if strings.ContainsAny(s, "\x00\uFFFD") {
				flaws++
			}
			top.seen[s], top.value = true, true
			continue
		case isText && (strings.ContainsAny(s, "\x00\uFFFD") || strings.Contains(s, "{{.") || strings.Contains(s, "<no value>")):
			flaws++
		}
		if top != nil {
			top.value = false
		}
		if d, ok := token.(json.Delim); ok {
			if len(levels) == shared.MaxDepth && !deep {
				flaws, deep = flaws+1, true
			}
			levels = append(levels, &level{object: d == '{', seen: map[string]bool{}})
		}
	}
}
