package jsonl

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"unicode/utf16"
	"unicode/utf8"
)

// lines reads lines of bounded length from UTF-8, with or without a byte
// order mark, or from UTF-16 with one. Whatever a line holds, the next one is
// read as usual.
type lines struct {
	r     *bufio.Reader
	max   int
	count int64 // lines read so far, blank ones too
	wide  bool  // the input is UTF-16
	begun bool
	buf   []byte
}

// badLine is a line that was read past because nothing can be made of it.
type badLine string

func (b badLine) Error() string { return string(b) }

func newLines(r io.Reader, max int) *lines {
	return &lines{r: bufio.NewReaderSize(r, 64<<10), max: max}
}

// next returns the next line that is not blank, without its line end; it is
// valid until the following call. A badLine is an error of that line alone;
// any other error is the end. The last line needs no line end, unless reading
// failed: then nobody can tell whether it is whole, and it is dropped.
func (l *lines) next() ([]byte, error) {
	if !l.begun {
		l.begun = true
		l.mark()
	}
	for {
		line, err := l.read()
		if err != nil {
			return nil, err
		}
		if len(bytes.Trim(line, " \t\r")) > 0 {
			return line, l.whole(line)
		}
	}
}

// keptBuffer is how large a buffer is kept for the next line.
const keptBuffer = 256 << 10

func (l *lines) read() ([]byte, error) {
	if cap(l.buf) > keptBuffer {
		l.buf = nil
	}
	l.buf = l.buf[:0]
	long, some := false, false
	for {
		part, err := l.r.ReadSlice('\n')
		some = some || len(part) > 0
		if !long {
			l.buf = append(l.buf, part...)
			long = len(l.buf) > l.max+len("\r\n")
		}
		if err == bufio.ErrBufferFull {
			continue
		}
		if err != nil && (err != io.EOF || !some) {
			return nil, err
		}
		break
	}
	l.count++
	line := bytes.TrimSuffix(bytes.TrimSuffix(l.buf, []byte("\n")), []byte("\r"))
	if long || len(line) > l.max {
		return nil, badLine(fmt.Sprintf("it is longer than %d bytes", l.max))
	}
	return line, nil
}

// mark takes the byte order mark off and turns UTF-16 into UTF-8. It waits for
// no more bytes than it needs.
func (l *lines) mark() {
	first, err := l.r.Peek(1)
	if err != nil {
		return
	}
	switch first[0] {
	case 0xEF:
		if b, _ := l.r.Peek(2); len(b) < 2 || b[1] != 0xBB {
			return
		}
		if b, _ := l.r.Peek(3); bytes.Equal(b, []byte{0xEF, 0xBB, 0xBF}) {
			l.r.Discard(3)
		}
	case 0xFE, 0xFF:
		b, _ := l.r.Peek(2)
		if big := bytes.Equal(b, []byte{0xFE, 0xFF}); big || bytes.Equal(b, []byte{0xFF, 0xFE}) {
			l.r.Discard(2)
			l.wide = true
			l.r = bufio.NewReaderSize(&utf16Reader{r: l.r, big: big}, 64<<10)
		}
	}
}

// Bytes that no UTF-8 text holds mark what UTF-16 could not be turned into.
const (
	loneSurrogate = 0xFE
	halfUnit      = 0xFF
)

func (l *lines) whole(line []byte) error {
	switch {
	case !l.wide:
		return nil
	case bytes.IndexByte(line, loneSurrogate) >= 0:
		return badLine("it is not UTF-16: half of a surrogate pair is missing")
	case bytes.IndexByte(line, halfUnit) >= 0:
		return badLine("it is not UTF-16: the input ends in the middle of a character")
	}
	return nil
}

// utf16Reader turns UTF-16 into UTF-8 as it arrives. Read gives what is there
// and waits only when there is nothing.
type utf16Reader struct {
	r    *bufio.Reader
	big  bool
	high rune // the first half of a pair, or 0
	buf  []byte
	out  []byte // what is left of buf
	end  error
}

func (u *utf16Reader) Read(p []byte) (int, error) {
	if len(u.out) == 0 {
		u.fill()
	}
	if len(u.out) == 0 {
		return 0, u.end
	}
	n := copy(p, u.out)
	u.out = u.out[n:]
	return n, nil
}

func (u *utf16Reader) fill() {
	const most = 32 << 10
	u.buf = u.buf[:0]
	for u.end == nil && (len(u.buf) == 0 || u.r.Buffered() >= 2 && len(u.buf) < most) {
		var b [2]byte
		n, err := io.ReadFull(u.r, b[:])
		if err != nil {
			u.finish(n, err)
			break
		}
		c := rune(b[0]) | rune(b[1])<<8
		if u.big {
			c = rune(b[1]) | rune(b[0])<<8
		}
		u.unit(c)
	}
	u.out = u.buf
}

func (u *utf16Reader) unit(c rune) {
	if u.high != 0 {
		pair := utf16.DecodeRune(u.high, c)
		u.high = 0
		if pair != utf8.RuneError {
			u.buf = utf8.AppendRune(u.buf, pair)
			return
		}
		u.buf = append(u.buf, loneSurrogate)
	}
	switch {
	case c >= 0xD800 && c < 0xDC00:
		u.high = c
	case c >= 0xDC00 && c < 0xE000:
		u.buf = append(u.buf, loneSurrogate)
	default:
		u.buf = utf8.AppendRune(u.buf, c)
	}
}

func (u *utf16Reader) finish(n int, err error) {
	if u.high != 0 {
		u.buf = append(u.buf, loneSurrogate)
		u.high = 0
	}
	if n == 1 {
		u.buf = append(u.buf, halfUnit)
	}
	u.end = err
	if err == io.ErrUnexpectedEOF {
		u.end = io.EOF
	}
}
