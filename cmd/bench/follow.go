package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// following measures what many requests cost that wait for hosts which do
// nothing: calls to KSC, CPU and memory.
func (b *bench) following() error {
	s, err := b.emulator("following", "--task-outcome", "never", "--record", "record.jsonl")
	if err != nil {
		return err
	}
	defer s.stop()
	n := b.of(1000, 50)
	cmd := b.command(s, b.program("kes-respond"), "serve")
	in, out, said, err := pipes(cmd)
	if err != nil {
		return err
	}
	go func() {
		for i := range n {
			io.WriteString(in, request("away", i, `,"wait":"done","timeout":"30m"`)) // what is missing is counted below
		}
	}()
	submitted := make(chan int)
	go func() {
		defer close(submitted)
		count := 0
		for out.Scan() {
			if bytes.Contains(out.Bytes(), []byte(`"stage":"submitted"`)) {
				if count++; count == n {
					submitted <- count
				}
			}
		}
	}()
	if count := <-submitted; count != n {
		return fmt.Errorf("not all of %d were stored: %s", n, said)
	}
	// The first minute's calls may be made at once, and are: look after it.
	span := time.Duration(b.of(120, 10)) * time.Second
	if err := b.wait(time.Duration(b.of(60, 5)) * time.Second); err != nil {
		return err
	}
	calls, before := s.calls(), cpuOf(cmd.Process.Pid)
	if err := b.wait(span); err != nil {
		return err
	}
	minutes := span.Minutes()
	calls, used := s.calls()-calls, cpuOf(cmd.Process.Pid)-before
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	for range submitted {
	}
	// How it ended says nothing about what waiting costs: a signal cuts it short.
	var exit *exec.ExitError
	if err := cmd.Wait(); err != nil && !errors.As(err, &exit) {
		return err
	}
	what := fmt.Sprintf("%d requests waiting: ", n)
	b.table.row(what+"calls to KSC a minute", fmt.Sprintf("%.0f", float64(calls)/minutes), "", "", "at most 120 (`followCalls`)")
	b.table.row(what+"CPU a minute", ms(time.Duration(float64(used)/minutes)), "", "", "")
	b.table.row(what+"peak memory", peaked(after(cmd, 0).peak), "", "", "")
	return nil
}

func (b *bench) wait(span time.Duration) error {
	select {
	case <-time.After(span):
		return nil
	case <-b.ctx.Done():
		return b.ctx.Err()
	}
}

// calls counts the requests that the emulator has recorded.
func (s *server) calls() int {
	record, err := os.Open(s.record)
	if err != nil {
		return 0
	}
	defer record.Close()
	count := 0
	for part := make([]byte, 64<<10); ; { // whole it would be this program's peak
		n, err := record.Read(part)
		count += bytes.Count(part[:n], []byte("\n"))
		if err != nil {
			return count
		}
	}
}

// cpuOf reads what a process has used so far; Linux counts hundredths.
func cpuOf(pid int) time.Duration {
	text, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return 0
	}
	fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
	var sum time.Duration
	for _, f := range fields[11:13] {
		ticks, err := strconv.Atoi(f)
		if err != nil {
			return 0
		}
		sum += time.Duration(ticks) * 10 * time.Millisecond
	}
	return sum
}
