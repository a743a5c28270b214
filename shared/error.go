package shared

import (
	"fmt"
	"slices"
)

// Code says why a request did not end as asked. The set is closed within a
// protocol version; PROTOCOL.md explains each.
type Code string

// The codes of protocol 1.
const (
	BadRequest       Code = "bad_request"
	DuplicateID      Code = "duplicate_id"
	Busy             Code = "busy"
	HostNotFound     Code = "host_not_found"
	HostAmbiguous    Code = "host_ambiguous"
	Policy           Code = "policy"
	ApprovalRequired Code = "approval_required"
	Cap              Code = "cap"
	Quota            Code = "quota"
	Suspended        Code = "suspended"
	Journal          Code = "journal"
	Unreachable      Code = "unreachable"
	TLS              Code = "tls"
	Login            Code = "login"
	Locked           Code = "locked"
	SecondFactor     Code = "second_factor"
	Denied           Code = "denied"
	KSCUnavailable   Code = "ksc_unavailable"
	KSCLimit         Code = "ksc_limit"
	KSCError         Code = "ksc_error"
	BadAnswer        Code = "bad_answer"
	Timeout          Code = "timeout"
	CancelledCode    Code = "cancelled"
	TaskFailed       Code = "task_failed"
	TaskLost         Code = "task_lost"
	TaskAmbiguous    Code = "task_ambiguous"
	CarrierLost      Code = "carrier_lost"
	Internal         Code = "internal"
)

// Error is the one form in which a failure reaches a caller. It never holds a
// credential, nor the value of a member marked sensitive.
type Error struct {
	Code       Code        `json:"code"`
	Message    string      `json:"message"`
	Assistance string      `json:"assistance,omitempty"` // what the person can do
	Retryable  bool        `json:"retryable"`            // the same request may succeed later
	Violations []Violation `json:"violations,omitempty"` // at most MaxListed
	Candidates []Candidate `json:"candidates,omitempty"` // at most MaxListed
	Omitted    int         `json:"omitted,omitempty"`    // how many more there are than the lists hold
	Upstream   *Upstream   `json:"upstream,omitempty"`
}

// Violation is one thing wrong with a request. Pointer is a JSON Pointer
// (RFC 6901) into the request as sent; empty means the request as a whole.
type Violation struct {
	Pointer string `json:"pointer"`
	Message string `json:"message"`
}

// Candidate is one host that a name could have meant.
type Candidate struct {
	ID   string `json:"id"`
	Name string `json:"name,omitempty"`
	FQDN string `json:"fqdn,omitempty"`
	IPv4 string `json:"ipv4,omitempty"`
}

// Upstream is what KSC itself said, as far as it said anything.
type Upstream struct {
	Module  string `json:"module,omitempty"`
	Code    int    `json:"code,omitempty"`
	Message string `json:"message,omitempty"`
}

// Error gives code and message, for logs and wrapping.
func (e *Error) Error() string {
	if len(e.Violations) == 1 {
		return fmt.Sprintf("%s: %s (%s: %s)", e.Code, e.Message, e.Violations[0].Pointer, e.Violations[0].Message)
	}
	return fmt.Sprintf("%s: %s", e.Code, e.Message)
}

// Refuse makes the error for a request that breaks the contract. It lists the
// first MaxListed violations and counts the rest.
func Refuse(violations ...Violation) *Error {
	e := &Error{
		Code: BadRequest, Message: "the request breaks the contract; nothing was sent",
		Assistance: "Mend what is named here; \"kes-respond describe TASK\" shows what a task takes.",
		Violations: violations,
	}
	if len(violations) == 1 {
		e.Message = "the request breaks the contract at " + place(violations[0].Pointer) + ": " + violations[0].Message + "; nothing was sent"
	}
	if n := len(violations); n > MaxListed {
		e.Violations, e.Omitted = slices.Clone(violations[:MaxListed]), n-MaxListed
	}
	return e
}

func place(pointer string) string {
	if pointer == "" {
		return "its top level"
	}
	return pointer
}
