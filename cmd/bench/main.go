// Command bench measures kes-respond against an emulated KSC on loopback, over
// TLS, beside a bare net/http program and a Python script that make the same
// calls, and prints one table. It is run by "make bench", in the root of the
// checkout, and fails on no number: machines differ, and what counts are the
// ratios of one run.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// bench is one run: where its programs and files are, and how much it does.
type bench struct {
	ctx      context.Context
	programs string // folder of the built programs
	dir      string // for all that is written
	size     int    // percent of the whole
	say      io.Writer
	table    table
}

// of is a number of the whole run as this one does it.
func (b *bench) of(whole, least int) int { return max(least, whole*b.size/100) }

func run(ctx context.Context, args []string, out, say io.Writer) error {
	b := &bench{ctx: ctx, say: say}
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.SetOutput(say)
	flags.StringVar(&b.programs, "programs", "bin", "folder with kes-respond, ksc-emulator and floor")
	flags.IntVar(&b.size, "size", 100, "percent of the whole run")
	only := flags.String("only", "", "one part alone: oneshot, start, serve, piped, plugin, following or bulk")
	if err := flags.Parse(args); err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "bench")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	b.dir = dir
	for _, part := range []struct {
		name string
		run  func() error
	}{
		{"oneshot", b.oneShot},
		{"start", b.start},
		{"serve", b.serve},
		{"piped", b.piped},
		{"plugin", b.plugin},
		{"following", b.following},
		{"bulk", b.bulk},
	} {
		if *only != "" && *only != part.name {
			continue
		}
		fmt.Fprintln(say, "bench:", part.name)
		if failed := part.run(); failed != nil {
			err = errors.Join(err, fmt.Errorf("%s: %w", part.name, failed))
		}
	}
	return errors.Join(b.table.print(out), err)
}
