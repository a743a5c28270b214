package shared

import (
	"encoding/json"
	"errors"
	"fmt"
	"unicode/utf8"
)

// ErrNotJSON says that a text is not one JSON value in UTF-8.
var ErrNotJSON = errors.New("not one JSON value in UTF-8")

// CheckJSON reads one JSON value as strictly as an order has to be read, and
// names all that is wrong at once: a member that stands twice, nesting below
// MaxDepth, more than MaxValues members and items, a NUL, a lost character
// (U+FFFD), and what a template engine leaves behind when a field is missing
// ("{{.", "<no value>"). Encoding/json alone would let all of them pass. Text
// that is no JSON at all is ErrNotJSON. Pointers are relative to the value.
// Time is in proportion to the text and memory does not grow with it, so the
// list ends after the first hundred, and names beyond MaxValues are not
// compared.
func CheckJSON(data []byte) ([]Violation, error) {
	w, err := inspect(data)
	return w.found, err
}

func inspect(data []byte) (walk, error) {
	if !utf8.Valid(data) {
		return walk{}, fmt.Errorf("%w: byte %d is not UTF-8", ErrNotJSON, firstInvalid(data))
	}
	if !json.Valid(data) {
		return walk{}, fmt.Errorf("%w%s", ErrNotJSON, whereBroken(data))
	}
	w := walk{data: data}
	w.run()
	return w, nil
}

func firstInvalid(data []byte) int {
	for i := 0; i < len(data); {
		r, size := utf8.DecodeRune(data[i:])
		if r == utf8.RuneError && size == 1 {
			return i
		}
		i += size
	}
	return len(data)
}

func whereBroken(data []byte) string {
	var v json.RawMessage
	err := json.Unmarshal(data, &v)
	var syntax *json.SyntaxError
	if errors.As(err, &syntax) {
		return fmt.Sprintf(": %s at byte %d", syntax.Error(), syntax.Offset)
	}
	return ""
}
