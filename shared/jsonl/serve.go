package jsonl

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/kes-respond/kes-respond/shared"
)

// Serve reads requests from in, has r carry them out, and writes events to
// out, the hello first. It returns once every request that was read has its
// result, after the end of input, a shutdown request, a read error, the end of
// ctx, or the loss of the output.
//
// The end of input and shutdown let running requests finish. The end of ctx
// and the loss of the output cancel them: what r has sent by then it records,
// what has not been started is not started any more. If some do not end within
// the grace period they are reported as unknown and left behind.
//
// At most 4·MaxInFlight requests and MaxInFlightBytes of their lines are held
// at once. At either bound reading waits, and a cancel behind it waits too.
//
// A read that is stuck does not keep Serve: it returns, and in is closed if it
// is an io.Closer and its end was not reached. The goroutine that reads ends
// with the read. Serve does not close r or out, and writes nothing once it has
// returned, save the end of a write that was stuck.
//
// The error is nil for all orderly ends, the end of ctx among them; else it
// wraps the read error, ErrOutputLost or ErrAbandoned.
func Serve(ctx context.Context, r shared.Responder, in io.Reader, out io.Writer, o Options) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	o = o.filled()
	s := &server{
		ctx: ctx, responder: r, hello: o.Hello, log: o.Log,
		out:   &output{w: out, lose: stop, turn: newLock()},
		calls: newFlight(o.MaxInFlightBytes, 4*o.MaxInFlight),
		turns: make(chan struct{}, o.MaxInFlight),
	}
	read := make(chan error, 1)
	go func() { read <- s.read(in) }()

	var failure error
	ended := false
	select {
	case failure = <-read:
		ended = failure == io.EOF
	case <-ctx.Done():
	}
	if !ended {
		if c, ok := in.(io.Closer); ok {
			c.Close()
		}
	}
	if errors.Is(failure, io.EOF) || errors.Is(failure, errLeaving) {
		failure = nil
	}
	if failure != nil {
		failure = fmt.Errorf("reading requests: %w", failure)
	}
	return errors.Join(failure, s.drain(o.Grace))
}

type server struct {
	ctx       context.Context // of all calls; it ends with Serve's
	responder shared.Responder
	hello     shared.Hello
	log       *slog.Logger
	out       *output
	calls     *flight
	turns     chan struct{} // one place for each request that may run
}

// read greets and takes in lines until there are no more.
func (s *server) read(in io.Reader) error {
	s.out.event(shared.Event{Hello: &s.hello})
	lines := newLines(in, shared.MaxRequestBytes)
	for s.ctx.Err() == nil {
		line, err := lines.next()
		var bad badLine
		if err != nil && !errors.As(err, &bad) {
			return err
		}
		if !s.calls.arrive() {
			break
		}
		last := s.line(lines.count, line, bad)
		s.calls.done()
		if last != nil {
			return last
		}
	}
	return errLeaving
}

// line acts on one line that was read.
func (s *server) line(n int64, line []byte, bad badLine) error {
	if bad == "" {
		return s.take(n, line)
	}
	s.problem("", n, &shared.Error{
		Code: shared.BadRequest, Message: "this line is no request: " + bad.Error(),
		Assistance: fmt.Sprintf("Send one JSON object a line, of at most %d bytes.", shared.MaxRequestBytes),
	})
	return nil
}

// drain waits for what runs, then for as long as the grace lasts.
func (s *server) drain(grace time.Duration) error {
	s.calls.close()
	select {
	case <-s.calls.idle:
		return s.leave()
	case <-s.ctx.Done():
	}
	timer := time.NewTimer(grace)
	defer timer.Stop()
	select {
	case <-s.calls.idle:
		return s.leave()
	case <-timer.C:
		return s.abandon()
	}
}

// leave says whether all was written, and lets nothing more be.
func (s *server) leave() error {
	lost := s.out.lost()
	s.out.close(lost != nil)
	return lost
}

// abandon gives what has not ended its result. The output may be stuck, and
// then there is nobody to tell: a second is enough to find out.
func (s *server) abandon() error {
	left := s.calls.running()
	told := make(chan struct{})
	go func() {
		defer close(told)
		for _, c := range left {
			const message = "it had not ended when this program had to: it may have been sent"
			c.end(s.out, shared.Event{Result: &shared.Result{
				Outcome: shared.Unknown, Task: c.task, TargetHost: c.host, Message: message,
				Error: &shared.Error{Code: shared.Internal, Message: message, Assistance: "Ask for its status, or look in the console."},
			}}, func() { s.calls.forget(c) })
		}
	}()
	timer := time.NewTimer(time.Second)
	defer timer.Stop()
	stuck := false
	select {
	case <-told:
	case <-timer.C:
		stuck = true
	}
	lost := s.out.lost()
	s.out.close(stuck)
	switch {
	case len(left) > 0:
		return errors.Join(lost, fmt.Errorf("%w: %d", ErrAbandoned, len(left)))
	case lost == nil: // all that is left is a line whose error nobody takes
		lost = fmt.Errorf("%w: it took no event any more", ErrOutputLost)
	}
	return lost
}
