package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/kes-respond/kes-respond/cmd/kes-respond/params"
	"github.com/kes-respond/kes-respond/manifest"
	"github.com/kes-respond/kes-respond/plugin/task"
	"github.com/kes-respond/kes-respond/shared"
)

// form is a request as a platform hands it over. Forms and templates know
// nothing but text, so a value becomes what the schema wants where that is
// certain: "1" a number, "true" or "True" a boolean, 4711 a text, a list of one
// its item. An optional value that is empty or null counts as left out. What is
// not certain stays as it is, for the check of requests to refuse.
type form struct {
	kind    string                     // a type of the contract: respond, status, check
	members map[string]json.RawMessage // of the request, by the contract's names
	params  map[string]json.RawMessage // of the task, one by one, where members has no params
	config  string                     // the configuration file; "" for the usual one
}

// documentForm reads a form that is one JSON object: the members of a request by
// their names; request says which type of request, config which configuration
// file. What begins with own, where that is not empty, is the platform's.
func documentForm(data []byte, own string) (form, map[string]json.RawMessage, error) {
	f, others := form{kind: shared.TypeRespond}, map[string]json.RawMessage{}
	if found, err := shared.CheckJSON(data); err != nil {
		return f, nil, fmt.Errorf("what was handed over is %w", err)
	} else if len(found) > 0 {
		return f, nil, fmt.Errorf("what was handed over cannot be a request: %s %s", found[0].Pointer, found[0].Message)
	}
	if err := json.Unmarshal(data, &f.members); err != nil || f.members == nil {
		return f, nil, errors.New("what was handed over is no JSON object")
	}
	for name, raw := range f.members {
		to := map[string]*string{"request": &f.kind, "config": &f.config}[name]
		switch {
		case own != "" && strings.HasPrefix(name, own):
			others[name] = raw
		case to == nil:
			continue
		case !empty(raw) && json.Unmarshal(raw, to) != nil:
			return f, nil, fmt.Errorf("%s must be a text", name)
		}
		delete(f.members, name)
	}
	switch f.kind {
	case shared.TypeRespond, shared.TypeStatus, shared.TypeCheck:
		return f, others, nil
	}
	return f, nil, fmt.Errorf("request must be one of %s, %s, %s", shared.TypeRespond, shared.TypeStatus, shared.TypeCheck)
}

// take adds what a platform gives by a name: a parameter of the task, or a
// member of the request, but none of those that the platform's package decides.
// Nor a connection: what comes this way may stand in a list of processes.
func (f *form) take(t *task.Task, name string, raw json.RawMessage) error {
	switch {
	case f.params != nil && t != nil && slices.ContainsFunc(params.Of(t), func(p params.Param) bool { return p.Name == name }):
		f.params[name] = raw
	case slices.Contains([]string{"type", "task", "connection"}, name):
		return fmt.Errorf("%s cannot be given here", name)
	default:
		f.members[name] = raw
	}
	return nil
}

// line is the request that the form means, as a caller of serve would write it.
func (f form) line() ([]byte, *shared.Error) {
	out := map[string]json.RawMessage{"type": asText(f.kind)}
	kinds := requestSchema()
	if _, given := f.members["type"]; given {
		return nil, shared.Refuse(shared.Violation{Pointer: shared.Pointer("type"), Message: "is no member of a form, which says \"request\""})
	}
	for name, raw := range f.members {
		if !empty(raw) {
			out[name] = formValue(kinds.Property(name), raw)
		}
	}
	if n := hostsNamed(out["targetHost"]); n > 1 {
		return nil, shared.Refuse(shared.Violation{
			Pointer: shared.Pointer("targetHost"), Message: fmt.Sprintf("names %d hosts: a request is for one; make one for each", n),
		})
	}
	if incident, ok := out["incident"]; ok && incident[0] != '{' {
		out["incident"] = jsonObject(map[string]json.RawMessage{"id": formValue(params.Schema{Type: "string"}, incident)})
	}
	var name string
	switch {
	case f.params == nil:
	case out["params"] == nil:
		out["params"] = jsonObject(f.params)
	case len(f.params) > 0:
		return nil, shared.Refuse(shared.Violation{Pointer: shared.Pointer("params"), Message: "and a parameter by its own name exclude each other"})
	}
	if raw, ok := out["params"]; ok && json.Unmarshal(out["task"], &name) == nil {
		if t, known := task.Lookup(name); known {
			out["params"] = formValue(params.SchemaOf(t), raw)
		}
	}
	return jsonObject(out), nil
}

// requestSchema is the schema of a request line, as far as forms need it.
func requestSchema() params.Schema {
	var s params.Schema
	if data, ok := manifest.Schema("request"); ok && json.Unmarshal(data, &s) != nil {
		return params.Schema{} // an embedded schema that is no JSON fails the manifest's own test
	}
	return s
}

// hostsNamed counts what a value names that should be one host.
func hostsNamed(raw json.RawMessage) int {
	var several []json.RawMessage
	if json.Unmarshal(raw, &several) == nil {
		return len(several)
	}
	return 1
}

var (
	wholeNumber = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^-?(0|[1-9][0-9]{0,17})$`) })
	jsonText    = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^\s*[\[{]`) })
)

// formValue is a value as the schema wants it, where that is certain.
func formValue(s params.Schema, raw json.RawMessage) json.RawMessage {
	raw = bytes.TrimSpace(raw)
	var list []json.RawMessage
	if s.Type != "array" && s.Type != "" && json.Unmarshal(raw, &list) == nil && len(list) == 1 {
		raw = bytes.TrimSpace(list[0])
	}
	var text string
	isText := json.Unmarshal(raw, &text) == nil && string(raw) != "null"
	if isText && (s.Type == "array" || s.Type == "object") && jsonText().MatchString(text) && json.Valid([]byte(text)) {
		raw = json.RawMessage(strings.TrimSpace(text)) // a form that has one line for all of it
	}
	switch {
	case s.Type == "boolean" && isText && isBool(strings.ToLower(text)) == nil:
		return json.RawMessage(strings.ToLower(text))
	case s.Type == "integer" && isText && wholeNumber().MatchString(text):
		return json.RawMessage(text)
	case s.Type == "string" && wholeNumber().Match(raw):
		return asText(string(raw))
	case s.Type == "object":
		return formObject(s, raw)
	case s.Type == "array" && s.Items != nil:
		return formArray(*s.Items, raw)
	}
	return raw
}

// formArray takes one object for a list of one.
func formArray(items params.Schema, raw json.RawMessage) json.RawMessage {
	var list []json.RawMessage
	if len(raw) > 0 && raw[0] == '{' {
		list = []json.RawMessage{raw}
	} else if json.Unmarshal(raw, &list) != nil || list == nil {
		return raw
	}
	for i, one := range list {
		list[i] = formValue(items, one)
	}
	data, _ := json.Marshal(list) // it was JSON a moment ago
	return data
}

func formObject(s params.Schema, raw json.RawMessage) json.RawMessage {
	var given map[string]json.RawMessage
	if found, err := shared.CheckJSON(raw); err != nil || len(found) > 0 || json.Unmarshal(raw, &given) != nil || given == nil {
		return raw // the check of requests says what is wrong
	}
	for _, p := range s.Properties {
		value, present := given[p.Name]
		required := slices.Contains(s.Required, p.Name)
		switch {
		case required && p.Schema.MayBeEmpty() && (!present || string(value) == "null"):
			given[p.Name] = json.RawMessage(`""`)
		case present && !required && empty(value):
			delete(given, p.Name)
		case present:
			given[p.Name] = formValue(p.Schema, value)
		}
	}
	return jsonObject(given)
}

func empty(raw json.RawMessage) bool {
	text := string(bytes.TrimSpace(raw))
	return text == "" || text == "null" || text == `""`
}

func asText(text string) json.RawMessage {
	data, _ := json.Marshal(text) // a string always can be written
	return data
}

// jsonObject writes members that are JSON, in the order of their names.
func jsonObject(members map[string]json.RawMessage) json.RawMessage {
	data, err := json.Marshal(members)
	if err != nil {
		return json.RawMessage("null") // refused by whoever reads it
	}
	return data
}
