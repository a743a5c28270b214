package plugin

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/kes-respond/kes-respond/plugin/journal"
	"github.com/kes-respond/kes-respond/plugin/ksc"
	"github.com/kes-respond/kes-respond/shared"
)

// The bounds of what is looked at before a request is sent.
const (
	surveyBound  = 5 * time.Second  // in all: a KSC that is slow holds up no request for longer
	consoleFresh = time.Minute      // an answer on the service console counts for so long
	versionFresh = 10 * time.Minute // and one on KSC's version
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

// survey looks, before a request is sent, at what stands in its way, and takes
// down which console tasks the host has: what is made of the request is not among
// those. It refuses nothing, for what it reads is not confirmed to mean what it
// seems to; what cannot be read is told where the caller wants to wait for the
// end. Where KSC cannot be asked at all the sending will say so.
func (o *order) survey(ctx context.Context) {
	if !o.server.follows() {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, surveyBound)
	defer cancel()
	if !o.opened(ctx) {
		return
	}
	_ = o.server.once(ctx, func() error { // what the sending meets again it will tell
		if err := o.server.askConsole(ctx); ailing(err) {
			return err
		}
		if err := o.baselined(ctx); ailing(err) {
			return err
		}
		if o.request.Wait != shared.WaitDone {
			return nil
		}
		return errors.Join(o.server.askVersion(ctx), o.present(ctx))
	})
	if off := o.console(); off != nil {
		o.remarks = append(o.remarks, off...)
		if o.baseline != nil {
			o.baseline.ConsoleOff = true
		}
	}
	if o.request.Wait == shared.WaitDone {
		o.remarks = append(o.remarks, o.shortcomings()...)
	}
}

// opened says that there is a session in time. A login that takes longer goes on,
// for the sending to have, until leave: one that is given up may leave a session
// at KSC.
func (o *order) opened(ctx context.Context) bool {
	opening, cancel := context.WithCancel(context.WithoutCancel(ctx))
	done := make(chan error, 1)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		done <- o.server.client.Open(opening)
	}()
	o.leaving = append(o.leaving, func() { cancel(); <-ended })
	select {
	case err := <-done:
		return err == nil
	case <-ctx.Done():
		return false
	}
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

// baselined takes down the host's console tasks. Those of the host alone take a
// call each, so they are read only for a caller who waits for the end.
func (o *order) baselined(ctx context.Context) error {
	ids, err := o.server.client.TasksOfHost(ctx, o.host.ID)
	if err != nil {
		o.unseen(stepList, err)
	} else {
		o.baseline = &journal.Baseline{Tasks: append([]string{}, ids...)} // not nil: it was read
	}
	if ailing(err) || o.request.Wait != shared.WaitDone {
		return err
	}
	local, err := o.server.client.LocalTasks(ctx, o.host.ID)
	var own []string
	for more := true; more && err == nil; {
		var t ksc.ConsoleTask
		if t, more, err = local.Next(ctx); more && err == nil {
			own = append(own, t.ID)
		}
	}
	if err != nil {
		o.unseen(stepLocal, err)
		return err
	}
	if o.baseline == nil {
		o.baseline = &journal.Baseline{}
	}
	o.baseline.Local, o.baseline.LocalRead = own, true
	return nil
}

// unseen tells a caller who wants to wait what will not be seen.
func (o *order) unseen(what step, err error) {
	e, ok := errors.AsType[*ksc.Error](err)
	switch {
	case ksc.IsNotFound(err):
		const gone = "KSC says that it knows no host with this id: likely nothing comes of the request"
		if !slices.Contains(o.remarks, gone) {
			o.remarks = append(o.remarks, gone)
		}
	case o.request.Wait == shared.WaitDone && ok && (e.Kind == ksc.KindDenied || e.Kind == ksc.KindUnsupported):
		o.remarks = append(o.remarks, cannot(what, err))
	}
}

// present reads how the host stands, where it was not looked up.
func (o *order) present(ctx context.Context) error {
	if o.seen != nil {
		return nil
	}
	h, err := o.server.client.Host(ctx, o.host.ID)
	if err == nil {
		o.seen = &h
	}
	return err
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

// The bits of KLHST_WKS_STATUS (KSCAPI a00275). That of being managed (2) is not
// among them: a real answer lacks it for a host in a group.
const (
	bitAgent     = 0x4
	bitAlive     = 0x8
	bitProtected = 0x10
)

// shortcomings are what may keep the request from being carried out, as far as
// KSC tells.
func (o *order) shortcomings() []string {
	var all []string
	o.server.around.mu.Lock()
	version := o.server.around.version
	o.server.around.mu.Unlock()
	if older(version, 14, 2) {
		all = append(all, "KSC calls its version "+version+"; response tasks need 14.2 or newer (15.2 on Linux)")
	}
	h := o.seen
	if h == nil {
		return all
	}
	if h.StatusKnown {
		switch {
		case h.Status&bitAgent == 0:
			all = append(all, "KSC knows no Network Agent on the host: nothing there takes tasks up")
		case h.Status&bitAlive == 0:
			all = append(all, away(h))
		}
		if h.Status&bitProtected == 0 {
			all = append(all, "KSC knows no Kaspersky Endpoint Security on the host")
		}
	}
	if h.Unassigned {
		all = append(all, "the host is in no administration group: likely no task reaches it")
	}
	if older(h.KESVersion, 12, 9) {
		all = append(all, "KSC calls the version of Kaspersky Endpoint Security on the host "+h.KESVersion+"; response tasks need 12.9 or newer")
	}
	return all
}

// older says that a version text begins with a version before the one given. What
// it cannot read is not older: the forms of these texts are not documented.
func older(text string, major, minor int) bool {
	parts := strings.SplitN(text, ".", 3)
	if len(parts) < 2 {
		return false
	}
	a, err := strconv.Atoi(parts[0])
	b, err2 := strconv.Atoi(parts[1])
	return err == nil && err2 == nil && (a < major || a == major && b < minor)
}

// follows says that requests to the server are followed at all.
func (s *server) follows() bool { return len(s.watcher.calls.made) > 0 }
