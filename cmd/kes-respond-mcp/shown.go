package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"unicode"
)

// How much of a text and of all parameters a person is shown.
const (
	shownText   = 400
	shownParams = 8000
)

// shown is a text in quotes, in one line, without anything that would change how
// the rest reads. Of a long one it says how much is missing.
func shown(text string) string {
	runes := []rune(text)
	if len(runes) <= shownText {
		return strconv.Quote(text)
	}
	sum := sha256.Sum256([]byte(text))
	return fmt.Sprintf("%s… (the beginning of %d characters, SHA-256 %s)", strconv.Quote(string(runes[:shownText])), len(runes), hex.EncodeToString(sum[:]))
}

// shownJSON is JSON in one line, its long texts cut and said to be.
func shownJSON(raw json.RawMessage) string {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	var v any
	if d.Decode(&v) != nil {
		return shown(string(raw))
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if enc.Encode(cut(v)) != nil {
		return shown(string(raw))
	}
	text := []rune(escaped(strings.TrimSpace(b.String())))
	if len(text) <= shownParams {
		return string(text)
	}
	sum := sha256.Sum256(raw)
	return fmt.Sprintf("%s… (NOT ALL IS SHOWN: the beginning of %d characters, SHA-256 %s)", string(text[:shownParams]), len(text), hex.EncodeToString(sum[:]))
}

func cut(v any) any {
	switch v := v.(type) {
	case string:
		runes := []rune(v)
		if len(runes) > shownText {
			sum := sha256.Sum256([]byte(v))
			return fmt.Sprintf("%s… (the beginning of %d characters, SHA-256 %s)", string(runes[:shownText]), len(runes), hex.EncodeToString(sum[:]))
		}
	case []any:
		for i := range v {
			v[i] = cut(v[i])
		}
	case map[string]any:
		for name := range v {
			v[name] = cut(v[name])
		}
	}
	return v
}

// escaped writes what is not to be seen as \u escapes: also what turns the
// direction of a line around.
func escaped(text string) string {
	var b strings.Builder
	for _, r := range text {
		switch {
		case unicode.IsPrint(r):
			b.WriteRune(r)
		case r > 0xffff:
			fmt.Fprintf(&b, `\U%08x`, r)
		default:
			fmt.Fprintf(&b, `\u%04x`, r)
		}
	}
	return b.String()
}
