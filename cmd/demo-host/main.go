// Command demo-host is a host of the go-plugin carrier in the fewest honest
// lines, to copy from: it launches a plugin, says what that can do, has the
// requests of a file carried out side by side, and prints their events.
//
//	demo-host PLUGIN FILE
//
// FILE holds a request a line, as for "kes-respond serve". The exit code is
// that of the protocol for all results together.
package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"github.com/kes-respond/kes-respond/shared"
	"github.com/kes-respond/kes-respond/shared/rpc"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code, err := run(ctx, os.Args[1:], os.Stdout)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "demo-host:", err)
	}
	os.Exit(code)
}

func run(ctx context.Context, args []string, out io.Writer) (code int, err error) {
	if len(args) != 2 {
		return shared.ExitUsage, fmt.Errorf("usage: demo-host PLUGIN FILE")
	}
	lines, err := os.ReadFile(args[1])
	if err != nil {
		return shared.ExitUsage, err
	}
	// A plugin that is a file which others may change is theirs, not yours.
	plugin, err := rpc.Launch(ctx, exec.Command(args[0]), rpc.LaunchOptions{})
	if err != nil {
		return shared.ExitFailed, err
	}
	// The plugin records what it has sent before it leaves, even when we are
	// being ended: give it the time.
	defer func() {
		closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
		defer cancel()
		if closed := plugin.Close(closing); closed != nil && err == nil {
			code, err = shared.ExitFailed, closed
		}
	}()
	d, err := plugin.Describe(ctx, "")
	if err != nil {
		return shared.ExitFailed, err
	}
	fmt.Fprintf(out, "%s %s, protocol %d, %d tasks\n", d.Name, d.Version, d.Protocol, len(d.Tasks))
	return send(ctx, plugin, lines, out), nil
}

// send has every request carried out. Whether it is a plugin or anything else
// that answers does not matter here.
func send(ctx context.Context, to shared.Responder, lines []byte, out io.Writer) int {
	var mu sync.Mutex // of out and codes
	var codes []int
	var running sync.WaitGroup
	say := func(id shared.ID, what string) { fmt.Fprintf(out, "%s: %s\n", id.Text(), what) }
	for line := range bytes.Lines(lines) {
		if len(bytes.TrimSpace(line)) == 0 {
			continue
		}
		r, refusal := shared.ParseRequest(line)
		if refusal != nil {
			mu.Lock()
			say(r.ID, refusal.Error())
			codes = append(codes, shared.Exit(shared.Refused, refusal.Code))
			mu.Unlock()
			continue
		}
		running.Go(func() {
			result := to.Respond(ctx, r, func(e shared.Event) {
				mu.Lock()
				defer mu.Unlock()
				say(r.ID, e.Type())
			})
			mu.Lock()
			defer mu.Unlock()
			say(r.ID, fmt.Sprintf("%s: %s", result.Outcome, result.Message))
			codes = append(codes, result.Exit())
		})
	}
	running.Wait()
	return shared.ExitAll(codes...)
}
