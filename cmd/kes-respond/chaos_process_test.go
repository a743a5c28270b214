//go:build unix

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"github.com/stretchr/testify/assert"
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
			select {}
		}
	}
	os.Exit(run(ctx, s))
}

// death is how a process is ended before its time: by itself at a step of the
// ledger, or by a signal after a while. The zero death is none.
type death struct {
	step   string
	passes int
	signal string // as the system calls it: killed, terminated
	after  time.Duration
}

// ended is a process that has ended.
type ended struct {
	killed bool // by a signal that it could not, or did not yet, catch
	left   bool // it was asked to leave, so it need not have read all its lines
	errs   string
}

// heard is what a caller heard of a request.
type heard struct {
	order    chaosOrder
	pid      int
	id       string // as it stands in the events; a command makes one up
	accepted bool
	result   *shared.Result
}

// carryOut runs a job's process to its end.
func (c *chaos) carryOut(j job) {
	cmd := c.command(j)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if !assert.NoError(c.t, cmd.Start()) {
		return
	}
	p := &ended{left: j.death.signal == "terminated"}
	if j.death.signal != "" {
		signal := syscall.SIGKILL
		if p.left {
			signal = syscall.SIGTERM
		}
		timer := time.AfterFunc(j.death.after, func() { cmd.Process.Signal(signal) })
		defer timer.Stop()
	}
	cmd.Wait() //nolint:errcheck // how it ended is looked at below
	status, _ := cmd.ProcessState.Sys().(syscall.WaitStatus)
	p.killed, p.errs = status.Signaled(), errs.String()
	for _, secret := range []string{chaosPassword, chaosArgument, "panic", "DATA RACE"} {
		assert.NotContains(c.t, out.String()+p.errs, secret)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ended[cmd.ProcessState.Pid()] = p
	switch {
	case p.killed && j.death.step != "":
		c.died[j.death.step]++
	case p.killed || p.left && status.ExitStatus() >= 0:
		c.died[j.death.signal]++
	}
	c.listen(j.orders, cmd.ProcessState, p, out.Bytes())
}

// command is how a caller starts the program.
func (c *chaos) command(j job) *exec.Cmd {
	args, input := []string{"serve"}, ""
	switch len(j.orders) {
	case 0:
		args = []string{"recover", "--output", "json"}
	case 1:
		o := j.orders[0]
		args = []string{
			o.task, "--targetHost", o.host, "--hostLookup", "never", "--params", o.params,
			"--idempotencyKey", o.key, "--timeout", o.timeout, "--output", "json",
		}
	}
	for _, o := range j.orders {
		input += o.line()
	}
	cmd := exec.Command(c.binary, args...)
	cmd.Env = append(c.ksc.at.environment(), "KES_RESPOND_CONFIG="+c.config)
	cmd.Stdin = strings.NewReader(input)
	if j.death.step != "" {
		cmd.Path, cmd.Args[0] = os.Args[0], "kes-respond-dying"
		cmd.Env = append(cmd.Env, fmt.Sprintf("%s=%s %d", dieAt, j.death.step, j.death.passes), "GORACE=atexit_sleep_ms=0")
	}
	return cmd
}

// listen takes down what was said of each order. Whoever lived to its end has
// said one result of each; whoever was asked to leave, of each that it had
// accepted.
func (c *chaos) listen(orders []chaosOrder, state *os.ProcessState, p *ended, out []byte) {
	byID := map[string]*heard{}
	for line := range bytes.Lines(out) {
		var e shared.Event
		if err := json.Unmarshal(line, &e); err != nil {
			assert.True(c.t, p.killed, "a line that is no event, of a process that lived: %s", line)
			continue
		}
		id := e.ID.Text()
		if byID[id] == nil {
			byID[id] = &heard{id: id}
		}
		byID[id].accepted = byID[id].accepted || e.Accepted != nil
		if e.Result != nil {
			assert.Nil(c.t, byID[id].result, "two results of %s: %s", id, out)
			byID[id].result = e.Result
		}
	}
	if len(orders) == 0 {
		return
	}
	for _, o := range orders {
		h := byID[o.id]
		for id := range byID {
			if len(orders) == 1 && id != "" {
				h = byID[id]
			}
		}
		if h == nil {
			h = &heard{id: o.id}
		}
		h.order, h.pid = o, state.Pid()
		if !p.killed && h.result == nil && (!p.left || h.accepted) {
			assert.Fail(c.t, "no result of "+o.id, "process %d %s\n%s%s", h.pid, state, out, p.errs)
		}
		if len(orders) == 1 && h.result != nil && !p.killed {
			assert.Equal(c.t, h.result.Exit(), state.ExitCode(), "%s", out)
		}
		c.said[o.key] = append(c.said[o.key], *h)
	}
}

// settle runs recover until a run of it finds out nothing that the one before
// did not, and counts what was settled.
func (c *chaos) settle() (settled int) {
	const mostRuns = 10 // one settles all; the rest show that it has
	last, said := -1, []byte(nil)
	for range mostRuns {
		var n, unknown int
		n, unknown, said = c.recover()
		settled += n - unknown
		if n == unknown && unknown == last {
			return settled
		}
		last = unknown
	}
	require.Fail(c.t, "recover comes to no end", "the last time it said: %.2000s", said)
	return settled
}

// recover settles what is in doubt; unknown counts what it could find out
// nothing of.
func (c *chaos) recover() (all, unknown int, said []byte) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, c.binary, "recover", "--output", "json")
	cmd.Env = append(c.ksc.at.environment(), "KES_RESPOND_CONFIG="+c.config)
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.Output()
	require.True(c.t, err == nil || cmd.ProcessState.ExitCode() == shared.ExitUnknown, "recover: %v %s%s", err, out, errs.String())
	for line := range bytes.Lines(out) {
		var e shared.Event
		require.NoError(c.t, json.Unmarshal(line, &e))
		all++
		if e.Result.Outcome == shared.Unknown {
			unknown++
		}
	}
	return all, unknown, out
}
