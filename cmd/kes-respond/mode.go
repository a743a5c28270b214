package main

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"

	"github.com/kes-respond/kes-respond/cmd/kes-respond/exit"
	"github.com/kes-respond/kes-respond/cmd/kes-respond/policyfile"
	"github.com/kes-respond/kes-respond/plugin"
	"github.com/kes-respond/kes-respond/plugin/task"
	"github.com/kes-respond/kes-respond/shared"
	"github.com/kes-respond/kes-respond/shared/rpc"
)

// What the program is to be is found in this order: the name under which it was
// started, a command, the cookie of a go-plugin host. That standard input is no
// terminal says nothing: it is none under cron, systemd and ssh alike.

// byName reads the name under which the program was started: under one of the
// vendor's nine script names ("isolateHost.py") it is that task's command, so
// that a rule which calls the script keeps its line. The flags are ours; the
// vendor's are not public. Under a name that a platform's package gives it, it
// answers in the way of that platform.
func byName(args []string) []string {
	name := strings.TrimSuffix(filepath.Base(args[0]), ".exe")
	for _, t := range task.All() {
		if name == t.Script {
			return append([]string{args[0], t.Name}, args[1:]...)
		}
	}
	return dialectByName(args)
}

// launched says that a go-plugin host started the program: there is no command,
// and the cookie is there. Flags may stand with it.
func launched(args []string, getenv func(string) string) bool {
	h := rpc.Handshake()
	return (len(args) < 2 || strings.HasPrefix(args[1], "-")) && getenv(h.MagicCookieKey) == h.MagicCookieValue
}

// servePlugin serves the host that launched the program, until that has enough.
func servePlugin(ctx context.Context, s surroundings, f settingsFlags) error {
	invitation, invited := rpc.Invited(s.process)
	if !invited {
		return exit.With(shared.ExitUsage, fmt.Errorf("no go-plugin host has launched this program"))
	}
	return withPlugin(ctx, s, f, func(p *plugin.Plugin, set settings) error {
		log := slog.New(rpc.LogHandler(s.err, slog.LevelInfo))
		set.policies.Hear(policyfile.LoggedTo(ctx, log))
		defer recoverBeside(ctx, p, log)()
		err := rpc.Serve(ctx, p, invitation, rpc.Options{Log: log})
		if err != nil {
			return exit.With(shared.ExitFailed, err)
		}
		return nil
	})
}
