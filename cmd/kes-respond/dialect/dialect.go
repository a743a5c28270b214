// Package dialect is how platforms ask and want to be answered that start the
// program by a name of its own, and do so neither with a command line nor with
// lines of JSON. A dialect is a file (Cortex and Wazuh have two): it reads what its
// platform hands over into one request, has it carried out, and answers in the
// platform's way. It promises that the answer never claims more than the result
// does, that a platform is answered whatever happens, and that nothing of a
// password is in it.
//
// Nothing here reaches KSC, reads a configuration or looks at the process: all of
// that is handed in as Surroundings. A new dialect is a new file here.
package dialect

import (
	"context"
	"io"
	"slices"
	"strings"

	"github.com/kes-respond/kes-respond/plugin/task"
	"github.com/kes-respond/kes-respond/shared"
)

// Dialect is one platform's way to ask and to be answered.
type Dialect struct {
	Platform string
	Names    []string // under which the platform starts the program
	Takes    string   // its arguments, for help
	answer   func(ctx context.Context, s Surroundings, args []string) error
}

var registered []Dialect // filled while the package initialises, never after

func register(d Dialect) Dialect {
	registered = append(registered, d)
	return d
}

// All gives the dialects in the order of their platforms' names.
func All() []Dialect {
	all := slices.Clone(registered)
	slices.SortFunc(all, func(a, b Dialect) int { return strings.Compare(a.Platform, b.Platform) })
	return all
}

// StartedAs finds the dialect behind a name under which a platform starts the
// program.
func StartedAs(name string) (Dialect, bool) {
	i := slices.IndexFunc(registered, func(d Dialect) bool { return slices.Contains(d.Names, name) })
	if i < 0 {
		return Dialect{}, false
	}
	return registered[i], true
}

// Answer answers one start of the program. The error is an exit.Error: its code
// is what the platform sees, and its text, where there is any, is for whoever
// started it wrongly.
func (d Dialect) Answer(ctx context.Context, s Surroundings, args []string) error {
	return d.answer(ctx, s, args)
}

// Surroundings are all that a dialect takes from the program.
type Surroundings struct {
	In         io.Reader
	Out, Err   io.Writer
	Getenv     func(string) string
	Executable string // resolved path of the program: some platforms keep files beside it; "" where unknown
	Version    string

	// ReadFile reads a regular file of at most so many bytes, and waits for no pipe.
	ReadFile func(path string, most int) ([]byte, error)
	// Load reads a file into the text of a task's LoadMember.
	Load func(t *task.Task, path string) (string, error)
	// Password runs a helper and gives the one line that it prints; "" where it
	// prints nothing. Errors name where it is from, and quote nothing.
	Password func(ctx context.Context, from string, helper []string, in io.Reader) (string, error)
	// With runs do with a Responder made from the settings, and closes it. What
	// keeps it from being made is the error.
	With func(ctx context.Context, set Settings, do func(shared.Responder) error) error
}

// Settings are what a request brings with it that is no member of one.
type Settings struct {
	Config string              // the configuration file; "" for the usual one
	Getenv func(string) string // the environment, with what the platform adds to it
	Anew   bool                // a login is tried although it was just refused
}

// besides is an environment with one more variable.
func besides(getenv func(string) string, name, value string) func(string) string {
	return func(asked string) string {
		if asked == name {
			return value
		}
		return getenv(asked)
	}
}
