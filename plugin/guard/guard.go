// Package guard decides whether a request may be sent. Decide is a pure
// function from what is asked and what is known of the host to a decision
// with a reason; it reads no clock, no file and no network, so that the same
// question has the same answer everywhere and a table can test it.
//
// This version has no rules yet: without a policy all nine tasks are allowed,
// which is also what it will mean later.
package guard

import "github.com/kes-respond/kes-respond/shared"

// Policy is what an organisation allows. The zero Policy allows everything.
type Policy struct{}

// Question is all that a decision may depend on.
type Question struct {
	Task    string
	Effects []shared.Effect
	Host    shared.Host
}

// Decision is the answer. Rule names what decided, Reason is quoted to the
// caller, and Code is set where Allowed is false.
type Decision struct {
	Allowed bool
	Rule    string
	Reason  string
	Code    shared.Code
}

// Decide answers one question.
func (Policy) Decide(Question) Decision {
	return Decision{Allowed: true, Rule: "default", Reason: "no policy forbids it"}
}
