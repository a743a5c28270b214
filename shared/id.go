package shared

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"unicode/utf8"
)

// MaxIDLength bounds a request's id, in characters or digits.
const MaxIDLength = 128

// ID is a request's id: the JSON text of a string or an integer, ASCII, so
// that 7 and "7" stay two ids and are echoed as the caller wrote them.
type ID string

// NewID makes up an id for a request that has none. It is random, 96 bits.
func NewID() ID {
	var b [12]byte
	rand.Read(b[:]) // never fails: crypto/rand ends the program instead
	return ID(`"r-` + hex.EncodeToString(b[:]) + `"`)
}

// IDOf is the id that the given text names as a JSON string.
func IDOf(text string) ID {
	data, err := marshal(text)
	if err != nil {
		return ""
	}
	return ID(ascii(data))
}

// ParseID reads an id. It takes a JSON string of 1 to MaxIDLength characters
// or an integer of as many digits, and nothing else.
func ParseID(raw []byte) (ID, error) {
	raw = bytes.TrimSpace(raw)
	if len(raw) > 0 && raw[0] == '"' {
		var s string
		if err := json.Unmarshal(raw, &s); err != nil {
			return "", fmt.Errorf("not readable: %w", err)
		}
		if n := utf8.RuneCountInString(s); n < 1 || n > MaxIDLength {
			return "", fmt.Errorf("has %d characters; 1 to %d are allowed", n, MaxIDLength)
		}
		return IDOf(s), nil
	}
	digits := bytes.TrimPrefix(raw, []byte("-"))
	if len(digits) < 1 || len(digits) > MaxIDLength || len(bytes.Trim(digits, "0123456789")) > 0 || !json.Valid(raw) {
		return "", fmt.Errorf("must be a string of 1 to %d characters or an integer", MaxIDLength)
	}
	return ID(raw), nil
}

// Text is the id for people: a string without its quotes, an integer as it is.
func (id ID) Text() string {
	var s string
	if json.Unmarshal([]byte(id), &s) == nil {
		return s
	}
	return string(id)
}

// MarshalJSON writes the id as it was written by the caller; an empty one is null.
func (id ID) MarshalJSON() ([]byte, error) {
	if id == "" {
		return []byte("null"), nil
	}
	return []byte(id), nil
}

// UnmarshalJSON reads what ParseID takes; null is the empty id.
func (id *ID) UnmarshalJSON(data []byte) error {
	if string(data) == "null" {
		*id = ""
		return nil
	}
	parsed, err := ParseID(data)
	*id = parsed
	return err
}
