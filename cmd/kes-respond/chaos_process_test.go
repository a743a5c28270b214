//go:build unix

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kes-respond/kes-respond/shared"
)

// dieAt names the step of the ledger at which the program under the name
// kes-respond-dying kills itself, and how often that is passed before.
const dieAt = "KES_RESPOND_TEST_DIE_AT"

// dying is the program, with a death that a test has chosen.
func dying() {
	ctx, s := process()
	name, passes := "", 0
	fmt.Sscanf(os.Getenv(dieAt), "%s %d", &name, &passes) //nolint:errcheck // without a name it lives
	s.step = func(step string) {
		if step != name {
			return
		}
		if passes--; passes < 0 {
			syscall.Kill(os.Getpid(), syscall.SIGKILL) //nolint:errcheck // it cannot fail
		}
	}
	os.Exit(run(ctx, s))
}

// chaosKSC is the emulator over its restarts: the same address, identity,
// state and record.
type chaosKSC struct {
	program, dir, listen string
	seed                 uint64
	runs                 int
	cmd                  *exec.Cmd
	at                   address
}

func newChaosKSC(t *testing.T, dir string, seed uint64) *chaosKSC {
	return &chaosKSC{program: build(t, "ksc-emulator", dir), dir: dir, listen: "127.0.0.1:0", seed: seed, at: address{
		cert: filepath.Join(dir, "ksc.pem"), state: filepath.Join(dir, "state"), record: filepath.Join(dir, "record.jsonl"),
	}}
}

func (k *chaosKSC) start(t *testing.T, mischief string) {
	t.Helper()
	k.runs++
	ready := filepath.Join(k.dir, fmt.Sprintf("ready-%d", k.runs))
	args := []string{
		"--listen", k.listen, "--user", "edr-operator", "--password", "demo-only", "--identity", "identity.pem", "--cert-out", "ksc.pem",
		"--ready-file", ready, "--record", "record.jsonl", "--state-out", "state.json", "--mischief-delay", "2s", "--seed", fmt.Sprint(k.seed),
	}
	if k.runs > 1 {
		args = append(args, "--state-in", "state.json")
	}
	if mischief != "" {
		args = append(args, "--mischief", mischief)
	}
	k.cmd = exec.Command(k.program, args...)
	k.cmd.Dir = k.dir
	k.cmd.Stderr = os.Stderr
	require.NoError(t, k.cmd.Start())
	ended := make(chan struct{})
	t.Cleanup(func() { k.cmd.Process.Kill() })
	require.True(t, grows(ready, 1, ended))
	text, err := os.ReadFile(ready)
	require.NoError(t, err)
	k.listen = strings.TrimSpace(string(text))
	k.at.host, k.at.port, _ = strings.Cut(k.listen, ":")
}

func (k *chaosKSC) stop(t *testing.T) {
	t.Helper()
	require.NoError(t, k.cmd.Process.Signal(syscall.SIGTERM))
	require.NoError(t, k.cmd.Wait())
}

// chaosResult is what a caller heard of a request.
type chaosResult struct {
	order  chaosOrder
	pid    int
	lived  bool // its process came to its own end
	result *shared.Result
}

// process carries out one order as a command, or several as serve, and ends
// every third process: at a step of the ledger as long as there is one that
// none was killed at, else at a random moment, by a kill or by asking it to
// leave.
func (c *chaos) process(orders []chaosOrder) {
	kill := c.draw(3) == 0
	var die string
	c.mu.Lock()
	if kill && len(c.steps) > 0 {
		die = fmt.Sprintf("%s %d", c.steps[0], c.random.IntN(3))
		c.steps = c.steps[1:]
	}
	c.started++
	c.mu.Unlock()

	cmd, input := c.command(orders)
	if die != "" {
		cmd.Path, cmd.Args[0] = os.Args[0], "kes-respond-dying"
		cmd.Env = append(cmd.Env, dieAt+"="+die, "GORACE=atexit_sleep_ms=0")
	}
	cmd.Stdin = strings.NewReader(input)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	require.NoError(c.t, cmd.Start())
	pid := cmd.Process.Pid
	if kill && die == "" {
		after := time.Duration(c.draw(1500)) * time.Millisecond
		signal := []os.Signal{syscall.SIGKILL, syscall.SIGTERM}[c.draw(2)]
		timer := time.AfterFunc(after, func() { cmd.Process.Signal(signal) })
		defer timer.Stop()
	}
	cmd.Wait() //nolint:errcheck // how it ended is looked at below
	killed := cmd.ProcessState.Sys().(syscall.WaitStatus).Signaled()
	c.listen(orders, pid, !killed && !(kill && len(orders) > 1), out.Bytes()) // a serve that has to leave does not read on
	if kill {
		c.mu.Lock()
		c.killed++
		c.doomed[pid] = true
		c.mu.Unlock()
	}
	require.NotContains(c.t, out.String()+errs.String(), "demo-only")
	require.NotContains(c.t, out.String()+errs.String(), "hunter2")
	require.NotContains(c.t, errs.String(), "panic")
}

// command is how a caller starts the program.
func (c *chaos) command(orders []chaosOrder) (cmd *exec.Cmd, input string) {
	if len(orders) == 1 {
		o := orders[0]
		cmd = exec.Command(c.binary, o.task, "--targetHost", o.host, "--hostLookup", "never", "--params", o.params,
			"--idempotencyKey", o.key, "--timeout", c.form.timeout.String(), "--output", "json")
	} else {
		cmd = exec.Command(c.binary, "serve")
		for _, o := range orders {
			input += o.line(c.form.timeout) + "\n"
		}
	}
	cmd.Env = c.ksc.at.environment()
	return cmd, input
}

// listen takes down what was said of each order. A command makes up the id of
// its one request.
func (c *chaos) listen(orders []chaosOrder, pid int, lived bool, out []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	results := map[string]*shared.Result{}
	for line := range bytes.Lines(out) {
		var e shared.Event
		if err := json.Unmarshal(line, &e); err != nil || e.Result == nil {
			continue // a line that a kill cut off, or another event
		}
		id := e.ID.Text()
		if len(orders) == 1 {
			id = orders[0].id
		}
		require.Nil(c.t, results[id], "two results: %s", out)
		results[id] = e.Result
	}
	for _, o := range orders {
		r := results[o.id]
		if lived {
			require.NotNil(c.t, r, "no result for %s: %s", o.id, out)
		}
		if r != nil {
			c.heard[string(r.Outcome)]++
		}
		c.said[o.key] = append(c.said[o.key], chaosResult{o, pid, lived, r})
	}
}

// recover settles what is in doubt; unknown counts what it could find out
// nothing of.
func (c *chaos) recover() (settled, unknown int) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, c.binary, "recover", "--output", "json")
	cmd.Env = c.ksc.at.environment()
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.Output()
	code := cmd.ProcessState.ExitCode()
	require.True(c.t, err == nil || code == shared.ExitUnknown || code == shared.ExitPending, "recover: %d %s%s", code, out, errs.String())
	for line := range bytes.Lines(out) {
		var e shared.Event
		require.NoError(c.t, json.Unmarshal(line, &e))
		settled++
		c.last = out
		if e.Result.Outcome == shared.Unknown {
			unknown++
		}
	}
	return settled, unknown
}
