package main

import (
	"github.com/invopop/jsonschema"

	"github.com/kes-respond/kes-respond/shared"
)

// member is one member of an object that is written down here rather than
// reflected: what a request and a configuration may hold is decided by code
// that checks raw values, not by the types they end up in.
type member struct {
	name   string
	schema *jsonschema.Schema
}

// object takes these members and no others.
func object(members ...member) *jsonschema.Schema {
	s := &jsonschema.Schema{Type: "object", Properties: jsonschema.NewProperties(), AdditionalProperties: jsonschema.FalseSchema}
	for _, m := range members {
		s.Properties.Set(m.name, m.schema)
	}
	return s
}

// noControl is a text without control characters.
const noControl = `^[^\x00-\x1f\x7f-\x9f]*$`

// area is a responseEventIncidentArea; see shared.CheckArea.
const area = `^[A-Za-z0-9 ._-]{1,32}$`

// text is a string of 1 to most characters without control characters.
func text(most int, description string) *jsonschema.Schema {
	return &jsonschema.Schema{
		Type: "string", MinLength: new(uint64(1)), MaxLength: new(uint64(most)), Pattern: noControl, Description: description,
	}
}

func boolean(description string) *jsonschema.Schema {
	return &jsonschema.Schema{Type: "boolean", Description: description}
}

func matching(pattern, description string) *jsonschema.Schema {
	return &jsonschema.Schema{Type: "string", Pattern: pattern, Description: description}
}

func oneOf(description string, values ...string) *jsonschema.Schema {
	return &jsonschema.Schema{Type: "string", Enum: anys(values), Description: description}
}

func anys[T any](values []T) []any {
	out := make([]any, len(values))
	for i, v := range values {
		out[i] = v
	}
	return out
}

// id is a request's id, or with null what stands for one that has none.
func id(description string, null bool) *jsonschema.Schema {
	s := &jsonschema.Schema{Description: description, AnyOf: []*jsonschema.Schema{
		{Type: "string", MinLength: new(uint64(1)), MaxLength: new(uint64(shared.MaxIDLength))},
		{Type: "integer"},
	}}
	if null {
		s.AnyOf = append(s.AnyOf, &jsonschema.Schema{Type: "null"})
	}
	return s
}
