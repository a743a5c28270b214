package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/kes-respond/kes-respond/plugin"
	"github.com/kes-respond/kes-respond/shared"
)

// dialect is one platform's way to ask and to be answered, where that is neither
// a command line nor a line of JSON.
type dialect struct {
	platform string
	names    []string // under which a platform starts the program
	takes    string   // its arguments, for help
	run      func(ctx context.Context, s surroundings, args []string) error
}

func dialects() []dialect {
	return []dialect{
		{"ansible", []string{"kes_respond", "AnsiballZ_kes_respond"}, "ARGS-FILE", asAnsible},
		{"cortex", []string{"kes-respond-cortex"}, "JOB-DIR", asCortex},
		{"form", []string{"kes-respond-form"}, "< DOCUMENT", asForm},
		{"stackstorm", []string{"kes-respond-stackstorm"}, "--NAME=VALUE... TASK", asStackStorm},
		{"splunk", []string{"kes-respond-splunk"}, "--execute TASK", asSplunk},
		{"insightconnect", []string{"kes-respond-insightconnect"}, "run", asInsightConnect},
		{"wazuh", []string{"kes-respond-wazuh"}, "< LINE", asWazuh},
	}
}

// asCommand is hidden behind the names under which platforms start the program;
// it is there to be tried by hand.
func asCommand(s surroundings) *cobra.Command {
	var lines, names []string
	for _, d := range dialects() {
		lines = append(lines, fmt.Sprintf("  %-14s %-20s started as %s", d.platform, d.takes, strings.Join(d.names, ", ")))
		names = append(names, d.platform)
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
				return usage("as: which platform? One of %s", strings.Join(names, ", "))
			}
			if slices.Contains([]string{"--help", "-h"}, args[0]) {
				return c.Help()
			}
			i := slices.Index(names, args[0])
			if i < 0 {
				return usage("as: %q is none of %s", args[0], strings.Join(names, ", "))
			}
			return dialects()[i].run(c.Context(), s, args[1:])
		},
	}
}

// dialectByName is the command behind a name under which a platform starts the
// program.
func dialectByName(args []string) []string {
	name := strings.TrimSuffix(filepath.Base(args[0]), ".exe")
	for _, d := range dialects() {
		if slices.Contains(d.names, name) {
			return append([]string{args[0], "as", d.platform}, args[1:]...)
		}
	}
	return args
}

// formAnswer is what became of a form: a result, or what a check has found.
type formAnswer struct {
	request shared.Request
	result  shared.Result
	checked *shared.Checked
}

// exit is the exit code of the one-shot form.
func (a formAnswer) exit() int {
	if a.checked != nil {
		return a.checked.Exit()
	}
	return a.result.Exit()
}

// said is the answer as one text for people.
func (a formAnswer) said() string {
	if c := a.checked; c != nil {
		if c.Error != nil {
			return c.Error.Message + ". " + c.Error.Assistance
		}
		return "nothing is in the way of requests to server " + c.Server
	}
	text := a.result.Message
	if e := a.result.Error; e != nil {
		if text == "" {
			text = e.Message
		}
		for _, v := range e.Violations {
			if !strings.Contains(text, v.Message) {
				text += "; " + v.Pointer + " " + v.Message
			}
		}
		if e.Assistance != "" {
			text += ". " + e.Assistance
		}
	}
	return text
}

// carryOut does what a form asks for. Everything that goes wrong is in the
// answer, in the contract's words; emit hears what the contract's events tell on
// the way.
func carryOut(ctx context.Context, s surroundings, f form, emit func(shared.Event)) formAnswer {
	line, refusal := f.line()
	var a formAnswer
	if refusal == nil {
		a.request, refusal = shared.ParseRequest(line)
	}
	if refusal != nil {
		return a.refused(refusal)
	}
	flags := settingsFlags{all: true, anew: a.request.Type == shared.TypeCheck}
	if f.config != "" {
		flags.config = &once{value: f.config, set: true}
	}
	err := withPlugin(ctx, s, flags, func(p *plugin.Plugin, _ settings) error {
		switch a.request.Type {
		case shared.TypeCheck:
			return a.check(ctx, p)
		case shared.TypeStatus:
			a.result = p.Status(ctx, a.request, emit)
		default:
			a.result = p.Respond(ctx, a.request, emit)
		}
		return nil
	})
	if err != nil && a.result.Outcome == "" && a.checked == nil {
		return a.refused(&shared.Error{
			Code: shared.BadRequest, Message: printableLines(err) + "; nothing was sent", Assistance: "Mend the configuration.",
		})
	}
	return a
}

func (a formAnswer) refused(refusal *shared.Error) formAnswer {
	a.result = shared.Result{
		Outcome: shared.Refused, Task: a.request.Task, TargetHost: a.request.TargetHost, Error: refusal, Message: refusal.Message,
	}
	return a
}

func (a *formAnswer) check(ctx context.Context, p *plugin.Plugin) error {
	bounded, cancel := context.WithTimeout(ctx, shared.DefaultSubmitTimeout)
	defer cancel()
	checked, err := p.Check(bounded, a.request)
	if refusal, ok := errors.AsType[*shared.Error](err); ok {
		*a = a.refused(refusal)
		return nil
	}
	if err != nil {
		return err
	}
	a.checked = &checked
	return nil
}

func silent(shared.Event) {}
