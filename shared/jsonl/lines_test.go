package jsonl

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"unicode/utf16"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

type readLine struct {
	text   string
	bad    string
	number int64
}

// readAll reads every line, as far as the last error, which it returns.
func readAll(r io.Reader, max int) ([]readLine, error) {
	l := newLines(r, max)
	var all []readLine
	for {
		line, err := l.next()
		var bad badLine
		switch {
		case errors.As(err, &bad):
			all = append(all, readLine{bad: bad.Error(), number: l.count})
		case err != nil:
			return all, err
		default:
			all = append(all, readLine{text: string(line), number: l.count})
		}
	}
}

func wide(order binary.AppendByteOrder, text string) []byte {
	data := order.AppendUint16(nil, 0xFEFF)
	for _, u := range utf16.Encode([]rune(text)) {
		data = order.AppendUint16(data, u)
	}
	return data
}

func TestLines(t *testing.T) {
	const long = "it is longer than 16 bytes"
	x := func(n int) string { return strings.Repeat("x", n) }
	le, be := binary.LittleEndian, binary.BigEndian
	for name, c := range map[string]struct {
		in   string
		want []readLine
	}{
		"nothing":                 {"", nil},
		"only a mark":             {"\xEF\xBB\xBF", nil},
		"a line":                  {"a\n", []readLine{{"a", "", 1}}},
		"without a newline":       {"a\nb", []readLine{{"a", "", 1}, {"b", "", 2}}},
		"blank lines count":       {"\n \t \r\na\r\n\r\n\nb\n", []readLine{{"a", "", 3}, {"b", "", 6}}},
		"one CR goes":             {"a\r\r\n", []readLine{{"a\r", "", 1}}},
		"a CR inside stays":       {"a\rb\n", []readLine{{"a\rb", "", 1}}},
		"a mark":                  {"\xEF\xBB\xBFa\nb\n", []readLine{{"a", "", 1}, {"b", "", 2}}},
		"half a mark is no mark":  {"\xEF\xBBa\n", []readLine{{"\xEF\xBBa", "", 1}}},
		"two marks are one":       {"\xEF\xBB\xBF\xEF\xBB\xBFa\n", []readLine{{"\xEF\xBB\xBFa", "", 1}}},
		"half a wide mark":        {"\xFFa\n", []readLine{{"\xFFa", "", 1}}},
		"just not too long":       {x(16) + "\n" + x(16) + "\r\n" + x(16), []readLine{{x(16), "", 1}, {x(16), "", 2}, {x(16), "", 3}}},
		"too long":                {x(17) + "\na\n" + x(17) + "\r\nb\n" + x(17), []readLine{{"", long, 1}, {"a", "", 2}, {"", long, 3}, {"b", "", 4}, {"", long, 5}}},
		"far too long":            {x(200_000) + "\na\n", []readLine{{"", long, 1}, {"a", "", 2}}},
		"wide, little end first":  {string(wide(le, "é🛡\r\n\nb")), []readLine{{"é🛡", "", 1}, {"b", "", 3}}},
		"wide, big end first":     {string(wide(be, "é🛡\r\n\nb\n")), []readLine{{"é🛡", "", 1}, {"b", "", 3}}},
		"wide and too long":       {string(wide(le, strings.Repeat("я", 9)+"\na\n")), []readLine{{"", long, 1}, {"a", "", 2}}},
		"a lone high surrogate":   {string(wide(le, "")) + "\x3D\xD8\n\x00a\x00\n\x00", []readLine{{"", "it is not UTF-16: half of a surrogate pair is missing", 1}, {"a", "", 2}}},
		"a lone low surrogate":    {string(wide(be, "")) + "\xDE\x00\x00\n\x00a", []readLine{{"", "it is not UTF-16: half of a surrogate pair is missing", 1}, {"a", "", 2}}},
		"a high surrogate at end": {string(wide(le, "a")) + "\x3D\xD8", []readLine{{"", "it is not UTF-16: half of a surrogate pair is missing", 1}}},
		"an odd byte at the end":  {string(wide(le, "a\nb")) + "c", []readLine{{"a", "", 1}, {"", "it is not UTF-16: the input ends in the middle of a character", 2}}},
	} {
		t.Run(name, func(t *testing.T) {
			for _, split := range []func(io.Reader) io.Reader{
				func(r io.Reader) io.Reader { return r }, iotest.OneByteReader, iotest.HalfReader, iotest.DataErrReader,
			} {
				got, err := readAll(split(strings.NewReader(c.in)), 16)
				assert.Equal(t, io.EOF, err)
				assert.Equal(t, c.want, got)
			}
		})
	}
}

// A line is whole when its newline is there, whatever comes next; without one
// it is whole at the end, and only there.
func TestLinesWhereReadingFails(t *testing.T) {
	broken := errors.New("broken")
	for _, c := range []struct {
		in   string
		want []readLine
	}{
		{"a\nb\n", []readLine{{"a", "", 1}, {"b", "", 2}}},
		{"a\nb", []readLine{{"a", "", 1}}},
		{"b", nil},
		{string(wide(binary.LittleEndian, "a\nb")), []readLine{{"a", "", 1}}},
		{string(wide(binary.LittleEndian, "a\n")) + "b", []readLine{{"a", "", 1}}},
	} {
		got, err := readAll(io.MultiReader(strings.NewReader(c.in), iotest.ErrReader(broken)), 16)
		assert.Equal(t, broken, err)
		assert.Equal(t, c.want, got)
	}
}

// A line is given as soon as its newline is read: the next byte may never come.
func TestLinesDoNotWaitForMore(t *testing.T) {
	for _, in := range [][]byte{
		[]byte("\xEF\n"), []byte("\xEF\xBB\n"), []byte("\xFF\n"), []byte("\xFE\n"),
		[]byte("a\n"), []byte("\xEF\xBB\xBFa\n"), []byte("\xEFa\n"), wide(binary.LittleEndian, "a\n"), wide(binary.BigEndian, "a\n"),
	} {
		synctest.Test(t, func(t *testing.T) {
			r, w := io.Pipe()
			go w.Write(in)
			got := make(chan error, 1)
			go func() {
				_, err := newLines(r, 16).next()
				got <- err
			}()
			synctest.Wait()
			if assert.Len(t, got, 1, "%q was not given", in) {
				assert.NoError(t, <-got)
			}
			w.Close()
		})
	}
}

// FuzzLines: where reads happen to end changes nothing.
func FuzzLines(f *testing.F) {
	for _, seed := range []string{
		"", "a\nb", "\xEF\xBB\xBFa\r\n\r\n{}", "\xFF\xFEa\x00\n\x00=\xD8\x00\xDE\n\x00", "\xFE\xFF\x00a\x00\n\xD8\x3D\x00\n",
		strings.Repeat("x", 33) + "\n" + strings.Repeat("y", 32) + "\r\nz", "\xEF\xBB", "\xFF\xFE\x00", "\xFE",
	} {
		f.Add([]byte(seed), []byte{1, 2, 3})
	}
	f.Fuzz(func(t *testing.T, in, cuts []byte) {
		want, err := readAll(bytes.NewReader(in), 32)
		require.Equal(t, io.EOF, err)
		for _, r := range []io.Reader{
			iotest.OneByteReader(bytes.NewReader(in)), &cutReader{in: in, cuts: cuts}, iotest.DataErrReader(&cutReader{in: in, cuts: cuts}),
		} {
			got, err := readAll(r, 32)
			require.Equal(t, io.EOF, err)
			require.Equal(t, want, got)
		}
		for _, l := range want {
			require.LessOrEqual(t, len(l.text), 32)
			require.NotContains(t, l.text, "\n")
			require.True(t, l.bad != "" || strings.Trim(l.text, " \t\r") != "", "a blank line")
		}
		if !bytes.HasPrefix(in, []byte("\xFF\xFE")) && !bytes.HasPrefix(in, []byte("\xFE\xFF")) {
			require.Equal(t, plainLines(in, 32), want)
		}
	})
}

// plainLines is what the lines of UTF-8 are, said in another way.
func plainLines(in []byte, max int) []readLine {
	var all []readLine
	number := int64(0)
	for line := range strings.Lines(strings.TrimPrefix(string(in), "\uFEFF")) {
		number++
		line = strings.TrimSuffix(strings.TrimSuffix(line, "\n"), "\r")
		switch {
		case len(line) > max:
			all = append(all, readLine{bad: "it is longer than 32 bytes", number: number})
		case strings.Trim(line, " \t\r") != "":
			all = append(all, readLine{text: line, number: number})
		}
	}
	return all
}

// cutReader gives its input in pieces of the sizes that cuts name, in turn.
type cutReader struct {
	in, cuts []byte
	n        int
}

func (c *cutReader) Read(p []byte) (int, error) {
	if len(c.in) == 0 {
		return 0, io.EOF
	}
	size := 1
	if len(c.cuts) > 0 {
		size = int(c.cuts[c.n%len(c.cuts)])%7 + 1
		c.n++
	}
	n := copy(p[:min(size, len(p))], c.in)
	c.in = c.in[n:]
	return n, nil
}

// One long line does not cost its memory for as long as the stream lasts.
func TestLinesKeepNoLargeBuffer(t *testing.T) {
	l := newLines(strings.NewReader(strings.Repeat("x", 1<<20)+"\na\n"), 1<<20)
	long, err := l.next()
	require.NoError(t, err)
	require.Len(t, long, 1<<20)
	_, err = l.next()
	require.NoError(t, err)
	assert.LessOrEqual(t, cap(l.buf), 256<<10)
}
