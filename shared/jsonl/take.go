package jsonl

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"

	"github.com/kes-respond/kes-respond/shared"
)

// take acts on one line; errLeaving means that it was the last.
func (s *server) take(n int64, line []byte) error {
	r, refusal := shared.ParseRequest(line)
	switch {
	case r.ID == "":
		s.problem("", n, refusal)
	case r.Type == shared.TypeRespond || r.Type == shared.TypeStatus || r.Type == shared.TypeDescribe || r.Type == shared.TypeCheck:
		s.start(n, int64(len(line)), r, refusal)
	case refusal != nil:
		s.problem(r.ID, n, refusal)
	case r.Type == shared.TypeShutdown:
		return errLeaving
	case r.Type == shared.TypeCancel:
		s.cancel(n, r)
	}
	return nil
}

func (s *server) cancel(n int64, r shared.Request) {
	target := s.calls.find(r.Target)
	if target == nil {
		s.problem(r.ID, n, &shared.Error{
			Code: shared.BadRequest, Message: fmt.Sprintf("no request %q is in flight: it has ended, or was never read", r.Target.Text()),
			Assistance: "Look for its result above; there is nothing to cancel.",
		})
		return
	}
	target.cancel()
}

// start lets a request in and carries it out beside the others. What is
// refused is answered at once, and so is what is let in after the end of ctx.
func (s *server) start(n, size int64, r shared.Request, refusal *shared.Error) {
	ctx, cancel := context.WithCancel(s.ctx)
	c := &call{turn: newLock(), id: r.ID, line: n, size: size, task: r.Task, host: r.TargetHost, cancel: cancel}
	if err := s.calls.enter(c); err != nil {
		cancel()
		s.out.event(shared.Event{Problem: &shared.Problem{
			Code: shared.DuplicateID, Message: fmt.Sprintf("the id %q is in flight already; this line was not carried out", r.ID.Text()),
			Assistance: "Give each request an id of its own, or wait for the result before using one again.",
			Line:       n, DuplicateID: r.ID,
		}})
		return
	}
	go func() {
		var last shared.Event
		defer s.calls.leave(c)
		defer cancel()
		defer func() { c.end(s.out, last, func() { s.calls.forget(c) }) }()
		if r.Type == shared.TypeDescribe || r.Type == shared.TypeCheck {
			s.inform(ctx, c, r, refusal, &last)
		} else {
			last.Result = &shared.Result{Task: r.Task, TargetHost: r.TargetHost}
			s.answer(ctx, c, r, refusal, last.Result)
		}
	}()
}

// answer fills in the one result of a request, whatever becomes of it.
func (s *server) answer(ctx context.Context, c *call, r shared.Request, refusal *shared.Error, result *shared.Result) {
	if refusal != nil {
		result.Outcome, result.Error, result.Message = shared.Refused, refusal, refusal.Message
		return
	}
	free := sync.OnceFunc(s.turn(ctx))
	defer free()
	lingers := func() { // it has done its part, and waits for what the host does: others go on
		if s.calls.linger(c) {
			free()
		}
	}
	if s.ended(ctx) {
		result.Outcome, result.Error, result.Message = shared.Cancelled, errNotStarted(), errNotStarted().Message
		return
	}
	s.guard(func() {
		carry := s.responder.Respond
		if r.Type == shared.TypeStatus {
			carry = s.responder.Status
			if r.Wait == shared.WaitDone {
				lingers()
			}
		}
		answer := carry(ctx, r, func(e shared.Event) {
			c.emit(s.out, e)
			if e.Progress != nil && e.Progress.Stage == shared.StageSubmitted {
				lingers()
			}
		})
		if answer.Outcome == "" {
			panic("a result without an outcome")
		}
		*result = answer
	}, func() {
		result.Outcome, result.Message = shared.Unknown, "an error in this program ended the request: it may have been sent"
		result.Error = &shared.Error{
			Code: shared.Internal, Message: result.Message,
			Assistance: "Look in the console for what became of it, and report the error with this program's log.",
		}
	})
}

// turn waits for a place among those that run, and gives the way to leave it.
// When ctx ends first there is no place to leave.
func (s *server) turn(ctx context.Context) func() {
	select {
	case s.turns <- struct{}{}:
		return func() { <-s.turns }
	case <-ctx.Done():
		return func() {}
	}
}

// ended says that a request is not to be started any more. That all are to end is
// known before each of them is told so.
func (s *server) ended(ctx context.Context) bool { return s.ctx.Err() != nil || ctx.Err() != nil }

func errNotStarted() *shared.Error {
	return &shared.Error{Code: shared.CancelledCode, Message: "cancelled before it was started", Assistance: "Send it again if it is still wanted."}
}

// inform answers a question about this end: what it can do, or how far a
// request would get.
func (s *server) inform(ctx context.Context, c *call, r shared.Request, refusal *shared.Error, last *shared.Event) {
	if refusal != nil {
		last.Problem = problemOf(refusal, c.line)
		return
	}
	defer s.turn(ctx)()
	if s.ended(ctx) {
		last.Problem = problemOf(errNotStarted(), c.line)
		return
	}
	s.guard(func() {
		answer, err := s.ask(ctx, r)
		if err != nil {
			answer = shared.Event{Problem: problemOf(err, c.line)}
		}
		*last = answer
	}, func() {
		const message = "an error in this program ended the request; nothing was sent to a host"
		last.Problem = problemOf(&shared.Error{Code: shared.Internal, Message: message}, c.line)
	})
}

func (s *server) ask(ctx context.Context, r shared.Request) (shared.Event, error) {
	if r.Type == shared.TypeCheck {
		checked, err := s.responder.Check(ctx, r)
		return shared.Event{Checked: &checked}, err
	}
	d, err := s.responder.Describe(ctx, r.Task)
	return shared.Event{Described: &d}, err
}

// guard runs f; when f panics or exits its goroutine, the log hears of it and
// broken runs instead of the rest.
func (s *server) guard(f, broken func()) {
	finished := false
	defer func() {
		if finished {
			return
		}
		s.log.Error("a request panicked", "panic", recover(), "stack", string(debug.Stack()))
		broken()
	}()
	f()
	finished = true
}

// problem answers a line with an error event. It carries the line's id unless
// that id is in flight: then it would read as that request's.
func (s *server) problem(id shared.ID, n int64, e *shared.Error) {
	if s.calls.has(id) {
		id = ""
	}
	s.out.event(shared.Event{ID: id, Problem: problemOf(e, n)})
}

// problemOf is an error as an event, which has no list of violations: where
// there are several the message names those that the error lists.
func problemOf(err error, line int64) *shared.Problem {
	e, ok := errors.AsType[*shared.Error](err)
	if !ok {
		e = &shared.Error{Code: shared.Internal, Message: err.Error()}
	}
	p := &shared.Problem{Code: e.Code, Message: e.Message, Assistance: e.Assistance, Line: line}
	if len(e.Violations) > 1 {
		for _, v := range e.Violations {
			at := v.Pointer
			if at == "" {
				at = "its top level"
			}
			p.Message += "; " + at + " " + v.Message
		}
		if e.Omitted > 0 {
			p.Message += fmt.Sprintf("; and %d more", e.Omitted)
		}
	}
	return p
}
