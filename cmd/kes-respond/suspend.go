package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/kes-respond/kes-respond/cmd/kes-respond/exit"
	"github.com/kes-respond/kes-respond/plugin/journal"
	"github.com/kes-respond/kes-respond/shared"
)

func suspendCommand(s surroundings) *cobra.Command {
	var f settingsFlags
	c := &cobra.Command{
		Use: "suspend", Short: "refuse everything that changes a host, from now on", Args: noWords,
		Long: `suspend has every process that shares the ledger refuse what changes a host, from
its next decision on: with the code "suspended" and the reason. What only reads or
scans goes on, and so do releases from isolation. "kes-respond resume" ends it.`,
		Example: "  kes-respond suspend --reason 'rule 17 isolates too much'",
	}
	f.config = fileFlag(c.Flags(), "config", configHelp)
	reason := stringFlag(c.Flags(), "reason", "why; quoted to every caller (required)")
	c.RunE = func(c *cobra.Command, _ []string) error {
		if strings.TrimSpace(reason.value) == "" {
			return exit.Usage("suspend: --reason is required: people will ask")
		}
		return f.withLedger(c.Context(), s, func(ctx context.Context, j *journal.Journal) error {
			if err := j.Suspend(ctx, reason.value); err != nil {
				return err
			}
			_, err := fmt.Fprintln(s.out, "suspended: what changes a host is refused until kes-respond resume")
			return err
		})
	}
	return c
}

func resumeCommand(s surroundings) *cobra.Command {
	var f settingsFlags
	c := &cobra.Command{
		Use: "resume", Short: "end what suspend began", Args: noWords,
		Example: "  kes-respond resume",
	}
	f.config = fileFlag(c.Flags(), "config", configHelp)
	c.RunE = func(c *cobra.Command, _ []string) error {
		return f.withLedger(c.Context(), s, func(ctx context.Context, j *journal.Journal) error {
			said := "resumed: requests are carried out again"
			if was, err := j.Resume(ctx); err != nil {
				return err
			} else if !was {
				said = "nothing was suspended"
			}
			_, err := fmt.Fprintln(s.out, said)
			return err
		})
	}
	return c
}

// ledgerBound is how long a command waits for the ledger.
const ledgerBound = 30 * time.Second

// withLedger opens the ledger, which needs no server and no password, and makes
// one where there is none yet.
func (f settingsFlags) withLedger(ctx context.Context, s surroundings, do func(context.Context, *journal.Journal) error) error {
	file, err := f.file(s)
	if err != nil {
		return exit.With(shared.ExitUsage, err)
	}
	ctx, cancel := context.WithTimeout(ctx, ledgerBound)
	defer cancel()
	j, err := ledgerOf(file.Ledger, s).open(ctx)
	if err != nil {
		return exit.Ledger(err)
	}
	err = do(ctx, j)
	if e := j.Close(); err == nil {
		err = e
	}
	if err != nil {
		return exit.Ledger(err)
	}
	return nil
}
