package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/kes-respond/kes-respond/shared"
)

// arguments are those of a call, each in the JSON it came in.
type arguments map[string]json.RawMessage

// readArguments reads them as strictly as a request is read, and takes none that
// the tool does not have.
func readArguments(raw json.RawMessage, names ...string) (arguments, *shared.Error) {
	if len(raw) > shared.MaxRequestBytes {
		return nil, shared.Refuse(shared.Violation{Message: fmt.Sprintf("has %d bytes; %d are allowed", len(raw), shared.MaxRequestBytes)})
	}
	if none := bytes.TrimSpace(raw); len(none) == 0 || string(none) == "null" {
		raw = []byte("{}")
	}
	violations, err := shared.CheckJSON(raw)
	if err != nil {
		return nil, shared.Refuse(shared.Violation{Message: err.Error()})
	}
	args := arguments{}
	if err := json.Unmarshal(raw, &args); err != nil {
		return nil, shared.Refuse(shared.Violation{Message: "the arguments are no object"})
	}
	for name := range args {
		switch {
		case slices.Contains(names, name):
		case name == "connection":
			violations = append(violations, shared.Violation{Pointer: shared.Pointer(name), Message: "is no argument: server and account are configured where this runs"})
		default:
			violations = append(violations, shared.Violation{Pointer: shared.Pointer(name), Message: "is no argument of this tool"})
		}
	}
	if len(violations) > 0 {
		slices.SortFunc(violations, func(a, b shared.Violation) int { return bytes.Compare([]byte(a.Pointer), []byte(b.Pointer)) })
		return nil, shared.Refuse(violations...)
	}
	return args, nil
}

// text takes an argument out that is a text of ours.
func (a arguments) text(name string) (string, *shared.Error) {
	raw, ok := a[name]
	if !ok {
		return "", nil
	}
	delete(a, name)
	var s *string
	if json.Unmarshal(raw, &s) != nil || s == nil || *s == "" {
		return "", shared.Refuse(shared.Violation{Pointer: shared.Pointer(name), Message: "must be a text that is not empty"})
	}
	return *s, nil
}

// request reads what is left as the members of a request. Nothing is decided
// here that kes-respond decides.
func (a arguments) request(kind string) (shared.Request, *shared.Error) {
	a["type"] = quoted(kind)
	line, err := json.Marshal(a)
	if err != nil {
		return shared.Request{}, shared.Refuse(shared.Violation{Message: err.Error()})
	}
	r, refusal := shared.ParseRequest(line)
	if refusal == nil && r.HostLookup == shared.LookupNever {
		refusal = shared.Refuse(shared.Violation{Pointer: "/hostLookup", Message: "may not be never here: the host has to be found"})
	}
	return r, refusal
}

// named puts what status asks about where a request has it.
func (a arguments) named() *shared.Error {
	request, refusal := a.text(argRequest)
	if refusal != nil {
		return refusal
	}
	if request != "" {
		a["target"] = quoted(request)
	}
	if raw, ok := a[argIncident]; ok {
		a[argIncident] = json.RawMessage(`{"id":` + string(raw) + `}`)
	}
	return nil
}

func quoted(text string) json.RawMessage {
	data, _ := json.Marshal(text) // a text can always be written
	return data
}
