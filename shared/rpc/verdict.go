package rpc

import (
	"context"
	"errors"
	"fmt"

	"github.com/kes-respond/kes-respond/shared"
)

// What a request has come to, where the Responder did not say it.

func ended(r shared.Request, o shared.Outcome, e *shared.Error) *shared.Result {
	return &shared.Result{Outcome: o, Task: r.Task, TargetHost: r.TargetHost, Message: e.Message, Error: e}
}

func errInFlight(id shared.ID) *shared.Error {
	return &shared.Error{
		Code: shared.DuplicateID, Message: fmt.Sprintf("the id %q is in flight already; this request was not carried out", id.Text()),
		Assistance: "Give each request an id of its own, or wait for the result before using one again.",
	}
}

func errNotStarted() *shared.Error {
	return &shared.Error{Code: shared.CancelledCode, Message: "cancelled before it was started", Assistance: "Send it again if it is still wanted."}
}

// problemOf is an error as it travels where there is no result to hold it.
func problemOf(err error) *shared.Problem {
	e, ok := errors.AsType[*shared.Error](err)
	if !ok {
		e = &shared.Error{Code: shared.Internal, Message: err.Error()}
	}
	p := &shared.Problem{Code: e.Code, Message: e.Message, Assistance: e.Assistance}
	for _, v := range e.Violations {
		if len(e.Violations) > 1 {
			p.Message += "; " + v.Pointer + " " + v.Message
		}
	}
	return p
}

func errorOf(p *shared.Problem) *shared.Error {
	return &shared.Error{Code: p.Code, Message: p.Message, Assistance: p.Assistance}
}

func lostError(message string) *shared.Error {
	return &shared.Error{
		Code: shared.CarrierLost, Message: message, Retryable: true,
		Assistance: "Launch the plugin anew and ask again.",
	}
}

// notSent says that ctx ended while nothing had been sent.
func notSent(err error) *shared.Error {
	if errors.Is(err, context.DeadlineExceeded) {
		return &shared.Error{Code: shared.Timeout, Message: "the time was over before anything was sent", Retryable: true, Assistance: "Send it again, with a longer timeout if need be."}
	}
	return &shared.Error{Code: shared.CancelledCode, Message: "cancelled before anything was sent", Assistance: "Send it again if it is still wanted."}
}

// unsent is the result of a request that the plugin provably never saw.
func unsent(r shared.Request, e *shared.Error) shared.Result {
	switch e.Code {
	case shared.CancelledCode:
		return *ended(r, shared.Cancelled, e)
	case shared.BadRequest, shared.DuplicateID:
		return *ended(r, shared.Refused, e)
	}
	return *ended(r, shared.Failed, e)
}

// heard is what a listener was told of one request.
type heard struct {
	accepted bool
	host     *shared.Host
	incident *shared.Incident
}

// note takes in an event, and says whether the listener is to hear it.
func (h *heard) note(e shared.Event) bool {
	switch {
	case e.Accepted != nil && !h.accepted:
		h.accepted, h.host = true, &e.Accepted.Host
		return true
	case e.Progress != nil:
		if e.Progress.Incident != nil {
			h.incident = e.Progress.Incident
		}
		return true
	}
	return false
}

// unknown is the result of a request that may have been carried out.
func (h *heard) unknown(r shared.Request, code shared.Code, message string) shared.Result {
	e := &shared.Error{
		Code: code, Message: message,
		Assistance: "Look in the console for a task named [Response] for this host before sending it again.",
	}
	switch {
	case r.Type == shared.TypeStatus:
		e.Assistance, e.Retryable = "Ask again: to ask sends nothing to a host.", true
	case h.incident != nil:
		e.Assistance = "KSC has stored it: ask for the status of incident " + h.incident.ID + "."
	}
	result := ended(r, shared.Unknown, e)
	result.Host, result.Incident = h.host, h.incident
	return *result
}

// notCarried is the result of a request that was answered with an error event:
// to the plugin it was no request. Where that cannot be, since it was accepted
// or its answer was not readable, nothing is certain.
func (h *heard) notCarried(r shared.Request, p *shared.Problem) shared.Result {
	if !h.accepted && p.Code != shared.Internal && p.Code != shared.BadAnswer {
		return *ended(r, shared.Refused, errorOf(p))
	}
	return h.unknown(r, p.Code, p.Message)
}
