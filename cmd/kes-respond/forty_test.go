//go:build unix

package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kes-respond/kes-respond/shared"
)

// forty runs forty processes at once, and gives what each said.
func forty(t *testing.T, at address, args func(i int) []string, env ...string) [40]shared.Result {
	t.Helper()
	program := build(t, "kes-respond", t.TempDir())
	var results [40]shared.Result
	var all sync.WaitGroup
	for i := range results {
		cmd := exec.Command(program, append([]string{"isolateHost", "--targetHost", "PC-12", "--hostLookup", "never", "--action", "1", "--output", "json"}, args(i)...)...)
		cmd.Env = append(at.environment(), env...)
		all.Go(func() {
			out, _ := cmd.Output() // what it says tells how it ended
			for line := range bytes.Lines(out) {
				var e shared.Event
				if assert.NoError(t, json.Unmarshal(line, &e)) && e.Result != nil {
					results[i] = *e.Result
				}
			}
			assert.Equal(t, results[i].Exit(), cmd.ProcessState.ExitCode())
		})
	}
	all.Wait()
	return results
}

// TestFortyProcesses: a rule that fires forty times at once is one order, and
// the other thirty-nine answers name it.
func TestFortyProcesses(t *testing.T) {
	for name, args := range map[string]func(int) []string{
		"with a key":    func(int) []string { return []string{"--idempotencyKey", "alert-1"} },
		"without a key": func(int) []string { return nil },
	} {
		t.Run(name, func(t *testing.T) {
			at := startEmulator(t, t.TempDir(), "", "")
			sent, first := 0, ""
			results := forty(t, at, args)
			for _, r := range results {
				require.Equal(t, shared.Submitted, r.Outcome, "%s %+v", r.Message, r.Error)
				if r.DuplicateOf == "" {
					sent, first = sent+1, r.Incident.ID
				}
			}
			require.Equal(t, 1, sent)
			for _, r := range results {
				assert.Equal(t, first, r.Incident.ID)
			}
			at.stop()
			state, err := os.ReadFile(strings.TrimSuffix(at.record, "record.jsonl") + "state.json")
			require.NoError(t, err)
			assert.Equal(t, 1, bytes.Count(state, []byte(`"KLINCDT_BODY"`)))
		})
	}
}

// TestFortyWrongPasswords: forty processes with a wrong password ask KSC once,
// so they cannot block the account.
func TestFortyWrongPasswords(t *testing.T) {
	dir := t.TempDir()
	at := startEmulator(t, dir, "", "", "--record", "record.jsonl")
	for _, r := range forty(t, at, func(i int) []string { return []string{"--idempotencyKey", fmt.Sprint(i)} }, "kscPassword=wrong") {
		require.Equal(t, shared.Failed, r.Outcome, "%s", r.Message)
		require.Equal(t, shared.Login, r.Error.Code)
	}
	at.stop()
	record, err := os.ReadFile(at.record)
	require.NoError(t, err)
	assert.Equal(t, 1, bytes.Count(record, []byte("Session.StartSession")))
}
