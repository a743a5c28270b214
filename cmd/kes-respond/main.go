// Command kes-respond carries out the EDR response tasks of Kaspersky Endpoint
// Security through Kaspersky Security Center: as JSON lines over standard
// input and output (serve), or one task at a time from a command line.
package main

import (
	"context"
	"io"
	"os"
	"os/signal"
	"os/user"
	"strconv"
	"syscall"

	"golang.org/x/term"

	"github.com/kes-respond/kes-respond/shared/rpc"
)

// version is set by the linker; see the Makefile.
var version = "unknown"

func main() { os.Exit(run(process())) }

// surroundings are all that the program takes from its process, so that a
// test can be one.
type surroundings struct {
	args       []string // with the program's name
	in         io.Reader
	out, err   io.Writer
	getenv     func(string) string
	process    rpc.Process // what a go-plugin plugin has to change of its process
	executable string      // resolved path of the binary; "" where unknown
	policy     string      // the policy that always counts, where it is there
	terminal   bool        // out is a terminal
	person     bool        // in and err are one: somebody can be asked
	account    func() account
	pid        int
	step       func(string) // told of each step of the ledger, see journal.Options; nil outside of tests
}

// account is the user of the operating system who runs the program.
type account struct {
	name string
	root bool   // of Unix
	home string // "" where the system knows of none
}

// whoRuns asks the system. A name from the environment would be anyone's, and
// this one goes into the ledger.
func whoRuns() account {
	uid := os.Getuid()
	if uid < 0 { // Windows
		u, err := user.Current()
		if err != nil {
			return account{name: "unknown"}
		}
		return account{name: u.Username, home: u.HomeDir}
	}
	a := account{name: "uid " + strconv.Itoa(uid), root: uid == 0}
	if u, err := user.LookupId(strconv.Itoa(uid)); err == nil {
		a.name, a.home = u.Username, u.HomeDir
	}
	return a
}

func process() (context.Context, surroundings) {
	signal.Ignore(syscall.SIGPIPE) // a reader that goes away must not end a task half way
	ends := []os.Signal{syscall.SIGTERM}
	if !launched(os.Args, os.Getenv) {
		ends = append(ends, os.Interrupt) // for a plugin it is up to the host what an interrupt of the terminal means
	}
	if !signal.Ignored(syscall.SIGHUP) { // nohup ignores it
		ends = append(ends, syscall.SIGHUP)
	}
	ctx, stop := signal.NotifyContext(context.Background(), ends...)
	context.AfterFunc(ctx, stop) // whoever asks twice is not made to wait
	executable, _ := os.Executable()
	return ctx, surroundings{
		args: os.Args, in: os.Stdin, out: os.Stdout, err: os.Stderr,
		getenv: os.Getenv, executable: executable, policy: policyFile, account: whoRuns, pid: os.Getpid(),
		process: rpc.Process{
			Getenv: os.Getenv, Setenv: os.Setenv, Unsetenv: os.Unsetenv, MkdirTemp: os.MkdirTemp, RemoveAll: os.RemoveAll,
			Stdout: &os.Stdout, Stderr: &os.Stderr,
			Orphaned: orphaned(),
		},
		terminal: term.IsTerminal(int(os.Stdout.Fd())),
		person:   term.IsTerminal(int(os.Stdin.Fd())) && term.IsTerminal(int(os.Stderr.Fd())),
	}
}
