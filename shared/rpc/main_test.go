package rpc_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"go.uber.org/goleak"

	"github.com/kes-respond/kes-respond/shared"
	"github.com/kes-respond/kes-respond/shared/jsonl"
	"github.com/kes-respond/kes-respond/shared/rpc"
)

// This test binary is also the plugin that the tests launch, the host that they
// kill, and the plugin's child. What it has to be it learns from the
// environment.
const (
	roleKey      = "RPC_TEST_ROLE"      // host, child or lines; a plugin knows by the cookie
	responderKey = "RPC_TEST_RESPONDER" // relay; else the script
	recordKey    = "RPC_TEST_RECORD"    // the file of what the script has "sent"
	strayKey     = "RPC_TEST_STRAY"     // print before the handshake
	optionsKey   = "RPC_TEST_OPTIONS"   // of Serve, as JSON
	beforeKey    = "RPC_TEST_BEFORE"    // start a child before serving
)

func TestMain(m *testing.M) {
	signal.Ignore(syscall.SIGPIPE)
	if invitation, ok := rpc.Invited(process()); ok {
		os.Exit(bePlugin(invitation))
	}
	if os.Getenv(emptyHandshake.MagicCookieKey) != "" {
		os.Exit(beEmpty())
	}
	switch os.Getenv(roleKey) {
	case "lines":
		os.Exit(beLines(context.Background()))
	case "host":
		os.Exit(beHost())
	case "child":
		fmt.Println(strings.Join(os.Environ(), "\n"))
		os.Exit(0)
	}
	goleak.VerifyTestMain(m)
}

func process() rpc.Process {
	parent := os.Getppid()
	return rpc.Process{
		Getenv: os.Getenv, Setenv: os.Setenv, Unsetenv: os.Unsetenv,
		MkdirTemp: os.MkdirTemp, RemoveAll: os.RemoveAll,
		Stdout: &os.Stdout, Stderr: &os.Stderr,
		Orphaned: func() bool { return os.Getppid() != parent },
	}
}

// bePlugin does what cmd does.
func bePlugin(invitation *rpc.Invitation) int {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	log := slog.New(rpc.LogHandler(os.Stderr, slog.LevelDebug))
	if os.Getenv(strayKey) != "" {
		fmt.Println(strings.Repeat("a stray print ", 1000))
	}
	plugin := script{log: log, together: new(atomic.Int64), flooded: new(atomic.Int64)}
	if os.Getenv(beforeKey) != "" {
		plugin.before = childEnvironment(ctx)
	}
	var responder shared.Responder = plugin
	if os.Getenv(responderKey) == "relay" {
		relay, err := jsonl.NewClient(ctx, os.NewFile(3, "events"), os.NewFile(4, "requests"))
		if err != nil {
			log.Error(err.Error())
			return 1
		}
		responder = relay
	}
	options := rpc.Options{Log: log}
	if text := os.Getenv(optionsKey); text != "" {
		if err := json.Unmarshal([]byte(text), &options); err != nil {
			panic(err)
		}
	}
	err := rpc.Serve(ctx, responder, invitation, options)
	if os.Getenv(responderKey) == "relay" {
		err = nil // its other end may have been closed by then
	}
	stop()
	if err = errors.Join(err, leaks()); err != nil {
		log.Error(err.Error())
		return 1
	}
	return 0
}

// leaks finds goroutines that ours have left behind. Those of go-plugin last as
// long as the process.
func leaks() error {
	return goleak.Find(
		goleak.IgnoreAnyFunction("github.com/hashicorp/go-plugin.Serve.func3"), // swallows SIGINT
		goleak.IgnoreAnyFunction("github.com/hashicorp/go-plugin.Serve.func4"), // the same, under the race detector
		goleak.IgnoreAnyFunction("github.com/hashicorp/go-plugin.copyChan"),
		goleak.IgnoreAnyFunction("github.com/hashicorp/go-plugin.(*GRPCBroker).Run"),
		goleak.IgnoreAnyFunction("os/signal.loop"),
	)
}
