package ksc

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf16"
)

// timeLayout is how KSC writes a datetime on the wire: UTC, whole seconds
// (KSCAPI a00391).
const timeLayout = "2006-01-02T15:04:05Z"

// wrapped is a value in the envelope that KSC demands inside params and
// arrays, where JSON's own types would not tell (KSCAPI a00391, a00428).
type wrapped struct {
	Type  string `json:"type"`
	Value any    `json:"value"`
}

func datetime(t time.Time) wrapped {
	return wrapped{"datetime", t.UTC().Format(timeLayout)}
}

func wrapParams(v any) wrapped { return wrapped{"params", v} }

// asciiJSON writes arguments as the vendor's client does: ASCII only, no HTML
// escaping.
func asciiJSON(args any) ([]byte, error) {
	if args == nil {
		return []byte("{}"), nil
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(args); err != nil {
		return nil, err
	}
	out := make([]byte, 0, b.Len())
	for _, r := range strings.TrimSuffix(b.String(), "\n") {
		if r < 0x7f {
			out = append(out, byte(r))
			continue
		}
		for _, unit := range utf16.AppendRune(nil, r) {
			out = fmt.Appendf(out, `\u%04x`, unit)
		}
	}
	return out, nil
}

// value is one value of an answer. KSC writes some types bare in one place and
// in an envelope in another, numbers also as text, so reading takes each form.
// What cannot be read as the type asked for is reported as such, never as the
// type's zero.
type value struct{ raw json.RawMessage }

// UnmarshalJSON keeps the value, out of its envelope where it has one.
func (v *value) UnmarshalJSON(data []byte) error {
	v.raw = append(json.RawMessage(nil), unwrap(data)...)
	return nil
}

// unwrap takes a value out of {"type": …, "value": …}.
func unwrap(data []byte) []byte {
	if !bytes.HasPrefix(bytes.TrimSpace(data), []byte("{")) {
		return data
	}
	var envelope map[string]json.RawMessage
	if json.Unmarshal(data, &envelope) != nil || len(envelope) != 2 {
		return data
	}
	var kind string
	inner, ok := envelope["value"]
	if !ok || json.Unmarshal(envelope["type"], &kind) != nil {
		return data
	}
	return inner
}

func (v value) text() string {
	var s string
	if json.Unmarshal(v.raw, &s) == nil {
		return s
	}
	if n, ok := v.integer(); ok {
		return strconv.FormatInt(n, 10)
	}
	return ""
}

// integer reads a whole number. A number in a form that KSC does not use, such
// as 1e3, is not read: it would be a guess at an identifier.
func (v value) integer() (int64, bool) {
	const longest = 32
	text := strings.TrimSpace(string(v.raw))
	if len(text) > longest {
		return 0, false
	}
	if s := ""; json.Unmarshal(v.raw, &s) == nil && strings.HasPrefix(text, `"`) {
		text = s
	}
	n, err := strconv.ParseInt(text, 10, 64)
	return n, err == nil
}

func (v value) boolean() (is, known bool) {
	known = json.Unmarshal(v.raw, &is) == nil && string(bytes.TrimSpace(v.raw)) != "null"
	return is && known, known
}

// moment reads a datetime; the zero time says that there is none.
func (v value) moment() time.Time {
	var s string
	if json.Unmarshal(v.raw, &s) != nil {
		return time.Time{}
	}
	for _, layout := range []string{timeLayout, time.RFC3339, "2006-01-02T15:04:05", "2006-01-02 15:04:05"} {
		if t, err := time.ParseInLocation(layout, s, time.UTC); err == nil {
			return t.UTC()
		}
	}
	return time.Time{}
}

// row is one record of an answer, out of its params envelope where it has one.
type row map[string]value

// UnmarshalJSON reads the record.
func (r *row) UnmarshalJSON(data []byte) error {
	var members map[string]value
	if err := json.Unmarshal(unwrap(data), &members); err != nil {
		return err
	}
	*r = members
	return nil
}
