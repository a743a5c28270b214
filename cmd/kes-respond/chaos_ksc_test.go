//go:build unix

package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kes-respond/kes-respond/plugin/ksc/ksctest"
)

// chaosPassword and chaosArgument may stand in no output and in no file of the
// ledger.
const (
	chaosPassword = emulatorPassword
	chaosArgument = "hunter2"
)

// chaosKSC is the emulator over its restarts: the same address, identity,
// state and record.
type chaosKSC struct {
	program, dir, listen string
	seed                 uint64
	runs                 int
	cmd                  *exec.Cmd
	at                   address
	stops                []outage
}

// outage is a time in which KSC was stopping, or not there.
type outage struct{ from, to time.Time }

func newChaosKSC(t *testing.T, dir string, seed uint64) *chaosKSC {
	guarded(t, dir)
	return &chaosKSC{program: build(t, "ksc-emulator", t.TempDir()), dir: dir, listen: "127.0.0.1:0", seed: seed, at: address{
		cert: filepath.Join(dir, "ksc.pem"), state: filepath.Join(dir, "state"), record: filepath.Join(dir, "record.jsonl"),
	}}
}

// restart stops KSC where it runs, and starts it with what it held.
func (k *chaosKSC) restart(t *testing.T, mischief string) {
	t.Helper()
	from := time.Now()
	k.stop(t)
	k.runs++
	ready := filepath.Join(k.dir, fmt.Sprintf("ready-%d", k.runs))
	args := []string{
		"--listen", k.listen, "--user", "edr-operator", "--password", chaosPassword, "--identity", "identity.pem", "--cert-out", "ksc.pem",
		"--ready-file", ready, "--record", "record.jsonl", "--state-out", "state.json", "--mischief-delay", "1500ms", "--seed", fmt.Sprint(max(1, k.seed)),
	}
	if k.runs > 1 {
		args = append(args, "--state-in", "state.json")
	}
	if mischief != "" {
		args = append(args, "--mischief", mischief)
	}
	cmd := exec.Command(k.program, args...)
	cmd.Dir, cmd.Stderr = k.dir, os.Stderr
	require.NoError(t, cmd.Start())
	k.cmd = cmd
	t.Cleanup(func() { cmd.Process.Kill() })
	require.True(t, grows(ready, 1, nil), "KSC does not come up: %v", args)
	if k.runs == 1 { // it keeps its address
		text, err := os.ReadFile(ready)
		require.NoError(t, err)
		k.listen = strings.TrimSpace(string(text))
		k.at.host, k.at.port, _ = strings.Cut(k.listen, ":")
	}
	k.stops = append(k.stops, outage{from, time.Now()})
}

func (k *chaosKSC) stop(t *testing.T) {
	t.Helper()
	if k.cmd == nil {
		return
	}
	require.NoError(t, k.cmd.Process.Signal(syscall.SIGTERM))
	require.NoError(t, k.cmd.Wait())
	k.cmd = nil
}

// wasStopping says that an answer given at that time may not have gone out.
func (k *chaosKSC) wasStopping(at time.Time) bool {
	const notice = time.Second // from the settling of an answer to its last byte
	return slices.ContainsFunc(k.stops, func(s outage) bool { return at.After(s.from.Add(-notice)) && at.Before(s.to) })
}

// mischief deals every knob to the lives of KSC, each at ten per cent and some
// at a time: all at once would let nothing through. The long form has that as
// well, in its last life.
func (c *chaos) mischief() []string {
	var knobs []string
	for _, k := range ksctest.Knobs() {
		knobs = append(knobs, tenPercent(k.Name))
	}
	c.random.Shuffle(len(knobs), func(i, j int) { knobs[i], knobs[j] = knobs[j], knobs[i] })
	lives := make([][]string, c.form.lives)
	for i := range max(len(knobs), 5*len(lives)) {
		one := knobs[i%len(knobs)]
		if life := i % len(lives); !slices.Contains(lives[life], one) {
			lives[life] = append(lives[life], one)
		}
	}
	if c.form.requests >= 1000 {
		lives[len(lives)-1] = knobs
	}
	var all []string
	for _, life := range lives {
		all = append(all, strings.Join(life, ","))
	}
	return all
}

// tenPercent is a knob at ten per cent in every call. Those that can refuse a
// login spare that: the refusal would be remembered for ten minutes, as it
// should be, and end the run.
func tenPercent(knob string) string {
	if !slices.Contains([]string{"logon-failed", "web-token", "end-session", "no-client"}, knob) {
		return knob + "=0.1"
	}
	var all []string
	for _, method := range []string{
		"HostGroup.AddIncident", "HostGroup.UpdateIncident", "HostGroup.FindIncidents", "ChunkAccessor.GetItemsCount", "ChunkAccessor.GetItemsChunk",
	} {
		all = append(all, knob+"@"+method+"=0.1")
	}
	return strings.Join(all, ",")
}
