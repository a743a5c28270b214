package ksctest

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

var filterNow = time.Date(2026, 11, 23, 8, 0, 0, 0, time.UTC)

// sampleRow has an attribute of each type.
func sampleRow() row {
	return row{
		"s": `Room "B" 12`, "star": "a*b", "n": int64(-5), "bits": int64(29), "yes": true, "no": false, "long": wrap("long", int64(1)<<40),
		"when": wrap("datetime", "2026-11-23T08:00:00Z"), "never": wrap("datetime", ""), "raw": wrap("binary", "AAH/"), "cyr": "ПК-Ёж", "empty": "",
	}
}

// TestFilterLanguage: KSCAPI a00002.
func TestFilterLanguage(t *testing.T) {
	for filter, want := range map[string]bool{
		``: true, "  \t\n": true, `n=-5`: true, `(n=-5)`: true, `((n=-5))`: true, ` ( n = -5 ) `: true, `n=+5`: false,
		`n<>-5`: false, `n>-6`: true, `n>=-5`: true, `n<=-5`: true, `n<-5`: false, `n>-5`: false,
		`(&(n=-5)(yes=1))`: true, `(&(n=-5)(yes=0))`: false, `(|(n=0)(yes=1))`: true, `(|(n=0)(yes=0))`: false, `(!(n=0))`: true,
		`( & (n=-5) ( | (n=0) ( ! (yes=0) ) ) )`: true, `(&(n=-5))`: true, `(!(!(n=-5)))`: true, `(!(&(n=-5)(no=0)))`: false,
		`yes=1`: true, `yes<>0`: true, `no=0`: true, `no=1`: false, `long=1099511627776`: true, `long>1099511627775`: true,
		`bits&1<>0`: true, `bits & 2 <> 0`: false, `bits&4=4`: true, `bits&-1=29`: true,
		`s="room ""b"" 12"`: true, `s="Room ""B"" 1"`: false, `s<>"x"`: true, `s="*""B""*"`: true, `s="Room*"`: true, `s="*12"`: true,
		`s="Room ?B? ??"`: true, `s="?"`: false, `s="[q-s]oom*"`: true, `s="[^q-s]oom*"`: false, `s="[Q-S]oom*"`: true, `s="*[0-9]"`: true,
		`s="**"`: true, `empty=""`: true, `empty="*"`: true, `empty="?"`: false, `s=""`: false,
		`star="a[*]b"`: true, `star="a*b"`: true, `star="a[^*]b"`: false, `star="a[*-]b"`: true, `star<>"a*b"`: false, `star<>"a?b"`: true,
		`s>"A"`: true, `s<"a"`: false, `s>="ROOM ""B"" 12"`: true, `cyr="пк-ёж"`: true, `cyr="ПК-[а-яё]Ж"`: true, `cyr="??-??"`: true,
		`when=T"2026-11-23 08:00:00"`: true, `when<T"2026-11-23 08:00:01"`: true, `when>T"2026-11-23 08:00:00"`: false,
		`when>=CURTIME(0)`: true, `when>CURTIME(-60)`: true, `when>CURTIME( 60 )`: false,
		`raw=0x0001ff`: true, `raw=0X0001FF`: true, `raw=0x00`: false, `raw>0x00`: true,
		`absent=1`: false, `absent<>1`: false, `(!(absent=1))`: true, `absent="*"`: false,
	} {
		n, err := parseFilter(filter, filterNow)
		if !assert.NoError(t, err, filter) {
			continue
		}
		got, err := n.match(sampleRow())
		assert.NoError(t, err, filter)
		assert.Equal(t, want, got, filter)
	}
}

// TestFiltersRefused: broken or hostile text is KLSTD 1192, and so is a comparison of unlike types.
func TestFiltersRefused(t *testing.T) {
	s := start(t, Options{Inventory: []Host{{ID: "h", Attributes: map[string]any{"KLHST_WKS_CREATED": wrap("datetime", "2026-11-23T08:00:00Z")}}}})
	c := newClient(t, s)
	for _, filter := range []string{
		`(`, `)`, `()`, `(&)`, `(|)`, `(!)`, `(!(n=1)(n=2))`, `n`, `n=`, `=1`, `n==1`, `n=1 or n=2`, `(n=1`, `n=1)`, `(n=1)(n=2)`, `&(n=1)(n=2)`,
		`(&(n=1)x)`, `(& n=1)`, `(n=1)x`, `n="a`, `n="a""`, `n='a'`, `n=abc`, `n=1.5`, `n=--1`, `n=9223372036854775808`, `n=0x0`, `n=0xzz`,
		`n=T"2026-11-23"`, `n=T"2026-11-23T08:00:00Z"`, `n=T"2026-11-23 8:00:00"`, `n=T"2026-02-30 00:00:00"`, `n=T2026`, `n=CURTIME()`,
		`n=CURTIME(1`, `n=CURTIME(x)`, `n=CURTIME(9223372036854775807)`, `n=CURTIME(-9223372036854775808)`, `n="[a"`, `n="a["`, `n="[]"`, `n="[^]"x`,
		`1n=1`, `n&x=1`, `n&1="a"`, `n&1`, `n~1`, "n\x00=1", `ä=1`, `n=1;`,
		strings.Repeat("(!", 200) + `(n=1)` + strings.Repeat(")", 200), strings.Repeat("(", 1<<16), `n="` + strings.Repeat("a", 1<<20) + `"`,
		`KLHST_WKS_STATUS="29"`, `KLHST_WKS_DN=1`, `KLHST_WKS_DN&1=1`, `KLHST_WKS_STATUS=T"2026-11-23 08:00:00"`, `KLHST_WKS_CREATED="2026"`, `KLHST_WKS_DN=0x00`,
		`(|(KLHST_WKS_DN="h")(KLHST_WKS_STATUS="29"))`,
	} {
		body := `{"vecFieldsToReturn":[],"wstrFilter":` + quote(t, filter) + `}`
		g := c.post("HostGroup.FindHosts", body)
		short := filter[:min(len(filter), 60)]
		if assert.Contains(t, g.text, `"PxgError"`, short) {
			assert.Equal(t, "KLSTD 1192 0", pxg(t, g), short)
			assert.Less(t, len(g.text), 8<<10, "an answer does not repeat a filter without bound")
		}
	}
}

// TestManyIDsWithoutInventory: a filter that names very many hosts is answered, not pondered.
func TestManyIDsWithoutInventory(t *testing.T) {
	c := newClient(t, start(t, Options{}))
	var filter strings.Builder
	filter.WriteString("(|")
	for i := range 1000 {
		filter.WriteString(`(KLHST_WKS_HOSTNAME="host ` + itoa(i) + `")`)
	}
	body := `{"vecFieldsToReturn":["KLHST_WKS_HOSTNAME"],"wstrFilter":` + quote(t, filter.String()+")") + `}`
	assert.Len(t, c.rows(t, "HostGroup.FindHosts", body), 1000)
}

// escape writes text so that it stands for itself in a filter: a second reading of the language beside the parser's.
func escape(text string) string {
	return strings.NewReplacer(`"`, `""`, `*`, `[*]`, `?`, `[?]`, `[`, `[[]`).Replace(text)
}

// TestAnEscapedNameMatchesItselfOnly: whatever the name of a host, its escaped form finds that host and no other.
func TestAnEscapedNameMatchesItselfOnly(t *testing.T) {
	name := rapid.StringOfN(rapid.SampledFrom([]rune(`aB1"*?[]^-()&|!=<>\ éЁ𝄞`)), 0, 8, -1)
	rapid.Check(t, func(t *rapid.T) {
		names := rapid.SliceOfNDistinct(name, 1, 6, fold).Draw(t, "names")
		wanted := rapid.SampledFrom(names).Draw(t, "wanted")
		n, err := parseFilter(`(|(KLHST_WKS_DN="`+escape(wanted)+`")(KLHST_WKS_FQDN="`+escape(wanted)+`"))`, filterNow)
		require.NoError(t, err)
		for _, other := range names {
			ok, err := n.match(row{"KLHST_WKS_DN": other})
			require.NoError(t, err)
			require.Equal(t, other == wanted, ok, "filter for %q, host %q", wanted, other)
		}
	})
}

// TestNoTextBreaksTheParser: whatever comes in, there is an answer or an error in the vendor's way.
func TestNoTextBreaksTheParser(t *testing.T) {
	piece := rapid.SampledFrom([]string{`(`, `)`, `&`, `|`, `!`, `n`, `s`, `=`, `<`, `>`, `"`, `*`, `?`, `[`, `]`, `^`, `-`, `1`, ` `, `T`, `CURTIME(`, `0x`, "é", "\xff"})
	rapid.Check(t, func(t *rapid.T) {
		filter := strings.Join(rapid.SliceOfN(piece, 0, 24).Draw(t, "pieces"), "")
		n, err := parseFilter(filter, filterNow)
		if err == nil {
			_, err = n.match(sampleRow())
		}
		if err != nil {
			var f *fault
			require.ErrorAs(t, err, &f)
			require.Equal(t, 1192, f.code)
		}
	})
}
