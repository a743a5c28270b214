package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"strings"

	"github.com/spf13/cobra"

	"github.com/kes-respond/kes-respond/cmd/kes-respond/exit"
	"github.com/kes-respond/kes-respond/cmd/kes-respond/policyfile"
	"github.com/kes-respond/kes-respond/plugin"
	"github.com/kes-respond/kes-respond/plugin/task"
	"github.com/kes-respond/kes-respond/shared"
	"github.com/kes-respond/kes-respond/shared/jsonl"
)

func serveCommand(s surroundings) *cobra.Command {
	f := settingsFlags{all: true, logs: true}
	c := &cobra.Command{
		Use: "serve", Short: "answer JSON lines until the end of input", Args: noWords,
		Long: `serve reads requests as JSON lines from standard input and answers with JSON lines
on standard output. The end of input means: no more requests; what runs is
finished first. The first line out is "hello".`,
		Example: `  printf '%s\n' '{"task":"isolateHost","targetHost":"PC-12","params":{"action":1},"dryRun":true}' | kes-respond serve`,
		RunE: func(c *cobra.Command, _ []string) error {
			return withPlugin(c.Context(), s, f, func(p *plugin.Plugin, set settings) error {
				if set.plugin.Default == "" && len(set.plugin.Servers) == 0 {
					fmt.Fprintln(s.err, "kes-respond: warning: no server is configured: only requests that bring a connection, and dry runs with hostLookup never, will be carried out")
				}
				log := slog.New(slog.NewTextHandler(s.err, nil))
				set.policies.Hear(policyfile.LoggedTo(c.Context(), log))
				defer recoverBeside(c.Context(), p, log)()
				err := jsonl.Serve(c.Context(), p, s.in, s.out, jsonl.Options{Hello: hello(), Log: log})
				if err != nil {
					return exit.With(shared.ExitFailed, err)
				}
				return nil
			})
		},
	}
	f.add(c.Flags())
	f.addVerbose(c.Flags())
	return c
}

func hello() shared.Hello {
	h := shared.Hello{
		Protocol: shared.Protocol, Name: plugin.Name, Version: version,
	}
	for _, t := range task.All() {
		h.Tasks = append(h.Tasks, t.Name)
	}
	return h
}

func statusCommand(s surroundings) *cobra.Command {
	var f settingsFlags
	var shown outputFlags
	c := &cobra.Command{
		Use: "status [INCIDENT]", Short: "where an earlier request stands: stored, taken, running, done or not",
		Long: `status tells what became of a request, from another process or on another day too:
what the ledger knows of its end, or else what KSC's incident and console task say
now. A request is named by the number of its incident, or with --request by its own
id, as the ledger on this machine has it. It sends nothing to a host.`,
		Example: "  kes-respond status 4711\n  kes-respond status --request alert-17 --wait done --timeout 20m",
	}
	f.add(c.Flags())
	wait := choiceFlag(c.Flags(), "wait", "until", "submit: say what is known now (default); done: look on until its console task has come to an end", shared.WaitSubmit, shared.WaitDone)
	timeout := stringFlag(c.Flags(), "timeout", "time for the whole request, such as 90s (default 60s; 30m to wait for done)")
	request := stringFlag(c.Flags(), "request", "id of the request, in the place of its incident")
	c.Args = func(_ *cobra.Command, args []string) error {
		if len(args) > 1 || (len(args) == 1) == request.set {
			return exit.Usage("status takes the number of one incident, or the id of one request with --request")
		}
		return nil
	}
	shown.add(c.Flags())
	f.verbose = shown.verbose
	c.RunE = func(c *cobra.Command, args []string) error {
		if err := shown.fits(); err != nil {
			return err
		}
		members := map[string]any{"type": shared.TypeStatus}
		if request.set {
			members["target"] = request.value
		} else {
			members["incident"] = map[string]string{"id": args[0]}
		}
		for name, o := range map[string]*once{"wait": wait, "timeout": timeout, "server": f.server} {
			if o.set {
				members[name] = o.value
			}
		}
		data, err := json.Marshal(members)
		if err != nil {
			return exit.Usage("%w", err)
		}
		r, refusal := shared.ParseRequest(data)
		if refusal != nil {
			return newOutput(s, shown.form.value).End(r, shared.Result{Outcome: shared.Refused, Error: refusal, Message: refusal.Message})
		}
		f.all = request.set // the ledger says on which server it is
		return withPlugin(c.Context(), s, f, func(p *plugin.Plugin, _ settings) error {
			out := shown.output(s, "status of "+strings.Join(append(args, request.value), ""))
			return out.End(r, p.Status(c.Context(), r, out.Emitter(r.ID)))
		})
	}
	return c
}

func describeCommand(s surroundings) *cobra.Command {
	return &cobra.Command{
		ValidArgsFunction: taskNames,
		Use:               "describe [TASK]", Short: "the tasks and their digests, or one task's schema and hints, as JSON",
		Example: "  kes-respond describe isolateHost",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 1 {
				return exit.Usage("describe takes the name of one task, or none")
			}
			return nil
		},
		RunE: func(c *cobra.Command, args []string) error {
			p, err := plugin.New(c.Context(), plugin.Config{Version: version})
			if err != nil {
				return err
			}
			d, err := p.Describe(c.Context(), strings.Join(args, ""))
			if refusal, ok := errors.AsType[*shared.Error](err); ok && len(refusal.Violations) > 0 {
				return exit.Usage("%q %s", args[0], refusal.Violations[0].Message)
			}
			if err != nil {
				return exit.With(shared.ExitFailed, err)
			}
			return printJSON(s, d)
		},
	}
}

func printJSON(s surroundings, v any) error {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(v); err != nil {
		return exit.With(shared.ExitFailed, err)
	}
	if _, err := s.out.Write(b.Bytes()); err != nil {
		return exit.With(shared.ExitFailed, err)
	}
	return nil
}

func sampleCommand(s surroundings) *cobra.Command {
	return &cobra.Command{
		ValidArgsFunction: taskNames,
		Use:               "sample TASK", Short: "a ready request to edit: a dry run until you say otherwise",
		Example: "  kes-respond sample isolateHost | kes-respond serve",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return exit.Usage("sample takes the name of one task")
			}
			return nil
		},
		RunE: func(_ *cobra.Command, args []string) error {
			t, ok := task.Lookup(args[0])
			if !ok {
				return noTask(args[0])
			}
			if _, err := fmt.Fprintf(s.out, "%s\n", plugin.SampleRequest(t)); err != nil {
				return exit.With(shared.ExitFailed, err)
			}
			return nil
		},
	}
}

// taskNames completes the name of one task.
func taskNames(_ *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
	var names []cobra.Completion
	if len(args) == 0 {
		for _, t := range task.All() {
			names = append(names, cobra.CompletionWithDesc(t.Name, t.Summary))
		}
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}

func versionCommand(s surroundings) *cobra.Command {
	return &cobra.Command{
		Use: "version", Short: "version, protocol and platform", Args: noWords, Example: "  kes-respond version",
		RunE: func(*cobra.Command, []string) error { return printVersion(s) },
	}
}

func printVersion(s surroundings) error {
	_, err := fmt.Fprintf(s.out, "%s %s, protocol %d, %s %s/%s\n", plugin.Name, version, shared.Protocol, runtime.Version(), runtime.GOOS, runtime.GOARCH)
	if err != nil {
		return exit.With(shared.ExitFailed, err)
	}
	return nil
}
