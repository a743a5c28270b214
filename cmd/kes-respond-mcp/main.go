// Command kes-respond-mcp offers the response tasks to a language model, over
// the Model Context Protocol on standard input and output. It carries nothing
// out itself: it starts "kes-respond serve" beside it and asks that, so that
// settings, policy, ledger and password stay in one place.
//
// A model is no trusted caller. What it asks for goes through the same guard as
// any request, a person is asked before anything changes a host, and no argument
// chooses an account or lifts a rule.
package main

import (
	"context"
	"io"
	"os"
	"os/signal"
	"syscall"
)

// version is set by the linker; see the Makefile.
var version = "unknown"

func main() { os.Exit(run(process())) }

// surroundings are all that the program takes from its process, so that a test
// can be one.
type surroundings struct {
	args       []string // with the program's name
	in         io.ReadCloser
	out        io.WriteCloser
	err        io.Writer
	environ    []string // for kes-respond
	executable string   // of this program; "" where unknown
}

func process() (context.Context, surroundings) {
	signal.Ignore(syscall.SIGPIPE) // a client that goes away must not end a task half way
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // whoever asks twice is not made to wait
	executable, _ := os.Executable()
	return ctx, surroundings{
		args: os.Args, in: os.Stdin, out: os.Stdout, err: os.Stderr, environ: os.Environ(), executable: executable,
	}
}
