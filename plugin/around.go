package plugin

import (
	"context"
	"sync"
	"time"
)

// surroundings is what is known of a server besides its hosts, and when it was
// asked. It is shared by all requests to the server.
type surroundings struct {
	mu      sync.Mutex
	console consoleState
	version string
	asked   time.Time // for the version
}

// consoleState is whether a service console is connected to KSC: the part that,
// by our reading, makes console tasks of incidents.
type consoleState struct {
	connected, known bool
	at               time.Time
}

// askConsole asks whether a service console is connected, where that is not known
// yet. What KSC does not say is unknown, which is no error.
func (s *server) askConsole(ctx context.Context) error {
	if s.consoleKnown() {
		return nil
	}
	connected, known, err := s.client.ServiceConsole(ctx)
	if ailing(err) || ctx.Err() != nil {
		return err
	}
	s.around.mu.Lock()
	defer s.around.mu.Unlock()
	s.around.console = consoleState{connected, known && err == nil, time.Now()}
	return nil
}

// consoleKnown says that it was asked a moment ago.
func (s *server) consoleKnown() bool {
	s.around.mu.Lock()
	defer s.around.mu.Unlock()
	return time.Since(s.around.console.at) < consoleFresh
}

// askVersion asks for KSC's version, now and then.
func (s *server) askVersion(ctx context.Context) error {
	s.around.mu.Lock()
	fresh := time.Since(s.around.asked) < versionFresh
	s.around.mu.Unlock()
	if fresh {
		return nil
	}
	info, err := s.client.Server(ctx)
	if ailing(err) || ctx.Err() != nil {
		return err
	}
	s.around.mu.Lock()
	defer s.around.mu.Unlock()
	s.around.version, s.around.asked = info.FullVersion, time.Now()
	if s.around.version == "" {
		s.around.version = info.Version
	}
	return nil
}

// off says that by KSC's own word no service console is connected.
func (s *server) off() bool {
	s.around.mu.Lock()
	defer s.around.mu.Unlock()
	return s.around.console.known && !s.around.console.connected
}

// console says what is amiss where no service console is connected.
func (o *order) console() []string {
	o.server.around.mu.Lock()
	c := o.server.around.console
	o.server.around.mu.Unlock()
	if !c.known || c.connected {
		return nil
	}
	return []string{"no service console is connected to KSC (by KSC's own word at " + c.at.UTC().Format(time.RFC3339) +
		"): likely nothing acts on requests until Kaspersky Security Center Web Console is started and its connection to the server stands"}
}

// follows says that requests to the server are followed at all.
func (s *server) follows() bool { return len(s.watcher.calls.made) > 0 }
