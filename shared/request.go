package shared

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// The types of requests.
const (
	TypeRespond  = "respond"
	TypeStatus   = "status"
	TypeCancel   = "cancel"
	TypeDescribe = "describe"
	TypeCheck    = "check"
	TypeShutdown = "shutdown"
)

// The values of wait and hostLookup.
const (
	WaitSubmit = "submit" // end when KSC has stored the request
	WaitDone   = "done"   // follow to the console task's end

	LookupAuto    = "auto" // an exact host id wins; else DNS name, FQDN or NetBIOS name
	LookupID      = "id"
	LookupDNS     = "dns"
	LookupFQDN    = "fqdn"
	LookupNetBIOS = "netbios"
	LookupIP      = "ip"
	LookupNever   = "never" // sent as given
)

// DefaultArea is the responseEventIncidentArea where nobody configured one.
const DefaultArea = "KUMA"

// Request is one line from a caller, its envelope checked. Members that were
// absent have their zero value, save those for which a default is documented
// here, in requests that take them. Params are raw: the task checks them.
// Written as JSON it is a request that reads as the same Request.
type Request struct {
	Type                      string          `json:"type,omitempty"` // default respond
	ID                        ID              `json:"id,omitempty"`   // made up where absent
	Task                      string          `json:"task,omitempty"`
	TargetHost                string          `json:"targetHost,omitempty"`
	Params                    json.RawMessage `json:"params,omitempty"`
	ResponseEventIncident     bool            `json:"responseEventIncident,omitempty"` // may only be true
	ResponseEventIncidentArea string          `json:"responseEventIncidentArea,omitempty"`
	Server                    string          `json:"server,omitempty"`
	Connection                json.RawMessage `json:"connection,omitempty"`
	HostLookup                string          `json:"hostLookup,omitempty"` // default auto
	Wait                      string          `json:"wait,omitempty"`       // default submit
	Timeout                   Duration        `json:"timeout,omitempty"`
	DryRun                    bool            `json:"dryRun,omitempty"`
	IdempotencyKey            string          `json:"idempotencyKey,omitempty"`
	AllowDuplicate            bool            `json:"allowDuplicate,omitempty"`
	Marker                    bool            `json:"marker,omitempty"` // the area gets a marker of this request's own
	Actor                     string          `json:"actor,omitempty"`
	Reason                    string          `json:"reason,omitempty"`
	CaseID                    string          `json:"caseId,omitempty"`
	Incident                  *Incident       `json:"incident,omitempty"` // what status asks about, or
	Target                    ID              `json:"target,omitempty"`   // the request that it asks about, or that cancel ends
}

// Duration is a time span that travels as Go writes it: "90s", "1h30m".
type Duration time.Duration

// MarshalText writes the span as time.Duration prints it.
func (d Duration) MarshalText() ([]byte, error) { return []byte(time.Duration(d).String()), nil }

// UnmarshalText reads what time.ParseDuration reads.
func (d *Duration) UnmarshalText(text []byte) error {
	v, err := time.ParseDuration(string(text))
	*d = Duration(v)
	return err
}

// TimeLimit is how long the whole request may take.
func (r Request) TimeLimit() time.Duration {
	switch {
	case r.Timeout > 0:
		return time.Duration(r.Timeout)
	case r.Wait == WaitDone:
		return DefaultDoneTimeout
	}
	return DefaultSubmitTimeout
}

// ParseRequest reads one line. The returned Request has an ID exactly when the
// line is a request: one JSON object of at most MaxRequestBytes, whose id is
// absent or readable once. An error beside an ID is the refusal of that
// request, and all its violations are listed; without an ID it says why the
// line is none. Params are left raw and are checked for strict JSON only. The
// Request keeps nothing of line.
func ParseRequest(line []byte) (Request, *Error) {
	if len(line) > MaxRequestBytes {
		return Request{}, notRequest(fmt.Sprintf("it is longer than %d bytes", MaxRequestBytes))
	}
	w, err := inspect(line)
	if err != nil {
		return Request{}, notRequest(err.Error())
	}
	if first := bytes.TrimLeft(line, " \t\r\n"); len(first) == 0 || first[0] != '{' {
		return Request{}, notRequest("the line is JSON, but no object")
	}
	r, refusal := readID(w.outer["id"], w.idFlaw)
	if refusal != nil {
		return Request{}, refusal
	}
	if r.Type, refusal = readType(w.outer["type"]); refusal != nil {
		return Request{}, refusal
	}
	if w.crowded() { // what is missing may stand where nobody looked
		refusal = Refuse(w.found...)
		refusal.Omitted += w.omitted
		return r, refusal
	}
	found, omitted := readMembers(&r, w.outer)
	if found = append(w.found, found...); len(found) > 0 {
		refusal = Refuse(found...)
		refusal.Omitted += w.omitted + omitted
		return r, refusal
	}
	return r, nil
}

func notRequest(message string) *Error {
	return &Error{
		Code: BadRequest, Message: "this line is no request: " + message,
		Assistance: fmt.Sprintf("Send one JSON object a line, in UTF-8, of at most %d bytes.", MaxRequestBytes),
	}
}

func readID(raw json.RawMessage, flaw string) (Request, *Error) {
	if flaw != "" {
		return Request{}, notRequest("its id " + flaw)
	}
	if raw == nil {
		return Request{ID: NewID()}, nil
	}
	id, err := ParseID(raw)
	if err != nil {
		return Request{}, notRequest("its id " + err.Error())
	}
	return Request{ID: id}, nil
}

func readType(raw json.RawMessage) (string, *Error) {
	if raw == nil {
		return TypeRespond, nil
	}
	var name string
	if json.Unmarshal(raw, &name) == nil {
		switch name {
		case TypeRespond, TypeStatus, TypeCancel, TypeDescribe, TypeCheck, TypeShutdown:
			return name, nil
		}
	}
	return "", notRequest("its type is unknown; respond, status, cancel, describe, check and shutdown are known")
}

// errNotString is what a member of a wrong kind is told.
var errNotString = errors.New("must be a string")
