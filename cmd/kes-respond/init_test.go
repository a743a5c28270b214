//go:build linux || darwin

package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/term"
)

// newcomer is somebody who has nothing but the address and the account: an
// environment without either, and no configuration.
func newcomer(at address) []string {
	var env []string
	for _, v := range at.environment() {
		if !strings.HasPrefix(v, "ksc") {
			env = append(env, v)
		}
	}
	return append(env, "TERM=xterm")
}

func answers(t *testing.T, one *terminal, at address, user, password string) {
	t.Helper()
	one.waits("Address of the Administration Server: ")
	one.types("not an address\n")
	one.waits("Address of the Administration Server: not an address\r\n  kscHost ")
	one.types(at.host + "\n")
	one.waits("OpenAPI port [13299]: ")
	one.types(at.port + "\n")
	one.waits("Is it the same? [y/N] ")
	assert.NotContains(t, one.shown(), "Password", "the certificate comes first")
	one.types("y\n")
	one.waits(`Account (DOMAIN\user for one of a domain): `)
	one.types(user + "\n")
	one.waits("Does the account live in KSC, and not in Windows or a domain? [y/N] ")
	one.types("\n")
	one.waits("Password (it is not shown): ")
	one.types(password + "\n")
}

// TestInitAsksAndWrites is a person's first five minutes: what was written is
// enough for check, and only the owner can read the password.
func TestInitAsksAndWrites(t *testing.T) {
	program := build(t, "kes-respond", t.TempDir())
	dir := t.TempDir()
	at := startEmulator(t, dir, "", "")
	path := filepath.Join(dir, "conf", "config.yaml")
	one := atTerminal(t, 80, newcomer(at), program, "init", "--config", path)
	answers(t, one, at, "edr-operator", emulatorPassword)
	one.waits("Name of the calling application, as console tasks show it [KUMA]: ")
	one.types("SOAR\n")
	code, shown := one.end()
	require.Equal(t, 0, code, shown)
	assert.NotContains(t, shown, emulatorPassword, "it is not shown as it is typed")
	pin := regexp.MustCompile(`SHA-256  ([0-9a-f]{64})\r\n`).FindStringSubmatch(shown)
	require.NotNil(t, pin, shown)
	assert.Regexp(t, `subject  .*CN=`, shown)
	assert.Contains(t, shown, "passed   login")
	assert.Contains(t, shown, "wrote "+path+"\r\nnext: kes-respond check --config "+path+"\r\n")

	text, err := os.ReadFile(path)
	require.NoError(t, err)
	assert.Contains(t, string(text), pin[1])
	assert.NotContains(t, string(text), emulatorPassword)
	for name, mode := range map[string]os.FileMode{"config.yaml": 0o640, "password": 0o600} {
		info, err := os.Stat(filepath.Join(dir, "conf", name))
		require.NoError(t, err)
		assert.Equal(t, mode, info.Mode().Perm(), name)
	}
	for _, args := range [][]string{{"check"}, {"isolateHost", "--targetHost", "PC-12", "--hostLookup", "never", "--action", "1", "--dryRun", "true"}} {
		cmd := exec.Command(program, append(args, "--config", path)...)
		cmd.Env = newcomer(at)
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, "%s", out)
		if len(args) > 1 {
			assert.Contains(t, string(out), `\"responseEventIncidentArea\":\"SOAR\"`)
		}
	}

	one = atTerminal(t, 80, newcomer(at), program, "init", "--config", path)
	code, shown = one.end()
	assert.Equal(t, 64, code)
	assert.Contains(t, shown, path+" is there already; --force true replaces it")
	one = atTerminal(t, 80, newcomer(at), program, "init", "--config", path, "--force", "true", "--area", "KUMA")
	answers(t, one, at, "edr-operator", emulatorPassword)
	code, shown = one.end()
	require.Equal(t, 0, code, shown)
	text, err = os.ReadFile(path)
	require.NoError(t, err)
	assert.Contains(t, string(text), "responseEventIncidentArea: KUMA")
	info, err := os.Stat(filepath.Join(dir, "conf", "password"))
	require.NoError(t, err)
	assert.Equal(t, os.FileMode(0o600), info.Mode().Perm())
}

// TestInitWritesNothingThatDoesNotWork ends without a file where the certificate is
// another one, the login fails, KSC is away, or the person says no.
func TestInitWritesNothingThatDoesNotWork(t *testing.T) {
	program := build(t, "kes-respond", t.TempDir())
	dir := t.TempDir()
	at := startEmulator(t, dir, "", "")
	folder := filepath.Join(dir, "conf")
	path := filepath.Join(folder, "config.yaml")
	told := func(t *testing.T, code int, env []string, args ...string) string {
		t.Helper()
		cmd := exec.Command(program, append([]string{"init", "--config", path}, args...)...)
		cmd.Env = append(newcomer(at), env...)
		out, _ := cmd.CombinedOutput()
		assert.Equal(t, code, cmd.ProcessState.ExitCode(), "%s", out)
		assert.NotContains(t, string(out), emulatorPassword)
		assert.NoDirExists(t, folder)
		return string(out)
	}
	where := []string{"--kscHost", at.host, "--kscPort", at.port, "--kscUser", "edr-operator"}
	password := []string{"kscPassword=" + emulatorPassword}
	said := told(t, 64, password, where...)
	pin := regexp.MustCompile(`say --pin ([0-9a-f]{64});`).FindStringSubmatch(said)
	require.NotNil(t, pin, said)
	where = append(where, "--pin", pin[1])
	assert.Contains(t, told(t, 69, password, append(where[:6:6], "--pin", strings.Repeat("0", 64))...), "this is not the certificate that --pin names")
	assert.Contains(t, told(t, 64, password, append(where[:6:6], "--pin", "12")...), "is no SHA-256 of a certificate")
	assert.Contains(t, told(t, 64, nil, where...), "no password: set kscPassword in the environment")
	assert.Contains(t, told(t, 64, nil, "--kscHost", at.host, "--kscPort", at.port, "--pin", pin[1]), "--kscUser is required where nobody can be asked")
	assert.Contains(t, told(t, 64, password, append(where, "--password", emulatorPassword)...), "no password is taken from a command line")
	assert.Contains(t, told(t, 77, []string{"kscPassword=wrong"}, where...), "nothing was written")
	assert.Contains(t, told(t, 69, password, append([]string{"--kscHost", at.host, "--kscPort", "1"}, where[4:]...)...), "nothing was written")

	var before *term.State // of a terminal that shows what is typed
	for _, no := range []string{"\n", "\x03"} {
		one := atTerminal(t, 80, newcomer(at), program, "init", "--config", path, "--kscHost", at.host, "--kscPort", at.port)
		one.waits("Is it the same? [y/N] ")
		var err error
		before, err = term.GetState(int(one.keys.Fd()))
		require.NoError(t, err)
		one.types(no)
		code, shown := one.end()
		assert.Equal(t, 6, code, shown)
		assert.NoDirExists(t, folder)
	}
	one := atTerminal(t, 80, newcomer(at), program, "init", "--config", path, "--kscHost", at.host, "--kscPort", at.port, "--pin", pin[1], "--kscUser", "u", "--kscInternalUser", "true")
	one.waits("Password (it is not shown): ")
	hidden := func() bool {
		now, err := term.GetState(int(one.keys.Fd()))
		return err == nil && !assert.ObjectsAreEqual(before, now)
	}
	require.Eventually(t, hidden, 30*time.Second, 10*time.Millisecond, "what is typed is not shown")
	one.types("half\x03")
	code, shown := one.end()
	assert.Equal(t, 6, code, shown)
	assert.False(t, hidden(), "and what the shell reads next is")
	assert.NotContains(t, shown, "half")
	assert.NoDirExists(t, folder)

	// With all of it said it is written without a question.
	cmd := exec.Command(program, append([]string{"init", "--config", path}, where...)...)
	cmd.Env = append(newcomer(at), password...)
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
	assert.FileExists(t, path)
	assert.FileExists(t, filepath.Join(folder, "password"))
}

// TestInitAsksAgain for what cannot be a password, and takes an account as Windows
// writes it apart.
func TestInitAsksAgain(t *testing.T) {
	program := build(t, "kes-respond", t.TempDir())
	dir := t.TempDir()
	at := startEmulator(t, dir, "", "")
	path := filepath.Join(dir, "conf", "config.yaml")
	where := []string{"init", "--config", path, "--kscHost", at.host, "--kscPort", at.port, "--area", "KUMA"}
	one := atTerminal(t, 80, newcomer(at), program, where...)
	one.waits("Is it the same? [y/N] ")
	one.types("y\n")
	one.waits(`Account (DOMAIN\user for one of a domain): `)
	one.types("CORP\\\n")
	one.waits(`needs a name before and after the \`)
	one.types("CORP\\edr-operator\n")
	one.waits("taken as the account edr-operator of the domain CORP\r\n")
	one.waits("Password (it is not shown): ")
	one.types("\n")
	one.waits("the password is empty\r\nPassword (it is not shown): ")
	one.types(emulatorPassword + "\n")
	code, shown := one.end()
	require.Equal(t, 0, code, shown)
	assert.NotContains(t, shown, "live in KSC", "one of a domain does not")
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	assert.Contains(t, string(text), "kscUser: edr-operator\nkscDomain: CORP\n")

	require.NoError(t, os.RemoveAll(filepath.Dir(path)))
	one = atTerminal(t, 80, newcomer(at), program, append(where, "--kscUser", "edr-operator", "--kscInternalUser", "true")...)
	one.waits("Is it the same? [y/N] ")
	one.types("y\n")
	one.waits("Password (it is not shown): ")
	one.types("\n\n\n")
	code, shown = one.end()
	assert.Equal(t, 64, code, shown)
	assert.Contains(t, shown, "not answered: nothing was sent or written")
	assert.NoDirExists(t, filepath.Dir(path))
}

// TestInitSendsNoPasswordToAnother has the server replaced between the question
// and the login: the certificate that was compared is the only one that gets a
// password.
func TestInitSendsNoPasswordToAnother(t *testing.T) {
	program := build(t, "kes-respond", t.TempDir())
	dir := t.TempDir()
	at := startEmulator(t, dir, "", "")
	path := filepath.Join(dir, "conf", "config.yaml")
	one := atTerminal(t, 80, newcomer(at), program, "init", "--config", path, "--kscHost", at.host, "--kscPort", at.port, "--kscUser", "edr-operator", "--kscInternalUser", "true", "--area", "KUMA")
	one.waits("Is it the same? [y/N] ")
	at.stop()
	other := t.TempDir()
	another := exec.Command(build(t, "ksc-emulator", t.TempDir()), "--listen", at.host+":"+at.port,
		"--user", "edr-operator", "--password", emulatorPassword, "--ready-file", "ready", "--record", "record.jsonl")
	another.Dir = other
	require.NoError(t, another.Start())
	ended := make(chan struct{})
	go func() { defer close(ended); another.Wait() }()    //nolint:errcheck // it is killed
	t.Cleanup(func() { another.Process.Kill(); <-ended }) //nolint:errcheck // it may have ended
	require.True(t, grows(filepath.Join(other, "ready"), 1, ended))
	one.types("y\n")
	one.waits("Password (it is not shown): ")
	one.types(emulatorPassword + "\n")
	code, shown := one.end()
	assert.Equal(t, 69, code, shown)
	assert.Contains(t, shown, "nothing was written")
	assert.NoDirExists(t, filepath.Dir(path))
	require.NoError(t, another.Process.Signal(os.Interrupt))
	<-ended
	record, err := os.ReadFile(filepath.Join(other, "record.jsonl"))
	require.NoError(t, err)
	assert.NotContains(t, string(record), "login", "nothing but the certificate was asked for")
	assert.NotContains(t, string(record), "StartSession")
}
