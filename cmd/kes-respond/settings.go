package main

import (
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"github.com/kes-respond/kes-respond/cmd/kes-respond/exit"
	"github.com/kes-respond/kes-respond/cmd/kes-respond/policyfile"
	"github.com/kes-respond/kes-respond/plugin"
	"github.com/kes-respond/kes-respond/plugin/ksc"
	"github.com/kes-respond/kes-respond/shared"
)

// settings are where to reach KSC and as whom, put together from flags, the
// environment and a configuration file, in this order.
type settings struct {
	plugin   plugin.Config
	policies *policyfile.Files
}

// Format prints nothing of them, whatever the verb: the passwords of servers lie
// where no method of theirs would be asked.
func (settings) Format(f fmt.State, _ rune) { fmt.Fprint(f, "settings") }

// settingsFlags are the flags that every command with a connection has.
type settingsFlags struct {
	config, server *once
	verbose        *once // nil: not for this command
	logs           bool  // it keeps a log on standard error
	anew           bool  // a login is tried although it was just refused
	all            bool  // requests may choose among the servers: all have to be usable, not only the default one
}

const configHelp = "configuration file (default: KES_RESPOND_CONFIG, beside the program, /etc/kes-respond/config.yaml)"

func (f *settingsFlags) add(flags *pflag.FlagSet) {
	f.config = fileFlag(flags, "config", configHelp)
	f.server = stringFlag(flags, "server", "name of a configured server")
}

// defaultServer is the name of the server that has none: the one at the top
// level of the file, or of the environment.
const defaultServer = "default"

func (f settingsFlags) settings(s surroundings) (settings, error) {
	file, err := f.file(s)
	if err != nil {
		return settings{}, exit.With(shared.ExitUsage, err)
	}
	policies, err := policyfile.Read(s.policy, file.Policy)
	if err != nil {
		return settings{}, exit.With(shared.ExitUsage, err)
	}
	servers, def, err := f.servers(file, s.getenv)
	if err != nil {
		return settings{}, exit.With(shared.ExitUsage, err)
	}
	policies.Hear(func(level slog.Level, text string) {
		if level > slog.LevelInfo {
			fmt.Fprintf(s.err, "kes-respond: warning: %s\n", text)
		}
	})
	set := settings{policies: policies, plugin: plugin.Config{
		Version: version, Area: file.Area, Default: def, Servers: map[string]ksc.Config{},
		Policy: policies.Now, Ledger: file.Ledger.ledger(s).open, Unmarked: file.Mark != nil && !*file.Mark, ResendAfterSearch: file.Resend, CheckAnew: f.anew,
		Connections: file.connections(s), FollowCalls: plugin.DefaultFollowCalls,
	}}
	set.plugin.Connections.Heard = f.heard(s, "")
	if file.FollowCalls != nil {
		set.plugin.FollowCalls = *file.FollowCalls
	}
	var wrong []error
	for _, name := range slices.Sorted(maps.Keys(servers)) {
		if !f.all && def != "" && name != def {
			continue // its password is not needed, nor is its helper to be run
		}
		c, err := servers[name].client(s, name)
		if err != nil {
			wrong = append(wrong, fmt.Errorf("server %s: %w", name, err))
		}
		c.Heard = f.heard(s, name)
		set.plugin.Servers[name] = c
	}
	if len(wrong) > 0 {
		return settings{}, exit.With(shared.ExitUsage, errors.Join(wrong...))
	}
	return set, nil
}

// ledger is the configured ledger and its directory. It needs no server, and
// runs no helper for a password.
func (f settingsFlags) ledger(s surroundings) (ledger, string, error) {
	file, err := f.file(s)
	if err != nil {
		return ledger{}, "", exit.With(shared.ExitUsage, err)
	}
	l := file.Ledger.ledger(s)
	dir, _, err := l.place()
	if err != nil {
		return l, "", exit.Ledger(err)
	}
	return l, dir, nil
}

// servers are those of the file, with the one of the top level and the
// environment among them, and the name of the default. A default that is no
// server is refused here: a request would be told of a member that it does not
// have.
func (f settingsFlags) servers(file configFile, getenv func(string) string) (map[string]serverFile, string, error) {
	top := file.serverFile
	fromEnv, err := top.environment(getenv)
	if err != nil {
		return nil, "", err
	}
	servers := map[string]serverFile{}
	maps.Copy(servers, file.Servers)
	def := file.DefaultServer
	switch _, taken := servers[defaultServer]; {
	case top.Host == "" && !reflect.ValueOf(file.serverFile).IsZero():
		return nil, "", fmt.Errorf("%s: has settings of a server without a name, and no kscHost; nor has the environment", file.path)
	case top.Host != "" && taken:
		return nil, "", fmt.Errorf("%s: servers has one named %s, which is the name of the server at the top level and of the environment: call it something else", file.path, defaultServer)
	case top.Host != "":
		servers[defaultServer] = top
		if def == "" || fromEnv {
			def = defaultServer // the environment comes before the file
		}
	}
	names := strings.Join(slices.Sorted(maps.Keys(servers)), ", ")
	if names == "" {
		names = "none"
	}
	if f.server != nil && f.server.set {
		if def = f.server.value; servers[def].Host == "" {
			return nil, "", fmt.Errorf("--server: %q names no configured server; configured: %s", def, names)
		}
	}
	if def != "" && servers[def].Host == "" {
		return nil, "", fmt.Errorf("%s: /defaultServer names no configured server; configured: %s", file.path, names)
	}
	return servers, def, nil
}
