package rpc_test

import (
	"context"
	"io"
	"os"
	"os/exec"
	"strconv"
	"sync/atomic"
	"testing"

	"github.com/hashicorp/go-hclog"
	goplugin "github.com/hashicorp/go-plugin"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"

	"github.com/kes-respond/kes-respond/shared"
	"github.com/kes-respond/kes-respond/shared/jsonl"
	"github.com/kes-respond/kes-respond/shared/rpc"
	"github.com/kes-respond/kes-respond/shared/sharedtest"
)

// empty is go-plugin with nothing in it: what no plugin can be quicker than.
type empty struct {
	goplugin.NetRPCUnsupportedPlugin
}

func (empty) GRPCServer(*goplugin.GRPCBroker, *grpc.Server) error { return nil }

func (empty) GRPCClient(_ context.Context, _ *goplugin.GRPCBroker, conn *grpc.ClientConn) (any, error) {
	return conn, nil
}

var emptyHandshake = goplugin.HandshakeConfig{ProtocolVersion: 1, MagicCookieKey: "RPC_TEST_EMPTY", MagicCookieValue: "yes"}

func beEmpty() int {
	goplugin.Serve(&goplugin.ServeConfig{
		HandshakeConfig: emptyHandshake, GRPCServer: goplugin.DefaultGRPCServer, Plugins: goplugin.PluginSet{"empty": empty{}},
		Logger: hclog.NewNullLogger(),
	})
	return 0
}

// BenchmarkLaunch is from the start of a plugin to its first event, beside the
// time in which an empty one answers its first call.
func BenchmarkLaunch(b *testing.B) {
	for name, secure := range map[string]bool{"plain": false, "AutoMTLS": true} {
		b.Run("empty/"+name, func(b *testing.B) {
			for b.Loop() {
				host := goplugin.NewClient(&goplugin.ClientConfig{
					HandshakeConfig: emptyHandshake, Plugins: goplugin.PluginSet{"empty": empty{}}, Cmd: exec.Command(os.Args[0]),
					AllowedProtocols: []goplugin.Protocol{goplugin.ProtocolGRPC}, AutoMTLS: secure, Logger: hclog.NewNullLogger(),
				})
				connection, err := host.Client()
				require.NoError(b, err)
				require.NoError(b, connection.Ping())
				b.StopTimer()
				host.Kill()
				b.StartTimer()
			}
		})
		b.Run("ours/"+name, func(b *testing.B) {
			for b.Loop() {
				client, err := rpc.Launch(b.Context(), exec.Command(os.Args[0]), rpc.LaunchOptions{AutoMTLS: secure})
				require.NoError(b, err)
				client.Respond(b.Context(), ask("1", "quick"), func(shared.Event) { b.StopTimer() })
				require.NoError(b, client.Close(b.Context()))
				b.StartTimer()
			}
		})
	}
}

// BenchmarkRequest is one request with two events, over a plugin's connection
// and over lines through pipes.
func BenchmarkRequest(b *testing.B) {
	quick := func(b *testing.B, far shared.Responder) {
		var n atomic.Int64
		one := func() {
			r := ask(strconv.FormatInt(n.Add(1), 10), "quick")
			if result := far.Respond(b.Context(), r, func(shared.Event) {}); result.Outcome != shared.Submitted {
				b.Errorf("%+v", result)
			}
		}
		b.Run("one by one", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				one()
			}
		})
		b.Run("64 at once", func(b *testing.B) {
			b.SetParallelism(32)
			b.RunParallel(func(p *testing.PB) {
				for p.Next() {
					one()
				}
			})
		})
	}
	b.Run("plugin", func(b *testing.B) {
		client, err := rpc.Launch(b.Context(), exec.Command(os.Args[0]), rpc.LaunchOptions{})
		require.NoError(b, err)
		quick(b, client)
		require.NoError(b, client.Close(b.Context()))
	})
	b.Run("lines", func(b *testing.B) {
		serve := exec.CommandContext(b.Context(), os.Args[0])
		serve.Env = append(os.Environ(), roleKey+"=lines")
		in, err := serve.StdinPipe()
		require.NoError(b, err)
		out, err := serve.StdoutPipe()
		require.NoError(b, err)
		require.NoError(b, serve.Start())
		client, err := jsonl.NewClient(b.Context(), out, in)
		require.NoError(b, err)
		quick(b, client)
		require.NoError(b, client.Close(b.Context()))
		require.NoError(b, serve.Wait())
	})
	b.Run("in process", func(b *testing.B) {
		client, _ := within(b, &sharedtest.Fake{OnRespond: submits})
		quick(b, client)
	})
}

// beLines serves the script as lines, as the command serve does.
func beLines(ctx context.Context) int {
	if err := jsonl.Serve(ctx, script{}, os.Stdin, io.Writer(os.Stdout), jsonl.Options{}); err != nil {
		return 1
	}
	return 0
}
