//go:build unix

package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// hostList writes a file of so many hosts.
func hostList(t testing.TB, dir string, many int) string {
	t.Helper()
	var b strings.Builder
	for i := range many {
		fmt.Fprintf(&b, "id-%d\n", i)
	}
	path := filepath.Join(dir, "hosts.txt")
	require.NoError(t, os.WriteFile(path, []byte(b.String()), 0o600))
	return path
}

// orders are how often each host stands in the incidents that the emulator has.
func (a address) orders(t *testing.T, dir string) map[string]int {
	t.Helper()
	a.stop()
	data, err := os.ReadFile(filepath.Join(dir, "state.json"))
	require.NoError(t, err)
	var state struct {
		Incidents []struct {
			Host string `json:"KLHST_WKS_HOSTNAME"`
		} `json:"incidents"`
	}
	require.NoError(t, json.Unmarshal(data, &state))
	orders := map[string]int{}
	for _, i := range state.Incidents {
		orders[i.Host]++
	}
	return orders
}

// stands waits until a text stands so often in a file.
func stands(t *testing.T, path, text string, times int) {
	t.Helper()
	require.Eventually(t, func() bool {
		data, err := os.ReadFile(path)
		return err == nil && bytes.Count(data, []byte(text)) >= times
	}, 30*time.Second, 10*time.Millisecond, "%s: %q", path, text)
}

// TestBulkGoesOnAfterADeath ends a bulk in its midst, in each of the ways in which
// that happens, and runs the same command again: each host has its order once.
func TestBulkGoesOnAfterADeath(t *testing.T) {
	t.Parallel()
	const many = 60
	program := build(t, "kes-respond", t.TempDir())
	for _, signal := range []syscall.Signal{syscall.SIGKILL, syscall.SIGINT, syscall.SIGTERM} {
		t.Run(signal.String(), func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			at := startEmulator(t, dir, "", "", "--latency", "5ms", "--record", "record.jsonl")
			args := []string{"isolateHost", "--targets", hostList(t, dir, many), "--hostLookup", "never", "--action", "1", "--yes", "true", "--output", "json", "--concurrency", "4"}

			dies := exec.Command(program, args...)
			dies.Env = at.environment()
			var errs bytes.Buffer
			dies.Stderr = &errs
			out, err := os.Create(filepath.Join(dir, "events"))
			require.NoError(t, err)
			defer out.Close()
			dies.Stdout = out
			require.NoError(t, dies.Start())
			ended := make(chan struct{})
			go func() { defer close(ended); dies.Wait() }() //nolint:errcheck // how it ended is looked at below
			require.True(t, grows(filepath.Join(dir, "events"), 10_000, ended), "%s", &errs)
			require.NoError(t, dies.Process.Signal(signal))
			<-ended
			status, _ := dies.ProcessState.Sys().(syscall.WaitStatus)
			if signal == syscall.SIGKILL {
				require.Equal(t, signal, status.Signal())
			} else {
				assert.Equal(t, 6, status.ExitStatus(), "%s", &errs)
				assert.Regexp(t, `\d+ targets not sent:\n  line \d+: id-`, errs.String())
				assert.Contains(t, errs.String(), "ended from outside: nothing more was begun")
				assert.Regexp(t, "Run the same again with --batch batch-[0-9a-f]{12}: ", errs.String())
				heard, err := os.ReadFile(filepath.Join(dir, "events"))
				require.NoError(t, err)
				assert.Equal(t, many, bytes.Count(heard, []byte(`"type":"result"`)), "each target has a result")
			}

			lives := exec.Command(program, args...)
			lives.Env = at.environment()
			errs.Reset()
			lives.Stderr = &errs
			heard, err := lives.Output()
			lost := lostHosts(t, heard)
			if signal != syscall.SIGKILL || len(lost) == 0 {
				require.NoError(t, err, "%s", &errs)
			} else { // an order was on its way, and never came: nobody but KSC can know that
				assert.Equal(t, 5, lives.ProcessState.ExitCode())
				assert.LessOrEqual(t, len(lost), 4, "no more than were under way")
			}
			assert.Equal(t, many-len(lost), bytes.Count(heard, []byte(`"outcome":"submitted"`)))
			assert.Contains(t, errs.String(), fmt.Sprintf("60 targets: %d submitted", many-len(lost)))
			orders := at.orders(t, dir)
			assert.Len(t, orders, many-len(lost), "what KSC has is found")
			for host, n := range orders {
				assert.Equal(t, 1, n, host)
				assert.NotContains(t, lost, host)
			}
		})
	}
}

// lostHosts are those of which the outcome is unknown.
func lostHosts(t *testing.T, events []byte) (all []string) {
	t.Helper()
	for line := range bytes.Lines(events) {
		var e struct{ Type, Outcome, TargetHost string }
		require.NoError(t, json.Unmarshal(line, &e))
		if e.Type == "result" && e.Outcome == "unknown" {
			all = append(all, e.TargetHost)
		}
	}
	return all
}

// TestBulkWaitsForRoom has more hosts than KSC keeps console tasks: those that
// wait begin when others have ended on their host, and none is dropped.
func TestBulkWaitsForRoom(t *testing.T) {
	t.Parallel()
	program := build(t, "kes-respond", t.TempDir())
	dir := t.TempDir()
	at := startEmulator(t, dir, "", "", "--task-delay", "100ms")
	path := filepath.Join(dir, "config.yaml")
	require.NoError(t, os.WriteFile(path, []byte("followCalls: 6000\n"), 0o600))
	bulk := exec.Command(program, "isolateHost", "--config", path, "--targets", hostList(t, dir, 5), "--hostLookup", "never", "--action", "1",
		"--yes", "true", "--wait", "done", "--output", "json", "--outstanding", "3")
	bulk.Env = at.environment()
	var errs bytes.Buffer
	bulk.Stderr = &errs
	out, err := bulk.Output()
	require.NoError(t, err, "%s%s", out, &errs)
	assert.Regexp(t, `3 requests to server default are not known to have finished, and KSC keeps 100 console tasks: waiting until some have, or until 20`, errs.String())
	assert.Equal(t, 5, bytes.Count(out, []byte(`"outcome":"succeeded"`)))
	running, most := 0, 0
	for line := range bytes.Lines(out) {
		switch {
		case bytes.Contains(line, []byte(`"type":"accepted"`)):
			running++
			most = max(most, running)
		case bytes.Contains(line, []byte(`"type":"result"`)):
			running--
		}
	}
	assert.LessOrEqual(t, most, 3)
}

// TestBulkSaysWhatItWaitsFor has no way to see that anything has finished: it says
// so, and can be ended.
func TestBulkSaysWhatItWaitsFor(t *testing.T) {
	t.Parallel()
	program := build(t, "kes-respond", t.TempDir())
	dir := t.TempDir()
	at := startEmulator(t, dir, "", "")
	bulk := exec.Command(program, "isolateHost", "--targets", hostList(t, dir, 5), "--hostLookup", "never", "--action", "1",
		"--yes", "true", "--output", "json", "--outstanding", "3")
	bulk.Env = at.environment()
	said := filepath.Join(dir, "said")
	errs, err := os.Create(said)
	require.NoError(t, err)
	defer errs.Close()
	bulk.Stderr = errs
	events := filepath.Join(dir, "events")
	out, err := os.Create(events)
	require.NoError(t, err)
	defer out.Close()
	bulk.Stdout = out
	require.NoError(t, bulk.Start())
	stands(t, said, "\n", 1)
	stands(t, events, `"outcome":"submitted"`, 3)
	text, err := os.ReadFile(said)
	require.NoError(t, err)
	assert.Contains(t, string(text), "3 requests to server default are not known to have finished")
	until := strings.TrimSpace(string(text))
	ends, err := time.Parse(time.RFC3339, until[len(until)-len("2006-01-02T15:04:05Z"):])
	require.NoError(t, err)
	assert.WithinDuration(t, time.Now().Add(30*time.Minute), ends, 2*time.Minute)
	require.NoError(t, bulk.Process.Signal(os.Interrupt))
	bulk.Wait() //nolint:errcheck // its code is looked at
	assert.Equal(t, 6, bulk.ProcessState.ExitCode())
	stands(t, events, `"outcome":"cancelled"`, 2)
	assert.Len(t, at.orders(t, dir), 3)
}
