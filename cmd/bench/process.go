package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

const password = "Bench-password-1"

// spent is what a process took.
type spent struct {
	cpu, wall time.Duration
	peak      int64 // KiB; 0 where the system does not tell it of this process alone
}

// whole runs a command to its end.
func whole(cmd *exec.Cmd) (spent, error) {
	var said bytes.Buffer
	cmd.Stderr = &said
	start := time.Now()
	if err := cmd.Run(); err != nil {
		return spent{}, fmt.Errorf("%v: %w: %s", cmd.Args, err, &said)
	}
	return after(cmd, time.Since(start)), nil
}

// after reads what an ended process took.
func after(cmd *exec.Cmd, wall time.Duration) spent {
	s := spent{cpu: cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime(), wall: wall}
	// Linux hands the peak of whoever starts a process on to it: what is not
	// above ours may be ours.
	if s.peak = peakOf(cmd.ProcessState); s.peak <= ownPeak() {
		s.peak = 0
	}
	return s
}

// peaked is a peak as the table shows it.
func peaked(kib int64) string {
	if kib == 0 {
		return fmt.Sprintf("below %s", mib(ownPeak()))
	}
	return mib(kib)
}

// server is a running emulator.
type server struct {
	env    []string // for who talks to it; each call of kes-respond has this ledger
	record string
	cmd    *exec.Cmd
}

// emulator starts one with a ledger beside it that nobody has used.
func (b *bench) emulator(name string, args ...string) (*server, error) {
	dir := filepath.Join(b.dir, name)
	if err := os.Mkdir(dir, 0o700); err != nil {
		return nil, err
	}
	s := &server{record: filepath.Join(dir, "record.jsonl")}
	args = append(args, "--listen", "127.0.0.1:0", "--user", "bench", "--password", password, "--ready-file", "ready", "--cert-out", "ksc.pem")
	s.cmd = exec.CommandContext(b.ctx, b.program("ksc-emulator"), args...)
	s.cmd.Dir = dir
	var said bytes.Buffer
	s.cmd.Stderr = &said
	if err := s.cmd.Start(); err != nil {
		return nil, err
	}
	for range 1000 {
		text, err := os.ReadFile(filepath.Join(dir, "ready"))
		if host, port, ok := strings.Cut(strings.TrimSpace(string(text)), ":"); err == nil && ok {
			s.env = []string{
				"PATH=" + os.Getenv("PATH"), "HOME=" + os.Getenv("HOME"), "STATE_DIRECTORY=" + filepath.Join(dir, "state"),
				"kscHost=" + host, "kscPort=" + port, "kscCert=" + filepath.Join(dir, "ksc.pem"), "kscUser=bench", "kscPassword=" + password,
			}
			return s, nil
		}
		time.Sleep(10 * time.Millisecond) // a file tells nobody that it has come
	}
	s.stop()
	return nil, fmt.Errorf("the emulator does not get ready: %s", &said)
}

func (s *server) stop() {
	s.cmd.Process.Signal(os.Interrupt)
	s.cmd.Wait()
}

func (b *bench) program(name string) string {
	path, err := filepath.Abs(filepath.Join(b.programs, name))
	if err != nil {
		return name
	}
	return path
}

// command is one of our programs, or another one, that talks to the server.
func (b *bench) command(s *server, name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(b.ctx, name, args...)
	cmd.Env = s.env
	return cmd
}
