package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/kes-respond/kes-respond/plugin"
	"github.com/kes-respond/kes-respond/shared"
)

func checkCommand(s surroundings) *cobra.Command {
	var f settingsFlags
	c := &cobra.Command{
		Use: "check", Short: "can KSC be reached, logged in to and used; sends nothing to a host", Args: noWords,
		Long: `check tries what a request needs, in the order in which it is needed, and says
what to do about the first thing that fails. The server's certificate is read and
judged before a password leaves.`,
		Example: "  kes-respond check",
	}
	f.add(c.Flags())
	form := choiceFlag(c.Flags(), "output", "form", "json or text (default: text on a terminal)", "json", "text")
	c.RunE = func(c *cobra.Command, _ []string) error {
		return withPlugin(c.Context(), s, f, func(p *plugin.Plugin, _ settings) error {
			ctx, cancel := context.WithTimeout(c.Context(), shared.DefaultSubmitTimeout)
			defer cancel()
			checked, err := p.Check(ctx, shared.Request{Type: shared.TypeCheck})
			if refusal, ok := errors.AsType[*shared.Error](err); ok {
				return &exitError{shared.Exit(shared.Refused, refusal.Code), refusal}
			}
			out := newOutput(s, form.value)
			out.show(shared.Event{ID: shared.NewID(), Checked: &checked})
			if out.err != nil {
				return &exitError{shared.ExitFailed, fmt.Errorf("the answer could not be written: %w", out.err)}
			}
			if code := checked.Exit(); code != shared.ExitOK {
				return &exitError{code: code}
			}
			return nil
		})
	}
	return c
}

func checkedText(b *strings.Builder, c shared.Checked) {
	for _, s := range c.Steps {
		fmt.Fprintf(b, "%-8s %-12s %s\n", printable(s.State), printable(s.Name), printable(s.Message))
		if shown := c.Certificate; s.Name == "certificate" && shown != nil {
			line(b, "         subject", shown.Subject+", issued by "+shown.Issuer+", valid until "+shown.NotAfter.Format(time.DateOnly))
			line(b, "         SHA-256", shown.SHA256)
		}
	}
	switch {
	case c.Error != nil:
		line(b, "failed", string(c.Error.Code))
		line(b, "  what to do", c.Error.Assistance)
	default:
		line(b, "passed", "requests to server "+c.Server+" can be sent")
	}
}
