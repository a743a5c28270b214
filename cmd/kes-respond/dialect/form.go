package dialect

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

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
	getenv  func(string) string        // the environment, where the platform adds to it
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

// handedOver reads what a platform hands over, to the end of its input.
func handedOver(in io.Reader) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(in, shared.MaxRequestBytes+1))
	if err == nil && len(data) > shared.MaxRequestBytes {
		err = errors.New("what was handed over is too long")
	}
	return data, err
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
	given, twice := f.given()
	if twice != nil {
		return nil, shared.Refuse(*twice)
	}
	if given != nil {
		out["params"] = given
	}
	var name string
	if json.Unmarshal(out["task"], &name) == nil && given != nil {
		if t, known := task.Lookup(name); known {
			out["params"] = formValue(params.SchemaOf(t), given)
		}
	}
	return jsonObject(out), nil
}

// given are the parameters, however they came; nil where there are none.
func (f form) given() (json.RawMessage, *shared.Violation) {
	whole := f.members["params"]
	switch {
	case !empty(whole) && len(f.params) > 0:
		return nil, &shared.Violation{Pointer: shared.Pointer("params"), Message: "and a parameter by its own name exclude each other"}
	case !empty(whole):
		return whole, nil
	case f.params != nil:
		return jsonObject(f.params), nil
	}
	return nil, nil
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
