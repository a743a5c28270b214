package plugin

import (
	"context"
	"strings"
	"sync/atomic"
	"time"

	"github.com/sony/gobreaker/v2"

	"github.com/kes-respond/kes-respond/plugin/ksc"
	"github.com/kes-respond/kes-respond/shared"
)

// talkers is how many requests talk to one KSC server at the same time.
const talkers = 8

// server is one configured KSC. It has as many connections as turns, so that
// who has a turn never waits for a connection: a request that waits has sent
// nothing, and can still be cancelled or run out of time without a doubt.
type server struct {
	name   string
	client *ksc.Client
	turns  chan struct{}

	circuit *gobreaker.TwoStepCircuitBreaker[struct{}]
	known   atomic.Bool           // it has answered, so its address is right
	last    atomic.Pointer[error] // the last failure that tells of it
	warned  atomic.Bool           // of its certificate's end
	around  surroundings
	watcher *watcher
}

// newServer makes a server that is asked so many times a minute what became of
// requests.
func newServer(name string, c ksc.Config, followCalls int) (*server, error) {
	if c.MaxConns <= 0 {
		c.MaxConns = talkers
	}
	client, err := ksc.New(c)
	if err != nil {
		return nil, err
	}
	s := &server{name: name, client: client, turns: make(chan struct{}, c.MaxConns), circuit: newCircuit(name)}
	s.watcher = newWatcher(s, followCalls)
	return s, nil
}

// turn waits for leave to talk to the server, in the order of asking. No event
// is emitted while one is held: a listener that is slow keeps nobody else.
func (s *server) turn(ctx context.Context) (leave func(), err error) {
	select {
	case s.turns <- struct{}{}:
		return func() { <-s.turns }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// drain waits until nobody talks to the server any more: not for longer than
// what cannot be cancelled takes. Requests have been told to end.
func (s *server) drain() {
	bound := time.After(sendBound)
	for range cap(s.turns) {
		select {
		case s.turns <- struct{}{}:
			defer func() { <-s.turns }()
		case <-bound:
			return
		}
	}
}

// server finds the configured server that a request means.
func (p *Plugin) server(name string) (*server, *shared.Violation) {
	asked := name
	if name == "" {
		name = p.config.Default
	}
	if s, ok := p.servers[name]; ok {
		return s, nil
	}
	message := "names no configured server"
	switch {
	case len(p.servers) == 0:
		message = "no server is configured; set kscHost, kscUser and kscPassword, or a configuration file, which kes-respond init writes"
	case asked == "":
		message = "is needed: several servers are configured and none is the default"
	case strings.Contains(asked, ":"):
		message += "; a request that brought its connection is asked about with that connection"
	}
	return &server{name: name}, &shared.Violation{Pointer: "/server", Message: message}
}
