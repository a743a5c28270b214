package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// What bounds a bulk run from outside: the connections to one server, and the
// places of the quota, each of them held until its console task is known to
// have ended. The console takes a while for that, and then nothing may speak
// against the end for as long as PROTOCOL.md says (4.12).
const (
	connections = 8
	latency     = 20 * time.Millisecond
	places      = 80
	console     = 600 * time.Millisecond
	doubt       = 10 * time.Second
)

// bulk measures one command for many hosts: over a wire with a latency, where
// nothing is held back for the quota, and paced by it, where each console task
// completes.
func (b *bench) bulk() error {
	n := b.of(10_000, 200)
	took, calls, _, err := b.targets("bulk-wire", n, []string{"--outstanding", "0"}, "--latency", latency.String())
	if err != nil {
		return err
	}
	bound := float64(n) / (float64(calls) * latency.Seconds() / connections)
	rate := float64(n) / took.wall.Seconds()
	b.table.row(fmt.Sprintf("bulk, %d hosts at a latency of %v: hosts a second", n, latency), fmt.Sprintf("%.1f", rate),
		fmt.Sprintf("%.1f that %d connections permit, at %.1f calls a host", bound, connections, float64(calls)/float64(n)), times(rate/bound), "at least 0.9")
	bare, err := b.bareTargets(n)
	if err != nil {
		return err
	}
	b.table.row(fmt.Sprintf("bulk, %d hosts at a latency of %v: hosts a second", n, latency), fmt.Sprintf("%.1f", rate),
		fmt.Sprintf("%.1f net/http, the same 3 calls, %d in flight", bare, connections), times(rate/bare), "at least 0.9")
	b.table.row(fmt.Sprintf("bulk, %d hosts at a latency of %v: CPU a host", n, latency), ms(took.cpu/time.Duration(n)), "", "", "")

	n = b.of(10_000, 100)
	config := filepath.Join(b.dir, "follow.yaml") // the default of 120 follows some six hosts a minute to their ends
	if err := os.WriteFile(config, []byte("followCalls: 6000\n"), 0o600); err != nil {
		return err
	}
	took, calls, succeeded, err := b.targets("bulk-paced", n, []string{"--wait", "done", "--config", config}, "--task-delay", (console / 3).String())
	if err != nil {
		return err
	}
	bound = places / (console + doubt).Seconds()
	rate = float64(n) / took.wall.Seconds()
	b.table.row(fmt.Sprintf("bulk, %d hosts, paced by the quota, each to its end: hosts a second", n), fmt.Sprintf("%.1f", rate),
		fmt.Sprintf("%.1f that %d places permit", bound, places), times(rate/bound), "")
	b.table.row(fmt.Sprintf("bulk, %d hosts, paced by the quota: ended as succeeded", n), strconv.Itoa(succeeded), strconv.Itoa(n), "", "all")
	b.table.row(fmt.Sprintf("bulk, %d hosts, paced by the quota: calls to KSC a minute", n), fmt.Sprintf("%.0f", float64(calls)/took.wall.Minutes()), "", "", "")
	b.table.row(fmt.Sprintf("bulk, %d hosts, paced by the quota: peak memory", n), peaked(took.peak), "", "", "")
	return nil
}

// bareTargets is how many hosts a second a loop over net/http isolates over that
// wire with as many connections: what a timer is late by and what the machine
// takes is in it.
func (b *bench) bareTargets(n int) (rate float64, err error) {
	s, err := b.emulator("bulk-bare", "--latency", latency.String())
	if err != nil {
		return 0, err
	}
	defer s.stop()
	took, err := whole(b.command(s, b.program("floor"), strconv.Itoa(n), strconv.Itoa(connections), "look"))
	return float64(n) / took.wall.Seconds(), err
}

// targets isolates n hosts of a file with one command, and tells what it took,
// how many calls KSC got and how many requests succeeded.
func (b *bench) targets(name string, n int, flags []string, emulated ...string) (took spent, calls, succeeded int, err error) {
	s, err := b.emulator(name, append(emulated, "--record", "record.jsonl")...)
	if err != nil {
		return spent{}, 0, 0, err
	}
	defer s.stop()
	var hosts strings.Builder
	for i := range n {
		fmt.Fprintf(&hosts, "host-%d\n", i)
	}
	list := filepath.Join(b.dir, name, "hosts.txt")
	if err := os.WriteFile(list, []byte(hosts.String()), 0o600); err != nil {
		return spent{}, 0, 0, err
	}
	out, err := os.Create(filepath.Join(b.dir, name, "out.jsonl")) // in memory it would be this program's peak, and hide the other's
	if err != nil {
		return spent{}, 0, 0, err
	}
	defer out.Close()
	var said bytes.Buffer
	cmd := b.command(s, b.program("kes-respond"), append([]string{
		"isolateHost", "--targets", list, "--hostLookup", "never", "--action", "1", "--yes", "true", "--output", "json",
	}, flags...)...)
	cmd.Stdout, cmd.Stderr = out, &said
	start := time.Now()
	failed := cmd.Run() // also where one of many did not succeed, which is counted
	took = after(cmd, time.Since(start))
	sent := 0
	if _, err := out.Seek(0, io.SeekStart); err != nil {
		return spent{}, 0, 0, err
	}
	for lines := bufio.NewScanner(out); lines.Scan(); {
		line := lines.Bytes()
		if !bytes.Contains(line, []byte(`"type":"result"`)) {
			continue
		}
		if bytes.Contains(line, []byte(`"outcome":"succeeded"`)) {
			succeeded++
		}
		if bytes.Contains(line, []byte(`"incident":`)) {
			sent++
		}
	}
	if sent != n {
		return spent{}, 0, 0, fmt.Errorf("%d of %d hosts were sent it: %w: %s", sent, n, failed, &said)
	}
	return took, s.calls(), succeeded, nil
}
