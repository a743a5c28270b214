package ksctest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
)

// members reads one JSON object, of whose members none is there twice or null. Their case counts.
func members(raw []byte) (map[string]json.RawMessage, error) {
	d := json.NewDecoder(bytes.NewReader(raw))
	if open, err := d.Token(); err != nil || open != json.Delim('{') {
		return nil, errors.New("an object is needed")
	}
	out := map[string]json.RawMessage{}
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return nil, err
		}
		key, _ := name.(string)
		var v json.RawMessage
		if err := d.Decode(&v); err != nil {
			return nil, err
		}
		if _, twice := out[key]; twice || string(v) == "null" {
			return nil, fmt.Errorf("%q is null or there twice", key)
		}
		out[key] = v
	}
	return out, nil
}

// take decodes a member and takes it out.
func take(given map[string]json.RawMessage, name string, into any) error {
	raw, ok := given[name]
	if !ok {
		return fmt.Errorf("%s is needed", name)
	}
	delete(given, name)
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

// takeObject is take for an object whose members are known exactly.
func takeObject(given map[string]json.RawMessage, name string, into any, known ...string) error {
	if raw, ok := given[name]; ok {
		inner, err := members(raw)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		for _, key := range slices.Sorted(maps.Keys(inner)) {
			if !slices.Contains(known, key) {
				return fmt.Errorf("%s takes no %q", name, key)
			}
		}
	}
	return take(given, name, into)
}
