package ksc

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"io"
	"net"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// What an order carries may be sensitive, and KSC, or a page before it, may
// quote it back in any form and cut. So a foreign text is not shown at all
// once it shares enough with a value of the order: runLength characters in a
// row, one whole word of at least shortestWord, or where it is cut the
// beginning of one. All is counted without blanks, quotes, escapes and case.
const (
	runLength    = 8
	shortestWord = 3
	runMargin    = 512 // bytes looked at behind what is shown, so that no run is cut there
)

// withheld stands for a text that is not shown, and tells two of them apart.
func withheld(data []byte) string {
	sum := sha256.Sum256(data)
	return fmt.Sprintf("[not shown: %d bytes, SHA-256 %s]", len(data), hex.EncodeToString(sum[:8]))
}

// texts are the values in a body, save the one that is no secret.
func texts(body, public string) []string {
	var root any
	if json.Unmarshal([]byte(body), &root) != nil {
		return []string{body}
	}
	var all []string
	var walk func(v any)
	walk = func(v any) {
		switch v := v.(type) {
		case string:
			if v != public {
				all = append(all, v)
			}
		case []any:
			for _, e := range v {
				walk(e)
			}
		case map[string]any:
			for _, e := range v {
				walk(e)
			}
		}
	}
	walk(root)
	return all
}

// quotes says that a text shares too much with one of the values.
func quotes(text string, values []string) bool {
	plain := plainText(text)
	said := words(text)
	runs := map[[runLength]rune]bool{}
	eachRun(plain, func(run [runLength]rune) bool { runs[run] = true; return false })
	return slices.ContainsFunc(values, func(v string) bool {
		inJSON, _ := json.Marshal(v) // a tab is a "t" there
		for _, form := range []string{v, string(inJSON)} {
			whole := plainText(form)
			begins := func(w string) bool { return len([]rune(w)) >= shortestWord && strings.HasPrefix(whole, w) }
			if eachRun(whole, func(run [runLength]rune) bool { return runs[run] }) || isWord(plain, whole) ||
				endsIn(plain, whole) || slices.ContainsFunc(said, begins) {
				return true
			}
		}
		return slices.ContainsFunc(words(v), func(w string) bool { return isWord(plain, w) || endsIn(plain, w) })
	})
}

// words are the words of a text, without those whose runs say enough.
func words(text string) []string {
	var all []string
	for _, w := range strings.FieldsFunc(text, func(r rune) bool { return unicode.IsSpace(r) || strings.ContainsRune(`"'=,;`, r) }) {
		if len(w) < 16*runLength {
			all = append(all, strings.TrimRight(plainText(w), closers))
		}
	}
	return all
}

// closers may follow a value that was cut.
const closers = "}]).…"

func isWord(text, word string) bool {
	return len([]rune(word)) >= shortestWord && strings.Contains(text, word)
}

// endsIn says that a text ends with the beginning of a value: it may have been
// cut there.
func endsIn(text, value string) bool {
	text = strings.TrimRight(text, closers)
	end := []rune(text[max(0, len(text)-utf8.UTFMax*runLength):])
	for n := shortestWord; n <= min(runLength, len(end)); n++ {
		if strings.HasPrefix(value, string(end[len(end)-n:])) {
			return true
		}
	}
	return false
}

// eachRun gives each run of a text until one is enough.
func eachRun(text string, enough func([runLength]rune) bool) bool {
	var run [runLength]rune
	n := 0
	for _, r := range text {
		copy(run[:], run[1:])
		run[runLength-1] = r
		if n++; n >= runLength && enough(run) {
			return true
		}
	}
	return false
}

// plainText undoes what JSON, HTML and URLs do to a text, once or several
// times, as far as a comparison needs it.
func plainText(s string) string {
	const rounds = 8
	for range rounds {
		if !strings.ContainsAny(s, `\%&`) {
			break
		}
		before := s
		s = percents().ReplaceAllStringFunc(s, func(p string) string {
			n, _ := strconv.ParseUint(p[1:], 16, 8)
			return string([]byte{byte(n)})
		})
		s = escapes().ReplaceAllStringFunc(s, func(e string) string {
			var units []uint16
			for _, hex := range strings.Split(strings.ReplaceAll(e, `\`, ""), "u")[1:] {
				n, _ := strconv.ParseUint(hex, 16, 16)
				units = append(units, uint16(n))
			}
			return string(utf16.Decode(units))
		})
		if s = html.UnescapeString(s); s == before {
			break
		}
	}
	return strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) || unicode.IsControl(r) || strings.ContainsRune(`\"'+`, r) {
			return -1
		}
		return unicode.ToLower(r)
	}, strings.ToValidUTF8(s, ""))
}

// Compiled where first needed: errors are few, and a start is not to wait.
var (
	percents = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`%[0-9a-fA-F]{2}`) })
	escapes  = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`(\\+u[0-9a-fA-F]{4})+`) })
)

// isOurs says that an error's text is not the server's, nor a proxy's.
func isOurs(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) && op.Op != "proxyconnect" || isTimeout(err) || errors.Is(err, errTooLong) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
}
