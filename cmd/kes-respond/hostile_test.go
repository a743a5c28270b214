//go:build unix

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kes-respond/kes-respond/plugin/ksc/ksctest"
	"github.com/kes-respond/kes-respond/shared"
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
