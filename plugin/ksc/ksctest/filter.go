package ksctest

import (
	"encoding/hex"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// The search-filter language (KSCAPI a00002): (&(a)(b)), (|(a)(b)), (!(a)), and conditions "attribute operator value".
// Wildcards work with = only; that operators other than = take them literally is judgement, as is every error here being
// KLSTD 1192.

// Bounds of a filter; KSC's own are not documented. They keep one caller's filter from holding up all others.
const (
	maxFilterBytes = 64 << 10
	maxFilterDepth = 100
	maxTimeDelta   = 100 * 366 * 24 * 3600 // seconds
)

// node is a part of a filter: an operator '&', '|', '!' over parts, or a condition (operator 0).
type node struct {
	operator byte
	parts    []node
	attr     string
	mask     *int64 // of a bit test: ATTR&mask
	compare  string
	value    operand
}

// operand is the right side of a condition: a pattern and its text, an int64, a time.Time, or bytes.
type operand struct {
	v       any
	pattern pattern
}

// parseFilter reads a filter. nil stands for "all". now is what CURTIME counts from.
func parseFilter(text string, now time.Time) (*node, error) {
	p := &filterParser{text: text, now: now}
	p.blanks()
	if p.rest() == "" {
		return nil, nil
	}
	if len(text) > maxFilterBytes {
		return nil, badFormat("the filter is longer than %d bytes", maxFilterBytes)
	}
	if !utf8.ValidString(text) {
		return nil, badFormat("the filter is not UTF-8")
	}
	var n node
	var err error
	if strings.HasPrefix(p.rest(), "(") {
		n, err = p.group(0)
	} else {
		n, err = p.condition()
	}
	if err != nil {
		return nil, err
	}
	if p.blanks(); p.rest() != "" {
		return nil, p.bad("text after the end")
	}
	return &n, nil
}

type filterParser struct {
	text string
	at   int
	now  time.Time
}

func (p *filterParser) rest() string { return p.text[p.at:] }

func (p *filterParser) blanks() {
	p.at = len(p.text) - len(strings.TrimLeft(p.rest(), " \t\r\n"))
}

func (p *filterParser) take(prefix string) bool {
	if !strings.HasPrefix(p.rest(), prefix) {
		return false
	}
	p.at += len(prefix)
	return true
}

func (p *filterParser) bad(why string) error {
	return badFormat("filter, at byte %d: %s", p.at, why)
}

// group reads "(...)".
func (p *filterParser) group(depth int) (n node, err error) {
	if p.blanks(); !p.take("(") {
		return n, p.bad("no opening parenthesis")
	}
	if depth == maxFilterDepth {
		return n, p.bad("nested too deep")
	}
	p.blanks()
	switch {
	case p.take("&"), p.take("|"), p.take("!"):
		n.operator = p.text[p.at-1]
		for p.blanks(); strings.HasPrefix(p.rest(), "("); p.blanks() {
			part, err := p.group(depth + 1)
			if err != nil {
				return n, err
			}
			n.parts = append(n.parts, part)
		}
		if len(n.parts) == 0 || n.operator == '!' && len(n.parts) > 1 {
			return n, p.bad("wrong number of operands")
		}
	case strings.HasPrefix(p.rest(), "("):
		n, err = p.group(depth + 1)
	default:
		n, err = p.condition()
	}
	if err != nil {
		return n, err
	}
	if p.blanks(); !p.take(")") {
		return n, p.bad("no closing parenthesis")
	}
	return n, nil
}

func (p *filterParser) condition() (n node, err error) {
	p.blanks()
	n.attr = p.run(func(c byte, first bool) bool {
		return c == '_' || c|0x20 >= 'a' && c|0x20 <= 'z' || !first && (c >= '0' && c <= '9' || c == '-' || c == '.')
	})
	if n.attr == "" {
		return n, p.bad("no attribute name")
	}
	if p.blanks(); p.take("&") {
		p.blanks()
		mask, err := p.integer()
		if err != nil {
			return n, err
		}
		n.mask = &mask
		p.blanks()
	}
	for _, op := range []string{"<>", "<=", ">=", "=", "<", ">"} {
		if p.take(op) {
			n.compare = op
			break
		}
	}
	if n.compare == "" {
		return n, p.bad("no operator")
	}
	p.blanks()
	if n.value, err = p.value(n.compare == "="); err != nil {
		return n, err
	}
	if _, ok := n.value.v.(int64); n.mask != nil && !ok {
		return n, p.bad("a bit test compares with an integer")
	}
	return n, nil
}

func (p *filterParser) run(accept func(c byte, first bool) bool) string {
	start := p.at
	for p.at < len(p.text) && accept(p.text[p.at], p.at == start) {
		p.at++
	}
	return p.text[start:p.at]
}

func (p *filterParser) integer() (int64, error) {
	digits := p.run(func(c byte, first bool) bool { return c >= '0' && c <= '9' || first && (c == '-' || c == '+') })
	n, err := strconv.ParseInt(digits, 10, 64)
	if err != nil {
		return 0, p.bad("no integer")
	}
	return n, nil
}

func (p *filterParser) value(wildcards bool) (o operand, err error) {
	switch {
	case strings.HasPrefix(p.rest(), `"`):
		text, err := p.quoted()
		if err != nil || !wildcards {
			return operand{v: text}, err
		}
		o.v = text
		if o.pattern, err = parsePattern(text); err != nil {
			return o, err
		}
		return o, nil
	case p.take("T"):
		text, err := p.quoted()
		if err != nil {
			return o, err
		}
		t, err := time.Parse(time.DateTime, text)
		if err != nil || len(text) != len(time.DateTime) {
			return o, p.bad(`a time is T"YYYY-MM-DD hh:mm:ss"`)
		}
		return operand{v: t}, nil
	case p.take("CURTIME("):
		p.blanks()
		delta, err := p.integer()
		if err != nil {
			return o, err
		}
		if delta < -maxTimeDelta || delta > maxTimeDelta {
			return o, p.bad("CURTIME with a delta of more than a century")
		}
		if p.blanks(); !p.take(")") {
			return o, p.bad("CURTIME without its closing parenthesis")
		}
		return operand{v: p.now.Add(time.Duration(delta) * time.Second)}, nil
	case p.take("0x"), p.take("0X"):
		digits := p.run(func(c byte, _ bool) bool {
			return c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'f'
		})
		b, err := hex.DecodeString(digits)
		if err != nil {
			return o, p.bad("a binary value has an odd number of digits")
		}
		return operand{v: b}, nil
	}
	n, err := p.integer()
	return operand{v: n}, err
}

// quoted reads a string in double quotes, in which a double quote is doubled.
func (p *filterParser) quoted() (string, error) {
	if !p.take(`"`) {
		return "", p.bad("no string")
	}
	var b strings.Builder
	for {
		i := strings.IndexByte(p.rest(), '"')
		if i < 0 {
			return "", p.bad("a string without its closing quote")
		}
		b.WriteString(p.rest()[:i])
		p.at += i + 1
		if !p.take(`"`) {
			return b.String(), nil
		}
		b.WriteByte('"')
	}
}
