package rpc

import (
	"context"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/kes-respond/kes-respond/shared"
	"github.com/kes-respond/kes-respond/shared/rpc/responderpb"
)

// service is the plugin's end: it carries out what the host asks.
type service struct {
	responderpb.UnimplementedResponderServer
	responder shared.Responder
	log       *slog.Logger
	calls     *calls
	turns     chan struct{} // one place for each request that may run
}

func newService(r shared.Responder, o Options) *service {
	return &service{responder: r, log: o.Log, calls: newCalls(), turns: make(chan struct{}, o.MaxInFlight)}
}

// Respond carries out a request of type respond.
func (s *service) Respond(in *wrapperspb.BytesValue, out grpc.ServerStreamingServer[wrapperspb.BytesValue]) error {
	return s.carry(shared.TypeRespond, s.responder.Respond, in, out)
}

// Status carries out a request of type status.
func (s *service) Status(in *wrapperspb.BytesValue, out grpc.ServerStreamingServer[wrapperspb.BytesValue]) error {
	return s.carry(shared.TypeStatus, s.responder.Status, in, out)
}

type carryOut func(context.Context, shared.Request, func(shared.Event)) shared.Result

// carry reads a request, has it carried out, and sends its events, the last one
// last. Its error is of the transport.
func (s *service) carry(as string, carryOut carryOut, in *wrapperspb.BytesValue, out grpc.ServerStreamingServer[wrapperspb.BytesValue]) error {
	r, refusal := read(in, as)
	if r.ID == "" {
		return send(out, shared.Event{Problem: problemOf(refusal)})
	}
	ctx, cancel := context.WithCancel(out.Context())
	defer cancel()
	one := &call{id: r.ID, cancel: cancel}
	if taken := s.calls.enter(one); taken != nil {
		if taken.Code == shared.DuplicateID {
			p := problemOf(taken)
			p.DuplicateID = r.ID
			return send(out, shared.Event{Problem: p})
		}
		return send(out, shared.Event{ID: r.ID, Result: ended(r, shared.Refused, taken)})
	}
	defer s.calls.left()
	defer s.calls.forget(one)
	stream := newOutgoing(ctx, r.ID)
	go s.work(ctx, stream, carryOut, r, refusal)
	if err := out.SendHeader(nil); err != nil {
		cancel()
	}
	err := stream.pump(out, s.calls.given, func() { s.calls.forget(one) }, cancel, s.unended(r))
	if err == nil && s.calls.isLeaving() {
		await(out.Context().Done(), hangUp)
	}
	return err
}

// work has one request carried out and ends its stream.
func (s *service) work(ctx context.Context, stream *outgoing, carryOut carryOut, r shared.Request, refusal *shared.Error) {
	defer s.calls.worked()
	var result *shared.Result
	defer func() { stream.end(shared.Event{Result: result}) }()
	if refusal != nil {
		result = ended(r, shared.Refused, refusal)
		return
	}
	free := sync.OnceFunc(s.turn(ctx))
	defer free()
	if ctx.Err() != nil {
		result = ended(r, shared.Cancelled, errNotStarted())
		return
	}
	s.guard(func() {
		if r.Type == shared.TypeStatus && r.Wait == shared.WaitDone {
			free()
		}
		answer := carryOut(ctx, r, func(e shared.Event) {
			stream.emit(e)
			if e.Progress != nil && e.Progress.Stage == shared.StageSubmitted {
				free() // it has done its part, and waits for what the host does: others go on
			}
		})
		if answer.Outcome == "" {
			panic("a result without an outcome")
		}
		result = &answer
	}, func() {
		result = ended(r, shared.Unknown, &shared.Error{
			Code: shared.Internal, Message: "an error in the plugin ended the request: it may have been sent",
			Assistance: "Look in the console for what became of it, and report the error with the plugin's log.",
		})
	})
}

// unended is the result of a request that the plugin cannot wait for.
func (s *service) unended(r shared.Request) shared.Event {
	return shared.Event{Result: ended(r, shared.Unknown, &shared.Error{
		Code: shared.Internal, Message: "it had not ended when the plugin had to leave: it may have been sent",
		Assistance: "Ask for its status, or look in the console.",
	})}
}

// Describe answers a request of type describe.
func (s *service) Describe(ctx context.Context, in *wrapperspb.BytesValue) (*wrapperspb.BytesValue, error) {
	return s.inform(ctx, in, shared.TypeDescribe, func(ctx context.Context, r shared.Request) (shared.Event, error) {
		d, err := s.responder.Describe(ctx, r.Task)
		return shared.Event{Described: &d}, err
	})
}

// Check answers a request of type check.
func (s *service) Check(ctx context.Context, in *wrapperspb.BytesValue) (*wrapperspb.BytesValue, error) {
	return s.inform(ctx, in, shared.TypeCheck, func(ctx context.Context, r shared.Request) (shared.Event, error) {
		c, err := s.responder.Check(ctx, r)
		return shared.Event{Checked: &c}, err
	})
}

// inform answers a question that has one answer.
func (s *service) inform(ctx context.Context, in *wrapperspb.BytesValue, as string, answer func(context.Context, shared.Request) (shared.Event, error)) (*wrapperspb.BytesValue, error) {
	r, refusal := read(in, as)
	if refusal != nil {
		return packed(shared.Event{ID: r.ID, Problem: problemOf(refusal)})
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	one := &call{id: r.ID, cancel: cancel}
	if taken := s.calls.enter(one); taken != nil {
		return packed(shared.Event{Problem: problemOf(taken)})
	}
	defer s.calls.left()
	defer s.calls.forget(one)
	defer s.calls.worked()
	var e shared.Event
	defer s.turn(ctx)()
	if ctx.Err() != nil {
		return packed(shared.Event{ID: r.ID, Problem: problemOf(errNotStarted())})
	}
	s.guard(func() {
		answered, err := answer(ctx, r)
		if err != nil {
			answered = shared.Event{Problem: problemOf(err)}
		}
		e = answered
	}, func() {
		e.Problem = problemOf(&shared.Error{Code: shared.Internal, Message: "an error in the plugin ended the request; nothing was sent to a host"})
	})
	e.ID = r.ID
	return packed(e)
}

// turn waits for a place among the requests that run, and gives the way to
// leave it. When ctx ends first there is no place to leave.
func (s *service) turn(ctx context.Context) func() {
	select {
	case s.turns <- struct{}{}:
		return func() { <-s.turns }
	case <-ctx.Done():
		return func() {}
	}
}

// Cancel ends a request in flight.
func (s *service) Cancel(_ context.Context, in *wrapperspb.BytesValue) (*wrapperspb.BytesValue, error) {
	r, refusal := read(in, shared.TypeCancel)
	if refusal == nil && !s.calls.cancel(r.Target) {
		refusal = &shared.Error{
			Code: shared.BadRequest, Message: fmt.Sprintf("no request %q is in flight: it has ended, or was never read", r.Target.Text()),
			Assistance: "Look for its result; there is nothing to cancel.",
		}
	}
	if refusal != nil {
		return packed(shared.Event{ID: r.ID, Problem: problemOf(refusal)})
	}
	return &wrapperspb.BytesValue{}, nil
}

// guard runs f; when f panics or exits its goroutine, the log hears of it and
// broken runs instead of the rest.
func (s *service) guard(f, broken func()) {
	finished := false
	defer func() {
		if finished {
			return
		}
		s.log.Error("a request panicked", "panic", fmt.Sprint(recover()), "stack", string(debug.Stack()))
		broken()
	}()
	f()
	finished = true
}
