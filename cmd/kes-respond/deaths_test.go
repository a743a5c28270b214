//go:build unix

package main

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kes-respond/kes-respond/plugin/journal"
	"github.com/kes-respond/kes-respond/shared"
)

// everyday are the steps of journal.Options.Step that every request takes; rare
// are those of a ledger that is made anew, grows old or grows large.
var (
	everyday = []string{"append", "appended", "indexed", "sync", "synced"}
	rare     = []string{"sealed", "made", "install", "installed", "pruned", "removed"}
)

// TestKilledAtEachStep kills a process at each step that the ledger names, the
// rare ones as well. The next process with the same key carries the order out,
// or finds it carried out: once.
func TestKilledAtEachStep(t *testing.T) {
	program := build(t, "kes-respond", t.TempDir())
	for _, step := range append(everyday, rare...) {
		t.Run(step, func(t *testing.T) {
			dir := t.TempDir()
			at := startEmulator(t, dir, "", "")
			oldLedger(t, filepath.Join(at.state, "ledger"))
			args := []string{"isolateHost", "--targetHost", "PC-12", "--hostLookup", "never", "--action", "1", "--idempotencyKey", "k", "--output", "json"}

			dies := exec.Command(os.Args[0], args...)
			dies.Args[0] = "kes-respond-dying"
			dies.Env = append(at.environment(), dieAt+"="+step, "GORACE=atexit_sleep_ms=0")
			out, _ := dies.CombinedOutput() // how it ended is looked at below
			status, _ := dies.ProcessState.Sys().(syscall.WaitStatus)
			require.Equal(t, syscall.SIGKILL, status.Signal(), "it lived: %s", out)

			lives := exec.Command(program, args...)
			lives.Env = at.environment()
			out, err := lives.Output()
			require.NoError(t, err, "%s", out)
			lines := bytes.Split(bytes.TrimSpace(out), []byte("\n"))
			var e shared.Event
			require.NoError(t, json.Unmarshal(lines[len(lines)-1], &e))
			require.Equal(t, shared.Submitted, e.Result.Outcome)
			verify := exec.Command(program, "journal", "verify")
			verify.Env = at.environment()
			out, err = verify.CombinedOutput()
			require.NoError(t, err, "%s", out)
			at.stop()
			state, err := os.ReadFile(filepath.Join(dir, "state.json"))
			require.NoError(t, err)
			assert.Equal(t, 1, bytes.Count(state, []byte(`"KLINCDT_BODY"`)), "incidents")
		})
	}
}

// oldLedger makes a ledger of the year 2000, the time of a synctest bubble: the
// next claim begins another segment and drops that one. Its index is lost.
func oldLedger(t *testing.T, dir string) {
	synctest.Test(t, func(t *testing.T) {
		require.NoError(t, os.MkdirAll(filepath.Dir(dir), 0o700))
		j, err := journal.Open(t.Context(), dir, journal.Options{User: "tester", PID: 1})
		require.NoError(t, err)
		_, _, err = j.Claim(t.Context(), journal.Entry{Task: "isolateHost", Decision: "a refusal of long ago"}, nil)
		require.NoError(t, err)
		require.NoError(t, j.Close())
	})
	require.NoError(t, os.Remove(filepath.Join(dir, "index")))
}
