package shared

import (
	"strings"
	"unicode/utf8"
)

// Pointer is the JSON Pointer made of the given member names (RFC 6901). One
// that a caller's words have made long ends in "…": it is for a person then.
func Pointer(names ...string) string {
	var b strings.Builder
	for _, n := range names {
		if b.Len() > longestPointer {
			break
		}
		b.WriteByte('/')
		b.WriteString(pointerEscapes.Replace(clip(n)))
	}
	return clip(b.String())
}

// longestPointer keeps a caller's words from filling an event, in bytes.
const longestPointer = 256

var pointerEscapes = strings.NewReplacer("~", "~0", "/", "~1")

func clip(s string) string { return shorten(s, longestPointer) }

// shorten keeps at most so many bytes of a text and marks that it did. It
// splits no character.
func shorten(s string, most int) string {
	if len(s) <= most {
		return s
	}
	for back := 1; back < utf8.UTFMax && most > 0 && !utf8.RuneStart(s[most]); back++ {
		most--
	}
	return s[:most] + "…"
}
