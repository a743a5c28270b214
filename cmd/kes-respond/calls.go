package main

import (
	"cmp"
	"fmt"
	"log/slog"

	"github.com/spf13/pflag"

	"github.com/kes-respond/kes-respond/cmd/kes-respond/printable"
	"github.com/kes-respond/kes-respond/plugin/ksc"
)

// addVerbose is for commands that show nothing else in more words.
func (f *settingsFlags) addVerbose(flags *pflag.FlagSet) {
	f.verbose = boolFlag(flags, "verbose", "true: a line on standard error for each call to KSC, as it ends")
}

// heard says each call to a server on standard error, as it ends: in a log's line
// where the command keeps a log. nil where nobody asked. A server that has no name,
// as a request brought it, is told by its address.
func (f settingsFlags) heard(s surroundings, server string) func(ksc.Call) {
	if f.verbose == nil || f.verbose.value != "true" {
		return nil
	}
	if f.logs {
		log := slog.New(slog.NewTextHandler(s.err, nil))
		return func(c ksc.Call) {
			log.Info("call to KSC", "server", cmp.Or(server, c.Addr), "method", c.Method, "ms", c.Took.Milliseconds(), "outcome", c.Outcome())
		}
	}
	return func(c ksc.Call) {
		fmt.Fprintf(s.err, "kes-respond: KSC %s: %s, %d ms: %s\n", printable.Text(cmp.Or(server, c.Addr)), c.Method, c.Took.Milliseconds(), printable.Text(c.Outcome()))
	}
}
