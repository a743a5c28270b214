package task

import (
	"bytes"
	"encoding/json"
	"errors"
	"strconv"
	"strings"
)

// whole is an integer that may be written 1, 1.0 or 1e0: for JSON Schema they
// are one number.
type whole int

var errNotWhole = errors.New("is no whole number that this program takes")

// UnmarshalJSON reads a number exactly or not at all.
func (w *whole) UnmarshalJSON(data []byte) error {
	n, ok := exactly(string(data))
	if !ok {
		return errNotWhole
	}
	*w = whole(n)
	return nil
}

// exactly reads a JSON number that is whole and has at most nine digits. A
// float64 would not do: it holds 1e-400 as 0, and 0 lifts an isolation. Nor
// would an exact type, for which 1e999999999 is a matter of minutes.
func exactly(number string) (n int, ok bool) {
	digits, negative := strings.CutPrefix(number, "-")
	if digits == "" || digits[0] < '0' || digits[0] > '9' {
		return 0, false
	}
	exponent := ""
	if i := strings.IndexAny(digits, "eE"); i >= 0 {
		digits, exponent = digits[:i], digits[i+1:]
	}
	before, after, _ := strings.Cut(digits, ".")
	digits = strings.TrimLeft(before+after, "0")
	if digits == "" {
		return 0, true
	}
	power := 0
	if exponent != "" {
		var err error
		if power, err = strconv.Atoi(exponent); err != nil {
			return 0, false
		}
	}
	const farthest = 1 << 30 // beyond every exponent that a line has room to make up for
	if power < -farthest || power > farthest {
		return 0, false
	}
	power -= len(after)
	short := strings.TrimRight(digits, "0")
	power += len(digits) - len(short)
	if power < 0 || len(short)+power > 9 {
		return 0, false
	}
	n, err := strconv.Atoi(short + strings.Repeat("0", power))
	if negative {
		n = -n
	}
	return n, err == nil
}

// notWhole stands for every number that exactly does not read.
const notWhole = 0.5

// tree reads JSON for a validator that knows numbers as Go has them: whole ones
// become int, all others notWhole. So no number is rounded into one that a
// schema takes; a task with a parameter that is no integer needs more.
func tree(raw json.RawMessage) (any, error) {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	var value any
	err := d.Decode(&value)
	return counted(value), err
}

func counted(value any) any {
	switch v := value.(type) {
	case json.Number:
		if n, ok := exactly(v.String()); ok {
			return n
		}
		return notWhole
	case []any:
		for i := range v {
			v[i] = counted(v[i])
		}
	case map[string]any:
		for name := range v {
			v[name] = counted(v[name])
		}
	}
	return value
}
