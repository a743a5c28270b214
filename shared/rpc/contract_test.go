package rpc_test

import (
	"context"
	"os"
	"testing"
	"time"

	goplugin "github.com/hashicorp/go-plugin"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kes-respond/kes-respond/shared"
	"github.com/kes-respond/kes-respond/shared/jsonl"
	"github.com/kes-respond/kes-respond/shared/rpc"
	"github.com/kes-respond/kes-respond/shared/sharedtest"
)

// within serves r in this process, over real gRPC.
func within(t testing.TB, r shared.Responder) (*rpc.Client, *goplugin.GRPCServer) {
	t.Helper()
	client, server := goplugin.TestPluginGRPCConn(t, false, rpc.Serving(r, rpc.Options{}))
	t.Cleanup(func() {
		client.Close() // stops the server too
		<-server.DoneCh
		assert.NoError(t, r.Close(context.WithoutCancel(t.Context())))
	})
	// The set that serves is a host's as well.
	raw, err := client.Dispense(rpc.Name)
	require.NoError(t, err)
	return raw.(*rpc.Client), server
}

func TestContractInProcess(t *testing.T) {
	t.Parallel()
	sharedtest.Run(t, func(t *testing.T, r shared.Responder) (shared.Responder, func()) {
		client, server := within(t, r)
		return client, server.Stop
	})
}

// TestContractOfAProcess has a process between: it serves as a plugin and asks
// this one over pipes for every answer.
func TestContractOfAProcess(t *testing.T) {
	t.Parallel()
	sharedtest.Run(t, func(t *testing.T, r shared.Responder) (shared.Responder, func()) {
		requests, asking, err := os.Pipe()
		require.NoError(t, err)
		hearing, events, err := os.Pipe()
		require.NoError(t, err)
		ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
		served := make(chan struct{})
		go func() {
			defer close(served)
			jsonl.Serve(ctx, r, requests, events, jsonl.Options{Hello: shared.Hello{Name: "relay"}})
			events.Close()
		}()
		l := launch(t, variable(responderKey, "relay"), func(_ testing.TB, c *goplugin.ClientConfig) {
			c.Cmd.ExtraFiles = []*os.File{hearing, asking}
		})
		require.NoError(t, hearing.Close())
		require.NoError(t, asking.Close())
		t.Cleanup(func() {
			l.host.Kill()
			l.exited(t)
			stop()
			<-served
			closing, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), time.Minute)
			defer cancel()
			assert.NoError(t, r.Close(closing))
		})
		return l.Client, func() { assert.NoError(t, l.process.Kill()) }
	})
}
