package main

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kes-respond/kes-respond/cmd/kes-respond/targets"
	"github.com/kes-respond/kes-respond/plugin/journal"
	"github.com/kes-respond/kes-respond/shared"
)

// bulkOf runs a bulk in this process, with a server that nothing may reach.
func bulkOf(ctx context.Context, t *testing.T, in io.Reader, args ...string) (code int, out, errs string) {
	t.Helper()
	env := map[string]string{
		"STATE_DIRECTORY": t.TempDir(), "kscHost": "127.0.0.1", "kscPort": "1", "kscCert": strings.Repeat("0", 64), "kscUser": "u", "kscPassword": "demo-only",
	}
	var said, told strings.Builder
	code = run(ctx, surroundings{
		args: append([]string{"kes-respond"}, args...), in: in, out: &said, err: &told,
		getenv: func(name string) string { return env[name] }, account: whoRuns, pid: os.Getpid(),
	})
	return code, said.String(), told.String()
}

// TestBulkEndedBeforeItsFirstRequest is ended while the ledger is asked what
// earlier runs have sent: nothing has failed, and nothing was sent.
func TestBulkEndedBeforeItsFirstRequest(t *testing.T) {
	list := filepath.Join(t.TempDir(), "hosts.txt")
	require.NoError(t, os.WriteFile(list, []byte("PC-12\nPC-13\n"), 0o600))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	code, out, errs := bulkOf(ctx, t, strings.NewReader(""), "isolateHost", "--targets", list, "--action", "1", "--yes", "true")
	assert.Equal(t, 6, code)
	assert.Empty(t, out)
	assert.Equal(t, "kes-respond: ended from outside before anything was sent\n", errs)
}

// TestBulkEndedWhileItsHostsAreRead has standard input that says nothing more: who
// interrupts is not made to end it as well.
func TestBulkEndedWhileItsHostsAreRead(t *testing.T) {
	in, typing := io.Pipe()
	defer typing.Close()
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		_, _ = io.WriteString(typing, "PC-12\n")
		cancel()
	}()
	code, out, errs := bulkOf(ctx, t, in, "getFile", "--targets", "-", "--path", `C:\a`)
	assert.Equal(t, 6, code)
	assert.Empty(t, out)
	assert.Equal(t, "kes-respond: ended from outside before anything was sent\n", errs)
}

// TestWhatSurelyWasNotSentIsSentAgain by the next run of a batch, and nothing else:
// a refusal under a claim is one of a ledger that could not go on.
func TestWhatSurelyWasNotSentIsSentAgain(t *testing.T) {
	for _, c := range []struct {
		record journal.Record
		again  bool
	}{
		{journal.Record{Stage: journal.Claimed, Outcome: shared.Failed}, true},
		{journal.Record{Stage: journal.Sending, Outcome: shared.Failed}, true},
		{journal.Record{Stage: journal.Claimed, Outcome: shared.Cancelled}, true},
		{journal.Record{Stage: journal.Claimed, Outcome: shared.Refused}, true},
		{journal.Record{Stage: journal.Claimed}, false}, // its own key carries it on
		{journal.Record{Stage: journal.Sending, MayBeSent: true}, false},
		{journal.Record{Stage: journal.Sending, Outcome: shared.Unknown, MayBeSent: true}, false},
		{journal.Record{Stage: journal.Updated, Incident: 7, Outcome: shared.Submitted}, false},
		{journal.Record{Stage: journal.Stored, Incident: 7, Outcome: shared.Pending}, false},
		{journal.Record{Stage: journal.Updated, Incident: 7, Outcome: shared.Failed}, false},
	} {
		assert.Equal(t, c.again, surelyUnsent(c.record), "%+v", c.record)
	}
}

// TestABatchWithoutANameIsNotGoneOnWithForEver since the same command on another
// day may be meant anew: hosts that were released meanwhile must not pass for
// isolated because a list that holds one more was carried out in part.
func TestABatchWithoutANameIsNotGoneOnWithForEver(t *testing.T) {
	sent := func(ago time.Duration) key {
		return key{earlier: &journal.Record{At: time.Now().Add(-ago), Stage: journal.Updated, Incident: 7, Outcome: shared.Submitted}}
	}
	begun := key{earlier: &journal.Record{At: time.Now().Add(-48 * time.Hour), Stage: journal.Claimed}}
	for name, c := range map[string]struct {
		batch string
		keys  []key
		says  string
	}{
		"new":                   {keys: []key{{}, {}}},
		"begun, nothing sent":   {keys: []key{begun, {}}},
		"a moment ago":          {keys: []key{sent(2 * time.Hour), sent(goneOnWith - time.Minute), {}}},
		"named":                 {batch: "b", keys: []key{sent(48 * time.Hour), {}}},
		"yesterday":             {keys: []key{sent(25 * time.Hour), sent(goneOnWith + time.Minute), {}}, says: "2 of the 3 targets were sent between "},
		"all of it":             {keys: []key{sent(time.Minute)}, says: "the same was asked for all 1 targets"},
		"all of it, and a name": {batch: "b", keys: []key{sent(time.Minute)}},
	} {
		t.Run(name, func(t *testing.T) {
			b := &bulk{flags: &taskFlags{bulk: bulkFlags{batch: &once{set: c.batch != "", value: c.batch}}}, batch: "batch-1", keys: c.keys, all: make([]targets.Target, len(c.keys))}
			err := b.fresh()
			if c.says == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, c.says)
			assert.ErrorContains(t, err, "--batch batch-1")
		})
	}
}
