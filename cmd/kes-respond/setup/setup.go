// Package setup makes a first configuration: it asks for what is not known, has the
// server's certificate compared before a password leaves, tries the login, and writes
// the configuration and the password only when all of it works. Its errors end the
// program as package exit has it.
package setup

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"

	"github.com/kes-respond/kes-respond/cmd/kes-respond/config"
	"github.com/kes-respond/kes-respond/cmd/kes-respond/display"
	"github.com/kes-respond/kes-respond/cmd/kes-respond/exit"
	"github.com/kes-respond/kes-respond/cmd/kes-respond/prompt"
	"github.com/kes-respond/kes-respond/plugin/ksc"
	"github.com/kes-respond/kes-respond/shared"
)

// Setup is what is known before anything is asked, and by what the rest is found out.
type Setup struct {
	Path  string            // of the configuration; the password goes beside it
	Force bool              // files that are there are replaced
	Given map[string]string // answers by the names of their flags: they are not asked for

	Getenv    func(string) string
	Ask       *prompt.Prompt // nil: nobody can be asked
	Out, Err  io.Writer
	UserAgent string

	// Try logs in and says what stands in the way. Its error ends the setup.
	Try func(ctx context.Context, server config.Server, area string) (shared.Checked, error)
	// Step is told of each step in which files change, so that a test can end the
	// program there; nil tells nobody.
	Step func(string)
}

// Run makes the configuration. Where it fails before the first file is written there
// is none of it; where it is killed later the pair of before is there, or the new one.
func (u Setup) Run(ctx context.Context) error {
	i := &foundation{Setup: u}
	for _, step := range []func(context.Context) error{i.place, i.address, i.certificate, i.account, i.check, i.write} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}

// foundation is a configuration on its way to its file.
type foundation struct {
	Setup
	path   string // of the configuration, in full
	beside string // the password's; empty where it lies somewhere already
	server config.Server
	area   string
	shown  ksc.Certificate
}

// place finds the file, before anything is asked that would be lost.
func (i *foundation) place(context.Context) error {
	full, err := filepath.Abs(i.Path)
	if err != nil {
		return exit.Usage("init: %w", err)
	}
	i.path, i.beside = full, filepath.Join(filepath.Dir(full), "password")
	if _, err := i.server.Environment(i.Getenv); err != nil {
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
		case !i.Force:
			return exit.Usage("init: %s is there already; --force true replaces it", path)
		}
	}
	return nil
}

// wanted is the answer to a question: a flag's, the environment's, or a person's.
func (i *foundation) wanted(ctx context.Context, name, known, suggested, question string, check func(string) error) (string, error) {
	if given, is := i.Given[name]; is {
		known = given
	}
	if known == "" && i.Ask == nil {
		known = suggested
	}
	if known == "" {
		if i.Ask == nil {
			return "", exit.Usage("init: --%s is required where nobody can be asked", name)
		}
		return i.Ask.Line(ctx, question, suggested, check)
	}
	if err := check(known); err != nil {
		return "", exit.Usage("init: --%s: %w", name, err)
	}
	return known, nil
}

func (i *foundation) address(ctx context.Context) (err error) {
	if i.server.Host, err = i.wanted(ctx, "kscHost", i.server.Host, "", "Address of the Administration Server", config.CheckHost); err != nil {
		return err
	}
	at, err := i.wanted(ctx, "kscPort", string(i.server.Port), ksc.DefaultPort, "OpenAPI port", func(text string) error {
		_, err := ksc.ParsePort([]byte(strconv.Quote(text)))
		return err
	})
	i.server.Port = config.Port(at)
	return err
}

// check tries all that check does.
func (i *foundation) check(ctx context.Context) error {
	checked, err := i.Try(ctx, i.server, i.area)
	if err != nil {
		return err
	}
	fmt.Fprint(i.Err, display.Checked(checked))
	if code := checked.Exit(); code != shared.ExitOK {
		return exit.With(code, errors.New("nothing was written"))
	}
	return nil
}
