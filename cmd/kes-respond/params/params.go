// Package params reads from a task's schema what its parameters are: their names
// in the order of the help page, their kinds, and which of them must be there.
// The flags of the command line and the forms of platforms come from it, so that
// neither names a task. It checks nothing: task.Parse does.
package params

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/kes-respond/kes-respond/plugin/task"
)

// Param is what a person needs to know of one parameter to give it a value.
type Param struct {
	Name       string
	Kind       string // text, or a type of JSON Schema
	Title      string
	Values     []string // all that it may be, as JSON; none where that is no short list
	Required   bool
	MayBeEmpty bool // a text that is there and says nothing
}

// Text says that the value is text, which JSON writes in quotes.
func (p Param) Text() bool { return p.Kind == "text" }

// Of gives the parameters of a task; of a task that takes a list, those of one
// item.
func Of(t *task.Task) []Param {
	s := SchemaOf(t)
	if s.Items != nil {
		s = *s.Items
	}
	var out []Param
	for _, p := range s.Properties {
		one := Param{
			Name: p.Name, Kind: p.Schema.Type, Title: p.Schema.Description,
			Required: slices.Contains(s.Required, p.Name), MayBeEmpty: p.Schema.MayBeEmpty(),
		}
		for _, v := range p.Schema.Enum {
			one.Values = append(one.Values, string(v))
		}
		if p.Schema.Type == "string" {
			one.Kind = "text"
		}
		out = append(out, one)
	}
	return out
}

// Schema is a JSON Schema as far as flags and forms look at it.
type Schema struct {
	Type        string            `json:"type"`
	Description string            `json:"description"`
	Enum        []json.RawMessage `json:"enum"`
	Pattern     string            `json:"pattern"`
	MinLength   int               `json:"minLength"`
	Required    []string          `json:"required"`
	Items       *Schema           `json:"items"`
	Properties  Properties        `json:"properties"`
}

// SchemaOf is the schema of a task's params.
func SchemaOf(t *task.Task) Schema {
	var s Schema
	if err := json.Unmarshal(t.Schema(), &s); err != nil {
		return Schema{} // an embedded schema that is no JSON fails the manifest's own test
	}
	return s
}

// IsList says that a task's params are a list of objects, not one.
func IsList(t *task.Task) bool { return SchemaOf(t).Type == "array" }

// Property is the schema of one member; an empty one where there is none of the
// name.
func (s Schema) Property(name string) Schema {
	for _, p := range s.Properties {
		if p.Name == name {
			return p.Schema
		}
	}
	return Schema{}
}

// MayBeEmpty says that it is a text which may be "".
func (s Schema) MayBeEmpty() bool {
	if s.Type != "string" || s.MinLength != 0 || len(s.Enum) != 0 {
		return false
	}
	re, err := regexp.Compile(s.Pattern)
	return err == nil && re.MatchString("")
}

// Properties keep the order of the schema, which is the help page's.
type Properties []Property

// Property is one member of an object.
type Property struct {
	Name   string
	Schema Schema
}

// UnmarshalJSON reads the members in the order in which they stand.
func (p *Properties) UnmarshalJSON(data []byte) error {
	dec := json.NewDecoder(strings.NewReader(string(data)))
	if _, err := dec.Token(); err != nil {
		return err
	}
	for dec.More() {
		name, err := dec.Token()
		if err != nil {
			return err
		}
		one := Property{Name: fmt.Sprint(name)}
		if err := dec.Decode(&one.Schema); err != nil {
			return err
		}
		*p = append(*p, one)
	}
	return nil
}
