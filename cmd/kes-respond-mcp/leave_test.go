package main

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kes-respond/kes-respond/shared"
)

// heard waits until the client was told something.
func (c *client) heard(part string) *mcp.ProgressNotificationParams {
	c.t.Helper()
	for {
		select {
		case p := <-c.progress:
			if strings.Contains(p.Message, part) {
				return p
			}
		case <-time.After(30 * time.Second):
			require.Fail(c.t, "nobody told", part)
		}
	}
}

func TestProgressOnlyGrows(t *testing.T) {
	asking(t, func(t *testing.T, revision string) {
		s := newScene(t)
		c := s.connect(revision, agrees)
		g := c.call("isolateHost", isolate(args{"wait": "done"}))
		require.Equal(t, shared.Succeeded, g.Outcome, g.words)
		assert.Contains(t, c.heard("submitted as incident ").Message, g.Incident.ID)
		p := c.heard("taken")
		assert.Equal(t, "isolateHost-1", p.ProgressToken)
		for last := p.Progress; len(c.progress) > 0; {
			p = <-c.progress
			assert.Greater(t, p.Progress, last)
			last = p.Progress
		}
	})
}

// waiting is a call that goes on until somebody ends it.
func (c *client) waiting(ctx context.Context, more args) chan error {
	c.t.Helper()
	ended := make(chan error, 1)
	p := &mcp.CallToolParams{Name: "isolateHost", Arguments: isolate(more)}
	p.SetProgressToken("waits")
	go func() {
		_, err := c.CallTool(ctx, p)
		ended <- err
	}()
	return ended
}

// stored demands that the ledger knows the one request in it as stored, and its
// end as open.
func (s *scene) stored() map[string]any {
	s.t.Helper()
	var entry map[string]any
	require.NoError(s.t, json.Unmarshal([]byte(s.ledger()), &entry))
	assert.Contains(s.t, []any{"submitted", "pending"}, entry["outcome"])
	return entry
}

func TestCancelEndsTheWaitingAndNotTheTask(t *testing.T) {
	asking(t, func(t *testing.T, revision string) {
		s := newScene(t, "--task-outcome", "never")
		c := s.connect(revision, agrees)
		ctx, cancel := context.WithCancel(t.Context())
		ended := c.waiting(ctx, args{"wait": "done"})
		incident := strings.Fields(c.heard("submitted as incident ").Message)[3]
		cancel()
		assert.ErrorIs(t, <-ended, context.Canceled)
		s.stored()
		g := c.call("status", args{"incident": incident})
		assert.Equal(t, shared.Pending, g.Outcome, g.words)
		assert.False(t, g.isError)
		assert.Contains(t, g.words, "its end is not known")
	})
}

func TestCancelWhileAPersonThinksSendsNothing(t *testing.T) {
	asking(t, func(t *testing.T, revision string) {
		s := newScene(t)
		thinking, cancelled := make(chan struct{}), make(chan struct{})
		c := s.connect(revision, func(ctx context.Context, _ *mcp.ElicitRequest) (*mcp.ElicitResult, error) {
			close(thinking)
			select {
			case <-cancelled: // an answer that comes too late
			case <-ctx.Done(): // this client looks after its own questions
			}
			return &mcp.ElicitResult{Action: "accept", Content: args{"carryOut": true}}, nil
		})
		ctx, cancel := context.WithCancel(t.Context())
		ended := c.waiting(ctx, nil)
		<-thinking
		cancel()
		assert.ErrorIs(t, <-ended, context.Canceled)
		close(cancelled)
		assert.Equal(t, shared.Planned, c.call("isolateHost", isolate(args{"dryRun": true})).Outcome)
		c.leaves()
		assert.Empty(t, s.incidents(), "an answer to a question that is over")
	})
}

// A client that vanishes costs no record: another session finds the request.
func TestAClientVanishesInTheMiddle(t *testing.T) {
	s := newScene(t, "--task-outcome", "never")
	c := s.connect(newest, agrees)
	ended := c.waiting(t.Context(), args{"wait": "done"})
	incident := strings.Fields(c.heard("submitted as incident ").Message)[3]
	c.leaves()
	assert.Error(t, <-ended)
	entry := s.stored()
	g := s.connect(newest, agrees).call("status", args{"incident": incident})
	assert.Equal(t, shared.Pending, g.Outcome, g.words)
	id, _ := entry["id"].(string)
	g = s.connect(newest, agrees).call("status", args{"request": id})
	assert.Equal(t, shared.Pending, g.Outcome, "%s: %v", g.words, entry)
}

// children are the processes that the given one has started.
func children(t *testing.T, of int) (all []int) {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Skip("only /proc says who is whose child")
	}
	lists, err := filepath.Glob("/proc/[0-9]*/stat")
	require.NoError(t, err)
	for _, list := range lists {
		text, err := os.ReadFile(list)
		if err != nil {
			continue // gone meanwhile
		}
		pid, rest, _ := strings.Cut(string(text), " ")
		fields := strings.Fields(rest[strings.LastIndex(rest, ")")+1:])
		if fields[1] == strconv.Itoa(of) {
			n, err := strconv.Atoi(pid)
			require.NoError(t, err)
			all = append(all, n)
		}
	}
	return all
}

func TestKesRespondDiesInTheMiddle(t *testing.T) {
	s := newScene(t, "--task-outcome", "never")
	c := s.connect(older, agrees)
	got := make(chan given, 1)
	go func() { got <- c.call("isolateHost", isolate(args{"wait": "done"})) }()
	incident := strings.Fields(c.heard("submitted as incident ").Message)[3]
	dead := children(t, c.cmd.Process.Pid)
	require.Len(t, dead, 1)
	p, err := os.FindProcess(dead[0])
	require.NoError(t, err)
	require.NoError(t, p.Kill())
	g := <-got
	assert.Equal(t, shared.Unknown, g.Outcome, g.words)
	assert.Equal(t, shared.CarrierLost, g.Error.Code)
	assert.True(t, g.isError)
	assert.Equal(t, incident, g.Incident.ID)
	assert.Contains(t, g.words, "It may have happened, or not.")
	assert.Contains(t, g.words, "status of incident "+incident)
	assert.Contains(t, g.words, g.ID, "the only name that it has where no incident was heard of")
	// It is started anew, and knows of it.
	require.Eventually(t, func() bool {
		g = c.call("status", args{"incident": incident})
		return g.Outcome != shared.Failed
	}, 20*time.Second, 50*time.Millisecond)
	assert.Equal(t, shared.Pending, g.Outcome, g.words)
	alive := children(t, c.cmd.Process.Pid)
	assert.Len(t, alive, 1)
	assert.NotEqual(t, dead, alive)
}

func TestKesRespondDoesNotStart(t *testing.T) {
	s := newScene(t)
	config := filepath.Join(s.dir, "config.yaml")
	require.NoError(t, os.WriteFile(config, []byte("kscHots: x\n"), 0o600))
	c := s.connect(newest, agrees, "--config", config)
	for range 2 {
		g := c.call("isolateHost", isolate(nil))
		assert.Equal(t, shared.Failed, g.Outcome)
		assert.Equal(t, shared.CarrierLost, g.Error.Code)
		assert.Contains(t, g.words, "/kscHots (line 1) is no setting")
		assert.Contains(t, g.words, "nothing was sent")
		assert.True(t, g.isError)
	}
	r, err := c.CallTool(t.Context(), &mcp.CallToolParams{Name: "check"})
	require.NoError(t, err)
	assert.True(t, r.IsError)
	assert.NoError(t, c.outputs["check"].Validate(again(t, r.StructuredContent)))
	// Mended while the session lasts, it is found mended.
	require.NoError(t, os.WriteFile(config, []byte("{}\n"), 0o600))
	assert.Equal(t, shared.Submitted, c.call("isolateHost", isolate(nil)).Outcome)
	g := s.connect(newest, nil, "--program", filepath.Join(s.dir, "nothing"), "--confirm", "never").call("isolateHost", isolate(nil))
	assert.Equal(t, shared.Failed, g.Outcome)
	assert.Contains(t, g.words, "nothing")
}

func TestItIsToldToLeave(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows has no such signal")
	}
	s := newScene(t, "--task-outcome", "never")
	c := s.connect(newest, agrees)
	ended := c.waiting(t.Context(), args{"wait": "done"})
	c.heard("submitted as incident ")
	require.NoError(t, c.cmd.Process.Signal(os.Interrupt))
	<-ended
	c.leaves()
	s.stored()
}

// Killed without a word, it leaves no kes-respond behind that nobody hears.
func TestItIsKilled(t *testing.T) {
	s := newScene(t, "--task-outcome", "never")
	c := s.connect(newest, agrees)
	ended := c.waiting(t.Context(), args{"wait": "done"})
	c.heard("submitted as incident ")
	left := children(t, c.cmd.Process.Pid)
	require.Len(t, left, 1)
	require.NoError(t, c.cmd.Process.Kill())
	assert.Error(t, <-ended)
	c.gone()
	require.Eventually(t, func() bool {
		_, err := os.Stat(filepath.Join("/proc", strconv.Itoa(left[0])))
		return os.IsNotExist(err)
	}, 30*time.Second, 20*time.Millisecond, "kes-respond runs on")
	s.stored()
}

// A line that no request can fill ends the session and nothing else.
func TestALineWithoutEnd(t *testing.T) {
	s := newScene(t)
	cmd := s.command()
	in, err := cmd.StdinPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	block := []byte(strings.Repeat("[", 1<<20))
	for range lineLimit/len(block) + 8 {
		if _, err = in.Write(block); err != nil {
			break // it has left already
		}
	}
	assert.Error(t, <-ended, "it says so")
	in.Close()
	assert.Empty(t, s.ledger())
}
