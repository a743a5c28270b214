package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/kes-respond/kes-respond/cmd/kes-respond/exit"
	"github.com/kes-respond/kes-respond/cmd/kes-respond/printable"
	"github.com/kes-respond/kes-respond/plugin"
	"github.com/kes-respond/kes-respond/plugin/task"
	"github.com/kes-respond/kes-respond/shared"
)

// run is the whole program: from arguments to exit code.
func run(ctx context.Context, s surroundings) int {
	s.args = byName(s.args)
	says := "kes-respond: "
	if launched(s.args, s.getenv) {
		says = "[ERROR] " + says // go-plugin hosts pass over lines without a level
	}
	if passwordTyped(s.args[1:]) && !completing(s.args) {
		return told(s, says, exit.Usage("%w", errPasswordTyped))
	}
	root := commands(s)
	root.SetArgs(s.args[1:])
	if completing(s.args) {
		if err := completeFlags(root); err != nil {
			fmt.Fprintf(s.err, "kes-respond: %s\n", printable.Lines(err))
			return shared.ExitFailed
		}
	}
	c, err := root.ExecuteContextC(ctx)
	switch {
	case err == nil && c == root && c.Flags().Changed("help") && c.Flags().NArg() > 0:
		err = noCommand(root, c.Flags().Arg(0))
	case err == nil && helpInOrder(c):
		err = exit.Usage("%s: --help stands between other flags", c.Name())
	}
	return told(s, says, err)
}

// completing says that a shell asks how a line could go on.
func completing(args []string) bool {
	return len(args) > 1 && strings.HasPrefix(args[1], cobra.ShellCompRequestCmd)
}

// told says what went wrong, and gives the exit code for it.
func told(s surroundings, says string, err error) int {
	if err == nil {
		return shared.ExitOK
	}
	end, is := errors.AsType[*exit.Error](err)
	if !is {
		end = &exit.Error{Code: shared.ExitUsage, Err: err}
	}
	if end.Err != nil {
		fmt.Fprintf(s.err, "%s%s\n", says, printable.Lines(end.Err))
		if end.Code == shared.ExitUsage {
			fmt.Fprintln(s.err, "Nothing was sent. \"kes-respond help\" lists the commands, \"kes-respond COMMAND --help\" shows one.")
		}
	}
	return end.Code
}

// helpInOrder says that help was shown in place of what the other flags asked
// for: a blank in a field of an event may have put it there, and a caller must
// not take it for done.
func helpInOrder(c *cobra.Command) bool {
	changed := 0
	c.Flags().Visit(func(*pflag.Flag) { changed++ })
	return changed > 1 && c.Flags().Changed("help")
}

func commands(s surroundings) *cobra.Command {
	root := rootCommand(s)
	root.SetIn(s.in)
	root.SetOut(s.out)
	root.SetErr(s.err)
	root.CompletionOptions.DisableDefaultCmd = true
	root.SetHelpCommand(helpCommand(root))
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		// A misspelled command falls to the root, which then stumbles over
		// the command's flags: the name is what is wrong.
		if c == root && !strings.HasPrefix(s.args[1], "-") {
			return noCommand(c, s.args[1])
		}
		return exit.Usage("%w%s", err, meantFlag(c, err))
	})
	root.AddGroup(&cobra.Group{ID: "tasks", Title: "Tasks:"})
	for _, t := range task.All() {
		root.AddCommand(taskCommand(s, t))
	}
	root.AddCommand(
		serveCommand(s), initCommand(s), checkCommand(s), statusCommand(s), recoverCommand(s), undoCommand(s), journalCommand(s), reportCommand(s),
		policyCommand(s), suspendCommand(s), resumeCommand(s), describeCommand(s), sampleCommand(s), errorsCommand(s),
		manifestCommand(s), asCommand(s), versionCommand(s), completionCommand(s),
	)
	return root
}

// rootCommand is what runs without a command: the plugin of a host that
// launched it, else help.
func rootCommand(s surroundings) *cobra.Command {
	showVersion := false
	asPlugin := launched(s.args, s.getenv)
	f := settingsFlags{all: true}
	root := &cobra.Command{
		Use:   "kes-respond",
		Short: "EDR response tasks of Kaspersky Endpoint Security through Kaspersky Security Center",
		Long: `kes-respond sends the nine EDR response tasks of Kaspersky Endpoint Security for
Windows (12.9+) to Kaspersky Security Center, and says truthfully what became of
each: as one command, or as JSON lines for a SIEM or SOAR.

Where KSC is and as whom to log in comes from the environment (kscHost, kscPort,
kscCert, kscUser, kscPassword) or from a configuration file; CONFIGURATION.md has
all of it. No password is taken from a command line.

Exit codes: 0 stored by KSC, done, or planned; 1 failed; 3 policy; 4 stored, end
not known; 5 it may have happened; 6 cancelled; 7 done with a warning; 64 usage,
65 request refused; 69 KSC not reached; 75 try later; 77 login or right. A code
not listed is a failure.`,
		Example: `  kes-respond isolateHost --targetHost PC-12 --action 1 --dryRun true
  kes-respond sample getFile | kes-respond serve`,
		SilenceErrors: true, SilenceUsage: true, Args: cobra.ArbitraryArgs,
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) > 0 {
				return noCommand(c, args[0])
			}
			if showVersion {
				return printVersion(s)
			}
			if asPlugin {
				return servePlugin(c.Context(), s, f)
			}
			c.SetOut(s.err)
			c.Help()
			return exit.With(shared.ExitUsage, nil)
		},
	}
	if asPlugin {
		f.add(root.Flags())
	}
	// cobra's own version flag formats by text/template, which keeps the linker
	// from leaving out what nobody calls: a fifth of the binary.
	root.Flags().BoolVar(&showVersion, "version", false, "as the command version")
	return root
}

func helpCommand(root *cobra.Command) *cobra.Command {
	return &cobra.Command{
		Use: "help [COMMAND]", Short: "help on a command", Example: "  kes-respond help isolateHost",
		RunE: func(_ *cobra.Command, args []string) error {
			c, rest, err := root.Find(args)
			if err != nil || c == root && len(args) > 0 {
				return noCommand(root, args[0])
			}
			if len(rest) > 0 {
				return exit.Usage("help: %q is one word too many", rest[0])
			}
			c.InitDefaultHelpFlag()
			return c.Help()
		},
	}
}

// withPlugin runs f with a Plugin made from the settings, and closes it.
func withPlugin(ctx context.Context, s surroundings, f settingsFlags, do func(*plugin.Plugin, settings) error) error {
	set, err := f.settings(s)
	if err != nil {
		return err
	}
	p, err := plugin.New(ctx, set.plugin)
	if err != nil {
		return exit.Usage("%w", err)
	}
	err = do(p, set)
	closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeBound)
	defer cancel()
	if e := p.Close(closing); e != nil {
		fmt.Fprintf(s.err, "kes-respond: warning: not everything ended properly: %s\n", printable.Lines(e))
	}
	return err
}

// closeBound is how long ending the sessions may take.
const closeBound = 5 * time.Second
