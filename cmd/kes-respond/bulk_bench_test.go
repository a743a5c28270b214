//go:build unix

package main

import (
	"bytes"
	"os"
	"os/exec"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// BenchmarkBulkAtALatency sends to 400 hosts over a wire of 20 ms, with nothing
// held back for the quota. of-bound is the rate that it reaches as a part of what
// the latency and the eight connections to a server allow for as many calls.
func BenchmarkBulkAtALatency(b *testing.B) {
	const many, connections, latency = 400, 8, 20 * time.Millisecond
	program := build(b, "kes-respond", b.TempDir())
	dir := b.TempDir()
	at := startEmulator(b, dir, "", "", "--latency", latency.String(), "--record", "record.jsonl")
	list := hostList(b, dir, many)
	runs := 0
	for b.Loop() {
		runs++
		cmd := exec.Command(program, "isolateHost", "--targets", list, "--hostLookup", "never", "--action", "1", "--yes", "true",
			"--outstanding", "0", "--batch", strconv.Itoa(runs), "--output", "json")
		cmd.Env = at.environment()
		out, err := cmd.CombinedOutput()
		require.NoError(b, err, "%s", out)
	}
	at.stop()
	record, err := os.ReadFile(at.record)
	require.NoError(b, err)
	calls := float64(bytes.Count(record, []byte("\n"))) / float64(runs)
	took := b.Elapsed().Seconds() / float64(runs)
	b.ReportMetric(many/took, "hosts/s")
	b.ReportMetric(calls/many, "calls/host")
	b.ReportMetric(calls*latency.Seconds()/connections/took, "of-bound")
}
