package ksctest

import (
	"encoding/base64"
	"encoding/json"
	"math"
	"strconv"
	"time"
)

// row is the content of a params container in wire form: members are plain or wrapped as KSCAPI a00393 and a00397 say.
type row = map[string]any

// answer is what a method gives back: the top level of the answer's body.
type answer map[string]any

const timeForm = "2006-01-02T15:04:05Z"

func wrap(kind string, v any) row { return row{"type": kind, "value": v} }

func wrapTime(t time.Time) row { return wrap("datetime", t.UTC().Format(timeForm)) }

// parseTime reads the one form of a datetime (KSCAPI a00428): UTC, whole seconds, a Z.
func parseTime(s string) (time.Time, bool) {
	t, err := time.Parse(timeForm, s)
	return t, err == nil && len(s) == len(timeForm) // time.Parse alone lets a fraction pass
}

// unwrap gives a member's type and bare value; a plain member has the type "".
func unwrap(v any) (kind string, value any) {
	if m, ok := v.(row); ok {
		kind, _ = m["type"].(string)
		return kind, m["value"]
	}
	return "", v
}

// integer reads a JSON number without fraction or exponent, or a Go integer.
func integer(v any) (int64, bool) {
	switch n := v.(type) {
	case int:
		return int64(n), true
	case int64:
		return n, true
	case float64:
		return int64(n), n == math.Trunc(n) && math.Abs(n) < 1<<53
	case json.Number:
		i, err := strconv.ParseInt(string(n), 10, 64)
		return i, err == nil
	}
	return 0, false
}

func int32Value(v any) (int64, bool) {
	n, ok := integer(v)
	return n, ok && n >= math.MinInt32 && n <= math.MaxInt32
}

// checkParams demands the form of params: no null, and no object without its envelope. where names it in the error.
func checkParams(where string, m row) error {
	for name, v := range m {
		if v == nil {
			return badFormat("%s.%s is null, which params cannot hold", where, name)
		}
		if err := checkMember(where+"."+name, v); err != nil {
			return err
		}
	}
	return nil
}

func checkMember(where string, v any) error {
	switch t := v.(type) {
	case []any:
		for _, e := range t {
			if err := checkMember(where, e); err != nil { // null is allowed as an element (a00391)
				return err
			}
		}
	case row:
		return checkEnvelope(where, t)
	}
	return nil
}

func checkEnvelope(where string, m row) error {
	kind, value := unwrap(m)
	if _, has := m["value"]; !has || len(m) != 2 || kind == "" {
		return badFormat("%s is an object without type and value", where)
	}
	text, isText := value.(string)
	ok := false
	switch kind {
	case "long":
		if _, ok = integer(value); !ok && isText { // the vendor's package shows both
			_, err := strconv.ParseInt(text, 10, 64)
			ok = err == nil
		}
	case "datetime":
		_, ok = parseTime(text)
	case "date":
		_, err := time.Parse(time.DateOnly, text)
		ok = err == nil
	case "binary":
		_, err := base64.StdEncoding.DecodeString(text)
		ok = isText && err == nil
	case "float", "double":
		switch value.(type) {
		case json.Number, float64: // from the wire, and from an inventory
			ok = true
		}
	case "params":
		if inner, is := value.(row); is {
			return checkParams(where, inner)
		}
	}
	if !ok {
		return badFormat("%s is no value of type %q", where, kind)
	}
	return nil
}

// clean turns a value of an inventory or of Go code into wire form.
func clean(v any) (any, bool) {
	switch t := v.(type) {
	case string, bool:
		return t, true
	case time.Time:
		return wrapTime(t), true
	case row:
		if kind, value := unwrap(t); kind == "long" {
			n, ok := integer(value)
			return wrap(kind, n), ok
		}
		return t, checkEnvelope("", t) == nil
	case []any:
		return t, checkMember("", t) == nil
	}
	n, ok := integer(v)
	return n, ok
}
