//go:build unix

package main

import (
	"os/exec"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kes-respond/kes-respond/plugin/journal"
	"github.com/kes-respond/kes-respond/shared"
	"github.com/kes-respond/kes-respond/shared/rpc"
)

// TestAPluginThatLeavesIsBusy: the real program as a plugin is told to leave
// while a request is on its way to KSC. It begins nothing more, and says so;
// what was being sent is sent to its end.
func TestAPluginThatLeavesIsBusy(t *testing.T) {
	dir := t.TempDir()
	at := startEmulator(t, dir, "", "", "--latency", "1500ms", "--record", "record.jsonl")
	cmd := exec.Command(build(t, "kes-respond", dir))
	cmd.Env = at.environment()
	plugin, err := rpc.Launch(t.Context(), cmd, rpc.LaunchOptions{})
	require.NoError(t, err)
	var requests [2]shared.Request
	for i, line := range []string{
		`{"id":"1","task":"isolateHost","targetHost":"h","params":{"action":1},"hostLookup":"never"}`,
		`{"id":"2","task":"isolateHost","targetHost":"h","params":{"action":1},"hostLookup":"never","dryRun":true}`,
	} {
		var refusal *shared.Error
		requests[i], refusal = shared.ParseRequest([]byte(line))
		require.Nil(t, refusal)
	}
	ask := func(i int) shared.Result { return plugin.Respond(t.Context(), requests[i], func(shared.Event) {}) }
	first := make(chan shared.Result, 1)
	go func() { first <- ask(0) }()
	require.Eventually(t, func() bool { return beingSent(t, at.state) }, 20*time.Second, 10*time.Millisecond)
	require.NoError(t, cmd.Process.Signal(syscall.SIGTERM))

	var second shared.Result
	require.Eventually(t, func() bool { // until the signal has been heard
		second = ask(1)
		return second.Outcome != shared.Planned
	}, 20*time.Second, 10*time.Millisecond)
	require.NotNil(t, second.Error)
	assert.Equal(t, shared.Busy, second.Error.Code, second.Error.Message)
	assert.Equal(t, shared.Refused, second.Outcome)
	assert.Equal(t, shared.ExitLater, second.Exit())
	assert.Contains(t, second.Error.Assistance, "Launch the plugin anew")
	assert.True(t, second.Error.Retryable)

	assert.Equal(t, shared.Submitted, (<-first).Outcome)
	plugin.Close(t.Context()) //nolint:errcheck // it has left by itself
	at.stop()
	assert.Equal(t, 1, at.calls(t, "AddIncident"))
	assert.Equal(t, 1, at.calls(t, "UpdateIncident"))
}

// beingSent says that the ledger holds a request on its way to KSC. One that
// cannot be read yet holds none.
func beingSent(t *testing.T, state string) bool {
	j, err := journal.Open(t.Context(), state+"/ledger", journal.Options{ReadOnly: true})
	if err != nil {
		return false
	}
	defer j.Close()
	for r, err := range j.Records(t.Context(), journal.Filter{}) {
		if err == nil && r.Stage == journal.Sending {
			return true
		}
	}
	return false
}
