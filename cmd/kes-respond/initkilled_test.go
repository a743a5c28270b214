//go:build linux || darwin

package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kes-respond/kes-respond/cmd/kes-respond/config"
)

// TestInitKilledAtEachStep goes from one server to another and back, and is killed
// at each step of it. What is there then is the configuration of one of the two with
// the password of that one: check passes. Who is killed goes on from what the one
// before left.
func TestInitKilledAtEachStep(t *testing.T) {
	program := build(t, "kes-respond", t.TempDir())
	const otherPassword = "of the other"
	one, other := t.TempDir(), t.TempDir()
	servers := []address{startEmulator(t, one, "", ""), startEmulatorWith(t, otherPassword, other, "", "")}
	passwords := []string{emulatorPassword, otherPassword}
	folder := filepath.Join(t.TempDir(), "conf")
	path := filepath.Join(folder, "config.yaml")
	// initFor writes the pair of a server, and dies where passes is not negative.
	initFor := func(server, passes int) (killed bool) {
		t.Helper()
		cmd := exec.Command(program, "init", "--config", path, "--force", "true")
		cmd.Env = append(servers[server].environment(), "kscPassword="+passwords[server])
		if passes >= 0 {
			cmd.Path, cmd.Args[0] = os.Args[0], "kes-respond-dying"
			cmd.Env = append(cmd.Env, fmt.Sprintf("%s=init %d", dieAt, passes), "GORACE=atexit_sleep_ms=0")
		}
		out, err := cmd.CombinedOutput()
		status, _ := cmd.ProcessState.Sys().(syscall.WaitStatus)
		require.True(t, err == nil || status.Signal() == syscall.SIGKILL, "%v %s", err, out)
		return err != nil
	}
	// at is whose configuration is there: check logs in with the pair.
	at := func() int {
		t.Helper()
		cmd := exec.Command(program, "check", "--config", path)
		cmd.Env = newcomer(servers[0])
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, "%s", out)
		file, err := config.Read(path)
		require.NoError(t, err)
		for i, a := range servers {
			if string(file.Port) == a.port {
				return i
			}
		}
		require.Fail(t, "the configuration is nobody's")
		return -1
	}
	require.False(t, initFor(0, -1))
	require.Equal(t, 0, at())
	steps, seen := 0, map[bool]int{}
	for ; ; steps++ {
		before := at()
		if !initFor(1-before, steps) {
			break
		}
		seen[at() == before]++
	}
	require.Greater(t, steps, 4, "it is killed at steps")
	require.Positive(t, seen[true], "the old pair is seen")
	require.Positive(t, seen[false], "the new pair is seen")
	for steps--; steps >= 0; steps-- { // the other way round: each goes on from another's remains
		before := at()
		initFor(1-before, steps)
		at()
	}
	for server := range servers {
		require.False(t, initFor(server, -1))
		require.Equal(t, server, at())
		entries, err := os.ReadDir(folder)
		require.NoError(t, err)
		var names []string
		for _, e := range entries {
			names = append(names, e.Name())
		}
		assert.Equal(t, []string{"config.yaml", "password"}, names, "nothing is left of those that were killed")
		for name, mode := range map[string]os.FileMode{"config.yaml": 0o640, "password": 0o600} {
			info, err := os.Stat(filepath.Join(folder, name))
			require.NoError(t, err)
			assert.Equal(t, mode, info.Mode().Perm(), name)
		}
	}
}

// TestInitKilledTheFirstTime: what is there of the files is named by the next init,
// with what to do, and that does it. Nobody is sent anywhere by half a configuration.
func TestInitKilledTheFirstTime(t *testing.T) {
	program := build(t, "kes-respond", t.TempDir())
	at := startEmulator(t, t.TempDir(), "", "")
	for passes := 0; ; passes++ {
		path := filepath.Join(t.TempDir(), "config.yaml")
		told := func(binary string, args ...string) (int, string) {
			t.Helper()
			cmd := exec.Command(binary, append(args, "--config", path)...)
			cmd.Env = newcomer(at)
			if args[0] == "init" {
				cmd.Env = at.environment()
			}
			if binary != program {
				cmd.Args[0] = "kes-respond-dying"
				cmd.Env = append(cmd.Env, fmt.Sprintf("%s=init %d", dieAt, passes), "GORACE=atexit_sleep_ms=0")
			}
			out, _ := cmd.CombinedOutput() // how it ended is looked at by who asked
			return cmd.ProcessState.ExitCode(), string(out)
		}
		killed, said := told(os.Args[0], "init")
		if killed == 0 {
			require.Greater(t, passes, 4, "it is killed at steps")
			break
		}
		require.Equal(t, -1, killed, said)
		whole, said := told(program, "check")
		if whole != 0 {
			assert.Contains(t, said, path, "step %d", passes)
		}
		code, said := told(program, "init")
		if code != 0 {
			assert.Equal(t, 64, code, said)
			assert.Contains(t, said, "is there already; --force true replaces it")
			code, said = told(program, "init", "--force", "true")
		}
		require.Equal(t, 0, code, said)
		code, said = told(program, "check")
		require.Equal(t, 0, code, said)
	}
}
