//go:build unix

package main

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// chaosForm is how much chaos: the short form is part of every test run, the
// long one is make chaos.
type chaosForm struct {
	requests  int
	processes int           // at a time
	phases    int           // each with an emulator of its own, started with the state of the one before
	timeout   time.Duration // of a request
}

// TestChaos runs real processes, ten at a time, against an emulator that is
// full of mischief and is restarted with its state, kills them at random moments
// and at each step that the ledger names, has recover settle what is in doubt,
// and holds KSC's state, its record, the ledger and what callers heard against
// each other. KES_RESPOND_CHAOS=N asks for N requests, KES_RESPOND_SEED for the
// randomness of an earlier run.
func TestChaos(t *testing.T) {
	form := chaosForm{requests: 240, processes: 10, phases: 3, timeout: 12 * time.Second}
	if n, err := strconv.Atoi(os.Getenv("KES_RESPOND_CHAOS")); err == nil {
		form = chaosForm{requests: n, processes: 10, phases: 8, timeout: 40 * time.Second}
	}
	seed, err := strconv.ParseUint(os.Getenv("KES_RESPOND_SEED"), 10, 64)
	if err != nil {
		seed = rand.Uint64()
	}
	t.Logf("KES_RESPOND_SEED=%d", seed)
	c := newChaos(t, form, seed)
	began := time.Now()
	orders := c.orders()
	for phase := range form.phases {
		c.ksc.start(t, c.mischief(phase))
		c.run(orders[phase*len(orders)/form.phases : (phase+1)*len(orders)/form.phases])
		c.ksc.stop(t)
	}
	c.ksc.start(t, "")
	settled := c.settle()
	c.ksc.stop(t)
	c.check()
	t.Logf("%d requests under %d keys, %d processes, %d of them killed or told to leave, %d restarts of KSC, %d requests settled by recover, %s\nheard: %v\nin the ledger: %v",
		form.requests, c.keys, c.started, c.killed, form.phases, settled, time.Since(began).Round(time.Second), c.heard, c.known)
}

// order is one request as a caller means it. Several share a key.
type chaosOrder struct{ id, key, task, host, params string }

func (o chaosOrder) line(timeout time.Duration) string {
	return fmt.Sprintf(`{"id":%q,"idempotencyKey":%q,"task":%q,"targetHost":%q,"hostLookup":"never","params":%s,"timeout":%q}`,
		o.id, o.key, o.task, o.host, o.params, timeout)
}

type chaos struct {
	t      *testing.T
	form   chaosForm
	ksc    *chaosKSC
	binary string // as it is shipped
	keys   int

	mu              sync.Mutex
	random          *rand.Rand
	steps           []string // at which a process is still to be killed
	said            map[string][]chaosResult
	started, killed int
	heard, known    map[string]int
	doomed          map[int]bool // the processes that were killed, or may have been
	last            []byte       // what the last recover said
}

func newChaos(t *testing.T, form chaosForm, seed uint64) *chaos {
	dir := t.TempDir()
	return &chaos{
		t: t, form: form, ksc: newChaosKSC(t, dir, seed), binary: build(t, "kes-respond", dir), random: rand.New(rand.NewPCG(seed, 1)),
		// "install" and what follows come with a larger index, "sealed" and "pruned" with a larger ledger: rare here.
		steps: []string{"append", "appended", "indexed", "sync", "synced", "append", "appended", "indexed"},
		said:  map[string][]chaosResult{}, heard: map[string]int{}, known: map[string]int{}, doomed: map[int]bool{},
	}
}

// orders draws the requests: a few tasks of each kind of effect on some tens of
// hosts, a third of them under a key that another has.
func (c *chaos) orders() []chaosOrder {
	const file = `{"md5hash":"","sha256hash":"","path":"C:\\a\\%d.exe"}`
	var first []chaosOrder
	var all []chaosOrder
	for i := range c.form.requests {
		id := fmt.Sprintf("r%d", i)
		if n := len(first); n > 0 && c.random.IntN(3) == 0 {
			again := first[max(0, n-1-c.random.IntN(min(n, 30)))]
			again.id = id
			all = append(all, again)
			continue
		}
		o := chaosOrder{id: id, key: "key-" + id, host: fmt.Sprintf("host-%d", c.random.IntN(40))}
		switch c.random.IntN(5) {
		case 0, 1:
			o.task, o.params = "isolateHost", fmt.Sprintf(`{"action":%d}`, c.random.IntN(2))
		case 2:
			o.task, o.params = "deleteFile", fmt.Sprintf(file, i)
		case 3:
			o.task, o.params = "getFile", fmt.Sprintf(file, i)
		case 4:
			o.task, o.params = "startProcess", fmt.Sprintf(`{"executablePath":"C:\\a\\%d.exe","arguments":"--token=hunter2"}`, i)
		}
		first = append(first, o)
		all = append(all, o)
	}
	c.keys = len(first)
	return all
}

// mischief is what KSC does in a phase: over the phases every knob has its
// turn at ten per cent, a few at a time, for all at once would let nothing
// through. No login is refused: that would end the run for the ten minutes that
// it is remembered.
func (c *chaos) mischief(phase int) string {
	sets := []string{
		"drop-before-store=0.1,drop-after-store=0.1,delay=0.1," + besidesLogin("end-session"),
		"store-late=0.1,truncate=0.1,status-503=0.1,chunked=0.1",
		"html=0.1,starting=0.1,drop-after-answer=0.1,long-as-string=0.1," + besidesLogin("no-client"),
		"gzip-broken=0.1,unavailable=0.1,empty=0.1,no-subcode=0.1,empty-datetime=0.1",
		"wrong-type=0.1,limit=0.1,drop-after-store=0.1,unknown-error@HostGroup.UpdateIncident=0.1",
		"logon-failed@HostGroup.AddIncident=0.1,web-token@HostGroup.FindIncidents=0.1,drop-before-store=0.1,store-late=0.1",
		"never@HostGroup.AddIncident=0.1,huge@HostGroup.FindIncidents=0.1,unknown-error@HostGroup.AddIncident=0.1",
		"swap-cert=0.1,drop-after-store=0.1,truncate=0.1",
	}
	if c.form.phases < len(sets) { // the short form draws
		return sets[(phase*3+c.random.IntN(3))%len(sets)]
	}
	return sets[phase%len(sets)]
}

// besidesLogin is a knob at ten per cent in every call but the login.
func besidesLogin(knob string) string {
	var all []string
	for _, method := range []string{"HostGroup.AddIncident", "HostGroup.UpdateIncident", "HostGroup.FindIncidents", "ChunkAccessor.GetItemsChunk"} {
		all = append(all, knob+"@"+method+"=0.1")
	}
	return strings.Join(all, ",")
}

// run has the processes carry out a part of the orders.
func (c *chaos) run(orders []chaosOrder) {
	batches := make(chan []chaosOrder)
	var all sync.WaitGroup
	for range c.form.processes {
		all.Go(func() {
			for b := range batches {
				c.process(b)
			}
		})
	}
	for len(orders) > 0 {
		n := 1
		if c.draw(3) == 0 {
			n = min(len(orders), 5+c.draw(20)) // a serve
		}
		batches <- orders[:n]
		orders = orders[n:]
	}
	close(batches)
	all.Wait()
}

func (c *chaos) draw(n int) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.random.IntN(n)
}

// settle runs recover until a run of it finds nothing to do but what it had
// found to be unknown before.
func (c *chaos) settle() (settled int) {
	last := -1
	for range 10 {
		n, unknown := c.recover()
		settled += n
		if n-unknown == 0 && unknown == last {
			return settled - unknown
		}
		settled -= unknown
		last = unknown
	}
	require.Fail(c.t, "recover comes to no end", "the last time it said: %s", c.last)
	return 0
}
