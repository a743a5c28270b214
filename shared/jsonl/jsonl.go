// Package jsonl carries the protocol of package shared as lines of JSON: one
// request a line in, one event a line out, over any pair of byte streams.
// Serve is the end that carries out requests, Client the end that asks.
//
// Both ends keep the promises of shared.Responder: one result for each
// request, events of a request in order, a slow listener delays only what it
// listens to, and what cannot be known is reported as unknown. Neither end
// opens, starts or signals anything, and neither writes to a stream that it
// was not given.
package jsonl

import (
	"errors"
	"log/slog"
	"time"

	"github.com/kes-respond/kes-respond/shared"
)

// ErrOutputLost says that events could not be written any more: whoever read
// them has gone away. What was sent to KSC by then is recorded where the
// Responder records it; nobody heard of it here.
var ErrOutputLost = errors.New("the reader of the events has gone away")

// ErrAbandoned says that requests had not ended when the grace period was
// over. Each was given a result of outcome unknown.
var ErrAbandoned = errors.New("requests had not ended when the time to leave had come")

// Options of Serve. The zero value is usable.
type Options struct {
	// Hello is the first event. Protocol and Limits are filled in.
	Hello shared.Hello

	// MaxInFlightBytes bounds the request lines whose result is not written
	// yet; 0 is DefaultInFlightBytes. A line larger than all of it is let in
	// when nothing else is in flight.
	MaxInFlightBytes int64

	// MaxInFlight bounds how many requests run at once; 0 is
	// DefaultInFlight. Three times as many more wait their turn.
	MaxInFlight int

	// Grace is how long running requests may take to end once ctx has ended
	// or the output is lost; 0 is DefaultGrace. It has to be longer than the
	// Responder takes to record what it has sent.
	Grace time.Duration

	// Log hears of panics, with their stacks; nil discards them. No request
	// or event is logged.
	Log *slog.Logger
}

// The defaults of Options.
const (
	DefaultInFlightBytes = 64 << 20
	DefaultInFlight      = 256
	DefaultGrace         = 45 * time.Second
)

func (o Options) filled() Options {
	o.Hello.Protocol = shared.Protocol
	o.Hello.Limits = shared.Limits{
		RequestBytes: shared.MaxRequestBytes, EventBytes: shared.MaxEventBytes, Depth: shared.MaxDepth, Values: shared.MaxValues,
	}
	if o.Hello.Tasks == nil {
		o.Hello.Tasks = []string{}
	}
	if o.MaxInFlightBytes <= 0 {
		o.MaxInFlightBytes = DefaultInFlightBytes
	}
	if o.MaxInFlight <= 0 {
		o.MaxInFlight = DefaultInFlight
	}
	if o.Grace <= 0 {
		o.Grace = DefaultGrace
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return o
}
