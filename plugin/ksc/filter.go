package ksc

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// quoted writes a text as a value in a search filter (KSCAPI a00002): in
// double quotes, a quote inside doubled. How a literal wildcard is escaped is
// not documented; a set of that one character follows from the rule for sets,
// and whatever comes back is compared once more here. Text that no name holds
// is refused rather than sent.
func quoted(text string) (string, error) {
	if !utf8.ValidString(text) || strings.ContainsFunc(text, unicode.IsControl) {
		return "", errors.New("holds a control character or is not UTF-8")
	}
	if len(text) > 1024 {
		return "", errors.New("is longer than 1024 bytes")
	}
	return `"` + filterEscapes.Replace(text) + `"`, nil
}

var filterEscapes = strings.NewReplacer(`"`, `""`, `*`, `[*]`, `?`, `[?]`, `[`, `[[]`)

// anyOf is the filter that one of the attributes has the given text.
func anyOf(text string, attributes ...string) (string, error) {
	value, err := quoted(text)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	for _, a := range attributes {
		fmt.Fprintf(&b, "(%s=%s)", a, value)
	}
	if len(attributes) == 1 {
		return b.String(), nil
	}
	return "(|" + b.String() + ")", nil
}
