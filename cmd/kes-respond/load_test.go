//go:build unix

package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kes-respond/kes-respond/shared"
	"github.com/kes-respond/kes-respond/shared/rpc"
)

// TestTenThousandRequests pipes a thousand and then ten thousand requests
// through the real program to the emulator: each id has one result, answers
// are interleaved, and memory does not grow with the number.
func TestTenThousandRequests(t *testing.T) {
	dir := t.TempDir()
	program := build(t, "kes-respond", dir)
	at := startEmulator(t, dir, "", "")
	few := serveMany(t, program, at, "few", 1000)
	many := serveMany(t, program, at, "many", 10_000)
	t.Logf("peak memory: %d KiB for 1,000 requests, %d KiB for 10,000", few, many)
	// The ledger's index is copied in memory when it grows: some 100 bytes for each request that it remembers.
	assert.LessOrEqual(t, float64(many), 1.3*float64(few), "peak memory in KiB")
	at.stop()
	state, err := os.ReadFile(filepath.Join(dir, "state.json"))
	require.NoError(t, err)
	assert.Equal(t, 11_000, bytes.Count(state, []byte(`"KLINCDT_BODY"`)))
}

// serveMany sends n requests through one serve and gives its peak memory in KiB.
func serveMany(t *testing.T, program string, at address, name string, n int) int64 {
	t.Helper()
	var requests bytes.Buffer
	for i := range n {
		fmt.Fprintf(&requests, `{"id":%d,"task":"isolateHost","targetHost":"%s-%d","params":{"action":1},"hostLookup":"never"}`+"\n", i, name, i)
	}
	cmd := exec.Command(program, "serve")
	cmd.Env = at.environment()
	cmd.Stdin = &requests
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	cmd.Stderr = os.Stderr
	require.NoError(t, cmd.Start())
	results := map[int]int{}
	open, crossed := map[int]bool{}, 0
	lines := bufio.NewScanner(out)
	lines.Buffer(nil, 64<<10)
	for lines.Scan() {
		var e struct {
			Type, Outcome string
			ID            int
		}
		require.NoError(t, json.Unmarshal(lines.Bytes(), &e))
		switch e.Type {
		case "accepted":
			open[e.ID] = true
		case "result":
			require.Equal(t, "submitted", e.Outcome, lines.Text())
			results[e.ID]++
			delete(open, e.ID)
			if len(open) > 0 {
				crossed++
			}
		}
	}
	require.NoError(t, lines.Err())
	require.NoError(t, cmd.Wait())
	for i := range n {
		require.Equal(t, 1, results[i], "results of request %d", i)
	}
	require.Len(t, results, n)
	assert.Positive(t, crossed, "no answer overtook another")
	usage, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage)
	require.True(t, ok)
	return usage.Maxrss
}

// BenchmarkOneShot is what a whole process costs, its ledger included, beside a
// program that does the same four calls with net/http alone: compare cpu-ms/op
// of the two.
func BenchmarkOneShot(b *testing.B) {
	dir := b.TempDir()
	program, floor := build(b, "kes-respond", dir), buildFrom(b, "./testdata/floor", filepath.Join(dir, "floor"))
	at := startEmulator(b, dir, "", "")
	for name, args := range map[string][]string{
		"kes-respond": {program, "isolateHost", "--targetHost", "host", "--action", "1", "--hostLookup", "never", "--allowDuplicate", "true"},
		"net-http":    {floor},
		"version":     {program, "version"},
	} {
		b.Run(name, func(b *testing.B) {
			var spent int64
			for b.Loop() {
				cmd := exec.Command(args[0], args[1:]...)
				cmd.Env = at.environment()
				out, err := cmd.CombinedOutput()
				require.NoError(b, err, string(out))
				spent += int64(cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime())
			}
			b.ReportMetric(float64(spent)/1e6/float64(b.N), "cpu-ms/op")
		})
	}
}

// BenchmarkPluginLaunch is what a host waits for: from the launch of the real
// program to the first event of a dry run, then what each further one takes.
// The time of an empty go-plugin plugin stands in shared/rpc's benchmarks.
func BenchmarkPluginLaunch(b *testing.B) {
	dir := b.TempDir()
	program := build(b, "kes-respond", dir)
	r, refusal := shared.ParseRequest([]byte(`{"id":1,"task":"isolateHost","targetHost":"host","params":{"action":1},"hostLookup":"never","dryRun":true}`))
	require.Nil(b, refusal)
	launch := func() *rpc.Client {
		cmd := exec.Command(program)
		cmd.Env = []string{"PATH=" + os.Getenv("PATH")}
		plugin, err := rpc.Launch(b.Context(), cmd, rpc.LaunchOptions{})
		require.NoError(b, err)
		return plugin
	}
	b.Run("first event", func(b *testing.B) {
		for b.Loop() {
			plugin := launch()
			plugin.Respond(b.Context(), r, func(shared.Event) { b.StopTimer() })
			require.NoError(b, plugin.Close(b.Context()))
			b.StartTimer()
		}
	})
	b.Run("each request", func(b *testing.B) {
		plugin := launch()
		for b.Loop() {
			require.Equal(b, shared.Planned, plugin.Respond(b.Context(), r, func(shared.Event) {}).Outcome)
		}
		require.NoError(b, plugin.Close(b.Context()))
	})
}
