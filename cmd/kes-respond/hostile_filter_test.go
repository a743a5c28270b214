package main

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

// nameFilter reads a search filter that may be nothing but "one of these
// attributes has this text": (A="text") or (|(A="text")(B="text")...). It is
// written from the vendor's rules alone (KSCAPI a00002) and shares nothing with
// who writes filters. A wildcard in the text is an error: it is none's name.
func nameFilter(filter string) (attributes []string, text string, err error) {
	rest := filter
	several := false
	if rest, several = strings.CutPrefix(rest, "(|"); several {
		inner, ok := strings.CutSuffix(rest, ")")
		if !ok {
			return nil, "", errors.New("the group is not closed")
		}
		rest = inner
	}
	for first := true; rest != ""; first = false {
		attribute, value := "", ""
		if attribute, value, rest, err = condition(rest); err != nil {
			return nil, "", err
		}
		if !first && (value != text || !several) {
			return nil, "", fmt.Errorf("a condition too many, about %q", value)
		}
		attributes, text = append(attributes, attribute), value
	}
	if len(attributes) == 0 {
		return nil, "", errors.New("there is no condition")
	}
	return attributes, text, nil
}

// condition takes (A="text") from the beginning of a filter.
func condition(filter string) (attribute, text, rest string, err error) {
	rest, ok := strings.CutPrefix(filter, "(")
	attribute, rest, found := strings.Cut(rest, `="`)
	if !ok || !found || attribute == "" || strings.Trim(attribute, "ABCDEFGHIJKLMNOPQRSTUVWXYZ_") != "" {
		return "", "", "", errors.New("it is no condition on an attribute")
	}
	var b strings.Builder
	for rest != "" {
		switch {
		case strings.HasPrefix(rest, `""`):
			b.WriteByte('"')
			rest = rest[2:]
		case strings.HasPrefix(rest, `")`):
			return attribute, b.String(), rest[2:], nil
		case len(rest) > 3 && rest[0] == '[' && rest[2] == ']' && strings.ContainsRune("*?[", rune(rest[1])):
			b.WriteByte(rest[1])
			rest = rest[3:]
		case strings.ContainsRune(`"*?[`, rune(rest[0])):
			return "", "", "", fmt.Errorf("%q stands for more than itself", rest[0])
		default:
			b.WriteByte(rest[0])
			rest = rest[1:]
		}
	}
	return "", "", "", errors.New("the text is not closed")
}

// TestNameFilterReads: the reader that the hostile values are held against can
// say no.
func TestNameFilterReads(t *testing.T) {
	for filter, want := range map[string]string{
		`(A="x")`: "x", `(|(A="x")(B="x"))`: "x", `(A="a""b[*][?][[]c]")`: `a"b*?[c]`, `(A="a)(b")`: "a)(b", `(A="")`: "",
	} {
		_, text, err := nameFilter(filter)
		assert.NoError(t, err, filter)
		assert.Equal(t, want, text, filter)
	}
	for _, filter := range []string{
		``, `(`, `A="x"`, `(A="x"`, `(A="x`, `(|(A="x")(B="y"))`, `(A="x")(B="x")`, `(|(A="x")(B="x")`, `(A="*")`, `(A="a?")`, `(A="[^a]")`, `(A="a"b")`,
		`(&(A="x")(B="x"))`, `(A<>"x")`, `(A=1)`, `(A="x")(|(B="x"))`, `(|)`,
	} {
		_, _, err := nameFilter(filter)
		assert.Error(t, err, filter)
	}
}
