package main

import (
	"cmp"
	"context"
	"errors"

	"github.com/spf13/cobra"

	"github.com/kes-respond/kes-respond/cmd/kes-respond/config"
	"github.com/kes-respond/kes-respond/cmd/kes-respond/exit"
	"github.com/kes-respond/kes-respond/cmd/kes-respond/prompt"
	"github.com/kes-respond/kes-respond/cmd/kes-respond/setup"
	"github.com/kes-respond/kes-respond/plugin"
	"github.com/kes-respond/kes-respond/plugin/ksc"
	"github.com/kes-respond/kes-respond/shared"
)

// initFlags are the answers to the questions of init.
type initFlags struct {
	config, host, port, user, domain, internal, pin, area, force *once
}

func initCommand(s surroundings) *cobra.Command {
	f := &initFlags{}
	c := &cobra.Command{
		Use: "init", Short: "write a configuration: asks where KSC is, shows its certificate, tries the login", Args: noWords,
		Long: `init asks for what is needed to reach KSC and writes it to a configuration file, and
the password to a file beside it that only you can read. The server's certificate
is shown before a password is asked for: compare its SHA-256 with the certificate
on the Administration Server itself. Nothing is written before the login was tried.

What a flag or the environment (kscHost, kscPort, kscUser, kscPassword ...) says is
not asked. Where nobody can be asked, --pin says which certificate was compared.

Exit codes: 0 written; 6 not confirmed; 69, 77 KSC not reached, not trusted, or the
login refused: nothing is written.`,
		Example: "  kes-respond init --config /etc/kes-respond/config.yaml",
		RunE:    func(c *cobra.Command, _ []string) error { return f.run(c.Context(), s) },
	}
	flags := c.Flags()
	flags.SortFlags = false
	f.config = fileFlag(flags, "config", "file to write (default: KES_RESPOND_CONFIG; for root /etc/kes-respond/config.yaml)")
	f.host = stringFlag(flags, "kscHost", "address of the Administration Server")
	f.port = stringFlag(flags, "kscPort", "its OpenAPI port (default "+ksc.DefaultPort+")")
	f.user = stringFlag(flags, "kscUser", `account; DOMAIN\user says its domain as well`)
	f.domain = stringFlag(flags, "kscDomain", "domain of the account")
	f.internal = boolFlag(flags, "kscInternalUser", "true: the account lives in KSC")
	f.pin = stringFlag(flags, "pin", "SHA-256 of the server's certificate, compared by you")
	f.pin.check = func(text string) error {
		if _, is := ksc.ParsePin(text); !is {
			return errors.New("is no SHA-256 of a certificate: 64 hexadecimal digits")
		}
		return nil
	}
	f.area = stringFlag(flags, "area", "name of the calling application, part of the console task's name (default "+shared.DefaultArea+")")
	f.area.check = shared.CheckArea
	f.force = boolFlag(flags, "force", "true: replace files that are there")
	return c
}

func (f *initFlags) run(ctx context.Context, s surroundings) error {
	path := cmp.Or(f.config.value, s.getenv("KES_RESPOND_CONFIG"))
	if path == "" && s.account().root {
		path = "/etc/kes-respond/config.yaml"
	}
	if path == "" {
		return exit.Usage("init: --config says which file to write; programs find it by KES_RESPOND_CONFIG or --config")
	}
	u := setup.Setup{
		Path: path, Force: f.force.value == "true", Given: map[string]string{}, Getenv: s.getenv, Out: s.out, Err: s.err,
		UserAgent: plugin.Name + "/" + version, Step: s.step,
		Try: func(ctx context.Context, server config.Server, area string) (shared.Checked, error) {
			return tried(ctx, s, server, area)
		},
	}
	for name, flag := range map[string]*once{
		"kscHost": f.host, "kscPort": f.port, "kscUser": f.user, "kscDomain": f.domain, "kscInternalUser": f.internal, "pin": f.pin, "area": f.area,
	} {
		if flag.set {
			u.Given[name] = flag.value
		}
	}
	if s.person {
		u.Ask = prompt.New(s.in, s.err)
	}
	return u.Run(ctx)
}

// tried is what check finds. What it writes is the ledger alone.
func tried(ctx context.Context, s surroundings, server config.Server, area string) (shared.Checked, error) {
	reached, err := client(ctx, server, config.DefaultServer, s)
	if err != nil {
		return shared.Checked{}, exit.Usage("%w", err)
	}
	p, err := plugin.New(ctx, plugin.Config{
		Version: version, Servers: map[string]ksc.Config{config.DefaultServer: reached}, Default: config.DefaultServer, Area: area, CheckAnew: true,
		Ledger: ledgerOf(config.Ledger{}, s).open,
	})
	if err != nil {
		return shared.Checked{}, exit.Usage("%w", err)
	}
	bound, cancel := context.WithTimeout(ctx, shared.DefaultSubmitTimeout)
	defer cancel()
	checked, err := p.Check(bound, shared.Request{Type: shared.TypeCheck})
	closing, stop := context.WithTimeout(context.WithoutCancel(ctx), closeBound)
	defer stop()
	_ = p.Close(closing) // what was to be known is known
	if err != nil {
		return checked, exit.With(shared.ExitFailed, err)
	}
	return checked, nil
}
