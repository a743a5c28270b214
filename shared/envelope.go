package shared

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sort"
	"strings"
	"time"
)

// member is one member of the envelope: which types of requests take it, which
// cannot do without it, and how its raw JSON is checked and stored. Raw JSON
// comes first because null, "" and absent are three different things in an
// order, and decoding makes them one.
type member struct {
	name     string
	types    []string
	required []string
	read     func(r *Request, raw json.RawMessage) error
}

func members() []member {
	respond, asks := []string{TypeRespond}, []string{TypeRespond, TypeStatus}
	return []member{
		{"id", nil, nil, func(*Request, json.RawMessage) error { return nil }},
		{"type", nil, nil, func(*Request, json.RawMessage) error { return nil }},
		{"task", []string{TypeRespond, TypeDescribe}, respond, text(64, func(r *Request) *string { return &r.Task })},
		{"targetHost", respond, respond, readTargetHost},
		{"params", respond, respond, readParams},
		{"responseEventIncident", respond, nil, readIncidentMark},
		{"responseEventIncidentArea", respond, nil, readArea},
		{"server", []string{TypeRespond, TypeStatus, TypeCheck}, nil, text(128, func(r *Request) *string { return &r.Server })},
		{"connection", []string{TypeRespond, TypeStatus, TypeCheck}, nil, func(r *Request, raw json.RawMessage) error {
			r.Connection = bytes.Clone(raw)
			return kind(raw, '{', "an object")
		}},
		{"hostLookup", respond, nil, oneOf(func(r *Request) *string { return &r.HostLookup },
			LookupAuto, LookupID, LookupDNS, LookupFQDN, LookupNetBIOS, LookupIP, LookupNever)},
		{"wait", asks, nil, oneOf(func(r *Request) *string { return &r.Wait }, WaitSubmit, WaitDone)},
		{"timeout", asks, nil, readTimeout},
		{"dryRun", respond, nil, boolean(func(r *Request) *bool { return &r.DryRun })},
		{"idempotencyKey", respond, nil, text(128, func(r *Request) *string { return &r.IdempotencyKey })},
		{"allowDuplicate", respond, nil, boolean(func(r *Request) *bool { return &r.AllowDuplicate })},
		{"marker", respond, nil, boolean(func(r *Request) *bool { return &r.Marker })},
		{"actor", respond, nil, text(256, func(r *Request) *string { return &r.Actor })},
		{"reason", respond, nil, text(1024, func(r *Request) *string { return &r.Reason })},
		{"caseId", respond, nil, text(256, func(r *Request) *string { return &r.CaseID })},
		{"incident", []string{TypeStatus}, nil, readIncident},
		{"target", []string{TypeCancel, TypeStatus}, []string{TypeCancel}, func(r *Request, raw json.RawMessage) (err error) {
			r.Target, err = ParseID(raw)
			return err
		}},
	}
}

// flaws are what is wrong inside a member; their pointers are relative to it.
type flaws []Violation

func (f flaws) Error() string { return f[0].Pointer + " " + f[0].Message }

// readMembers checks each member by itself, so that a caller hears of all that
// is wrong at once. It lists the first unknown members and counts the others.
func readMembers(r *Request, raw map[string]json.RawMessage) (found []Violation, omitted int) {
	if r.Type == TypeRespond {
		r.HostLookup = LookupAuto
	}
	if r.Type == TypeRespond || r.Type == TypeStatus {
		r.Wait = WaitSubmit
	}
	known := map[string]bool{}
	for _, m := range members() {
		known[m.name] = true
		value, present := raw[m.name]
		switch {
		case !present:
			if slices.Contains(m.required, r.Type) {
				found = append(found, Violation{Pointer(m.name), "is required"})
			}
		case m.types != nil && !slices.Contains(m.types, r.Type):
			found = append(found, Violation{Pointer(m.name), "has no meaning in a request of type " + r.Type})
		default:
			found = append(found, flawsOf(m.name, m.read(r, value))...)
		}
	}
	if r.Type == TypeStatus {
		found = append(found, asksAbout(raw)...)
	}
	var unknown []string
	for name := range raw {
		if !known[name] {
			unknown = append(unknown, name)
		}
	}
	sort.Strings(unknown)
	listed := unknown[:min(len(unknown), mostFound)]
	for _, name := range listed {
		found = append(found, Violation{Pointer(name), "is not a member that requests have" + meant(name, known)})
	}
	return found, len(unknown) - len(listed)
}

// asksAbout wants of a status request that it names one thing.
func asksAbout(raw map[string]json.RawMessage) []Violation {
	_, incident := raw["incident"]
	switch _, request := raw["target"]; {
	case !incident && !request:
		return []Violation{{Pointer("incident"), "is required, or target in its place"}}
	case incident && request:
		return []Violation{{Pointer("target"), "has no place beside incident"}}
	}
	return nil
}

func flawsOf(name string, err error) []Violation {
	var inside flaws
	switch {
	case err == nil:
		return nil
	case !errors.As(err, &inside):
		return []Violation{{Pointer(name), err.Error()}}
	}
	for i := range inside {
		inside[i].Pointer = Pointer(name) + inside[i].Pointer
	}
	return inside
}

func meant(name string, known map[string]bool) string {
	for k := range known {
		if strings.EqualFold(k, name) {
			return "; \"" + k + "\" is spelt so"
		}
	}
	return ""
}

// readTargetHost refuses blanks around the name: what is left of an empty
// template must not be looked up, still less be sent as it is.
func readTargetHost(r *Request, raw json.RawMessage) (err error) {
	if r.TargetHost, err = readText(raw, 256); err == nil && strings.TrimSpace(r.TargetHost) != r.TargetHost {
		err = errors.New("begins or ends with a blank")
	}
	return err
}

func readParams(r *Request, raw json.RawMessage) error {
	r.Params = bytes.Clone(raw)
	if raw[0] != '{' && raw[0] != '[' {
		return errors.New("must be an object, or for some tasks an array")
	}
	return nil
}

func readIncidentMark(r *Request, raw json.RawMessage) error {
	if string(raw) != "true" {
		return errors.New("must be true where it is given: it is always sent as true")
	}
	r.ResponseEventIncident = true
	return nil
}

func readArea(r *Request, raw json.RawMessage) error {
	s, err := readText(raw, 32)
	if err != nil {
		return err
	}
	r.ResponseEventIncidentArea = s
	return CheckArea(s)
}

// CheckArea says whether a text may be a responseEventIncidentArea: 1 to 32
// ASCII letters, digits, blanks, '.', '_' or '-'. It becomes part of the
// console task's name, and a bracket in it could forge another's.
func CheckArea(s string) error {
	const allowed = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 ._-"
	if len(s) < 1 || len(s) > 32 || strings.Trim(s, allowed) != "" || strings.ContainsFunc(s, func(c rune) bool { return !strings.ContainsRune(allowed, c) }) {
		return errors.New("must be 1 to 32 letters, digits, blanks, '.', '_' or '-'")
	}
	return nil
}

func readTimeout(r *Request, raw json.RawMessage) error {
	s, err := readText(raw, 64)
	if err != nil {
		return err
	}
	d, err := time.ParseDuration(s)
	if err != nil || d <= 0 || d > MaxTimeout {
		return fmt.Errorf("must be a time span such as \"90s\" or \"5m\", above zero and at most %s", MaxTimeout)
	}
	r.Timeout = Duration(d)
	return nil
}

func readIncident(r *Request, raw json.RawMessage) error {
	var members map[string]json.RawMessage
	if raw[0] != '{' || json.Unmarshal(raw, &members) != nil {
		return errors.New("must be an object with id and, where there are several, server")
	}
	r.Incident = &Incident{}
	var found flaws
	note := func(name string, err error) {
		if err != nil && len(found) < mostFound {
			found = append(found, Violation{Pointer(name), err.Error()})
		}
	}
	for _, name := range slices.Sorted(maps.Keys(members)) {
		var err error
		switch name {
		case "id":
			r.Incident.ID, err = readDigits(members[name])
		case "server":
			r.Incident.Server, err = readText(members[name], 128)
		default:
			err = errors.New("is not a member that incident has; id and server are")
		}
		note(name, err)
	}
	if _, ok := members["id"]; !ok {
		note("id", errors.New("is required: the decimal number as a string"))
	}
	if len(found) > 0 {
		return found
	}
	return nil
}
