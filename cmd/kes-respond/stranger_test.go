//go:build unix

package main

import (
	"bufio"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kes-respond/kes-respond/shared"
	"github.com/kes-respond/kes-respond/shared/rpc"
)

// stranger is the program of another user of the machine: it tries all it can
// with each path that it is told, and says what it could do.
func stranger() {
	fmt.Println("uid", os.Getuid())
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		path := lines.Text()
		say := func(what string, err error) {
			if err == nil {
				fmt.Println(what, path)
			}
		}
		read, err := os.Open(path)
		if err == nil {
			_, err = read.Readdirnames(1)
			if err != nil {
				_, err = read.Read(make([]byte, 1))
			}
			read.Close()
		}
		say("read", err)
		write, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
		if err == nil {
			write.Close()
		}
		say("write", err)
		say("change", os.Chmod(path, 0o777))
		say("rename", os.Rename(path, path+".mine"))
		say("link", os.Link(path, filepath.Join(os.TempDir(), "linked")))
		made, err := os.Create(filepath.Join(path, "mine"))
		if err == nil {
			made.Close()
		}
		say("make", err)
		c, err := net.Dial("unix", path)
		if err == nil {
			c.Close()
		}
		say("connect", err)
	}
}

// visit has the stranger try everything below a folder, whose names root knows.
func visit(t *testing.T, dir string) (could, seen []string) {
	t.Helper()
	program := filepath.Join(dir, "..", "kes-respond-stranger")
	if _, err := os.Stat(program); err != nil { // a copy where other users may run it
		self, err := os.ReadFile(os.Args[0])
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(program, self, 0o755))
		require.NoError(t, os.Chmod(program, 0o755))
	}
	require.NoError(t, filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		seen = append(seen, path)
		return err
	}))
	cmd := exec.Command(program)
	cmd.Env, cmd.Dir = []string{"TMPDIR=" + dir, "GORACE=atexit_sleep_ms=0"}, "/"
	cmd.Stdin = strings.NewReader(strings.Join(seen, "\n"))
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	require.Equal(t, "uid 65534", lines[0])
	for _, line := range lines[1:] {
		what, path, _ := strings.Cut(line, " ")
		rel, err := filepath.Rel(dir, path)
		require.NoError(t, err)
		could = append(could, what+" "+rel)
	}
	slices.Sort(could)
	return could, seen
}

// openly is a command whose files nothing but their own modes protects.
func openly(env []string, program string, args ...string) *exec.Cmd {
	cmd := exec.Command("/bin/sh", append([]string{"-c", `umask 0; exec "$0" "$@"`, program}, args...)...)
	cmd.Env = env
	return cmd
}

// strangersPlace is a folder that all may look into. Nobody but root can try as
// another user what files allow.
func strangersPlace(t *testing.T) string {
	t.Helper()
	if os.Getuid() != 0 {
		if os.Getenv("KES_RESPOND_TEST_ALL") != "" {
			t.Fatal("this test needs root")
		}
		t.Skip("this test needs root; CI has it")
	}
	base, err := os.MkdirTemp("/tmp", "k")
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, os.RemoveAll(base)) })
	dir := filepath.Join(base, "d")
	require.NoError(t, os.Mkdir(dir, 0o755))
	require.NoError(t, os.Chmod(base, 0o755))
	return dir
}

// TestAnotherUserSeesNothing: of all that the programs make, with a umask that
// protects nothing and in folders that all may look into, another user can read
// the emulator's address and certificate, which are for others, and no more.
func TestAnotherUserSeesNothing(t *testing.T) {
	dir := strangersPlace(t)
	for _, name := range []string{"emulator", "state", "tmp"} {
		require.NoError(t, os.Mkdir(filepath.Join(dir, name), 0o755))
	}
	program := build(t, "kes-respond", t.TempDir())
	config := filepath.Join(t.TempDir(), "config.yaml")
	require.NoError(t, os.WriteFile(config, []byte("ledger: {anchorFile: "+filepath.Join(dir, "anchor")+"}\n"), 0o600))

	ksc := openly(nil, build(t, "ksc-emulator", t.TempDir()), "--listen", "127.0.0.1:0", "--user", "edr-operator", "--password", emulatorPassword,
		"--ready-file", "ready", "--cert-out", "ksc.pem", "--identity", "identity.pem", "--record", "record.jsonl", "--state-out", "state.json")
	ksc.Dir = filepath.Join(dir, "emulator")
	require.NoError(t, ksc.Start())
	defer ksc.Process.Kill()
	require.True(t, grows(filepath.Join(ksc.Dir, "ready"), 1, nil))
	ready, err := os.ReadFile(filepath.Join(ksc.Dir, "ready"))
	require.NoError(t, err)
	host, port, _ := strings.Cut(strings.TrimSpace(string(ready)), ":")
	at := address{host: host, port: port, cert: filepath.Join(ksc.Dir, "ksc.pem"), state: filepath.Join(dir, "state")}
	require.NoError(t, os.Chmod(at.cert, 0o644))
	env := append(at.environment(), "KES_RESPOND_CONFIG="+config, "TMPDIR="+filepath.Join(dir, "tmp"))
	run := func(more []string, args ...string) string {
		out, _ := openly(append(env, more...), program, args...).CombinedOutput()
		return string(out)
	}
	require.Contains(t, run(nil, "isolateHost", "--targetHost", "a", "--action", "1"), `"outcome":"submitted"`)
	require.Contains(t, run([]string{"kscUser=somebody"}, "isolateHost", "--targetHost", "b", "--action", "1"), `"code":"login"`)
	require.Contains(t, run(nil, "suspend", "--reason", "a test"), "suspended")
	client, err := rpc.Launch(t.Context(), openly(env, program), rpc.LaunchOptions{})
	require.NoError(t, err)
	r, refusal := shared.ParseRequest([]byte(`{"task":"isolateHost","targetHost":"a","params":{"action":0}}`))
	require.Nil(t, refusal)
	require.Equal(t, shared.Submitted, client.Respond(t.Context(), r, func(shared.Event) {}).Outcome)
	could, seen := visit(t, dir)
	require.NoError(t, client.Close(t.Context()))
	require.NoError(t, ksc.Process.Signal(syscall.SIGTERM))
	require.NoError(t, ksc.Wait())
	later, left := visit(t, dir)

	listed := func(paths []string) string { return strings.Join(paths, "\n") }
	for _, name := range []string{"/ledger/key", "/ledger/index", "/ledger/lock", "/ledger/suspended", "/ledger/live/", "/ledger/login/", "/ledger/ledger-", "/anchor", "/tmp/kes-respond-", "/plugin", "/record.jsonl", "/identity.pem"} {
		assert.Contains(t, listed(seen), name, "the test shows nothing of it")
	}
	assert.Contains(t, listed(left), "/state.json")
	for _, all := range [][]string{could, later} {
		assert.Subset(t, []string{"read .", "read state", "read tmp", "read emulator", "read emulator/ready", "read emulator/ksc.pem"}, all)
		assert.Contains(t, all, "read emulator/ready", "the stranger can do nothing at all")
	}
}

// TestTheStrangerCan do all that modes allow: else it would find nothing wrong
// anywhere.
func TestTheStrangerCan(t *testing.T) {
	dir := strangersPlace(t)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "a"), []byte("a"), 0o600))
	require.NoError(t, os.Chmod(filepath.Join(dir, "a"), 0o606))
	socket, err := net.Listen("unix", filepath.Join(dir, "s"))
	require.NoError(t, err)
	defer socket.Close()
	require.NoError(t, os.Chmod(filepath.Join(dir, "s"), 0o777))
	require.NoError(t, os.Mkdir(filepath.Join(dir, "open"), 0o700))
	require.NoError(t, os.Chmod(filepath.Join(dir, "open"), 0o777))
	could, _ := visit(t, dir)
	assert.Equal(t, []string{"connect s", "make open", "read .", "read a", "write a"}, slices.DeleteFunc(could, func(s string) bool { return s == "read open" }))
}
