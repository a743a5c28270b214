// Package printable makes text from outside safe to show. What stands in an
// event, a file's name or an answer of KSC may have been shaped by an attacker:
// it must neither move the cursor nor pass for a line of ours.
package printable

import (
	"strings"
	"unicode"
)

// Text replaces what a terminal would act on instead of showing: control
// characters, and marks that turn the direction of text around.
func Text(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.In(r, unicode.Cf, unicode.Zl, unicode.Zp) {
			return '\uFFFD'
		}
		return r
	}, s)
}

// Lines is what went wrong, for standard error. An error may quote what was
// typed, and that a caller may have taken from an event: what follows the first
// line is set in, so that it cannot pass for a line of ours.
func Lines(err error) string {
	lines := strings.Split(err.Error(), "\n")
	for i, text := range lines {
		if text = Text(text); i > 0 && !strings.HasPrefix(text, "  ") {
			text = "  " + text
		}
		lines[i] = text
	}
	return strings.Join(lines, "\n")
}

// ShellWord is a word as a shell takes it.
func ShellWord(word string) string {
	if strings.Trim(word, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./:,") == "" {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}

// widest is where Short cuts.
const widest = 48

// Short cuts a text that would push others off the screen. An id is to be copied,
// and is not for it.
func Short(text string) string {
	runes := []rune(text)
	if len(runes) <= widest {
		return text
	}
	return string(runes[:widest-1]) + "…"
}
