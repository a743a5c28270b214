package plugin_test

import (
	"context"
	"fmt"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kes-respond/kes-respond/plugin"
	"github.com/kes-respond/kes-respond/plugin/journal"
	"github.com/kes-respond/kes-respond/plugin/ksc"
	"github.com/kes-respond/kes-respond/plugin/ksc/ksctest"
	"github.com/kes-respond/kes-respond/shared"
)

// site is one KSC and one ledger, shared by any number of plugins as by
// processes of one machine.
type site struct {
	ksc *ksctest.Server
	dir string
}

func newSite(t testing.TB, dir string, o ksctest.Options) *site {
	t.Helper()
	o.User, o.Password = "edr-operator", password
	server, err := ksctest.New(o)
	require.NoError(t, err)
	t.Cleanup(server.Close)
	return &site{server, filepath.Join(dir, "ledger")}
}

// process is one plugin with its own part in the ledger. It is killed by step.
type process struct {
	pair
	journal func() *journal.Journal // nil before it is opened
}

var pids atomic.Int64

// start starts a process; step is told of what its ledger does.
func (s *site) start(t testing.TB, step func(string), change ...func(*plugin.Config)) process {
	t.Helper()
	trust, err := ksc.ParseTrust(s.ksc.CertificatePEM())
	require.NoError(t, err)
	var opened atomic.Pointer[journal.Journal]
	pid := int(pids.Add(1))
	c := plugin.Config{
		Version: "test",
		Servers: map[string]ksc.Config{"main": {Addr: "ksc.example:13299", User: "edr-operator", Password: password, Trust: trust, Dial: s.ksc.Dial}},
		Ledger: func(ctx context.Context) (*journal.Journal, error) {
			j, err := journal.Open(ctx, s.dir, journal.Options{User: "tester", PID: pid, Step: step})
			if err == nil {
				opened.Store(j)
			}
			return j, err
		},
	}
	for _, f := range change {
		f(&c)
	}
	p, err := plugin.New(context.Background(), c)
	require.NoError(t, err)
	var once sync.Once
	proc := process{pair{p, s.ksc}, opened.Load}
	t.Cleanup(func() { once.Do(func() { proc.end() }) })
	return proc
}

// end lets a process leave. What it had not ended stays in doubt.
func (p process) end() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	p.Close(ctx) //nolint:errcheck // a server full of mischief may not end the session
}

// records are all requests in the ledger, newest first.
func (s *site) records(t testing.TB) []journal.Record {
	t.Helper()
	j, err := journal.Open(t.Context(), s.dir, journal.Options{ReadOnly: true})
	require.NoError(t, err)
	defer j.Close()
	proof, err := j.Verify(t.Context(), nil)
	require.NoError(t, err)
	require.Empty(t, proof.Flaws)
	var all []journal.Record
	for r, err := range j.Records(t.Context(), journal.Filter{}) {
		require.NoError(t, err)
		all = append(all, r)
	}
	return all
}

// keyed is an isolation under a key, with a request id of its own.
func keyed(id, key string) string {
	return fmt.Sprintf(`{"id":%q,"task":"isolateHost","targetHost":%q,"hostLookup":"never","params":{"action":1},"idempotencyKey":%q}`, id, hostID, key)
}

// unkeyed is a request without a key.
func unkeyed(id, task, params string) string {
	return fmt.Sprintf(`{"id":%q,"task":%q,"targetHost":%q,"hostLookup":"never","params":%s}`, id, task, hostID, params)
}

func require1(t testing.TB, s *site, want int) {
	t.Helper()
	require.Len(t, s.ksc.Incidents(), want, "incidents in KSC")
}

// recovered settles what is in doubt, by a process of its own.
func (s *site) recovered(t testing.TB, again bool) []shared.Result {
	t.Helper()
	p := s.start(t, nil)
	defer p.end()
	var all []shared.Result
	left, err := p.Recover(t.Context(), again, func(_ journal.Record, r shared.Result) { all = append(all, r) })
	require.NoError(t, err)
	require.Zero(t, left)
	return all
}
