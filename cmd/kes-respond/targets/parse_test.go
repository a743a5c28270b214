package targets

import (
	"encoding/binary"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kes-respond/kes-respond/shared"
)

// TestPlainNamesAreHosts holds the short way by which most names are let through
// against the whole check.
func TestPlainNamesAreHosts(t *testing.T) {
	for _, host := range []string{plainName[:plainBytes], plainName[1:], "-", ".", "_"} {
		_, refusal := shared.ParseRequest(lineOf("isolateHost", host, []byte(`{}`)))
		assert.Nil(t, refusal, host)
	}
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
			sh, err := parse("it", []byte(text))
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
			_, err := parse("it", []byte(text))
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
		sh, err := parse("it", data)
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
		sh, err := parse(name, []byte(text))
		require.NoError(t, err, name)
		assert.Empty(t, sh.flaws.all, name)
		assert.Equal(t, []string{"path"}, sh.columns, name)
		require.Len(t, sh.rows, 1, name)
		assert.Equal(t, "PC-1", sh.rows[0].host, name)
		assert.Equal(t, []string{`C:\a`}, sh.rows[0].cells, name)
		before, _, _ := strings.Cut(data, "PC-1")
		assert.Equal(t, 1+strings.Count(before, "\n"), sh.rows[0].line, name)
	}
	sh, err := parse("quoted", []byte("  # a\ntargetHost,path\nPC-1,\"a\n  # b\n \nc\"\n # PC-2,x\nPC-3,y\n"))
	require.NoError(t, err)
	require.Empty(t, sh.flaws.all)
	require.Len(t, sh.rows, 2)
	assert.Equal(t, []string{"a\n  # b\n \nc"}, sh.rows[0].cells)
	assert.Equal(t, 8, sh.rows[1].line)
	_, err = parse("nothing", []byte("  # a\n \n"))
	require.EqualError(t, err, "nothing names no target")
}
