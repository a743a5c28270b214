package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"maps"
	"path/filepath"
	"reflect"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"github.com/kes-respond/kes-respond/cmd/kes-respond/config"
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

// file reads the configuration, or an empty one where none is found in the
// usual places. A file that was named must exist.
func (f settingsFlags) file(s surroundings) (config.File, error) {
	named := s.getenv("KES_RESPOND_CONFIG")
	if f.config != nil && f.config.set {
		named = f.config.value
	}
	if named != "" {
		return config.Read(named)
	}
	places := []string{"/etc/kes-respond/config.yaml"}
	if resolved, err := filepath.EvalSymlinks(s.executable); err == nil {
		places = append([]string{filepath.Join(filepath.Dir(resolved), "config.yaml")}, places...)
	}
	for _, place := range places {
		file, err := config.Read(place)
		if !errors.Is(err, fs.ErrNotExist) {
			return file, err
		}
	}
	return config.File{}, nil
}

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
		Policy: policies.Now, Ledger: ledgerOf(file.Ledger, s).open, Unmarked: file.Mark != nil && !*file.Mark, ResendAfterSearch: file.Resend, CheckAnew: f.anew,
		Connections: connections(file, s), FollowCalls: plugin.DefaultFollowCalls,
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
		c, err := client(context.Background(), servers[name], name, s)
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
	l := ledgerOf(file.Ledger, s)
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
func (f settingsFlags) servers(file config.File, getenv func(string) string) (map[string]config.Server, string, error) {
	top := file.Server
	fromEnv, err := top.Environment(getenv)
	if err != nil {
		return nil, "", err
	}
	servers := map[string]config.Server{}
	maps.Copy(servers, file.Servers)
	def := file.DefaultServer
	switch _, taken := servers[config.DefaultServer]; {
	case top.Host == "" && !reflect.ValueOf(file.Server).IsZero():
		return nil, "", fmt.Errorf("%s: has settings of a server without a name, and no kscHost; nor has the environment", file.Path)
	case top.Host != "" && taken:
		return nil, "", fmt.Errorf("%s: servers has one named %s, which is the name of the server at the top level and of the environment: call it something else", file.Path, config.DefaultServer)
	case top.Host != "":
		servers[config.DefaultServer] = top
		if def == "" || fromEnv {
			def = config.DefaultServer // the environment comes before the file
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
		return nil, "", fmt.Errorf("%s: /defaultServer names no configured server; configured: %s", file.Path, names)
	}
	return servers, def, nil
}

// client is how a server is reached by us. A check of certificates that is switched
// off is said each time.
func client(ctx context.Context, server config.Server, name string, s surroundings) (ksc.Config, error) {
	c, err := server.Client(ctx, name, s.getenv)
	if err != nil {
		return c, err
	}
	if c.Trust.Insecure {
		fmt.Fprintf(s.err, "kes-respond: warning: kscCert is False for server %s: the server's certificate is not checked, and whoever stands between can read the password\n", name)
	}
	c.UserAgent = plugin.Name + "/" + version
	return c, nil
}
