package shared

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

func text(most int, field func(*Request) *string) func(*Request, json.RawMessage) error {
	return func(r *Request, raw json.RawMessage) error {
		s, err := readText(raw, most)
		*field(r) = s
		return err
	}
}

// readText takes a string of 1 to most characters without control characters.
func readText(raw json.RawMessage, most int) (string, error) {
	var s *string
	if json.Unmarshal(raw, &s) != nil || s == nil {
		return "", errNotString
	}
	if n := utf8.RuneCountInString(*s); n < 1 || n > most {
		return "", fmt.Errorf("has %d characters; 1 to %d are allowed", n, most)
	}
	if strings.ContainsFunc(*s, unicode.IsControl) {
		return "", errors.New("holds a control character")
	}
	return *s, nil
}

func boolean(field func(*Request) *bool) func(*Request, json.RawMessage) error {
	return func(r *Request, raw json.RawMessage) error {
		switch string(raw) {
		case "true", "false":
			*field(r) = string(raw) == "true"
			return nil
		}
		return errors.New("must be true or false")
	}
}

func oneOf(field func(*Request) *string, values ...string) func(*Request, json.RawMessage) error {
	return func(r *Request, raw json.RawMessage) error {
		s, err := readText(raw, 64)
		if err != nil || !slices.Contains(values, s) {
			return errors.New("must be one of " + strings.Join(values, ", "))
		}
		*field(r) = s
		return nil
	}
}

func kind(raw json.RawMessage, first byte, name string) error {
	if len(raw) == 0 || raw[0] != first {
		return errors.New("must be " + name)
	}
	return nil
}

func readDigits(raw json.RawMessage) (string, error) {
	s, err := readText(raw, 19)
	if err == nil && strings.Trim(s, "0123456789") != "" {
		err = errors.New("must be decimal digits")
	}
	return s, err
}
