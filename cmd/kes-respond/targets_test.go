package main

import (
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kes-respond/kes-respond/shared"
)

// toldOf runs a task command for a file of targets as a program that nobody can be
// asked by, and gives its exit code and standard error.
func toldOf(t *testing.T, targets string, args ...string) (int, string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "targets")
	require.NoError(t, os.WriteFile(path, []byte(targets), 0o600))
	var out, errs strings.Builder
	code := run(t.Context(), surroundings{
		args: append([]string{"kes-respond"}, append(args, "--targets", path)...), in: strings.NewReader(""), out: &out, err: &errs,
		getenv: func(string) string { return "" },
	})
	assert.Empty(t, out.String())
	return code, errs.String()
}

// TestTargetsAtTheirLimits takes as many as may be, and refuses one more.
func TestTargetsAtTheirLimits(t *testing.T) {
	lines := func(many int) string {
		var b strings.Builder
		for i := range many {
			fmt.Fprintf(&b, "PC-%d\n", i)
		}
		return b.String()
	}
	code, said := toldOf(t, lines(maxTargets), "isolateHost", "--action", "1")
	assert.Equal(t, 64, code)
	assert.Contains(t, said, "100000 hosts would be changed")
	code, said = toldOf(t, lines(maxTargets+1), "isolateHost", "--action", "1")
	assert.Equal(t, 65, code)
	assert.Contains(t, said, "names more than 100000 targets: part it; nothing was sent")

	filled := func(bytes int) string { return "PC-1\n" + strings.Repeat("#", bytes-len("PC-1\n")) }
	code, said = toldOf(t, filled(maxTargetsBytes), "isolateHost", "--action", "1")
	assert.Equal(t, 64, code)
	assert.Contains(t, said, "1 host would be changed")
	code, said = toldOf(t, filled(maxTargetsBytes+1), "isolateHost", "--action", "1")
	assert.Equal(t, 64, code)
	assert.Contains(t, said, "is too long: it may have 16777216 bytes")
}

// TestPlainNamesAreHosts holds the short way by which most names are let through
// against the whole check.
func TestPlainNamesAreHosts(t *testing.T) {
	for _, host := range []string{plainName[:plainBytes], plainName[1:], "-", ".", "_"} {
		_, refusal := shared.ParseRequest(lineOf("isolateHost", host, []byte(`{}`)))
		assert.Nil(t, refusal, host)
	}
}

// TestWrongLinesAreAllNamed lists twenty of them in the order of the file, and how
// many more there are.
func TestWrongLinesAreAllNamed(t *testing.T) {
	text := "targetHost,action\n"
	for i := range 30 {
		text += fmt.Sprintf("PC-%d,%d\n", i, 2+i%2)
	}
	text += "PC-1,1,1\n"
	code, said := toldOf(t, text, "isolateHost")
	assert.Equal(t, 65, code)
	for line := 2; line <= 21; line++ {
		assert.Contains(t, said, fmt.Sprintf("\n  line %d: PC-%d: --action must be one of 0, 1\n", line, line-2))
	}
	assert.NotContains(t, said, "line 22:")
	assert.Contains(t, said, "\n  and 11 more\n")
}

// TestTargetsAsProgramsWriteThem reads what a spreadsheet and PowerShell make of
// one and the same list.
func TestTargetsAsProgramsWriteThem(t *testing.T) {
	wide := func(order binary.AppendByteOrder, text string) string {
		var b []byte
		for _, u := range utf16.Encode([]rune("\ufeff" + text)) {
			b = order.AppendUint16(b, u)
		}
		return string(b)
	}
	for name, text := range map[string]string{
		"plain":         "PC-1\nPÜ-2",
		"CRLF":          "PC-1\r\n\r\n  PÜ-2  \r\n",
		"BOM":           "\ufeffPC-1\nPÜ-2\n",
		"UTF-16LE":      wide(binary.LittleEndian, "PC-1\r\nPÜ-2\r\n"),
		"UTF-16BE":      wide(binary.BigEndian, "PC-1\nPÜ-2\n"),
		"CSV":           "# made by hand\ntargetHost\nPC-1\nPÜ-2\n",
		"CSV in quotes": "\"targetHost\"\n\"PC-1\"\n\n\"PÜ-2\"\n",
		"tabs":          "action\ttargetHost\n\tPC-1\n\tPÜ-2\n\t\n",
	} {
		t.Run(name, func(t *testing.T) {
			sh, err := parseTargets("it", []byte(text))
			require.NoError(t, err)
			require.Len(t, sh.rows, 2)
			assert.Empty(t, sh.flaws.all)
			assert.Equal(t, "PC-1", sh.rows[0].host)
			assert.Equal(t, "PÜ-2", sh.rows[1].host)
		})
	}
	for name, text := range map[string]string{
		"half a character": "\xff\xfea",
		"Latin-1":          "P\xdc-2\n",
		"no host column":   "TargetHost,action\nPC-1,1\n",
		"a column twice":   "targetHost,action,action\nPC-1,1,0\n",
	} {
		t.Run(name, func(t *testing.T) {
			_, err := parseTargets("it", []byte(text))
			require.Error(t, err)
		})
	}
}

// FuzzTargets reads anything, and gives no more hosts than there are lines.
func FuzzTargets(f *testing.F) {
	f.Add([]byte("PC-1\n#\nPC-2"))
	f.Add([]byte("targetHost;path\n\"a\nb\";c\n\"\n"))
	f.Add([]byte("\xff\xfea\x00"))
	f.Fuzz(func(t *testing.T, data []byte) {
		sh, err := parseTargets("it", data)
		if err != nil {
			return
		}
		text, err := decoded(data)
		require.NoError(t, err)
		lines := strings.Count(text, "\n") + 1
		require.LessOrEqual(t, len(sh.rows), lines)
		for _, row := range sh.rows {
			require.True(t, row.line >= 1 && row.line <= lines)
			require.Len(t, row.cells, len(sh.columns))
		}
	})
}

func BenchmarkTargets(b *testing.B) {
	var text strings.Builder
	for i := range 10_000 {
		fmt.Fprintf(&text, "PC-%d\n", i)
	}
	path := filepath.Join(b.TempDir(), "targets")
	require.NoError(b, os.WriteFile(path, []byte(text.String()), 0o600))
	for b.Loop() { // up to the question that nobody answers
		run(b.Context(), surroundings{
			args: []string{"kes-respond", "isolateHost", "--action", "1", "--targets", path}, in: strings.NewReader(""), out: &strings.Builder{}, err: &strings.Builder{},
			getenv: func(string) string { return "" },
		})
	}
	b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N)/10_000, "µs/target")
}

// TestLinesThatSayNothing may stand anywhere in a file with columns, indented or of
// blanks alone, and change no number of a line; inside of quotes they are text.
func TestLinesThatSayNothing(t *testing.T) {
	for name, text := range map[string]string{
		"blanks before the header":   "   \n\t\ntargetHost,path\nPC-1,C:\\a\n",
		"a comment before":           "  # from \"rule 17\", by ann\r\n\ntargetHost,path\r\nPC-1,C:\\a\r\n",
		"a comment, not indented":    "# it's \"odd\ntargetHost;path\nPC-1;C:\\a\n",
		"between":                    "targetHost,path\n \n  # PC-2,C:\\b\nPC-1,C:\\a\n",
		"the last, without an end":   "targetHost,path\nPC-1,C:\\a\n  # \"",
		"a mark of the byte order":   "\ufeff \ntargetHost,path\nPC-1,C:\\a\n",
		"behind a quoted cell":       "targetHost,path\n\"PC-1\",\"C:\\a\"\n\t# \"x\n",
		"columns parted by tabs":     "  # x\ntargetHost\tpath\nPC-1\tC:\\a\n",
		"a row of a spreadsheet's":   ",\ntargetHost,path\n,\nPC-1,C:\\a\n",
		"blanks before it, and tabs": " \t \ntargetHost\tpath\nPC-1\tC:\\a\n",
	} {
		data, err := decoded([]byte(text))
		require.NoError(t, err)
		sh, err := parseTargets(name, []byte(text))
		require.NoError(t, err, name)
		assert.Empty(t, sh.flaws.all, name)
		assert.Equal(t, []string{"path"}, sh.columns, name)
		require.Len(t, sh.rows, 1, name)
		assert.Equal(t, "PC-1", sh.rows[0].host, name)
		assert.Equal(t, []string{`C:\a`}, sh.rows[0].cells, name)
		before, _, _ := strings.Cut(data, "PC-1")
		assert.Equal(t, 1+strings.Count(before, "\n"), sh.rows[0].line, name)
	}
	sh, err := parseTargets("quoted", []byte("  # a\ntargetHost,path\nPC-1,\"a\n  # b\n \nc\"\n # PC-2,x\nPC-3,y\n"))
	require.NoError(t, err)
	require.Empty(t, sh.flaws.all)
	require.Len(t, sh.rows, 2)
	assert.Equal(t, []string{"a\n  # b\n \nc"}, sh.rows[0].cells)
	assert.Equal(t, 8, sh.rows[1].line)
	_, err = parseTargets("nothing", []byte("  # a\n \n"))
	require.EqualError(t, err, "nothing names no target")
}
