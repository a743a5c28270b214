//go:build unix

package journal

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kes-respond/kes-respond/shared"
)

// job is what a child process does: it claims keys and sends what it claimed
// into the world, a file that stands for KSC.
type job struct {
	Dir    string
	World  string
	Keys   int // claims run over the keys 0 to Keys-1
	Claims int // so many claims, of random keys; 0: each key in turn
	Crowd  int // the keys so many at a time; 0: one
	Seed   uint64
	Step   string // kill yourself at this step,
	Nth    int    // when it comes for the nth time
	Limit  uint64 // of the size of a file that it may write; 0 is none
	Keep   time.Duration
	Large  bool // files of the usual size
	Group  bool
	Follow bool   // no claims: follow each key to its end, against another that has the same console task
	Login  string // no claims: log in, and then "remember", "die", or "remember and die"
	UID    uint32 // run as this user and group, where they are not 0
	GID    uint32
	binary string // of the child; "" is this one
}

func child(text string) int {
	var w job
	if err := json.Unmarshal([]byte(text), &w); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 2
	}
	if err := w.run(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

func (w job) run(ctx context.Context) error {
	var nth atomic.Int64
	o := Options{PID: os.Getpid(), SegmentBytes: 8 << 10, KeepFor: w.Keep, Group: w.Group, Step: func(step string) {
		if step == w.Step && nth.Add(1) == int64(w.Nth) {
			_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
			select {}
		}
	}}
	if w.Large {
		o.SegmentBytes = 0
	}
	j, err := Open(ctx, w.Dir, o)
	if err != nil {
		return err
	}
	if w.Limit > 0 {
		signal.Ignore(syscall.SIGXFSZ)
		if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: w.Limit, Max: w.Limit}); err != nil {
			return err
		}
	}
	if w.Login != "" {
		return errors.Join(w.login(ctx, j), j.Close())
	}
	if err := w.recover(ctx, j); err != nil {
		return err
	}
	if w.Follow {
		return errors.Join(w.follow(ctx, j), j.Close())
	}
	if w.Crowd > 0 {
		return errors.Join(w.crowd(ctx, j), j.Close())
	}
	random := rand.New(rand.NewPCG(w.Seed, 1))
	for i := range max(w.Claims, w.Keys) {
		if w.Claims > 0 {
			i = random.IntN(w.Keys)
		}
		if err := w.request(ctx, j, i); err != nil {
			return err
		}
	}
	return j.Close()
}

func (w job) request(ctx context.Context, j *Journal, i int) error {
	c, p, err := j.Claim(ctx, keyed(deletes(decimal(int64(i))), decimal(int64(i))), nil)
	if err != nil {
		return err
	}
	if c != nil {
		return w.send(ctx, c)
	}
	r, err := p.Wait(ctx)
	if err == nil && r.InDoubt() {
		return w.settle(ctx, j, r)
	}
	return err
}

// send is what the plugin does with a claim.
func (w job) send(ctx context.Context, c *Claim) error {
	if err := c.Sending(ctx, added); err != nil {
		return err
	}
	var incident int64
	if _, err := fmt.Sscan(c.Record().IdempotencyKey, &incident); err != nil {
		return err
	}
	if err := w.tell(c.Record().IdempotencyKey); err != nil {
		return err
	}
	err := errors.Join(c.Stored(ctx, incident, added), c.Flush())
	c.Updated()
	return errors.Join(err, c.Ended(ctx, shared.Submitted, "", "sent"))
}

// tell adds a line to the world.
func (w job) tell(word string) error {
	f, err := os.OpenFile(w.World, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(f, word)
	return errors.Join(err, f.Close())
}

// recover settles what dead processes left in doubt.
func (w job) recover(ctx context.Context, j *Journal) error {
	doubt, err := j.InDoubt(ctx)
	for _, r := range doubt {
		err = errors.Join(err, w.settle(ctx, j, r))
	}
	return err
}

func (w job) settle(ctx context.Context, j *Journal, r Record) error {
	c, err := j.Adopt(ctx, r)
	var e *Error
	if errors.As(err, &e) && e.Kind == Taken {
		return nil
	}
	if err != nil {
		return err
	}
	if !c.Record().MayBeSent && c.Record().Incident == 0 {
		return w.send(ctx, c) // it surely has not left
	}
	world, err := os.ReadFile(w.World)
	if err != nil {
		return err
	}
	for _, sent := range strings.Fields(string(world)) {
		if sent == r.IdempotencyKey {
			var incident int64
			_, err := fmt.Sscan(sent, &incident)
			return errors.Join(err, c.Found(ctx, incident, added), c.Ended(ctx, shared.Submitted, "", "found"))
		}
	}
	return w.send(ctx, c) // this world forgets nothing, so it has not left
}

func (w job) command(t testing.TB) (*exec.Cmd, *bytes.Buffer) {
	t.Helper()
	text, err := json.Marshal(w)
	require.NoError(t, err)
	if w.binary == "" {
		w.binary = os.Args[0]
	}
	cmd := exec.CommandContext(t.Context(), w.binary)
	cmd.Env = append(os.Environ(), childEnv+"="+string(text), "GORACE=atexit_sleep_ms=0")
	if w.UID != 0 {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: w.UID, Gid: w.GID}}
	}
	out := new(bytes.Buffer)
	cmd.Stdout, cmd.Stderr = out, out
	return cmd, out
}

// refused runs a child that must fail, and gives what it says.
func (w job) refused(t testing.TB) string {
	t.Helper()
	cmd, out := w.command(t)
	var exit *exec.ExitError
	require.ErrorAs(t, cmd.Run(), &exit, out.String())
	require.Equal(t, 1, exit.ExitCode(), out.String())
	return out.String()
}

// start runs a child; end waits for it and says whether it was killed.
func (w job) start(t testing.TB) (cmd *exec.Cmd, end func() (killed bool)) {
	t.Helper()
	cmd, out := w.command(t)
	require.NoError(t, cmd.Start())
	return cmd, func() bool {
		t.Helper()
		err := cmd.Wait()
		var exit *exec.ExitError
		if errors.As(err, &exit) && exit.Sys().(syscall.WaitStatus).Signal() == syscall.SIGKILL {
			return true
		}
		require.NoError(t, err, out.String())
		return false
	}
}

func newJob(t testing.TB) job {
	t.Helper()
	w := job{Dir: newDir(t), World: filepath.Join(t.TempDir(), "world"), Keys: 20, Keep: day}
	writeFile(t, nil, w.World)
	return w
}

// settled proves that each key was sent exactly once, and that the ledger knows
// of each.
func (w job) settled(t testing.TB, said string) {
	t.Helper()
	j := open(t, w.Dir)
	sent := map[string]int{}
	for _, key := range strings.Fields(string(readFile(t, w.World))) {
		sent[key]++
	}
	require.Len(t, sent, w.Keys, said)
	for key, n := range sent {
		require.Equal(t, 1, n, "key %s was sent %d times: %s", key, n, said)
		r, found, err := j.ByKey(t.Context(), key)
		require.NoError(t, err, said)
		require.True(t, found, "the ledger does not know key %s: %s", key, said)
		require.Equal(t, []any{shared.Submitted, key}, []any{r.Outcome, decimal(r.Incident)}, said)
	}
	unsettled, err := j.Unsettled(t.Context())
	require.NoError(t, err)
	require.Empty(t, unsettled, said)
	sound(t, j, nil)
	claims := 0
	for _, r := range all(t, j, Filter{}) {
		if r.DuplicateOf == 0 {
			claims++
		}
	}
	require.Equal(t, w.Keys, claims, said)
	require.NoError(t, j.Close())
}
