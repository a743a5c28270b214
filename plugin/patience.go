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
	firstPause   = 500 * time.Millisecond // doubled from try to try
	longestPause = 8 * time.Second
	fewTries     = 3 // of a server that has never answered, or of answers that are not KSC's: trying may be in vain
	tripAfter    = 5 // failures in a row, of all requests together
	tripFor      = 10 * time.Second
)

// talk does something with the server in a turn of its own, and again after a
// pause for as long as that fails for a reason that may pass by itself, and
// ctx leaves time. A call of which nobody knows whether KSC has carried it out
// is not done again where that is an order. After many failures in a row nobody
// asks for a while, so that a server which is coming up is not held down.
func (s *server) talk(ctx context.Context, do func() error) error {
	var last error
	for try := 1; ; try++ {
		err := s.once(ctx, do)
		switch {
		case err == nil:
			return nil
		case last != nil && err == ctx.Err(): //nolint:errorlint // the wait for a turn was given up
			return last // it says more
		case !passing(err), try >= fewTries && s.inVain(err):
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
		open := &openError{server: s.name}
		if last := s.last.Load(); last != nil {
			open.last = *last
		}
		return open
	}
	said := errGivenUp // by a panic too
	defer func() { report(said) }()
	err = do()
	e, ok := errors.AsType[*ksc.Error](err)
	if err == nil || ok && (e.Delivery == ksc.Answered || e.Kind == ksc.KindUnavailable) {
		s.known.Store(true)
	}
	switch {
	case ailing(err) && ctx.Err() == nil:
		said = err
		s.last.Store(&err)
	case err == nil || ok && e.Delivery == ksc.Answered:
		said = nil
	}
	return err
}

// errGivenUp is a call of which the caller had enough: that says nothing of the
// server.
var errGivenUp = errors.New("the call was given up")

func newCircuit(name string) *gobreaker.TwoStepCircuitBreaker[struct{}] {
	return gobreaker.NewTwoStepCircuitBreaker[struct{}](gobreaker.Settings{
		Name: name, Timeout: tripFor,
		ReadyToTrip: func(c gobreaker.Counts) bool { return c.ConsecutiveFailures >= tripAfter },
		IsExcluded:  func(err error) bool { return err == errGivenUp }, //nolint:errorlint // it comes from here
	})
}

// openError says that nobody asks the server for now. It does not unwrap: the
// last failure was another call's, and says nothing of this one, which was not
// made.
type openError struct {
	server string
	last   error
}

// Error names the server and its last failure.
func (e *openError) Error() string {
	return fmt.Sprintf("server %s has failed %d times in a row and is left alone for up to %s; the last failure: %v", e.server, tripAfter, tripFor, e.last)
}

// ailing says that a failure tells of the server, or of the way to it.
func ailing(err error) bool {
	e, ok := errors.AsType[*ksc.Error](err)
	return ok && e.Passing()
}

// passing says that something may be done again: it was not carried out, and
// why not may pass.
func passing(err error) bool {
	if isLost(err) {
		return false
	}
	if _, open := errors.AsType[*openError](err); open {
		return true
	}
	e, ok := errors.AsType[*ksc.Error](err)
	return ok && e.Passing()
}

// inVain says that more patience may be wasted: the address may be wrong,
// something else than KSC answers there, or no session holds.
func (s *server) inVain(err error) bool {
	e, ok := errors.AsType[*ksc.Error](err)
	return !s.known.Load() || ok && (e.Kind == ksc.KindBadAnswer || e.Kind == ksc.KindSession)
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
