package shared

import (
	"bytes"
	"encoding/json"
	"fmt"
	"unicode/utf16"
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
			high, low := utf16.EncodeRune(r)
			out = escape(escape(out, high), low)
		default:
			out = escape(out, r)
		}
	}
	return out
}

func escape(out []byte, unit rune) []byte {
	const hex = "0123456789abcdef"
	return append(out, '\\', 'u', hex[unit>>12&15], hex[unit>>8&15], hex[unit>>4&15], hex[unit&15])
}

// EventLine writes an event as one line: ASCII, ended by a newline, at most
// MaxEventBytes. What does not fit is left out in the order of the list
// "fits", until it does; what was cut short ends in "…". No outcome, code or
// id of a request is ever cut. The error is for an event that cannot be
// written at all: without a kind, or with a part that is no JSON, no time or
// longer than a line by itself.
func EventLine(e Event) ([]byte, error) {
	var line []byte
	for _, f := range fits() {
		var err error
		if line, err = eventLine(f.event(e)); err != nil {
			return nil, err
		}
		if len(line) <= MaxEventBytes {
			return line, nil
		}
	}
	return nil, fmt.Errorf("a %s event of %d bytes cannot be written in %d", e.Type(), len(line), MaxEventBytes)
}

func eventLine(e Event) ([]byte, error) {
	data, err := e.MarshalJSON()
	if err != nil {
		return nil, err
	}
	return append(ascii(data), '\n'), nil
}
