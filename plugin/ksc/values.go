package ksc

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
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
	members := 0
	var kind, inner json.RawMessage
	err := each(data, 2, func(name string, d *json.Decoder) error {
		members++
		switch name {
		case "type":
			return d.Decode(&kind)
		case "value":
			return d.Decode(&inner)
		}
		return errNoEnvelope
	})
	if err != nil || members != 2 || inner == nil || !bytes.HasPrefix(kind, []byte(`"`)) {
		return data
	}
	return inner
}

var (
	errNoEnvelope = errors.New("no envelope")
	errTooMany    = errors.New("more members than KSC has")
)

// each calls do for each member of an object, up to most of them: what a
// server sends must not grow without bound when it is unpacked.
func each(data []byte, most int, do func(name string, d *json.Decoder) error) error {
	d := json.NewDecoder(bytes.NewReader(data))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return errors.Join(err, errors.New("no object"))
	}
	for n := 0; d.More(); n++ {
		if n == most {
			return errTooMany
		}
		name, err := d.Token()
		if err != nil {
			return err
		}
		if err := do(name.(string), d); err != nil {
			return err
		}
	}
	_, err := d.Token()
	return err
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

// elements calls do for each element of an array, up to most of them; what
// follows is left unread.
func elements(data []byte, most int, do func(d *json.Decoder) error) error {
	d := json.NewDecoder(bytes.NewReader(data))
	if t, err := d.Token(); err != nil || t != json.Delim('[') {
		return errors.Join(err, errors.New("no array"))
	}
	for n := 0; n < most && d.More(); n++ {
		if err := do(d); err != nil {
			return err
		}
	}
	return nil
}

// row is one record of an answer, out of its params envelope where it has one.
type row map[string]value

// hasAny says that a record holds at least one of the attributes asked for:
// KSC leaves out what has no value, and one that holds none is none.
func (r row) hasAny(names []string) bool {
	return slices.ContainsFunc(names, func(name string) bool { _, ok := r[name]; return ok })
}

const maxMembers = 4096 // of a record; far more than a host has attributes

// UnmarshalJSON reads the record.
func (r *row) UnmarshalJSON(data []byte) error {
	var err error
	*r, err = readRow(data, nil)
	return err
}

// readRow reads a record: of its attributes those named, or all for nil.
func readRow(data []byte, names []string) (row, error) {
	if string(data) == "null" {
		return nil, nil
	}
	members := row{}
	err := each(unwrap(data), maxMembers, func(name string, d *json.Decoder) error {
		if names != nil && !slices.Contains(names, name) {
			return d.Decode(&passed{})
		}
		var v value
		err := d.Decode(&v)
		members[name] = v
		return err
	})
	if err != nil {
		return nil, err
	}
	return members, nil
}

// passed is a value that is read over.
type passed struct{}

// UnmarshalJSON keeps nothing.
func (*passed) UnmarshalJSON([]byte) error { return nil }

// rows are the records of one step through a result set, reduced to the
// attributes named.
type rows struct {
	names []string
	most  int // records; 0: chunkSize
	all   []row
	bytes int // that they took
}

// UnmarshalJSON reads the records, up to one more than a step may hold.
func (r *rows) UnmarshalJSON(data []byte) error {
	r.all, r.bytes = nil, len(data)
	if string(data) == "null" {
		return nil
	}
	return elements(data, cmp.Or(r.most, chunkSize)+1, func(d *json.Decoder) error {
		one := named{names: r.names}
		err := d.Decode(&one)
		r.all = append(r.all, one.row)
		return err
	})
}

// named is a record reduced to the attributes named.
type named struct {
	names []string
	row   row
}

// UnmarshalJSON reads the record.
func (n *named) UnmarshalJSON(data []byte) (err error) {
	n.row, err = readRow(data, n.names)
	return err
}
