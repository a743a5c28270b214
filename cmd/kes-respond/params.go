package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"github.com/kes-respond/kes-respond/plugin/task"
)

// param is what the command line needs to know of one parameter; all of it
// stands in the task's schema.
type param struct {
	name       string
	kind       string
	title      string
	values     []string
	required   bool
	mayBeEmpty bool
}

type schema struct {
	Type        string            `json:"type"`
	Description string            `json:"description"`
	Enum        []json.RawMessage `json:"enum"`
	Pattern     string            `json:"pattern"`
	MinLength   int               `json:"minLength"`
	Required    []string          `json:"required"`
	Items       *schema           `json:"items"`
	Properties  properties        `json:"properties"`
}

// properties keep the order of the schema, which is the help page's.
type properties []property

type property struct {
	name   string
	schema schema
}

// UnmarshalJSON reads the members in the order in which they stand.
func (p *properties) UnmarshalJSON(data []byte) error {
	dec := json.NewDecoder(strings.NewReader(string(data)))
	if _, err := dec.Token(); err != nil {
		return err
	}
	for dec.More() {
		name, err := dec.Token()
		if err != nil {
			return err
		}
		one := property{name: fmt.Sprint(name)}
		if err := dec.Decode(&one.schema); err != nil {
			return err
		}
		*p = append(*p, one)
	}
	return nil
}

func isArray(t *task.Task) bool { return schemaOf(t).Type == "array" }

func schemaOf(t *task.Task) schema {
	var s schema
	if err := json.Unmarshal(t.Schema(), &s); err != nil {
		return schema{} // an embedded schema that is no JSON fails the manifest's own test
	}
	return s
}

func paramsOf(t *task.Task) []param {
	s := schemaOf(t)
	if s.Items != nil {
		s = *s.Items
	}
	var out []param
	for _, p := range s.Properties {
		one := param{name: p.name, kind: p.schema.Type, title: p.schema.Description, required: slices.Contains(s.Required, p.name)}
		for _, v := range p.schema.Enum {
			one.values = append(one.values, string(v))
		}
		if p.schema.Type == "string" {
			one.kind = "text"
			one.mayBeEmpty = p.schema.MinLength == 0 && len(p.schema.Enum) == 0 && matchesEmpty(p.schema.Pattern)
		}
		out = append(out, one)
	}
	return out
}

func matchesEmpty(pattern string) bool {
	re, err := regexp.Compile(pattern)
	return err == nil && re.MatchString("")
}

func (p param) text() bool { return p.kind == "text" }

func (p param) help(t *task.Task) string {
	help := p.title
	if p.name == t.LoadMember() {
		help = "a ZIP, an .ioc or .xml file, or a folder of those: read, checked and sent"
	}
	if len(p.values) > 0 {
		help += ": " + strings.Join(p.values, ", ")
	}
	if p.required && !p.mayBeEmpty {
		help += " (required)"
	}
	return help
}

// flag makes the flag of a parameter. What its value must be beyond its kind,
// the schema says when the request is checked.
func (p param) flag(f *pflag.FlagSet, t *task.Task) *once {
	switch {
	case p.kind == "boolean":
		return boolFlag(f, p.name, p.help(t))
	case p.name == t.LoadMember():
		return fileFlag(f, p.name, p.help(t))
	case p.text():
		return stringFlag(f, p.name, p.help(t))
	}
	o := &once{kind: p.kind, check: isNumber, values: p.values}
	f.Var(o, p.name, p.help(t))
	return o
}

func isNumber(s string) error {
	if !json.Valid([]byte(s)) || strings.ContainsAny(s, `"{[tfn`) {
		return errors.New("must be a number")
	}
	return nil
}

// exampleLine is a command that a person may type: the task's sample as flags.
func exampleLine(t *task.Task, target string) string {
	line := "kes-respond " + t.Name + " " + target
	if isArray(t) {
		return line + " --params '" + string(t.Sample()) + "' --dryRun true"
	}
	var sample map[string]json.RawMessage
	if json.Unmarshal(t.Sample(), &sample) != nil {
		return line
	}
	for _, p := range paramsOf(t) {
		value, ok := sample[p.name]
		var text string
		switch {
		case p.name == t.LoadMember():
			text = "indicators.zip"
		case !ok:
			continue
		case json.Unmarshal(value, &text) != nil:
			text = string(value)
		case text == "":
			continue
		}
		if p.text() {
			text = "'" + text + "'"
		}
		line += " --" + p.name + " " + text
	}
	return line + " --dryRun true"
}
