package plugin

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/sony/gobreaker/v2"

	"github.com/kes-respond/kes-respond/plugin/ksc"
)

// The patience with a server that is not to be had.
const (
	firstPause    = 500 * time.Millisecond // doubled from try to try
	longestPause  = 8 * time.Second
	strangerTries = 3 // of a server that has never answered: its address may be wrong
	tripAfter     = 5 // failures in a row, of all requests together
	tripFor       = 10 * time.Second
)

// talk does something with the server in a turn of its own, and again after a
// pause for as long as that fails for a reason that may pass by itself, and
// ctx leaves time. A call of which nobody knows whether KSC has carried it out
// is not done again. After many failures in a row nobody asks for a while, so
// that a server which is coming up is not held down.
func (s *server) talk(ctx context.Context, do func() error) error {
	var last error
	for try := 1; ; try++ {
		err := s.once(ctx, do)
		switch {
		case err == nil:
			return nil
		case ctx.Err() != nil && last != nil:
			return last // it says more than that the time is over
		case !passing(err), !s.known.Load() && try >= strangerTries:
			return err
		}
		last = err
		if !s.pause(ctx, try) {
			return last
		}
	}
}

// once is one try: no try at all while the circuit is open.
func (s *server) once(ctx context.Context, do func() error) error {
	leave, err := s.turn(ctx)
	if err != nil {
		return err
	}
	defer leave()
	report, err := s.circuit.Allow()
	if err != nil {
		return &openError{s.name, s.last.Load()}
	}
	err = do()
	if e, ok := errors.AsType[*ksc.Error](err); err == nil || ok && (e.Delivery == ksc.Answered || e.Status != 0) {
		s.known.Store(true)
	}
	if !ailing(err) {
		report(nil)
		return err
	}
	s.last.Store(&err)
	report(err)
	return err
}

func newCircuit(name string) *gobreaker.TwoStepCircuitBreaker[struct{}] {
	return gobreaker.NewTwoStepCircuitBreaker[struct{}](gobreaker.Settings{
		Name: name, Timeout: tripFor,
		ReadyToTrip: func(c gobreaker.Counts) bool { return c.ConsecutiveFailures >= tripAfter },
	})
}

// openError says that nobody asks the server for now.
type openError struct {
	server string
	last   *error
}

// Error names the server and its last failure.
func (e *openError) Error() string {
	return fmt.Sprintf("server %s has failed %d times in a row and is left alone for up to %s; the last failure: %v", e.server, tripAfter, tripFor, e.Unwrap())
}

// Unwrap gives the last failure.
func (e *openError) Unwrap() error {
	if e.last == nil {
		return nil
	}
	return *e.last
}

// ailing says that a failure tells of the server, or of the way to it.
func ailing(err error) bool {
	e, ok := errors.AsType[*ksc.Error](err)
	return ok && e.Passing()
}

// passing says that something may be done again: it was not carried out, and
// why not may pass.
func passing(err error) bool {
	if _, open := errors.AsType[*openError](err); open {
		return true
	}
	e, ok := errors.AsType[*ksc.Error](err)
	return ok && e.Passing() && !(e.Delivery == ksc.Unknown && e.Method == ksc.AddIncidentMethod)
}

// pause waits before the next try, each time longer, and never as long as
// others do. It says whether there is time for one.
func (s *server) pause(ctx context.Context, try int) bool {
	d := min(firstPause<<min(try-1, 10), longestPause)
	return sleep(ctx, d/2+rand.N(d))
}

// sleep says whether ctx left the time.
func sleep(ctx context.Context, d time.Duration) bool {
	select {
	case <-time.After(d):
		return ctx.Err() == nil
	case <-ctx.Done():
		return false
	}
}
