package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/kes-respond/kes-respond/cmd/kes-respond/exit"
	"github.com/kes-respond/kes-respond/plugin"
	"github.com/kes-respond/kes-respond/shared"
)

func checkCommand(s surroundings) *cobra.Command {
	f := settingsFlags{anew: true}
	c := &cobra.Command{
		Use: "check", Short: "can KSC be reached, logged in to and used; sends nothing to a host", Args: noWords,
		Long: `check tries what a request needs, in the order in which it is needed, and says
what to do about the first thing that fails. The server's certificate is read and
judged before a password leaves.`,
		Example: "  kes-respond check",
	}
	f.add(c.Flags())
	f.addVerbose(c.Flags())
	form := choiceFlag(c.Flags(), "output", "form", "json or text (default: text on a terminal)", "json", "text")
	c.RunE = func(c *cobra.Command, _ []string) error {
		return withPlugin(c.Context(), s, f, func(p *plugin.Plugin, _ settings) error {
			ctx, cancel := context.WithTimeout(c.Context(), shared.DefaultSubmitTimeout)
			defer cancel()
			checked, err := p.Check(ctx, shared.Request{Type: shared.TypeCheck})
			out, code, answer := newOutput(s, form.value), checked.Exit(), shared.Event{ID: shared.NewID(), Checked: &checked}
			if refusal, ok := errors.AsType[*shared.Error](err); ok {
				code = shared.Exit(shared.Refused, refusal.Code)
				answer.Checked, answer.Problem = nil, &shared.Problem{Code: refusal.Code, Message: refusal.Message, Assistance: refusal.Assistance}
			} else if err != nil {
				return exit.With(shared.ExitFailed, err)
			}
			out.Show(answer)
			if out.Err() != nil {
				return exit.With(shared.ExitFailed, fmt.Errorf("the answer could not be written: %w", out.Err()))
			}
			if code != shared.ExitOK {
				return exit.With(code, nil)
			}
			return nil
		})
	}
	return c
}
