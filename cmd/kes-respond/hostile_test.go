//go:build unix

package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/hashicorp/go-hclog"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kes-respond/kes-respond/plugin"
	"github.com/kes-respond/kes-respond/plugin/journal"
	"github.com/kes-respond/kes-respond/plugin/ksc"
	"github.com/kes-respond/kes-respond/plugin/ksc/ksctest"
	"github.com/kes-respond/kes-respond/shared"
	"github.com/kes-respond/kes-respond/shared/rpc"
)

// hostileCount is how many values a carrier is dealt of ten thousand in all.
// KES_RESPOND_HOSTILE=N deals N to each, and a thirtieth to the command line,
// which is a process for each.
func hostileCount(share, whole int) int {
	if n, err := strconv.Atoi(os.Getenv("KES_RESPOND_HOSTILE")); err == nil {
		return n / whole
	}
	if testing.Short() {
		return share / 10
	}
	return share
}

// TestHostileValues: whatever stands in a field of a request, KSC is asked for
// nothing, and the caller hears why, or for one incident that says exactly that
// value in that field and is the harmless one in all else.
func TestHostileValues(t *testing.T) {
	seed := seeded(t)
	dir := t.TempDir()
	program := build(t, "kes-respond", dir)
	for i, c := range []struct {
		name  string
		carry func(*hostileRun)
		share int
		whole int
	}{
		{"direct", (*hostileRun).direct, 4200, 1},
		{"JSON lines", (*hostileRun).lines, 3000, 1},
		{"go-plugin", (*hostileRun).plugin, 2500, 1},
		{"command line", (*hostileRun).commands, 300, 30},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newHostileRun(t, program, nil)
			r.deal(seed+uint64(i), hostileCount(c.share, c.whole))
			c.carry(r)
			r.check()
			r.recorded()
		})
	}
}

// answer is what a caller heard of a request.
type answer struct {
	result  *shared.Result
	problem *shared.Problem // of a line that is no request
	said    string          // of a command: what stands on standard error
	code    int
}

// hostileRun is one carrier, one KSC and the requests that go there.
type hostileRun struct {
	t       *testing.T
	program string
	dir     string
	ksc     *ksctest.Server
	at      address
	config  string // of the program, where a run needs one
	record  *sent
	asks    []ask
	mu      sync.Mutex
	answers []answer
}

func newHostileRun(t *testing.T, program string, inventory []ksctest.Host) *hostileRun {
	t.Helper()
	r := &hostileRun{t: t, program: program, dir: t.TempDir(), record: &sent{}}
	guarded(t, r.dir)
	server, err := ksctest.New(ksctest.Options{User: "edr-operator", Password: emulatorPassword, Record: r.record, Inventory: inventory})
	require.NoError(t, err)
	r.ksc = server
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	ctx, stop := context.WithCancel(context.Background())
	served := make(chan error)
	go func() { served <- server.Serve(ctx, listener) }()
	t.Cleanup(func() {
		stop()
		assert.NoError(t, <-served)
		server.Close()
	})
	cert := filepath.Join(r.dir, "ksc.pem")
	require.NoError(t, os.WriteFile(cert, server.CertificatePEM(), 0o600))
	host, port, err := net.SplitHostPort(listener.Addr().String())
	require.NoError(t, err)
	r.at = address{host: host, port: port, cert: cert, state: filepath.Join(r.dir, "state")}
	return r
}

// policy is the policy beside the configuration.
func (r *hostileRun) policy() string {
	if r.config == "" {
		return ""
	}
	return filepath.Join(filepath.Dir(r.config), "policy.yaml")
}

// deal makes the requests: a harmless one of each task, and so many with a
// value each.
func (r *hostileRun) deal(seed uint64, n int) {
	d, fields := newDealer(seed), hostileFields()
	for _, f := range fields {
		if len(r.asks) == 0 || r.asks[len(r.asks)-1].task != f[0] {
			r.asks = append(r.asks, newAsk(len(r.asks), f[0], "", hostile{}))
		}
	}
	for i := range n {
		f := fields[i%len(fields)]
		r.asks = append(r.asks, newAsk(len(r.asks), f[0], f[1], d.deal()))
	}
	r.answers = make([]answer, len(r.asks))
}

func (r *hostileRun) heard(number int, a answer) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.answers[number] = a
}

// each runs f for every request, some at a time.
func (r *hostileRun) each(at int, f func(ask)) {
	next := make(chan ask)
	var all sync.WaitGroup
	for range at {
		all.Go(func() {
			for a := range next {
				f(a)
			}
		})
	}
	for _, a := range r.asks {
		next <- a
	}
	close(next)
	all.Wait()
}

func (r *hostileRun) direct() {
	trust, err := ksc.ParseTrust(r.ksc.CertificatePEM())
	require.NoError(r.t, err)
	policy, err := readPolicies("", r.policy())
	require.NoError(r.t, err)
	p, err := plugin.New(r.t.Context(), plugin.Config{
		Version: "test", Policy: policy, Servers: map[string]ksc.Config{"default": {
			Addr: net.JoinHostPort(r.at.host, r.at.port), User: "edr-operator", Password: emulatorPassword, Trust: trust, Dial: r.ksc.Dial,
		}},
		Ledger: func(ctx context.Context) (*journal.Journal, error) {
			return journal.Open(ctx, filepath.Join(r.at.state, "ledger"), journal.Options{User: "tester", PID: os.Getpid()})
		},
	})
	require.NoError(r.t, err)
	r.each(16, func(a ask) {
		request, refusal := shared.ParseRequest([]byte(a.line()))
		switch {
		case refusal != nil && request.ID == "":
			r.heard(a.number, answer{problem: &shared.Problem{Code: refusal.Code, Message: refusal.Message, Assistance: refusal.Assistance}})
		case refusal != nil:
			r.heard(a.number, answer{result: &shared.Result{Outcome: shared.Refused, Error: refusal, Message: refusal.Message}})
		default:
			result := p.Respond(r.t.Context(), request, func(shared.Event) {})
			r.heard(a.number, answer{result: &result})
		}
	})
	require.NoError(r.t, p.Close(r.t.Context()))
}

// lines asks a process that serves JSON lines, all it takes at once.
func (r *hostileRun) lines() {
	cmd := exec.Command(r.program, "serve")
	cmd.Env = append(r.at.environment(), "KES_RESPOND_CONFIG="+r.config)
	var errs bytes.Buffer
	cmd.Stderr = &errs
	in, err := cmd.StdinPipe()
	require.NoError(r.t, err)
	out, err := cmd.StdoutPipe()
	require.NoError(r.t, err)
	require.NoError(r.t, cmd.Start())
	byID, byLine := map[shared.ID]int{}, map[int64]int{}
	for _, a := range r.asks {
		id := shared.IDOf("id-" + strconv.Itoa(a.number))
		if a.field == "id" {
			id = shared.IDOf(a.value.text)
		}
		byID[id] = a.number
	}
	go func() {
		defer in.Close()
		for _, a := range r.asks {
			if _, err := io.WriteString(in, a.line()+"\n"); err != nil {
				return
			}
		}
	}()
	line := int64(0)
	for _, a := range r.asks { // a value that breaks its line makes several of it
		for range 1 + strings.Count(a.line(), "\n") {
			line++
			byLine[line] = a.number
		}
	}
	for events := bufio.NewReader(out); ; {
		text, err := events.ReadBytes('\n')
		if err == io.EOF {
			break
		}
		require.NoError(r.t, err)
		r.event(text, byID, byLine)
	}
	require.NoError(r.t, cmd.Wait(), "%.2000s", errs.String())
	ours(r.t, errs.Bytes(), "time=", "kes-respond: ")
}

func (r *hostileRun) event(text []byte, byID map[shared.ID]int, byLine map[int64]int) {
	var e shared.Event
	require.NoError(r.t, json.Unmarshal(text, &e), "%.500q", text)
	require.Empty(r.t, bytes.Trim(text[:len(text)-1], printableASCII), "%.500q", text)
	switch {
	case e.Result != nil:
		number, ok := byID[e.ID]
		require.True(r.t, ok, "an answer to nobody: %.500s", text)
		r.heard(number, answer{result: e.Result})
	case e.Problem != nil:
		number, ok := byLine[e.Problem.Line]
		require.True(r.t, ok, "an answer to nobody: %.500s", text)
		r.heard(number, answer{problem: e.Problem})
	}
}

// printableASCII is all that a line of JSON of ours is made of.
var printableASCII = func() string {
	var b strings.Builder
	for c := byte(' '); c < 0x7f; c++ {
		b.WriteByte(c)
	}
	return b.String()
}()

// plugin asks a process that is a go-plugin plugin, as a host that has checked
// nothing.
func (r *hostileRun) plugin() {
	var log bytes.Buffer
	cmd := exec.Command(r.program)
	cmd.Env = append(r.at.environment(), "KES_RESPOND_CONFIG="+r.config)
	client, err := rpc.Launch(r.t.Context(), cmd, rpc.LaunchOptions{Log: hclog.New(&hclog.LoggerOptions{Output: &log, Level: hclog.Trace})})
	require.NoError(r.t, err)
	r.each(16, func(a ask) {
		result := client.Respond(r.t.Context(), a.request(), func(shared.Event) {})
		r.heard(a.number, answer{result: &result})
	})
	require.NoError(r.t, client.Close(r.t.Context()))
	ours(r.t, log.Bytes(), "20")
}

// commands starts a process for each request that a command line can say.
func (r *hostileRun) commands() {
	r.each(2, func(a ask) {
		args, ok := a.flags()
		if !ok {
			r.heard(a.number, answer{said: "cannot be said"})
			return
		}
		form := []string{"json", "text"}[a.number/2%2]
		cmd := exec.Command(r.program, append(args, "--output", form)...)
		cmd.Env = append(r.at.environment(), "KES_RESPOND_CONFIG="+r.config)
		var out, errs bytes.Buffer
		cmd.Stdout, cmd.Stderr = &out, &errs
		err := cmd.Run()
		got := answer{said: out.String() + errs.String(), code: cmd.ProcessState.ExitCode()}
		assert.Equal(r.t, got.code == 0, err == nil)
		for line := range bytes.Lines(out.Bytes()) {
			var e shared.Event
			if form == "json" && assert.NoError(r.t, json.Unmarshal(line, &e), "%q", line) && e.Result != nil {
				got.result = e.Result
			}
		}
		ours(r.t, errs.Bytes(), "kes-respond: ", "Nothing was sent. ", "  ")
		if form == "text" {
			ours(r.t, out.Bytes(), "accepted: ", "incident: ", "warning: ", "submitted: ", "refused: ", "failed: ", "  ")
		}
		r.heard(a.number, got)
	})
}

// sent takes the emulator's record apart as it is written.
type sent struct {
	mu    sync.Mutex
	calls []ksctest.Call
	bad   error
}

// Write takes one line.
func (s *sent) Write(line []byte) (int, error) {
	var c ksctest.Call
	err := json.Unmarshal(line, &c)
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil && s.bad == nil {
		s.bad = fmt.Errorf("%w: %.200s", err, line)
	}
	c.Response, c.Headers = "", nil
	if !strings.Contains(c.Path, "Chunk") {
		s.calls = append(s.calls, c)
	}
	return len(line), nil
}
