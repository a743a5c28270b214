package main

import (
	"context"
	"fmt"
	"log/slog"
	"strings"

	"github.com/spf13/cobra"

	"github.com/kes-respond/kes-respond/cmd/kes-respond/exit"
	"github.com/kes-respond/kes-respond/cmd/kes-respond/printable"
	"github.com/kes-respond/kes-respond/plugin"
	"github.com/kes-respond/kes-respond/plugin/journal"
	"github.com/kes-respond/kes-respond/shared"
)

func recoverCommand(s surroundings) *cobra.Command {
	f := settingsFlags{all: true}
	c := &cobra.Command{
		Use: "recover", Short: "find out what became of requests that are in doubt", Args: noWords,
		Long: `recover looks through the ledger for requests whose process was killed, whose
answer was lost, or whose second step was not done, asks KSC about each, and
records what it finds. It does the second step where that is missing, and sends
no order. A starting serve does the same for what was killed.

Exit codes: 0 nothing is left in doubt; 4 KSC holds a request whose second step
it does not take; 5 of a request nothing can be found out: its result says what
to look at; 1 some were left, of servers that are not configured here.`,
		Example: "  kes-respond recover",
	}
	f.add(c.Flags())
	f.addVerbose(c.Flags())
	form := choiceFlag(c.Flags(), "output", "form", "json or text (default: text on a terminal)", "json", "text")
	c.RunE = func(c *cobra.Command, _ []string) error {
		return withPlugin(c.Context(), s, f, func(p *plugin.Plugin, _ settings) error {
			return recoverAll(c.Context(), s, p, form.value)
		})
	}
	return c
}

func recoverAll(ctx context.Context, s surroundings, p *plugin.Plugin, form string) error {
	var codes []int
	var unheard error
	stored := false // KSC has an incident of one of them
	left, err := p.Recover(ctx, true, func(r journal.Record, result shared.Result) {
		out := newOutput(s, form) // each request counts its own events
		if !out.JSON {
			out.Print(fmt.Sprintf("request %s: %s on %s\n", printable.Text(r.ID.Text()), printable.Text(r.Task), printable.Text(r.Target)))
		}
		out.Show(shared.Event{ID: r.ID, Result: &result})
		if unheard == nil {
			unheard = out.Err()
		}
		stored = stored || result.Incident != nil
		if result.Outcome != shared.Cancelled { // then that is settled
			codes = append(codes, result.Exit())
		}
	})
	if err != nil {
		return exit.With(shared.ExitFailed, err)
	}
	if len(codes) == 0 && left == 0 && !newOutput(s, form).JSON {
		_, unheard = fmt.Fprintln(s.out, "nothing is left in doubt")
	}
	if left > 0 {
		codes = append(codes, shared.ExitFailed)
		fmt.Fprintf(s.err, "kes-respond: %d requests stay in doubt: their servers are not configured here, or the time was over\n", left)
		all, err := p.Unreachable(ctx, true)
		if err != nil {
			return exit.With(shared.ExitFailed, err)
		}
		for _, r := range all {
			mend := "configure it under that name"
			if strings.Contains(r.Server, ":") { // no configured one has that
				mend = "it came with a connection of its own: send it again under its key with that"
			}
			fmt.Fprintf(s.err, "  request %s, %s on %s, stays in doubt: its server %s is not configured here; %s\n",
				printable.Text(r.ID.Text()), printable.Text(r.Task), printable.Text(r.Target), printable.Text(r.Server), mend)
		}
	}
	if unheard != nil {
		return exit.Unheard(stored, shared.ExitAll(codes...), unheard)
	}
	if code := shared.ExitAll(codes...); code != shared.ExitOK {
		return exit.With(code, nil)
	}
	return nil
}

// recoverBeside settles what was in doubt while requests are served, until it
// is told to stop. The log hears of it; a request under the same key waits for
// it.
func recoverBeside(ctx context.Context, p *plugin.Plugin, log *slog.Logger) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		left, err := p.Recover(ctx, false, func(r journal.Record, result shared.Result) {
			log.Info("a request of an earlier process was settled", "id", r.ID.Text(), "task", r.Task, "host", r.HostID, "outcome", result.Outcome, "message", result.Message)
		})
		if err != nil && ctx.Err() == nil {
			log.Warn("what was in doubt could not be settled", "error", err)
		} else if left > 0 && ctx.Err() == nil {
			log.Warn("requests stay in doubt whose servers are not configured here; kes-respond recover names them", "requests", left)
		}
	}()
	return func() {
		cancel()
		<-ended
	}
}
