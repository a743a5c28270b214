package ksc

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// comparison is one condition read back from a filter.
type comparison struct{ attribute, operator, literal string }

// readFilter reads a search filter as KSCAPI a00002 describes it, and nothing
// else: (op(a)(b)…), (attribute operator value), values in double quotes with
// a quote inside doubled, whole numbers, times T"…". Wildcards are an error
// unless they stand for themselves alone, as a set of one character. It knows
// nothing of the code that builds filters.
type readFilter struct {
	rest string
	all  []comparison
}

func readBack(filter string) ([]comparison, error) {
	r := &readFilter{rest: filter}
	if err := r.group(); err != nil {
		return nil, fmt.Errorf("%w, before %q", err, r.rest)
	}
	if r.rest != "" {
		return nil, fmt.Errorf("%q follows the end", r.rest)
	}
	return r.all, nil
}

func (r *readFilter) take(s string) bool {
	rest, ok := strings.CutPrefix(r.rest, s)
	r.rest = rest
	return ok
}

func (r *readFilter) group() error {
	if !r.take("(") {
		return fmt.Errorf("no (")
	}
	if r.take("&") || r.take("|") || r.take("!") {
		for strings.HasPrefix(r.rest, "(") {
			if err := r.group(); err != nil {
				return err
			}
		}
	} else if err := r.condition(); err != nil {
		return err
	}
	if !r.take(")") {
		return fmt.Errorf("no )")
	}
	return nil
}

var (
	conditionHead = regexp.MustCompile(`^([A-Za-z_]+)(<>|<=|>=|=|<|>)`)
	wholeNumber   = regexp.MustCompile(`^-?[0-9]+`)
)

func (r *readFilter) condition() error {
	m := conditionHead.FindStringSubmatch(r.rest)
	if m == nil {
		return fmt.Errorf("no attribute and operator")
	}
	r.rest = r.rest[len(m[0]):]
	c := comparison{attribute: m[1], operator: m[2]}
	if n := wholeNumber.FindString(r.rest); n != "" {
		c.literal, r.rest = n, r.rest[len(n):]
		r.all = append(r.all, c)
		return nil
	}
	isTime := r.take("T")
	if !r.take(`"`) {
		return fmt.Errorf("no value")
	}
	for {
		char, size := utf8.DecodeRuneInString(r.rest)
		if size == 0 {
			return fmt.Errorf("the quote is not closed")
		}
		r.rest = r.rest[size:]
		switch {
		case char == '"' && !r.take(`"`):
			r.all = append(r.all, c)
			return nil
		case char == '[' && !isTime:
			member, size := utf8.DecodeRuneInString(r.rest)
			r.rest = r.rest[size:]
			if size == 0 || member == '^' || member == ']' || member == '"' || !r.take("]") {
				return fmt.Errorf("a set of other than one character")
			}
			char = member
		case char == '*' || char == '?':
			return fmt.Errorf("a wildcard")
		}
		c.literal += string(char)
	}
}

// hostile are texts made of what means something in a filter.
func hostile() *rapid.Generator[string] {
	piece := rapid.OneOf(
		rapid.SampledFrom([]string{
			`"`, `""`, `"""`, `*`, `?`, `[`, `]`, `[^`, `[a-z]`, `[*]`, `(`, `)`, `&`, `|`, `!`, `=`, `<>`, `\`, `\"`, `%`, `'`, " ", "T\"", "CURTIME(0)",
			`")(KLHST_WKS_DN="*`, `")`, `"))(|(a="`, "Ж", "é", "😀", "\u2028", "\u00a0", "＂", "＊", "［", "\u202e", "\ufeff", "\ufffd", "\x00", "\n", "\r\n", "\t", "\x7f", "\u0085", "\xff", "\xc3",
		}),
		rapid.String(), rapid.StringMatching(`[A-Za-z0-9.-]{1,10}`),
	)
	return rapid.Custom(func(t *rapid.T) string {
		return strings.Join(rapid.SliceOfN(piece, 0, 8).Draw(t, "pieces"), "")
	})
}

// TestNoNameChangesAFilter: whatever the text, the filter says of each
// attribute that it equals exactly that text; or the text is refused, and then
// it is one that no host has as a name.
func TestNoNameChangesAFilter(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		name := hostile().Draw(t, "name")
		by := rapid.SampledFrom([]By{ByAny, ByDNS, ByFQDN, ByNetBIOS}).Draw(t, "by")
		filter, matches, err := hostFilter(by, name)
		impossible := name == "" || len(name) > 1024 || !utf8.ValidString(name) || strings.ContainsFunc(name, unicode.IsControl)
		if err != nil {
			require.True(t, impossible, "%q is refused: %v", name, err)
			return
		}
		require.False(t, impossible, "%q is not refused", name)
		got, err := readBack(filter)
		require.NoError(t, err, filter)
		var want []comparison
		for _, a := range attributes(by) {
			want = append(want, comparison{a, "=", name})
		}
		require.Equal(t, want, got, filter)
		same := row{attributes(by)[0]: textValue(t, name)}
		require.True(t, matches(same))
		require.False(t, matches(row{attributes(by)[0]: textValue(t, name+"x")}))
		require.False(t, matches(row{}))
	})
}

func textValue(t require.TestingT, s string) value {
	raw, err := asciiJSON(s)
	require.NoError(t, err)
	return value{raw}
}

// TestNoIDChangesAFilter is the same for the incidents of a host.
func TestNoIDChangesAFilter(t *testing.T) {
	since := time.Date(2026, 11, 25, 9, 30, 0, 0, time.FixedZone("", -3600))
	rapid.Check(t, func(t *rapid.T) {
		id := hostile().Draw(t, "id")
		host, added := comparison{"KLHST_WKS_HOSTNAME", "=", id}, comparison{"KLINCDT_ADDED", ">=", "2026-11-25 10:30:00"}
		for filter, want := range map[string][]comparison{
			addedSince(since):  {host, added},
			after(4711, since): {host, {"KLINCDT_ID", "<>", "4711"}, {"KLINCDT_ID", ">", "4711"}, added},
		} {
			whole, err := filterOfHost(id, filter)
			if err != nil {
				return
			}
			got, err := readBack(whole)
			require.NoError(t, err, whole)
			require.Equal(t, want, got)
		}
	})
}

// TestTheReaderKnowsAnAttack: readBack can fail.
func TestTheReaderKnowsAnAttack(t *testing.T) {
	for _, filter := range []string{
		`(a="x*")`, `(a="x?")`, `(a="[a-z]")`, `(a="[^*]")`, `(a="x")(b="y")`, `(a="x"`, `(a="x""`, `a="x"`, `(a="x")y`, `(a="[*")`, `(a=x)`,
	} {
		_, err := readBack(filter)
		assert.Error(t, err, filter)
	}
	got, err := readBack(`(|(a="x""[*][?][[]]")(b=7))`)
	require.NoError(t, err)
	assert.Equal(t, []comparison{{"a", "=", `x"*?[]`}, {"b", "=", "7"}}, got)
}

func TestAnAddressIsANumber(t *testing.T) {
	for address, number := range map[string]string{"192.0.2.1": "3221225985", "127.0.0.1": "2130706433", "255.255.255.255": "4294967295"} {
		filter, matches, err := hostFilter(ByIP, address)
		require.NoError(t, err)
		assert.Equal(t, "(|(KLHST_WKS_IP_LONG="+number+")(KLHST_WKS_CONNECT_IP_LONG="+number+"))", filter)
		assert.True(t, matches(row{"KLHST_WKS_IP_LONG": {[]byte(`"` + number + `"`)}}))
		assert.True(t, matches(row{"KLHST_WKS_CONNECT_IP_LONG": {[]byte(number)}}))
		assert.False(t, matches(row{"KLHST_WKS_IP_LONG": {[]byte("1")}}))
	}
	_, matches, err := hostFilter(ByIP, "192.0.2.1")
	require.NoError(t, err)
	assert.True(t, matches(row{"KLHST_WKS_IP_LONG": {[]byte("-1073741311")}}), "the same 32 bits, signed")
	assert.False(t, matches(row{"KLHST_WKS_IP_LONG": {[]byte("7516193281")}}), "33 bits")
	for _, address := range []string{"", "0.0.0.0", "::1", "1.2.3", "1.2.3.4)", "01.2.3.4", "pc-12", "::ffff:1.2.3.4", "1.2.3.4%eth0"} {
		_, _, err := hostFilter(ByIP, address)
		assert.Error(t, err, address)
	}
}
