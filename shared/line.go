package shared

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"unicode/utf8"
)

// marshal is encoding/json without HTML escaping and without a line end.
func marshal(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

// ASCIIJSON writes a value as JSON in ASCII, without HTML escaping and without
// a line end: what lies beyond ASCII becomes \u escapes.
func ASCIIJSON(v any) ([]byte, error) {
	data, err := marshal(v)
	return ascii(data), err
}

// ascii writes every character beyond ASCII in JSON text as \u escapes, in
// UTF-16 units, and DEL too. Old consoles mangle anything else.
func ascii(data []byte) []byte {
	plain := true
	for _, c := range data {
		if c >= 0x7f {
			plain = false
			break
		}
	}
	if plain {
		return data
	}
	out := make([]byte, 0, len(data)+len(data)/2)
	for len(data) > 0 {
		r, size := utf8.DecodeRune(data)
		data = data[size:]
		switch {
		case r < 0x7f:
			out = append(out, byte(r))
		case r > 0xffff:
			r -= 0x10000
			out = fmt.Appendf(out, `\u%04x\u%04x`, 0xd800+r>>10, 0xdc00+r&0x3ff)
		default:
			out = fmt.Appendf(out, `\u%04x`, r)
		}
	}
	return out
}

// EventLine writes an event as one line: ASCII, ended by a newline, at most
// MaxEventBytes. Where it would be longer, what can be left out goes in this
// order: the plan's body, then the ends of long texts, then lists.
func EventLine(e Event) ([]byte, error) {
	line, err := eventLine(e)
	if err != nil || len(line) <= MaxEventBytes {
		return line, err
	}
	for keep := MaxEventBytes / 16; keep >= 16; keep /= 4 {
		line, err = eventLine(shortened(e, keep))
		if err != nil || len(line) <= MaxEventBytes {
			return line, err
		}
	}
	return nil, fmt.Errorf("a %s event of %d bytes cannot be written in %d", e.Type(), len(line), MaxEventBytes)
}

func eventLine(e Event) ([]byte, error) {
	data, err := marshal(e)
	if err != nil {
		return nil, err
	}
	return append(ascii(data), '\n'), nil
}

// shortened is a copy of the event in which no free text is longer than keep
// bytes, and no plan has a body.
func shortened(e Event, keep int) Event {
	cut := func(s *string) {
		if len(*s) > keep {
			*s = strings.ToValidUTF8((*s)[:keep], "") + "…"
		}
	}
	switch {
	case e.Problem != nil:
		p := *e.Problem
		cut(&p.Message)
		e.Problem = &p
	case e.Progress != nil:
		p := *e.Progress
		cut(&p.Message)
		e.Progress = &p
	case e.Result != nil:
		r := *e.Result
		cut(&r.Message)
		cut(&r.TargetHost)
		if r.Plan != nil {
			p := *r.Plan
			p.Body = ""
			r.Plan = &p
		}
		if r.ConsoleTask != nil {
			c := *r.ConsoleTask
			cut(&c.Name)
			cut(&c.Description)
			r.ConsoleTask = &c
		}
		r.Error = shortenedError(r.Error, cut)
		e.Result = &r
	}
	return e
}

func shortenedError(e *Error, cut func(*string)) *Error {
	if e == nil {
		return nil
	}
	c := *e
	cut(&c.Message)
	cut(&c.Assistance)
	c.Violations = append([]Violation(nil), e.Violations...)
	for i := range c.Violations {
		cut(&c.Violations[i].Pointer)
		cut(&c.Violations[i].Message)
	}
	c.Candidates = append([]Candidate(nil), e.Candidates...)
	for i := range c.Candidates {
		cut(&c.Candidates[i].ID)
		cut(&c.Candidates[i].Name)
		cut(&c.Candidates[i].FQDN)
	}
	if e.Upstream != nil {
		u := *e.Upstream
		cut(&u.Message)
		c.Upstream = &u
	}
	return &c
}
