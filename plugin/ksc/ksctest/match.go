package ksctest

import (
	"bytes"
	"cmp"
	"encoding/base64"
	"strings"
	"time"
	"unicode"
)

// match says whether the row fits. Text is compared without regard to case; an attribute the row does not have fits
// nothing. Every part is evaluated, so that a comparison of unlike types is an error whatever the other parts say.
func (n *node) match(r row) (bool, error) {
	if n == nil {
		return true, nil
	}
	if n.operator == 0 {
		return n.test(r)
	}
	all, some := true, false
	for i := range n.parts {
		ok, err := n.parts[i].match(r)
		if err != nil {
			return false, err
		}
		all, some = all && ok, some || ok
	}
	switch n.operator {
	case '&':
		return all, nil
	case '|':
		return some, nil
	}
	return !all, nil
}

func (n *node) test(r row) (bool, error) {
	have, ok := r[n.attr]
	if !ok {
		return false, nil
	}
	if text, is := have.(string); is && n.value.pattern != nil {
		return n.value.pattern.match(text), nil
	}
	order, comparable := n.value.against(have, n.mask)
	if !comparable {
		return false, badFormat("%s cannot be compared with this value", n.attr)
	}
	switch n.compare {
	case "=":
		return order == 0, nil
	case "<>":
		return order != 0, nil
	case "<":
		return order < 0, nil
	case "<=":
		return order <= 0, nil
	case ">":
		return order > 0, nil
	}
	return order >= 0, nil
}

// against orders an attribute's value relative to the operand.
func (o operand) against(have any, mask *int64) (order int, comparable bool) {
	kind, bare := unwrap(have)
	switch want := o.v.(type) {
	case int64:
		n, ok := integer(bare)
		if b, is := bare.(bool); is {
			n, ok = 0, true // booleans compare with 0 and 1
			if b {
				n = 1
			}
		}
		if mask != nil {
			n &= *mask
		}
		return cmp.Compare(n, want), ok
	case string:
		text, ok := bare.(string)
		return strings.Compare(fold(text), fold(want)), ok && kind == ""
	case time.Time:
		text, _ := bare.(string)
		t, ok := parseTime(text)
		return t.Compare(want), ok && kind == "datetime"
	case []byte:
		text, _ := bare.(string)
		b, err := base64.StdEncoding.DecodeString(text)
		return bytes.Compare(b, want), err == nil && kind == "binary"
	}
	return 0, false
}

// walk visits every condition.
func (n *node) walk(visit func(*node)) {
	if n == nil {
		return
	}
	if n.operator == 0 {
		visit(n)
	}
	for i := range n.parts {
		n.parts[i].walk(visit)
	}
}

// pattern is a quoted string with wildcards: ? one character, * any number, [a-f] one of, [^a-f] none of.
type pattern []piece

type piece struct {
	star, any, not bool
	ranges         [][2]rune // of a set, or of one character by itself
}

// parsePattern reads wildcards. Inside a set the first character is always a member, so [*], [?], [[] and []] stand for
// themselves: the documented language has no other escape, and that this one works is judgement.
func parsePattern(text string) (pattern, error) {
	out := pattern{}
	runes := []rune(text)
	for i := 0; i < len(runes); i++ {
		switch runes[i] {
		case '*':
			out = append(out, piece{star: true})
		case '?':
			out = append(out, piece{any: true})
		case '[':
			set, next, ok := parseSet(runes, i+1)
			if !ok {
				return nil, badFormat("filter: a set without its closing bracket")
			}
			out, i = append(out, set), next
		default:
			out = append(out, piece{ranges: [][2]rune{{runes[i], runes[i]}}})
		}
	}
	return out, nil
}

func parseSet(runes []rune, i int) (set piece, end int, ok bool) {
	if i+1 < len(runes) && runes[i] == '^' && runes[i+1] != ']' {
		set.not = true
		i++
	}
	for first := true; i < len(runes); first = false {
		if runes[i] == ']' && !first {
			return set, i, true
		}
		low, high := runes[i], runes[i]
		if i+2 < len(runes) && runes[i+1] == '-' && runes[i+2] != ']' {
			high = runes[i+2]
			i += 2
		}
		set.ranges = append(set.ranges, [2]rune{low, high})
		i++
	}
	return set, i, false
}

// literal gives the one text that the pattern fits, if there is only one.
func (p pattern) literal() (string, bool) {
	var b strings.Builder
	for _, e := range p {
		if e.star || e.any || e.not || len(e.ranges) != 1 || e.ranges[0][0] != e.ranges[0][1] {
			return "", false
		}
		b.WriteRune(e.ranges[0][0])
	}
	return b.String(), true
}

// match takes at most len(text) * len(pattern) steps.
func (p pattern) match(text string) bool {
	runes := []rune(text)
	at, star, mark := 0, -1, 0
	for i := 0; i < len(runes); {
		switch {
		case at < len(p) && p[at].star:
			star, mark = at, i
			at++
		case at < len(p) && p[at].one(runes[i]):
			at++
			i++
		case star >= 0:
			mark++
			at, i = star+1, mark
		default:
			return false
		}
	}
	for at < len(p) && p[at].star {
		at++
	}
	return at == len(p)
}

func (e piece) one(r rune) bool {
	if e.any {
		return true
	}
	for c, start := r, true; start || c != r; c, start = unicode.SimpleFold(c), false {
		for _, g := range e.ranges {
			if c >= g[0] && c <= g[1] {
				return !e.not
			}
		}
	}
	return e.not
}

// fold maps text so that two texts which differ in case only become equal.
func fold(text string) string {
	return strings.Map(func(r rune) rune {
		least := r
		for c := unicode.SimpleFold(r); c != r; c = unicode.SimpleFold(c) {
			least = min(least, c)
		}
		return least
	}, text)
}
