package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync/atomic"
	"time"
)

// request is one of many: each for a host of its own.
func request(name string, i int, more string) string {
	return fmt.Sprintf(`{"id":%d,"task":"isolateHost","targetHost":"%s-%d","params":{"action":1},"hostLookup":"never"%s}`+"\n", i, name, i, more)
}

// serve measures one process that answers many requests, so many at a time,
// beside a loop over net/http that makes two calls for each, and one that makes
// the same three: on loopback, and over a wire with a latency. Where nothing is
// followed two calls are made here too.
func (b *bench) serve() error {
	blind := filepath.Join(b.dir, "blind.yaml")
	if err := os.WriteFile(blind, []byte("followCalls: 0\n"), 0o600); err != nil {
		return err
	}
	for _, config := range [][]string{nil, {"--config", blind}} {
		more := ""
		if config != nil {
			more = ", followCalls: 0"
		}
		for _, flight := range []int{1, 8, 64} {
			what := fmt.Sprintf("serve, %d in flight%s", flight, more)
			if err := b.served(flight, b.of(4000, 200), what, config); err != nil {
				return err
			}
		}
		for _, flight := range []int{1, 8} { // we have 8 connections, and a loop with more in flight opens more
			what := fmt.Sprintf("serve, %d in flight at a latency of %v%s", flight, latency, more)
			if err := b.served(flight, b.of(100*flight, 20), what, config, "--latency", latency.String()); err != nil {
				return err
			}
		}
	}
	return nil
}

// served measures n requests with one emulator, three times.
func (b *bench) served(flight, n int, what string, config []string, emulated ...string) error {
	cpu, rate := map[string][]float64{}, map[string][]float64{}
	for round := range 3 {
		s, err := b.emulator(fmt.Sprintf("serve-%d", len(b.table.rows)*3+round), emulated...)
		if err != nil {
			return err
		}
		for _, program := range []string{"ours", "bare", "look"} {
			var took spent
			switch program {
			case "ours":
				took, err = b.inFlight(s, flight, n, config...)
			case "bare":
				took, err = whole(b.command(s, b.program("floor"), strconv.Itoa(n), strconv.Itoa(flight)))
			default:
				took, err = whole(b.command(s, b.program("floor"), strconv.Itoa(n), strconv.Itoa(flight), program))
			}
			if err != nil {
				break
			}
			cpu[program] = append(cpu[program], took.cpu.Seconds()*1e3/float64(n))
			rate[program] = append(rate[program], float64(n)/took.wall.Seconds())
		}
		s.stop()
		if err != nil {
			return err
		}
	}
	b.beside(what, "bare", "2 calls", "at least 0.8", cpu, rate)
	if config == nil {
		b.beside(what, "look", "the same 3 calls", "", cpu, rate)
	}
	return nil
}

// beside adds what serve took, beside a loop that makes so many calls.
func (b *bench) beside(what, program, calls, aim string, cpu, rate map[string][]float64) {
	ours, theirs := median(rate["ours"]), median(rate[program])
	b.table.row(what+": requests a second", fmt.Sprintf("%.0f", ours),
		fmt.Sprintf("%.0f net/http, %s", theirs, calls), times(ours/theirs), aim)
	ours, theirs = median(cpu["ours"]), median(cpu[program])
	b.table.row(what+": CPU a request", fmt.Sprintf("%.2f ms", ours),
		fmt.Sprintf("%.2f ms net/http, %s", theirs, calls), times(ours/theirs), "")
}

// inFlight sends n requests, and the next one when one is answered.
func (b *bench) inFlight(s *server, flight, n int, config ...string) (spent, error) {
	cmd := b.command(s, b.program("kes-respond"), append([]string{"serve"}, config...)...)
	in, out, said, err := pipes(cmd)
	if err != nil {
		return spent{}, err
	}
	start := time.Now()
	sent, results := 0, 0
	next := func() error {
		if sent == n {
			return nil
		}
		sent++
		_, err := io.WriteString(in, request("host", sent, ""))
		return err
	}
	for range min(flight, n) {
		if err := next(); err != nil {
			return spent{}, err
		}
	}
	for out.Scan() {
		if bytes.Contains(out.Bytes(), []byte(`"type":"result"`)) {
			if !isSent(out.Bytes()) {
				in.Close()
				return spent{}, errors.Join(fmt.Errorf("not sent: %s", out.Bytes()), cmd.Wait())
			}
			results++
			if err := next(); err != nil {
				return spent{}, err
			}
			if results == n {
				in.Close()
			}
		}
	}
	wall := time.Since(start)
	if err := cmd.Wait(); err != nil || results != n {
		return spent{}, fmt.Errorf("%d of %d were sent: %w: %s", results, n, err, said)
	}
	return after(cmd, wall), nil
}

// isSent says that a line is the result of a request that KSC has stored: what was
// refused costs less.
func isSent(line []byte) bool {
	return bytes.Contains(line, []byte(`"type":"result"`)) && bytes.Contains(line, []byte(`"outcome":"submitted"`))
}

// pipes starts a command and gives its ends.
func pipes(cmd *exec.Cmd) (io.WriteCloser, *bufio.Scanner, *bytes.Buffer, error) {
	said := &bytes.Buffer{}
	cmd.Stderr = said
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, nil, nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, nil, nil, err
	}
	lines := bufio.NewScanner(out)
	lines.Buffer(nil, 64<<10)
	return in, lines, said, cmd.Start()
}

// piped sends very many requests as fast as they are taken, once to a reader
// and once to one that reads nothing until the program has stopped reading.
func (b *bench) piped() error {
	n := b.of(100_000, 2000)
	for _, slow := range []bool{false, true} {
		name, count := "read as they come", n
		if slow {
			name, count = "read only when nothing goes in any more", n/5
		}
		s, err := b.emulator(fmt.Sprintf("piped-%t", slow))
		if err != nil {
			return err
		}
		took, err := b.pipe(s, count, slow)
		s.stop()
		if err != nil {
			return err
		}
		b.table.row(fmt.Sprintf("serve, %d requests piped in, %s: peak memory", count, name), peaked(took.peak), "", "", "below 64 MiB")
		if !slow {
			b.table.row(fmt.Sprintf("serve, %d requests piped in: requests a second", count), fmt.Sprintf("%.0f", float64(count)/took.wall.Seconds()), "", "", "")
		}
	}
	return nil
}

func (b *bench) pipe(s *server, n int, slow bool) (spent, error) {
	cmd := b.command(s, b.program("kes-respond"), "serve")
	in, out, said, err := pipes(cmd)
	if err != nil {
		return spent{}, err
	}
	start := time.Now()
	var sent atomic.Int64
	go func() {
		defer in.Close()
		for i := range n {
			if _, err := io.WriteString(in, request("host", i, "")); err != nil {
				return // what is missing is counted below
			}
			sent.Add(1)
		}
	}()
	// A slow reader begins when the program takes no more: nothing was taken for a second.
	for before := int64(-1); slow; time.Sleep(time.Second) {
		now := sent.Load()
		if now == before {
			break
		}
		before = now
	}
	results := 0
	for out.Scan() {
		if isSent(out.Bytes()) {
			results++
		}
	}
	wall := time.Since(start)
	if err := cmd.Wait(); err != nil || results != n {
		return spent{}, fmt.Errorf("%d of %d were sent: %w: %s", results, n, err, said)
	}
	return after(cmd, wall), nil
}
