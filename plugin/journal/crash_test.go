//go:build unix

package journal

import (
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestKilledAtEachStep kills a process at every step it takes, again and again
// until all is done, and nothing is ever sent twice or forgotten.
func TestKilledAtEachStep(t *testing.T) {
	for _, step := range []string{"append", "appended", "indexed", "sync", "synced", "sealed", "made", "install", "installed"} {
		t.Run(step, func(t *testing.T) {
			t.Parallel()
			w := newJob(t)
			w.Step = step
			kills := 0
			for n := 1; ; n++ {
				w.Nth = 1 + n*7%67
				if step == "sealed" || step == "made" {
					w.Nth = 1 + n%2
				}
				_, end := w.start(t)
				if end() {
					kills++
				} else {
					break
				}
				require.Less(t, n, 200, "it never comes to an end")
				if n%3 == 0 && step != "install" && step != "installed" {
					_ = os.Remove(filepath.Join(w.Dir, indexFile))
				}
			}
			if step != "install" && step != "installed" {
				require.Positive(t, kills, "the step was never reached")
			}
			w.settled(t, step)
		})
	}
}

// TestKilledWhileMakingTheLedger: each of the first steps, one process each.
func TestKilledWhileMakingTheLedger(t *testing.T) {
	for _, step := range []string{"append", "appended", "indexed", "sync", "synced", "install", "installed"} {
		w := newJob(t)
		w.Step, w.Nth = step, 1
		_, end := w.start(t)
		require.True(t, end(), "the step %s was never reached", step)
		w.Step = ""
		_, end = w.start(t)
		require.False(t, end())
		w.settled(t, step)
	}
}

// TestKilledWhilePruning: the chain tells what was dropped, at each step.
func TestKilledWhilePruning(t *testing.T) {
	for _, step := range []string{"pruned", "removed"} {
		w := newJob(t)
		w.Keep = time.Nanosecond
		w.Step, w.Keys = step, 60
		for n := 1; ; n++ {
			w.Nth = n
			_, end := w.start(t)
			if !end() {
				require.Greater(t, n, 1, "the step %s was never reached", step)
				break
			}
			sound(t, open(t, w.Dir), nil)
			_ = os.Remove(filepath.Join(w.Dir, indexFile))
			sound(t, open(t, w.Dir), nil)
			if n == 8 {
				break
			}
		}
	}
}

// TestManyProcessesAtOnce: 10 processes, 200 claims each, 20 keys.
func TestManyProcessesAtOnce(t *testing.T) {
	w := newJob(t)
	w.Claims = 200
	if testing.Short() {
		w.Claims = 40
	}
	var ends []func() bool
	for i := range 10 {
		w.Seed = uint64(i)
		_, end := w.start(t)
		ends = append(ends, end)
	}
	for _, end := range ends {
		require.False(t, end())
	}
	w.settled(t, "")
}

// TestKilledAtRandom kills processes from outside while others work.
func TestKilledAtRandom(t *testing.T) {
	seed := uint64(rand.Int64())
	random := rand.New(rand.NewPCG(seed, 2))
	w := newJob(t)
	w.Keys, w.Claims = 200, 100
	var all sync.WaitGroup
	kills := 0
	for round := range 15 {
		type running struct {
			cmd *exec.Cmd
			end func() bool
		}
		var rs []running
		for i := range 4 {
			w.Seed = uint64(round*10 + i)
			cmd, end := w.start(t)
			rs = append(rs, running{cmd, end})
		}
		for _, r := range rs {
			delay := time.Duration(random.IntN(30)) * time.Millisecond
			all.Go(func() {
				<-time.After(delay)
				_ = r.cmd.Process.Kill()
			})
		}
		all.Wait()
		for _, r := range rs {
			if r.end() {
				kills++
			}
		}
	}
	require.Positive(t, kills)
	w.Claims = 0
	_, end := w.start(t)
	require.False(t, end())
	w.settled(t, fmt.Sprintf("seed %d, %d killed", seed, kills))
}

// TestKilledWhileTheIndexGrows: before and after the new one takes its place.
func TestKilledWhileTheIndexGrows(t *testing.T) {
	for _, step := range []string{"install", "installed"} {
		t.Run(step, func(t *testing.T) {
			t.Parallel()
			w := newJob(t)
			w.Large = true
			_, end := w.start(t)
			require.False(t, end())
			w.Keys, w.Step, w.Nth = 1500, step, 1
			_, end = w.start(t)
			require.True(t, end(), "it never grew")
			w.Step = ""
			_, end = w.start(t)
			require.False(t, end())
			w.settled(t, step)
		})
	}
}
