package ksc

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

// quoted writes a text as a value in a search filter (KSCAPI a00002): in
// double quotes, a quote inside doubled. How a literal wildcard is escaped is
// not documented; a set of that one character follows from the rule for sets,
// and whatever comes back is compared once more here. Text that no name holds
// is refused rather than sent.
func quoted(text string) (string, error) {
	if err := unnameable(text); err != nil {
		return "", err
	}
	return `"` + filterEscapes.Replace(text) + `"`, nil
}

const maxNameBytes = 1024

// unnameable says why a text is the name or id of no host.
func unnameable(text string) error {
	switch {
	case text == "":
		return errors.New("is empty")
	case len(text) > maxNameBytes:
		return fmt.Errorf("is longer than %d bytes", maxNameBytes)
	case !utf8.ValidString(text) || hasControl(text):
		return errors.New("holds a control character or is not UTF-8")
	}
	return nil
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
