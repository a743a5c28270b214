package plugin

import (
	"context"
	"fmt"
	"time"

	"github.com/kes-respond/kes-respond/plugin/ksc"
	"github.com/kes-respond/kes-respond/shared"
)

// Check says how far a request would get, without sending one: a step for
// each thing that has to hold, in the order in which a request meets them. The
// certificate is read and judged before a credential leaves. The error is a
// refusal of the request itself.
func (p *Plugin) Check(ctx context.Context, r shared.Request) (shared.Checked, error) {
	p.running.Add(1)
	defer p.running.Done()
	ctx, cancel := p.bounded(ctx, r)
	defer cancel()
	to, found := p.destination(r, r.Server)
	if len(found) > 0 {
		return shared.Checked{}, shared.Refuse(found...)
	}
	s, release, refusal := p.enter(to)
	if refusal != nil {
		return shared.Checked{}, refusal
	}
	defer release()
	leave, err := s.turn(ctx)
	if err != nil {
		return shared.Checked{}, (&order{}).notSent(ctx, err).Error
	}
	defer leave()
	c := &checkup{client: s.client, ledger: p.ledger, anew: p.config.CheckAnew, ruling: p.config.ruling, Checked: shared.Checked{Server: s.name, Passed: true, Steps: []shared.CheckStep{}}}
	for _, step := range []struct {
		name string
		run  func(context.Context) (message, warning string, err error)
	}{
		{"ledger", c.recorded},
		{"policy", c.judged},
		{"certificate", c.certificate},
		{"login", c.login},
		{"server", c.version},
		{"hosts", c.hosts},
		{"incidents", c.incidents},
		{"console", c.console},
	} {
		c.take(ctx, step.name, step.run)
	}
	return c.Checked, nil
}

// checkup is a check on its way.
type checkup struct {
	shared.Checked
	client *ksc.Client
	ledger *ledger
	anew   bool
	ruling func() *ruling
}

// take runs one step; after one that failed the others are skipped.
func (c *checkup) take(ctx context.Context, name string, run func(context.Context) (message, warning string, err error)) {
	step := shared.CheckStep{Name: name, State: shared.StepSkipped}
	if c.Passed {
		message, warning, err := run(ctx)
		switch {
		case err != nil:
			c.Error = (&order{}).notSent(ctx, err).Error
			c.Passed, step.State, step.Message = false, shared.StepFailed, c.Error.Message
		case warning != "":
			step.State, step.Message = shared.StepWarning, warning
		default:
			step.State, step.Message = shared.StepPassed, message
		}
	}
	c.Steps = append(c.Steps, step)
}

// recorded opens the ledger as a request would: where that fails nothing is
// sent.
func (c *checkup) recorded(ctx context.Context) (message, warning string, err error) {
	j, err := c.ledger.get(ctx)
	if err != nil {
		return "", "", journalError(err)
	}
	if err := j.Here(); err != nil {
		return "", "", journalError(err)
	}
	if s := j.Suspended(); s != nil {
		return "", fmt.Sprintf("sending is suspended since %s by %s: %s; kes-respond resume ends it", s.At.Format(time.RFC3339), s.User, s.Reason), nil
	}
	return "requests can be recorded", "", nil
}

func (c *checkup) certificate(ctx context.Context) (message, warning string, err error) {
	shown, err := c.client.Certificate(ctx)
	if err != nil {
		return "", "", err
	}
	c.Certificate = &shared.Certificate{
		Subject: shown.Subject, Issuer: shown.Issuer, NotBefore: shown.NotBefore, NotAfter: shown.NotAfter, SHA256: shown.SHA256,
	}
	if shown.Problem != "" {
		return "", "", mistrusted(shown, c.client.Pinned())
	}
	until := "trusted; valid until " + shown.NotAfter.Format(time.DateOnly)
	switch left := time.Until(shown.NotAfter); {
	case c.client.Insecure():
		return "", "the check is switched off (kscCert: False): whoever stands between can read the password", nil
	case left < 0:
		return "", "trusted by its pin, but it expired on " + shown.NotAfter.Format(time.DateOnly), nil
	case time.Until(shown.NotBefore) > 0:
		return "", "trusted by its pin, but it is not valid before " + shown.NotBefore.Format(time.DateOnly), nil
	case left < expiresSoon:
		return "", until + ", " + daysLeft(left) + replaced(c.client.Pinned()), nil
	default:
		return until + ", " + daysLeft(left), "", nil
	}
}

func (c *checkup) login(ctx context.Context) (message, warning string, err error) {
	open := c.client.Open
	if c.anew {
		open = c.client.OpenAnew
	}
	return "KSC accepts the account", "", open(ctx)
}

func (c *checkup) version(ctx context.Context) (message, warning string, err error) {
	s, err := c.client.Server(ctx)
	if err != nil {
		return "", "", err
	}
	c.KSCVersion = s.FullVersion
	if c.KSCVersion == "" {
		c.KSCVersion = s.Version
	}
	if c.KSCVersion == "" {
		return "", "KSC does not say its version", nil
	}
	return fmt.Sprintf("version %s", c.KSCVersion), "", nil
}

// hosts searches for a host that nobody has: the right to search is what
// counts.
func (c *checkup) hosts(ctx context.Context) (message, warning string, err error) {
	_, err = c.client.FindHosts(ctx, ksc.ByDNS, "kes-respond-check", 1)
	return "the account may search for hosts", "", err
}

// incidents reads one incident, whether or not it exists. That incidents may
// be added too is seen only by adding one.
func (c *checkup) incidents(ctx context.Context) (message, warning string, err error) {
	if _, err = c.client.Incident(ctx, 1); ksc.IsNotFound(err) {
		err = nil
	}
	return "the account may read incidents; whether it may add them shows with the first request", "", err
}

func (c *checkup) console(ctx context.Context) (message, warning string, err error) {
	connected, known, err := c.client.ServiceConsole(ctx)
	switch {
	case err != nil:
		return "", "KSC does not say whether a service console is connected: " + fromKSC(err).Message, nil
	case !known:
		return "", "this version of KSC does not say whether a service console is connected", nil
	case !connected:
		return "", "no service console (Web Console's connection to the server) is connected: likely nothing will act on requests until one is", nil
	}
	return "a service console is connected", "", nil
}
