package jsonl

import (
	"fmt"

	"github.com/kes-respond/kes-respond/shared"
)

// What a request has come to where the serving end gave no result.

func lostError(message string) *shared.Error {
	return &shared.Error{
		Code: shared.CarrierLost, Message: message, Retryable: true,
		Assistance: "Start the serving end anew and ask again.",
	}
}

func errorOf(p *shared.Problem) *shared.Error {
	return &shared.Error{Code: p.Code, Message: p.Message, Assistance: p.Assistance}
}

func ended(r shared.Request, o shared.Outcome, e *shared.Error) shared.Result {
	return shared.Result{Outcome: o, Task: r.Task, TargetHost: r.TargetHost, Message: e.Message, Error: e}
}

// unsent is the result of a request whose line was not handed over.
func unsent(r shared.Request, e *shared.Error) shared.Result {
	switch e.Code {
	case shared.CancelledCode:
		return ended(r, shared.Cancelled, e)
	case shared.BadRequest, shared.DuplicateID:
		return ended(r, shared.Refused, e)
	}
	return ended(r, shared.Failed, e)
}

// notCarried is the result of a request that was answered with an error event:
// its line was no request to the serving end. Where that cannot be, since the
// request was accepted or its answer was not readable, nothing is certain.
func (c *Client) notCarried(r shared.Request, a *asked, p *shared.Problem) shared.Result {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !a.accepted && p.Code != shared.Internal && p.Code != shared.BadAnswer {
		return ended(r, shared.Refused, errorOf(p))
	}
	return a.unknown(r, p.Code, p.Message)
}

// unheard is the result of a request of which no more will be heard.
func (c *Client) unheard(r shared.Request, a *asked) shared.Result {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case a.undelivered:
		return ended(r, shared.Failed, lostError("the serving end went away before the request had reached it: nothing was done"))
	case a.gaveUp:
		return a.unknown(r, shared.CarrierLost, fmt.Sprintf("the serving end gave no result within %s of being told to cancel: the request may have been carried out", patience))
	}
	return a.unknown(r, shared.CarrierLost, "the serving end went away without a result: the request may have been carried out")
}

func (a *asked) unknown(r shared.Request, code shared.Code, message string) shared.Result {
	e := &shared.Error{
		Code: code, Message: message,
		Assistance: "Look in the console for a task named [Response] for this host before sending it again.",
	}
	switch {
	case a.asks == shared.TypeStatus:
		e.Assistance, e.Retryable = "Ask again: to ask sends nothing to a host.", true
	case a.incident != nil:
		e.Assistance = "KSC has stored it: ask for the status of incident " + a.incident.ID + "."
	}
	result := ended(r, shared.Unknown, e)
	result.Host, result.Incident = a.host, a.incident
	return result
}
