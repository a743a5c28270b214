//go:build unix

package main

import (
	"bytes"
	"context"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kes-respond/kes-respond/plugin/journal"
	"github.com/kes-respond/kes-respond/shared"
)

// recorded holds the ledger of a run, and its listing for people, against what
// was requested.
func (r *hostileRun) recorded() {
	t := r.t
	t.Helper()
	j, err := journal.Open(t.Context(), filepath.Join(r.at.state, "ledger"), journal.Options{ReadOnly: true})
	require.NoError(t, err)
	defer j.Close()
	records := 0
	for record, err := range j.Records(t.Context(), journal.Filter{}) {
		require.NoError(t, err)
		records++
		number, ok := numberOf(record.Target, `{"params":`+string(record.Params)+"}")
		if !assert.True(t, ok, "nobody asked for %+v", record) {
			continue
		}
		a := r.asks[number]
		for _, claimed := range []struct{ field, value, harmless string }{
			{"actor", record.Actor, "an actor"}, {"reason", record.Reason, "a reason"}, {"caseId", record.CaseID, "a case"}, {"targetHost", record.Target, a.name()},
		} {
			if claimed.field == a.field {
				claimed.harmless = a.value.text
			}
			assert.Equal(t, claimed.harmless, claimed.value, "%s of request %d: %q", claimed.field, number, a.value.text)
		}
		if a.field == "id" {
			assert.Equal(t, shared.IDOf(a.value.text), record.ID)
		}
	}
	assert.Positive(t, records)
	cmd := exec.Command(r.program, "journal", "--limit", "0", "--output", "text")
	cmd.Env = r.at.environment()
	out, err := cmd.Output()
	require.NoError(t, err)
	ours(t, out, "TIME  ", "20", "    message: ")
	rows := 0
	for line := range strings.Lines(string(out)) {
		if strings.HasPrefix(line, "20") {
			rows++
		}
	}
	assert.Equal(t, records, rows, "a line for each request")
}

// TestHostileWords puts a value at each place of a command line: nothing that it
// leads to moves the cursor or forges a line, on neither stream.
func TestHostileWords(t *testing.T) {
	d := newDealer(seeded(t))
	place := t.TempDir()
	task := []string{"isolateHost", "--targetHost", "PC-12", "--action", "1", "--hostLookup", "never", "--dryRun", "true", "--output", "text"}
	patterns := [][]string{
		{"@"},
		{"@", "--targetHost", "a"},
		{"help", "@"},
		{"describe", "@"},
		{"sample", "@"},
		{"completion", "@"},
		{"status", "@", "--output", "text"},
		{"serve", "@"},
		{"check", "--output", "@"},
		{"check", "--config", "@"},
		{"serve", "--config", "@"},
		{"check", "--server", "@"},
		{"journal", "@"},
		{"journal", "--outcome", "@"},
		{"journal", "--output", "text", "--config", "@"},
		{"suspend", "--reason", "a", "--config", "@"},
		{"policy", "test", "--config", "@"},
		{"policy", "@"},
		{"--@"},
		{"-@"},
		{"--@=x"},
		{"--help", "@"},
		{"version", "@"},
		append(task[:11:11], "@"), append(task[:11:11], "--@"), append(task[:11:11], "--@", "x"), append(task[:11:11], "-@"), append(task[:11:11], "--wait", "@"), append(task[:11:11], "--timeout", "@"),
		append(task[:11:11], "--config", "@"), append(task[:11:11], "--server", "@"), append(task[:11:11], "--responseEventIncidentArea", "@"), append(task[:11:11], "--idempotencyKey", "@"),
		append(task[:11:11], "--params", "@"), append(task[:11:11], "--targetHost", "@"),
		{"isolateHost", "--targetHost", "@", "--output", "text", "--action", "1", "--hostLookup", "never", "--dryRun", "true"},
		{"isolateHost", "--targetHost", "a", "--output", "text", "--action", "@"},
		{"isolateHost", "--targetHost", "a", "--output", "text", "--action", "1", "--dryRun", "@"},
		{"isolateHost", "--targetHost", "a", "--output", "text", "--params", `{"@":1,"action":1}`, "--dryRun", "true"},
		{"iocScan", "--targetHost", "a", "--ioc", "@", "--isolateHost", "false", "--scanCriticalAreas", "false", "--quarantineObject", "false", "--dryRun", "true"},
		{"startProcess", "--targetHost", "a", "--executablePath", "@", "--output", "text", "--hostLookup", "never", "--dryRun", "true"},
		{"deleteFile", "--targetHost", "a", "--path", `C:\n\@`, "--output", "text", "--hostLookup", "never", "--dryRun", "true"},
	}
	for i := range 4000 {
		value := d.deal().text
		if len(value) > 10_000 || strings.Contains(value, "\x00") {
			continue
		}
		args := []string{"kes-respond"}
		for _, word := range patterns[i%len(patterns)] {
			args = append(args, strings.ReplaceAll(word, "@", value))
		}
		var out, errs bytes.Buffer
		run(context.Background(), surroundings{
			args: args, in: strings.NewReader(""), out: &out, err: &errs, getenv: environ("STATE_DIRECTORY", place), executable: filepath.Join(place, "kes-respond"),
			account: func() account { return account{name: "tester", home: place} }, terminal: true, pid: 1,
		})
		unforged(t, out.Bytes(), args)
		unforged(t, errs.Bytes(), args)
		for line := range strings.Lines(errs.String()) {
			if out.Len() == 0 && !strings.HasPrefix(line, "kes-respond: ") && !strings.HasPrefix(line, "Nothing was sent. ") && !strings.HasPrefix(line, "  ") {
				assert.Fail(t, "no line of ours", "%.300q\n%q", line, args)
			}
		}
		if t.Failed() {
			return
		}
	}
}
