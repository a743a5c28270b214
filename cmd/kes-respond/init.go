package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/kes-respond/kes-respond/cmd/kes-respond/config"
	"github.com/kes-respond/kes-respond/cmd/kes-respond/display"
	"github.com/kes-respond/kes-respond/cmd/kes-respond/exit"
	"github.com/kes-respond/kes-respond/cmd/kes-respond/prompt"
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

// foundation is a configuration on its way to its file.
type foundation struct {
	flags  *initFlags
	s      surroundings
	ask    *prompt.Prompt // nil: nobody can be asked
	path   string         // of the configuration
	beside string         // the password's; empty where it lies somewhere already
	server config.Server
	area   string
	shown  ksc.Certificate
}

func (f *initFlags) run(ctx context.Context, s surroundings) error {
	i := &foundation{flags: f, s: s}
	if s.person {
		i.ask = prompt.New(s.in, s.err)
	}
	for _, step := range []func(context.Context) error{i.place, i.address, i.certificate, i.account, i.check, i.write} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}

// place finds the file, before anything is asked that would be lost.
func (i *foundation) place(context.Context) error {
	who := i.s.account()
	i.path = cmp.Or(i.flags.config.value, i.s.getenv("KES_RESPOND_CONFIG"))
	if i.path == "" && who.root {
		i.path = "/etc/kes-respond/config.yaml"
	}
	if i.path == "" {
		return exit.Usage("init: --config says which file to write; programs find it by KES_RESPOND_CONFIG or --config")
	}
	full, err := filepath.Abs(i.path)
	if err != nil {
		return exit.Usage("init: %w", err)
	}
	i.path, i.beside = full, filepath.Join(filepath.Dir(full), "password")
	if _, err := i.server.Environment(i.s.getenv); err != nil {
		return exit.Usage("%w", err)
	}
	if i.server.PasswordFile != "" {
		if i.server.PasswordFile, err = filepath.Abs(i.server.PasswordFile); err != nil {
			return exit.Usage("init: %w", err)
		}
		i.beside = ""
	}
	if i.path == i.beside || i.path == i.beside+apart {
		return exit.Usage("init: %s is where the password goes; give the configuration another name", i.path)
	}
	for _, path := range []string{i.path, i.beside} {
		switch info, err := os.Lstat(path); {
		case path == "" || err != nil:
		case !info.Mode().IsRegular(): // a folder, or a link to what is not ours
			return exit.Usage("init: %s is no file and is left as it is; name another file to write", path)
		case i.flags.force.value != "true":
			return exit.Usage("init: %s is there already; --force true replaces it", path)
		}
	}
	return nil
}

// wanted is the answer to a question: a flag's, the environment's, or a person's.
func (i *foundation) wanted(ctx context.Context, flag *once, name, known, suggested, question string, check func(string) error) (string, error) {
	if flag.set {
		known = flag.value
	}
	if known == "" && i.ask == nil {
		known = suggested
	}
	if known == "" {
		if i.ask == nil {
			return "", exit.Usage("init: --%s is required where nobody can be asked", name)
		}
		return i.ask.Line(ctx, question, suggested, check)
	}
	if err := check(known); err != nil {
		return "", exit.Usage("init: --%s: %w", name, err)
	}
	return known, nil
}

func (i *foundation) address(ctx context.Context) (err error) {
	if i.server.Host, err = i.wanted(ctx, i.flags.host, "kscHost", i.server.Host, "", "Address of the Administration Server", config.CheckHost); err != nil {
		return err
	}
	at, err := i.wanted(ctx, i.flags.port, "kscPort", string(i.server.Port), ksc.DefaultPort, "OpenAPI port", func(text string) error {
		_, err := ksc.ParsePort([]byte(strconv.Quote(text)))
		return err
	})
	i.server.Port = config.Port(at)
	return err
}

// check tries all that check does. What it writes is the ledger alone.
func (i *foundation) check(ctx context.Context) error {
	reached, err := client(ctx, i.server, config.DefaultServer, i.s)
	if err != nil {
		return exit.Usage("%w", err)
	}
	p, err := plugin.New(ctx, plugin.Config{
		Version: version, Servers: map[string]ksc.Config{config.DefaultServer: reached}, Default: config.DefaultServer, Area: i.area, CheckAnew: true,
		Ledger: ledgerOf(config.Ledger{}, i.s).open,
	})
	if err != nil {
		return exit.Usage("%w", err)
	}
	bound, cancel := context.WithTimeout(ctx, shared.DefaultSubmitTimeout)
	defer cancel()
	checked, err := p.Check(bound, shared.Request{Type: shared.TypeCheck})
	closing, stop := context.WithTimeout(context.WithoutCancel(ctx), closeBound)
	defer stop()
	_ = p.Close(closing) // what was to be known is known
	if err != nil {
		return exit.With(shared.ExitFailed, err)
	}
	fmt.Fprint(i.s.err, display.Checked(checked))
	if code := checked.Exit(); code != shared.ExitOK {
		return exit.With(code, errors.New("nothing was written"))
	}
	return nil
}
