package strict

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/google/jsonschema-go/jsonschema"

	"github.com/kes-respond/kes-respond/manifest"
	"github.com/kes-respond/kes-respond/shared"
)

// check holds a file's settings against their schema. Compiling costs some
// 30 µs for each subschema, so only those of the settings that are there are
// compiled, all at once; only a file that is wrong pays for naming each place,
// which the library does not do.
func check(schema string, text []byte) ([]shared.Violation, error) {
	data, _ := manifest.Schema(schema) // a missing one is no JSON
	var value any
	if err := json.Unmarshal(text, &value); err != nil {
		return nil, err
	}
	part, err := needed(data, value)
	if err != nil {
		return nil, err
	}
	right, err := fits(part, value)
	if right || err != nil {
		return nil, err
	}
	var s jsonschema.Schema
	if err := json.Unmarshal(data, &s); err != nil {
		return nil, err
	}
	return places("", &s, value)
}

// needed is a schema without the properties that a value does not have: they
// say nothing of it.
func needed(schema []byte, value any) ([]byte, error) {
	object, ok := value.(map[string]any)
	if !ok {
		return schema, nil
	}
	var s, properties map[string]json.RawMessage
	if err := json.Unmarshal(schema, &s); err != nil {
		return nil, err
	}
	if err := json.Unmarshal(s["properties"], &properties); err != nil {
		return nil, err
	}
	maps.DeleteFunc(properties, func(name string, _ json.RawMessage) bool {
		_, there := object[name]
		return !there
	})
	var err error
	if s["properties"], err = json.Marshal(properties); err != nil {
		return nil, err
	}
	return json.Marshal(s)
}

func fits(schema []byte, value any) (bool, error) {
	var s jsonschema.Schema
	if err := json.Unmarshal(schema, &s); err != nil {
		return false, err
	}
	r, err := s.Resolve(nil)
	return err == nil && r.Validate(value) == nil, err
}

// places names what is wrong in a value, from the outside in: where the parts
// are right, the schema as a whole has the last word.
func places(at string, s *jsonschema.Schema, value any) ([]shared.Violation, error) {
	found, err := below(at, s, value)
	if err != nil || len(found) > 0 {
		return found, err
	}
	own, err := s.CloneSchemas().Resolve(nil)
	if err != nil {
		return nil, err
	}
	if own.Validate(value) != nil {
		found = []shared.Violation{{Pointer: at, Message: expected(s, value)}}
	}
	return found, nil
}

func below(at string, s *jsonschema.Schema, value any) ([]shared.Violation, error) {
	var found []shared.Violation
	add := func(at string, s *jsonschema.Schema, value any) error {
		more, err := places(at, s, value)
		found = append(found, more...)
		return err
	}
	switch v := value.(type) {
	case map[string]any:
		if s.Type != "object" {
			return nil, nil
		}
		for _, name := range s.Required {
			if _, ok := v[name]; !ok {
				found = append(found, shared.Violation{Pointer: at + shared.Pointer(name), Message: "is required"})
			}
		}
		for _, name := range slices.Sorted(maps.Keys(v)) {
			member, rest := s.Properties[name], s.AdditionalProperties
			switch {
			case member != nil:
			case rest != nil && rest.Type != "":
				member = rest
				if s.PropertyNames != nil {
					if err := add(at+shared.Pointer(name), s.PropertyNames, name); err != nil {
						return nil, err
					}
				}
			default:
				found = append(found, shared.Violation{Pointer: at + shared.Pointer(name), Message: noSetting(name, s)})
				continue
			}
			if err := add(at+shared.Pointer(name), member, v[name]); err != nil {
				return nil, err
			}
		}
	case []any:
		for i, one := range v {
			if s.Items != nil {
				if err := add(at+"/"+strconv.Itoa(i), s.Items, one); err != nil {
					return nil, err
				}
			}
		}
	}
	return found, nil
}

// neverHere is the setting that no file of ours has: it would be the password itself.
const neverHere = "kscPassword"

func noSetting(name string, s *jsonschema.Schema) string {
	if strings.EqualFold(name, neverHere) {
		return "is not taken: a password stands in no configuration. Use the environment, kscPasswordFile or kscPasswordCommand"
	}
	for known := range s.Properties {
		if strings.EqualFold(known, name) {
			return "is no setting; \"" + known + "\" is spelt so"
		}
	}
	return "is no setting"
}

// expected says what a schema demands, in words, and never what it got.
func expected(s *jsonschema.Schema, value any) string {
	_, text := value.(string)
	_, object := value.(map[string]any)
	switch {
	case s.Type == "object" && !object:
		return "must hold settings, by name"
	case s.Not != nil && len(s.Not.Required) > 1:
		return "has " + strings.Join(s.Not.Required, " and ") + "; only one of them can be meant"
	case s.Type == "array":
		return "must be a list: " + s.Description
	case s.Type == "boolean":
		return "must be true or false"
	case s.Type == "string" && !text:
		return "must be a text; put it in quotes"
	case len(s.Enum) > 0:
		return "must be " + oneOf(s.Enum)
	case s.Description == "":
		return "cannot stand here"
	}
	return "does not fit; it is: " + s.Description
}

// oneOf lists what a schema allows where that is a list.
func oneOf(allowed []any) string {
	var texts []string
	for _, one := range allowed {
		texts = append(texts, fmt.Sprint(one))
	}
	if len(texts) == 1 {
		return texts[0]
	}
	return "one of " + strings.Join(texts, ", ")
}
