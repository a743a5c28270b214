//go:build unix

package main

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"text/tabwriter"
	"time"

	"github.com/stretchr/testify/require"
)

// chaosForm is how much chaos: the short form is part of every test run, the
// long one is make chaos.
type chaosForm struct {
	requests  int
	processes int      // at a time
	lives     int      // of KSC, each with mischief of its own
	timeouts  []string // of requests
}

// TestChaos runs real processes, ten at a time, against an emulator that is
// full of mischief and is restarted under them with its state, kills them at
// random moments and inside the ledger, has recover settle what is in doubt, and
// holds KSC's state and record, the ledger and what callers heard against each
// other. KES_RESPOND_CHAOS=N asks for N requests, KES_RESPOND_SEED for the plan
// of an earlier run; what the clock makes of a plan differs from run to run.
// -artifacts keeps the ledger and the record.
func TestChaos(t *testing.T) {
	form := chaosForm{requests: 420, processes: 10, lives: 5, timeouts: []string{"3s", "5s", "8s"}}
	if n, err := strconv.Atoi(os.Getenv("KES_RESPOND_CHAOS")); err == nil {
		form = chaosForm{requests: n, processes: 10, lives: max(6, n/250), timeouts: []string{"3s", "8s", "20s", "45s"}}
	}
	seed, err := strconv.ParseUint(os.Getenv("KES_RESPOND_SEED"), 10, 64)
	if err != nil {
		seed = rand.Uint64()
	}
	t.Logf("KES_RESPOND_SEED=%d", seed)
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the plan of this run: KES_RESPOND_SEED=%d KES_RESPOND_CHAOS=%d", seed, form.requests)
		}
	})
	c := newChaos(t, form, seed)
	began := time.Now()
	c.run()
	c.dieEverywhere()
	c.ksc.restart(t, "")
	settled := c.settle()
	c.ksc.stop(t)
	e := c.check()
	t.Log(c.summary(e, settled, time.Since(began)))
}

// order is one request as a caller means it. Several share a key, and are the
// same in all but id and timeout.
type chaosOrder struct{ id, key, task, host, params, timeout string }

func (o chaosOrder) line() string {
	return fmt.Sprintf(`{"id":%q,"idempotencyKey":%q,"task":%q,"targetHost":%q,"hostLookup":"never","params":%s,"timeout":%q}`+"\n",
		o.id, o.key, o.task, o.host, o.params, o.timeout)
}

// job is one process: a command with one order, a serve with several, or
// recover with none.
type job struct {
	orders []chaosOrder
	death  death
}

type chaos struct {
	t      *testing.T
	form   chaosForm
	ksc    *chaosKSC
	binary string // as it is shipped
	config string
	random *rand.Rand // of the plan, which is drawn before anything runs
	keys   int
	asked  int // requests handed to processes

	mu    sync.Mutex
	said  map[string][]heard // by key
	ended map[int]*ended     // by pid
	died  map[string]int     // by step of the ledger, or by signal
}

func newChaos(t *testing.T, form chaosForm, seed uint64) *chaos {
	dir, err := filepath.Abs(t.ArtifactDir())
	require.NoError(t, err)
	config := filepath.Join(dir, "config.yaml")
	require.NoError(t, os.WriteFile(config, []byte("ledger: {anchorFile: anchor}\n"), 0o600))
	return &chaos{
		t: t, form: form, ksc: newChaosKSC(t, dir, seed), config: config, binary: build(t, "kes-respond", t.TempDir()),
		random: rand.New(rand.NewPCG(seed, 1)), said: map[string][]heard{}, ended: map[int]*ended{}, died: map[string]int{},
	}
}

// orders draws the requests: tasks of each kind of effect on some tens of
// hosts. Every third repeats one of before, most often a recent one.
func (c *chaos) orders() []chaosOrder {
	const file = `{"md5hash":"","sha256hash":"","path":"C:\\a\\%d.exe"}`
	var first, all []chaosOrder
	for i := range c.form.requests {
		o := chaosOrder{key: fmt.Sprintf("key-%d", i), host: fmt.Sprintf("host-%d", c.random.IntN(40))}
		switch n := len(first); {
		case n > 0 && c.random.IntN(4) == 0:
			o = first[max(0, n-1-c.random.IntN(12))]
		case n > 0 && c.random.IntN(12) == 0:
			o = first[c.random.IntN(n)]
		default:
			switch c.random.IntN(5) {
			case 0, 1:
				o.task, o.params = "isolateHost", fmt.Sprintf(`{"action":%d}`, c.random.IntN(2))
			case 2:
				o.task, o.params = "deleteFile", fmt.Sprintf(file, i)
			case 3:
				o.task, o.params = "getFile", fmt.Sprintf(file, i)
			case 4:
				o.task, o.params = "startProcess", fmt.Sprintf(`{"executablePath":"C:\\a\\%d.exe","arguments":"--token=%s"}`, i, chaosArgument)
			}
			first = append(first, o)
		}
		o.id, o.timeout = fmt.Sprintf("r%d", i), c.form.timeouts[c.random.IntN(len(c.form.timeouts))]
		all = append(all, o)
	}
	c.keys, c.asked = len(first), len(all)
	return all
}

// plan deals the orders to processes. Every third process dies, and now and
// then one recovers what others left.
func (c *chaos) plan() (jobs []job) {
	orders := c.orders()
	steps := 0
	for len(orders) > 0 {
		n := 1
		switch draw := c.random.IntN(30); {
		case draw == 0:
			n = 0
		case draw < 10:
			n = min(len(orders), 5+c.random.IntN(20))
		}
		j := job{orders: orders[:n]}
		orders = orders[n:]
		switch after := time.Duration(c.random.IntN(1500)) * time.Millisecond; c.random.IntN(12) {
		case 0:
			j.death = death{signal: "killed", after: after}
		case 1:
			j.death = death{signal: "terminated", after: after}
		case 2, 3:
			j.death = death{step: everyday[steps%len(everyday)], passes: c.random.IntN(4 * max(1, n))}
			steps++
		default:
			if n == 0 { // it tries for as long as somebody lets it, and KSC may not get better
				j.death = death{signal: "terminated", after: 4*time.Second + after}
			}
		}
		jobs = append(jobs, j)
	}
	return jobs
}

// run carries out the plan. KSC is restarted while processes talk to it.
func (c *chaos) run() {
	jobs, mischief := c.plan(), c.mischief()
	slots := make(chan struct{}, c.form.processes)
	var all sync.WaitGroup
	life := -1
	for i, j := range jobs {
		if now := i * c.form.lives / len(jobs); now > life {
			life = now
			c.ksc.restart(c.t, mischief[life])
		}
		slots <- struct{}{}
		all.Go(func() {
			defer func() { <-slots }()
			c.carryOut(j)
		})
	}
	all.Wait()
}

// dieEverywhere kills at the everyday steps that the plan has missed.
func (c *chaos) dieEverywhere() {
	for i, step := range everyday {
		for try := 0; c.died[step] == 0; try++ {
			require.Less(c.t, try, 20, "nobody dies at %s", step)
			id := fmt.Sprintf("last-%d-%d", i, try)
			c.carryOut(job{
				orders: []chaosOrder{{id, "key-" + id, "isolateHost", "host-1", `{"action":1}`, "8s"}},
				death:  death{step: step},
			})
			c.keys++
			c.asked++
		}
	}
}

// summary is the table that make chaos shows.
func (c *chaos) summary(e *evidence, settled int, took time.Duration) string {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	row := func(name string, value any) { fmt.Fprintf(w, "\n  %s\t%v", name, value) }
	counts := func(m map[string]int) string {
		var all []string
		for _, k := range slices.Sorted(maps.Keys(m)) {
			all = append(all, fmt.Sprintf("%s %d", k, m[k]))
		}
		return strings.Join(all, ", ")
	}
	row("requests", fmt.Sprintf("%d under %d keys", e.asked, c.keys))
	row("processes", fmt.Sprintf("%d, %d at a time", len(c.ended), c.form.processes))
	row("killed", counts(c.died))
	row("restarts of KSC", c.ksc.runs-1)
	row("calls at KSC", e.calls)
	row("mischief", counts(e.mischief))
	row("results heard", counts(e.heard))
	row("in the ledger", counts(e.known))
	row("incidents", len(e.incidents))
	row("settled by recover", settled)
	row("duration", took.Round(time.Second))
	w.Flush()
	return b.String()
}
