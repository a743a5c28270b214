// Package rpc carries the protocol of package shared as a plugin of
// hashicorp/go-plugin, over gRPC. Serve is the plugin's end; Client, which
// Launch or a host's own go-plugin client gives, is the host's, and a plain
// shared.Responder. Hosts in other languages need responder.proto and the
// handshake alone: examples/python shows all of it.
//
// The payloads are the lines of the JSON-lines carrier, and both ends keep the
// promises of shared.Responder: one result for each request, events in order, a
// slow listener delays only what it listens to, and what cannot be known is
// reported as unknown.
//
// What go-plugin leaves to its users is taken care of here. A plugin whose host
// has died leaves, and takes its socket along. One that is told to leave first
// lets what has been sent be recorded, and tells the host, before the
// connection is cut. Nothing that the host put into the environment reaches the
// plugin's children. A message may have 32 MiB. A request that panics ends
// alone. No log line can crash the host that reads it.
package rpc

import (
	"context"
	"errors"
	"log/slog"
	"time"

	goplugin "github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"

	"github.com/kes-respond/kes-respond/shared"
	"github.com/kes-respond/kes-respond/shared/rpc/responderpb"
)

// Name is what the plugin is called in its plugin set: a host dispenses it.
const Name = "responder"

// MaxMessageBytes is the longest message that a plugin takes. A request may have
// shared.MaxRequestBytes; up to this limit a longer one is refused with words.
const MaxMessageBytes = 32 << 20

// ErrAbandoned says that requests had not ended when the time to leave had
// come. Each was given a result of outcome unknown.
var ErrAbandoned = errors.New("requests had not ended when the time to leave had come")

// Handshake is what a host and the plugin know each other by. It keeps a person
// from starting the plugin by mistake; it is no protection.
func Handshake() goplugin.HandshakeConfig {
	return goplugin.HandshakeConfig{
		ProtocolVersion: shared.Protocol,
		MagicCookieKey:  "KES_RESPOND_PLUGIN", MagicCookieValue: "d5f0c4f6-7a0e-4b3a-9d0c-3f4f8f1c2b67",
	}
}

// Plugins is the plugin set of each protocol version, for a host's
// goplugin.ClientConfig. What it dispenses under Name is a *Client.
func Plugins() map[int]goplugin.PluginSet { return pluginSets(nil) }

func pluginSets(s *service) map[int]goplugin.PluginSet {
	return map[int]goplugin.PluginSet{shared.Protocol: {Name: &carrier{service: s}}}
}

// carrier is how go-plugin reaches either end.
type carrier struct {
	goplugin.NetRPCUnsupportedPlugin
	service *service // nil in a host
}

var _ goplugin.GRPCPlugin = (*carrier)(nil)

// GRPCServer registers the plugin's end.
func (c *carrier) GRPCServer(_ *goplugin.GRPCBroker, s *grpc.Server) error {
	if c.service == nil {
		return errors.New("this is the host's plugin set: it has nothing to serve")
	}
	responderpb.RegisterResponderServer(s, c.service)
	return nil
}

// GRPCClient makes the host's end. done ends when the plugin's process has.
func (c *carrier) GRPCClient(done context.Context, _ *goplugin.GRPCBroker, conn *grpc.ClientConn) (any, error) {
	return newClient(done, conn), nil
}

// Options of Serve. The zero value is usable.
type Options struct {
	// MaxInFlightBytes bounds the requests that have no result yet; 0 is
	// DefaultInFlightBytes. Each counts as 16 KiB at least.
	MaxInFlightBytes int64

	// MaxInFlight bounds how many requests run at once; 0 is DefaultInFlight.
	// More wait their turn, as far as MaxInFlightBytes has room for them.
	MaxInFlight int

	// Grace is how long running requests may take to end once the plugin has
	// been told to leave, or its host has died; 0 is DefaultGrace. It has to be
	// longer than the Responder takes to record what it has sent.
	Grace time.Duration

	// Log hears of panics, with their stacks; nil discards them. No request or
	// event is logged. LogHandler is made for a host to read.
	Log *slog.Logger
}

// The defaults of Options.
const (
	DefaultInFlightBytes = 64 << 20
	DefaultInFlight      = 256
	DefaultGrace         = 45 * time.Second
)

func (o Options) filled() Options {
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
