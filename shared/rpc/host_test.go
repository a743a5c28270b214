package rpc_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
	goplugin "github.com/hashicorp/go-plugin"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kes-respond/kes-respond/shared"
	"github.com/kes-respond/kes-respond/shared/rpc"
)

// launched is a plugin process and what its host knows of it.
type launched struct {
	*rpc.Client
	host    *goplugin.Client
	process *os.Process
	log     *logBuffer
	sockets string // where its socket lies
	record  string
}

type launchOption func(t testing.TB, c *goplugin.ClientConfig)

func variable(name, value string) launchOption {
	return func(_ testing.TB, c *goplugin.ClientConfig) { c.Cmd.Env = append(c.Cmd.Env, name+"="+value) }
}

func autoMTLS(_ testing.TB, c *goplugin.ClientConfig) { c.AutoMTLS = true }

// launch starts this test binary as a plugin, as a host with a go-plugin client
// of its own does.
func launch(t testing.TB, options ...launchOption) launched {
	t.Helper()
	l := launched{log: &logBuffer{}, sockets: shortDir(t), record: filepath.Join(t.TempDir(), "record")}
	config := config(l.sockets, l.record)
	config.Stderr = l.log
	config.Logger = hclog.New(&hclog.LoggerOptions{Level: hclog.Trace, Output: &l.log.host, JSONFormat: true})
	for _, o := range options {
		o(t, config)
	}
	l.host = goplugin.NewClient(config)
	t.Cleanup(l.host.Kill)
	connection, err := l.host.Client()
	require.NoError(t, err, "%.2000s", l.log)
	raw, err := connection.Dispense(rpc.Name)
	require.NoError(t, err)
	l.Client, l.process = raw.(*rpc.Client), config.Cmd.Process
	require.Equal(t, shared.Protocol, l.host.NegotiatedVersion())
	return l
}

// config is a host's, for this test binary as the plugin.
func config(sockets, record string) *goplugin.ClientConfig {
	plugin := exec.Command(os.Args[0])
	plugin.Env = append(os.Environ(), "TMPDIR="+sockets, recordKey+"="+record)
	return &goplugin.ClientConfig{
		HandshakeConfig: rpc.Handshake(), VersionedPlugins: rpc.Plugins(), Cmd: plugin, SkipHostEnv: true,
		AllowedProtocols: []goplugin.Protocol{goplugin.ProtocolGRPC}, Logger: hclog.NewNullLogger(),
	}
}

// shortDir is a temporary directory whose path leaves room for a socket.
func shortDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "rpc")
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, os.RemoveAll(dir)) })
	return dir
}

// exited waits until the host has seen the process end.
func (l launched) exited(t testing.TB) {
	t.Helper()
	require.Eventually(t, l.host.Exited, time.Minute, time.Millisecond)
}

// gone asserts that the plugin left by itself and left nothing behind.
func (l launched) gone(t testing.TB) {
	t.Helper()
	l.exited(t)
	assert.Empty(t, entries(t, l.sockets), "what lies where the socket was")
	log := l.log.host.String()
	for _, bad := range []string{"failed to exit gracefully", `"error":"exit status`, `"error":"signal`, "unexpected goroutines"} {
		assert.False(t, strings.Contains(log, bad), "how the plugin ended: ...%s", log[max(0, len(log)-8000):])
	}
}

func entries(t testing.TB, dir string) []string {
	t.Helper()
	all, err := os.ReadDir(dir)
	require.NoError(t, err)
	var names []string
	for _, e := range all {
		names = append(names, e.Name())
	}
	return names
}

// sent reads the record, and asserts that nothing in it is half sent.
func sent(t testing.TB, file string) []string {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		return nil
	}
	steps := map[string]string{}
	for line := range strings.Lines(string(data)) {
		step, id, _ := strings.Cut(strings.TrimSpace(line), " ")
		steps[id] += step
	}
	var ids []string
	for id, did := range steps {
		assert.Equal(t, "addupdate", did, "the steps of %s", id)
		ids = append(ids, id)
	}
	return ids
}

// logBuffer is the plugin's standard error, and in host what the host made of it.
type logBuffer struct {
	safeBuffer
	host safeBuffer
}

type safeBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *safeBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *safeBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

func ask(id, task string) shared.Request {
	return shared.Request{Type: shared.TypeRespond, ID: shared.IDOf(id), Task: task, TargetHost: "PC-" + id, Params: []byte(`{"action":1}`)}
}

// beHost is a host that has requests run until it is killed, or its input ends.
// It passes a pipe on to its plugin, by which the test sees both end.
func beHost() int {
	ctx := context.Background()
	plugin := exec.Command(os.Args[0])
	plugin.ExtraFiles = []*os.File{os.NewFile(3, "alive")}
	client, err := rpc.Launch(ctx, plugin, rpc.LaunchOptions{})
	if err != nil {
		fmt.Println(err)
		return 1
	}
	many, _ := strconv.Atoi(os.Getenv("RPC_TEST_REQUESTS"))
	var accepted sync.WaitGroup
	accepted.Add(many)
	for n := range many {
		go func() {
			r := ask(strconv.Itoa(n), "send")
			r.Wait = shared.WaitDone
			client.Respond(ctx, r, func(shared.Event) { accepted.Done() })
		}()
	}
	accepted.Wait()
	fmt.Println("all run")
	io.Copy(os.Stdout, os.Stdin) // until it is killed, or told to leave
	client.Close(ctx)
	return 0
}
