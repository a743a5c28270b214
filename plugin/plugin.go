// Package plugin carries out the nine response tasks: it is the
// implementation of shared.Responder that every carrier serves. Respond, in
// respond.go, reads from top to bottom as what happens to a request.
package plugin

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"sort"
	"strings"
	"sync"
	"time"

	"github.com/kes-respond/kes-respond/plugin/guard"
	"github.com/kes-respond/kes-respond/plugin/journal"
	"github.com/kes-respond/kes-respond/plugin/ksc"
	"github.com/kes-respond/kes-respond/plugin/task"
	"github.com/kes-respond/kes-respond/shared"
)

// Name is what the program calls itself.
const Name = "kes-respond"

// Config is all that a Plugin depends on. Nothing below cmd reads flags or
// the environment: it is all here.
type Config struct {
	Version string
	Servers map[string]ksc.Config // by the name that requests use
	Default string                // the server of a request that names none; needed where there are several
	Area    string                // responseEventIncidentArea where a request has none; "" is shared.DefaultArea

	// Policy gives all that is forbidden now. It is asked once for each request
	// that is judged, so that a change counts for the next one, by several
	// goroutines, and answers at once. The warning is "" or says that this is not
	// what is written down now, and why; callers hear it. nil forbids nothing.
	Policy func() (policy guard.Policy, warning string)

	Connections Connections // of requests that bring a server with them

	// Ledger opens the ledger when it is first needed; a failure refuses what
	// was to be sent, and the next request tries again. nil keeps nothing, for
	// tests: it remembers no key and no duplicate.
	Ledger func(context.Context) (*journal.Journal, error)
	// Unmarked leaves out of the incident's body the white space by which an
	// incident whose number was lost is known to be ours.
	Unmarked bool
	// ResendAfterSearch sends an order again whose answer was lost, and of which
	// KSC shows nothing after the last search. Without it only what reads is.
	ResendAfterSearch bool
	// FollowCalls is how many calls a minute may be made to one server to follow
	// requests, whatever waits, by this Plugin: 0 follows none, refuses to wait for
	// an end, and looks at nothing before a request is sent. Else it is 3 at least,
	// which one question may take.
	FollowCalls int
	// CheckAnew has Check try a login although KSC has just refused it: a person
	// runs it who has mended the password.
	CheckAnew bool
}

// Plugin is the implementation of shared.Responder. It may be used from
// several goroutines; requests run side by side.
type Plugin struct {
	config  Config
	servers map[string]*server
	brought *pool
	ledger  *ledger
	running sync.WaitGroup
	closing context.Context // ends when Close stops waiting
	stop    context.CancelFunc
}

var _ shared.Responder = (*Plugin)(nil)

// New makes a Plugin. It opens no connection and reads no file. Requests end
// when ctx does.
func New(ctx context.Context, c Config) (*Plugin, error) {
	if c.Area == "" {
		c.Area = shared.DefaultArea
	}
	if err := shared.CheckArea(c.Area); err != nil {
		return nil, fmt.Errorf("area %q: %w", c.Area, err)
	}
	if c.Default == "" && len(c.Servers) == 1 {
		for name := range c.Servers {
			c.Default = name
		}
	}
	p := &Plugin{config: c, servers: map[string]*server{}, ledger: newLedger(c.Ledger)}
	for name, config := range c.Servers {
		config.Gate = p.gate(config, false)
		s, err := newServer(name, config, c.FollowCalls)
		if err != nil {
			return nil, fmt.Errorf("server %q: %w", name, err)
		}
		p.servers[name] = s
	}
	p.config.Servers = nil // they hold passwords
	p.closing, p.stop = context.WithCancel(ctx)
	p.brought = newPool(p.closing)
	return p, nil
}

// ErrLeft says that requests had not ended when Close returned: whoever hears
// their events does not listen. Nothing of theirs was half sent.
var ErrLeft = errors.New("requests had not ended")

// Close waits for running requests until ctx ends, cancels those that are
// left, and ends the sessions at KSC. What is being sent is sent to its end
// even then, within sendBound. It does not wait for a request whose listener
// has stopped listening: that is ErrLeft.
func (p *Plugin) Close(ctx context.Context) error {
	done := make(chan struct{})
	go func() {
		p.running.Wait()
		close(done)
	}()
	select {
	case <-done:
	case <-ctx.Done():
	}
	p.stop()
	ended := make(chan error)
	for _, s := range p.servers {
		go func() {
			s.drain()
			ended <- s.client.Close(ctx)
		}()
	}
	errs := []error{p.brought.close(ctx)}
	for range p.servers {
		errs = append(errs, <-ended)
	}
	select {
	case <-done:
	case <-time.After(lastEvents):
		errs = append(errs, ErrLeft)
	}
	errs = append(errs, p.ledger.close())
	return errors.Join(errs...)
}

// lastEvents is how long Close waits for results to be heard when nothing is
// being sent any more.
const lastEvents = time.Second

// Describe says what the tasks take and do.
func (p *Plugin) Describe(_ context.Context, name string) (shared.Description, error) {
	d := shared.Description{Protocol: shared.Protocol, Name: Name, Version: p.config.Version}
	if name == "" {
		for _, t := range task.All() {
			d.Tasks = append(d.Tasks, describe(t))
		}
		return d, nil
	}
	t, ok := task.Lookup(name)
	if !ok {
		return d, unknownTask(name)
	}
	one := describe(t)
	one.Schema, one.Sample, one.Hints = t.Schema(), SampleRequest(t), t.Hints()
	d.Tasks = []shared.TaskDescription{one}
	return d, nil
}

func describe(t *task.Task) shared.TaskDescription {
	digest := sha256.Sum256(t.Schema())
	return shared.TaskDescription{
		Name: t.Name, Summary: t.Summary, Effects: t.Effects(), Digest: hex.EncodeToString(digest[:]),
	}
}

func unknownTask(name string) *shared.Error {
	var names []string
	for _, t := range task.All() {
		names = append(names, t.Name)
		if strings.EqualFold(t.Name, name) {
			return shared.Refuse(shared.Violation{Pointer: "/task", Message: "is no task; \"" + t.Name + "\" is spelt so"})
		}
	}
	sort.Strings(names)
	return shared.Refuse(shared.Violation{Pointer: "/task", Message: "is no task; the tasks are " + strings.Join(names, ", ")})
}
