//go:build unix

package main

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/kes-respond/kes-respond/shared"
	"github.com/kes-respond/kes-respond/shared/rpc"
)

// calls counts the calls of a method in the emulator's record.
func (a address) calls(t *testing.T, method string) int {
	t.Helper()
	record, err := os.ReadFile(a.record)
	require.NoError(t, err)
	return bytes.Count(record, []byte("HostGroup."+method))
}

// TestAKilledHostLeavesNothingHalfDone: the host dies with 100 requests on
// their way. Within two seconds its plugin has gone, with its socket, and each
// incident that was added has its second step.
func TestAKilledHostLeavesNothingHalfDone(t *testing.T) {
	dir := t.TempDir()
	program, demo := build(t, "kes-respond", dir), build(t, "demo-host", dir)
	at := startEmulator(t, dir, "", "", "--latency", "20ms", "--record", "record.jsonl")
	sockets, err := os.MkdirTemp("/tmp", "k")
	require.NoError(t, err)
	defer os.RemoveAll(sockets)
	var requests strings.Builder
	for i := range 100 {
		fmt.Fprintf(&requests, `{"id":%d,"task":"isolateHost","targetHost":"host-%d","params":{"action":1},"hostLookup":"never"}`+"\n", i, i)
	}
	file := filepath.Join(dir, "requests")
	require.NoError(t, os.WriteFile(file, []byte(requests.String()), 0o600))

	host := exec.Command(demo, program, file)
	host.Env = append(at.environment(), "TMPDIR="+sockets)
	require.NoError(t, host.Start())
	require.True(t, grows(at.record, 20_000, nil))
	require.Eventually(t, func() bool { return at.calls(t, "AddIncident") > 0 }, 20*time.Second, 2*time.Millisecond)
	plugin := childOf(t, host.Process.Pid)
	require.NoError(t, host.Process.Kill())
	host.Wait()
	killed := time.Now()
	require.Eventually(t, func() bool { return !processLives(plugin) }, 2*time.Second, 10*time.Millisecond, "the plugin lives on")
	t.Logf("the plugin left %s after its host", time.Since(killed))
	left, err := os.ReadDir(sockets)
	require.NoError(t, err)
	assert.Empty(t, left, "socket files")
	at.stop()
	added := at.calls(t, "AddIncident")
	assert.Positive(t, added)
	assert.Less(t, added, 100, "the host died too late: the test shows nothing")
	assert.Equal(t, added, at.calls(t, "UpdateIncident"))
}

// childOf is the one process that a process has started.
func childOf(t *testing.T, pid int) int {
	t.Helper()
	lists, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid)) // each thread has its own
	require.NoError(t, err)
	var children []byte
	for _, list := range lists {
		text, err := os.ReadFile(list)
		require.NoError(t, err)
		children = append(children, text...)
	}
	if lists == nil { // no Linux
		children, err = exec.Command("pgrep", "-P", strconv.Itoa(pid)).Output()
		require.NoError(t, err)
	}
	child, err := strconv.Atoi(strings.TrimSpace(string(children)))
	require.NoError(t, err)
	return child
}

// processLives says whether a process is there and no zombie that its new
// parent has not looked at.
func processLives(pid int) bool {
	if syscall.Kill(pid, 0) != nil {
		return false
	}
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return !os.IsNotExist(err)
	}
	_, rest, _ := bytes.Cut(stat, []byte(") "))
	return !bytes.HasPrefix(rest, []byte("Z"))
}

// TestAThousandOverOnePlugin asks a thousand things at once of the real
// program as a plugin, and takes half of them back at random moments. What KSC
// was sent is what the results say.
func TestAThousandOverOnePlugin(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	dir := t.TempDir()
	program := build(t, "kes-respond", dir)
	at := startEmulator(t, dir, "", "", "--latency", "2ms", "--record", "record.jsonl")
	defer at.stop()
	cmd := exec.Command(program)
	cmd.Env = at.environment()
	plugin, err := rpc.Launch(t.Context(), cmd, rpc.LaunchOptions{})
	require.NoError(t, err)
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	var mu sync.Mutex
	var all sync.WaitGroup
	outcomes := map[shared.Outcome]int{}
	for i := range 1000 {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		if i%2 == 0 {
			time.AfterFunc(time.Duration(random.IntN(800))*time.Millisecond, cancel)
		}
		r, refusal := shared.ParseRequest(fmt.Appendf(nil, `{"id":%d,"task":"isolateHost","targetHost":"host-%d","params":{"action":1},"hostLookup":"never"}`, i, i))
		require.Nil(t, refusal)
		all.Go(func() {
			result := plugin.Respond(ctx, r, func(shared.Event) {})
			mu.Lock()
			defer mu.Unlock()
			outcomes[result.Outcome]++
		})
	}
	all.Wait()
	require.NoError(t, plugin.Close(t.Context()))
	at.stop()
	t.Log(outcomes)
	assert.Equal(t, 1000, outcomes[shared.Submitted]+outcomes[shared.Cancelled])
	assert.GreaterOrEqual(t, outcomes[shared.Submitted], 500)
	assert.Positive(t, outcomes[shared.Cancelled])
	assert.Equal(t, outcomes[shared.Submitted], at.calls(t, "AddIncident"))
	assert.Equal(t, outcomes[shared.Submitted], at.calls(t, "UpdateIncident"))
}
