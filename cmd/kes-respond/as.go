package main

import (
	"context"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/kes-respond/kes-respond/cmd/kes-respond/dialect"
	"github.com/kes-respond/kes-respond/cmd/kes-respond/exit"
	"github.com/kes-respond/kes-respond/cmd/kes-respond/secret"
	"github.com/kes-respond/kes-respond/cmd/kes-respond/trusted"
	"github.com/kes-respond/kes-respond/plugin"
	"github.com/kes-respond/kes-respond/shared"
)

// asCommand is hidden behind the names under which platforms start the program;
// it is there to be tried by hand.
func asCommand(s surroundings) *cobra.Command {
	all := dialect.All()
	var lines, names []string
	for _, d := range all {
		lines = append(lines, fmt.Sprintf("  %-14s %-20s started as %s", d.Platform, d.Takes, strings.Join(d.Names, ", ")))
		names = append(names, d.Platform)
	}
	return &cobra.Command{
		Use: "as PLATFORM [ARGUMENT]", Short: "answer in the way of a platform that calls the program itself",
		Long: `as reads one request in the way of a platform, carries it out, and answers in that
way. Platforms start it by a name of the program's own, as the packages of
"kes-respond manifest" have it; so it can be tried by hand:

` + strings.Join(lines, "\n"),
		Example:            "  kes-respond as ansible args.json",
		DisableFlagParsing: true, ValidArgs: names,
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) == 0 {
				return exit.Usage("as: which platform? One of %s", strings.Join(names, ", "))
			}
			if slices.Contains([]string{"--help", "-h"}, args[0]) {
				return c.Help()
			}
			i := slices.Index(names, args[0])
			if i < 0 {
				return exit.Usage("as: %q is none of %s", args[0], strings.Join(names, ", "))
			}
			return all[i].Answer(c.Context(), s.dialect(), args[1:])
		},
	}
}

// dialectByName is the command behind a name under which a platform starts the
// program.
func dialectByName(args []string) []string {
	d, ok := dialect.StartedAs(strings.TrimSuffix(filepath.Base(args[0]), ".exe"))
	if !ok {
		return args
	}
	return append([]string{args[0], "as", d.Platform}, args[1:]...)
}

// dialect hands a dialect what it takes from the program.
func (s surroundings) dialect() dialect.Surroundings {
	return dialect.Surroundings{
		In: s.in, Out: s.out, Err: s.err, Getenv: s.getenv, Executable: s.executable, Version: version,
		ReadFile: func(path string, most int) ([]byte, error) { return trusted.ReadFile(path, most) },
		Load:     load,
		Password: printedPassword,
		With: func(ctx context.Context, set dialect.Settings, do func(shared.Responder) error) error {
			f := settingsFlags{all: true, anew: set.Anew}
			if set.Config != "" {
				f.config = &once{value: set.Config, set: true}
			}
			s := s
			s.getenv = set.Getenv
			return withPlugin(ctx, s, f, func(p *plugin.Plugin, _ settings) error { return do(p) })
		},
	}
}

// printedPassword is the password that a helper prints, or "" where it prints
// nothing.
func printedPassword(ctx context.Context, from string, helper []string, in io.Reader) (string, error) {
	said, err := secret.PrintedBy(ctx, helper, in)
	if err == nil && len(said) == 0 {
		return "", nil
	}
	return secret.In(from, said, err)
}
