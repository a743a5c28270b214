package main

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"
)

// hostile is a value that whoever shapes an event may have put into a field.
type hostile struct {
	text    string // as a Go caller or a command line holds it
	literal string // as a line of JSON holds it, in quotes; some say something else, or nothing
}

// dealer deals hostile values, never one twice.
type dealer struct {
	random *rand.Rand
	dealt  map[string]bool
}

// seeded gives the seed of a run and says it, so that a failure can be had again.
func seeded(t testing.TB) uint64 {
	t.Helper()
	seed, err := strconv.ParseUint(os.Getenv("KES_RESPOND_SEED"), 10, 64)
	if err != nil {
		seed = rand.Uint64()
	}
	t.Logf("KES_RESPOND_SEED=%d", seed)
	return seed
}

func newDealer(seed uint64) *dealer {
	return &dealer{rand.New(rand.NewPCG(seed, 17)), map[string]bool{}}
}

// tricks are what attackers of the programs on the way have found, by kind.
var tricks = [][]string{
	{`"`, `'`, "`", `""`, `\"`, `\\"`, `\`, `"}`, `","action":0,"x":"`, `"},"task":"startProcess`, `</script>`, `&quot;`, `&#34;`, `%22`, `\u0022`, `'; DROP TABLE hosts;--`},
	{`*`, `?`, `[*]`, `[^a]`, `[`, `]`, `*")(KLHST_WKS_DN="*`, `a")(|(KLHST_WKS_DN="*"))`, `")`, `(`, `)`, `(&`, `(|`, `(!`, `=`, `<>`, `>=`, `T"2026-01-01 00:00:00"`, `CURTIME(0)`, `0x00`, `\2a`, `*)(uid=*))(|(uid=*`, `a*b?c`},
	{`-`, `--`, `-h`, `--help`, `--dryRun=false`, `--action=0`, `--server=other`, `--config=/tmp/x`, `@/etc/passwd`, `@file`, `=x`, `a=b`, `$(id)`, "`id`", `;id`, `|id`, `&&id`, `>x`, `%0a`, "a\nb", "a\r\n--action 0", "\x00", "a\x00b", "a b", " a", "a ", "\t"},
	{`{{.X}}`, `{{ .X }}`, `{{.`, `<no value>`, `${X}`, `${env:PATH}`, `${jndi:ldap://x/a}`, `%X%`, `%PATH%`, `%s%s%n`, `#{X}`, `$X`, `{% x %}`, `<%= x %>`, `null`, `undefined`, `None`, `N/A`, `[object Object]`, `{}`, `[]`, `0`, `false`},
	{`..`, `..\..\Windows`, `../../etc/passwd`, `C:\Windows\..\x`, `\\.\PhysicalDrive0`, `\\?\C:\Windows`, `\\?\UNC\a\b`, `\\server\share\x`, `//server/share/x`, `C:\a.txt:s`, `C:\a::$DATA`, `C:\PROGRA~1\x`, `C:\a.`, `C:\a...\b`, `C:\a \b`, `C:a`, `\a`, `CON`, `NUL`, `C:\CON`, `COM1:`, `LPT1`, `C:\a\\b`, `C:/a/b`, `file:///C:/a`, `C:\*.exe`},
	{"аdmin", "ＰＣ-12", "PC‐12", "РС-12", "ΡC-12", "K", "ſ", "ı", "İ", "ß", "ﬁ", "１２", "。", "．", "＼", "∕", "⁄", "＂", "＇", "‚", "＊", "？"},
	{"e\u0301", "a\u0300\u0301\u0302\u0303", "\u202e", "\u202d", "\u2066", "\u2069", "\u200e", "\u200f", "\u061c", "\u200b", "\u200d", "\u2060", "\ufeff", "\u00ad", "\u2028", "\u2029", "\U000e0041", "\ufe0f", "\u180e", "\u3164"},
	{"\xff", "\xc0\xaf", "\xed\xa0\x80", "\xf4\x90\x80\x80", "a\x80b", "\xe2\x82", "\ufffd", "\ufffe", "\uffff", "\U0001ffff"},
	{"\x1b[2J", "\x1b]0;x\x07", "\x1b[1A\x1b[2K", "\u009b31m", "\x07", "\x08", "\x7f", "\x0b", "\x0c", "\x1b", "\r", "\n", "\u0085", "\nkes-respond: all is well", "\r\nsubmitted: KSC has stored it", "\x1b]8;;http://x\x1b\\"},
	{"PC-12", "a", "host.corp.example", "C:\\Temp\\a.exe", "KUMA", "44d88612fea8a8f36de82e1278abb02f", "Zürich", "東京", "ПК-12", "😀"},
}

// wraps are where a value of a field that takes paths alone may have its trick.
var wraps = []string{"%s", "%s", "%s", `C:\n\%s`, `C:\n\a%sb.exe`, `C:\%s\a.exe`, `\\s\s\%s`, "a%sb", "x%s", "%sx"}

// deal gives the next value.
func (d *dealer) deal() hostile {
	for {
		h := d.one()
		if !d.dealt[h.text] {
			d.dealt[h.text] = true
			return h
		}
	}
}

func (d *dealer) one() hostile {
	if d.random.IntN(2000) == 0 { // a few are of megabytes
		trick := d.trick()
		return d.written(strings.Repeat(trick, 1+(1+d.random.IntN(3))<<20/len(trick)))
	}
	if d.random.IntN(20) == 0 { // a few are what they should be
		return d.written("x" + strconv.Itoa(d.random.IntN(1e9)))
	}
	text := ""
	for range 1 + d.random.IntN(3) {
		text += d.trick()
	}
	if d.random.IntN(4) == 0 {
		at := d.random.IntN(len(text) + 1) // may cut a character in two
		text = text[:at] + strconv.Itoa(d.random.IntN(1000)) + text[at:]
	}
	if d.random.IntN(8) == 0 {
		text += strings.Repeat("a", d.random.IntN(1200))
	}
	return d.written(fmt.Sprintf(wraps[d.random.IntN(len(wraps))], text))
}

func (d *dealer) trick() string {
	kind := tricks[d.random.IntN(len(tricks))]
	return kind[d.random.IntN(len(kind))]
}

// written writes a text as JSON in one of the ways in which callers do it, the
// broken ones among them.
func (d *dealer) written(text string) hostile {
	h := hostile{text: text, literal: quotedRaw(text)}
	switch d.random.IntN(8) {
	case 0: // as it is: what must be escaped is not
	case 1:
		h.literal = quotedEscaped(text)
	case 2:
		h.literal = h.literal[:len(h.literal)-1] + `\ud8` + strconv.Itoa(10+d.random.IntN(80)) + `"` // half a pair
		h.text = text + "\xed\xa0\x80"
		return h
	default:
		if data, err := json.Marshal(text); err == nil && utf8.ValidString(text) {
			h.literal = string(data)
		}
	}
	return h
}

func quotedRaw(text string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(text) + `"`
}

// quotedEscaped writes every character as \u escapes.
func quotedEscaped(text string) string {
	var b strings.Builder
	for _, r := range text {
		if r > 0xffff {
			r -= 0x10000
			fmt.Fprintf(&b, `\u%04x\u%04X`, 0xd800+r>>10, 0xdc00+r&0x3ff)
			continue
		}
		fmt.Fprintf(&b, `\u%04x`, r)
	}
	return `"` + b.String() + `"`
}
