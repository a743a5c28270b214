package config

import (
	"context"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// environ is an environment of pairs of name and value.
func environ(pairs ...string) func(string) string {
	values := map[string]string{}
	for i := 0; i+1 < len(pairs); i += 2 {
		values[pairs[i]] = pairs[i+1]
	}
	return func(name string) string { return values[name] }
}

// credentials is a folder as systemd makes one: owned by root or us, the
// group's right being what an access list shows as.
func credentials(t *testing.T, passwords map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, password := range passwords {
		file(t, filepath.Join(dir, name), password, 0o440)
	}
	return dir
}

func TestWhereThePasswordComesFrom(t *testing.T) {
	dir := t.TempDir()
	inFile, other := file(t, filepath.Join(dir, "a"), "in file\n", 0o600), file(t, filepath.Join(dir, "b"), "of variable", 0o600)
	systemd := credentials(t, map[string]string{"kscPassword": "of systemd\n", "kscPassword.second": "of second"})
	byCommand := []string{"/bin/echo", "of command"}
	for _, one := range []struct {
		name   string
		server Server
		as     string
		env    []string
		want   string
	}{
		{"environment before all", Server{PasswordFile: inFile}, "default", []string{"kscPassword", "of environment", "CREDENTIALS_DIRECTORY", systemd}, "of environment"},
		{"upper case", Server{PasswordFile: inFile}, "default", []string{"KSC_PASSWORD", "of environment"}, "of environment"},
		{"file of the variable", Server{PasswordFile: inFile}, "default", []string{"kscPasswordFile", other, "CREDENTIALS_DIRECTORY", systemd}, "of variable"},
		{"upper case file", Server{PasswordFile: inFile}, "default", []string{"KSC_PASSWORD_FILE", other}, "of variable"},
		{"file of the variable before a command", Server{PasswordCommand: byCommand}, "default", []string{"kscPasswordFile", other}, "of variable"},
		{"file", Server{PasswordFile: inFile}, "default", []string{"CREDENTIALS_DIRECTORY", systemd}, "in file"},
		{"command", Server{PasswordCommand: byCommand}, "default", []string{"CREDENTIALS_DIRECTORY", systemd}, "of command"},
		{"systemd", Server{}, "default", []string{"CREDENTIALS_DIRECTORY", systemd}, "of systemd"},
		{"systemd, another server", Server{}, "second", []string{"CREDENTIALS_DIRECTORY", systemd}, "of second"},
	} {
		if runtime.GOOS == "windows" && one.want == "of command" {
			continue
		}
		c := one.server
		_, err := c.Environment(environ(one.env...))
		require.NoError(t, err, one.name)
		got, err := c.secret(t.Context(), environ(one.env...), one.as)
		require.NoError(t, err, one.name)
		assert.Equal(t, one.want, got, one.name)
	}
	_, err := Server{}.secret(t.Context(), environ("CREDENTIALS_DIRECTORY", systemd), "third")
	assert.ErrorContains(t, err, "no password", "that of the default server is not another's")
	_, err = Server{}.secret(t.Context(), environ(), "default")
	assert.EqualError(t, err, "no password: set kscPassword in the environment, or kscPasswordFile to a file that only its owner can read, or kscPasswordCommand, or hand over the systemd credential kscPassword")
}

func TestPasswordFile(t *testing.T) {
	dir := t.TempDir()
	for content, want := range map[string]string{
		"p": "p", "p\n": "p", "p\r\n": "p", " p \n": " p ", "\ufeffp\r\n": "p", "п\u00e4ss\"\\\n": "п\u00e4ss\"\\", strings.Repeat("p", 4096) + "\n": strings.Repeat("p", 4096),
	} {
		got, err := Server{PasswordFile: file(t, filepath.Join(dir, "p"), content, 0o400)}.secret(t.Context(), environ(), "default")
		require.NoError(t, err, "%q", content)
		assert.Equal(t, want, got)
		require.NoError(t, os.Remove(filepath.Join(dir, "p")))
	}
	for content, want := range map[string]string{
		"": "the password is empty", "\n": "the password is empty", "\ufeff\r\n": "the password is empty", "a\nb\n": "the password must be one line", "a\n\n": "the password must be one line",
		"a\x00": "the password must be one line", "\xff\xfep\x00": "the password is not UTF-8", strings.Repeat("p", 5000): "the password is longer than 4096 bytes",
	} {
		_, err := Server{PasswordFile: file(t, filepath.Join(dir, "p"), content, 0o600)}.secret(t.Context(), environ(), "default")
		assert.EqualError(t, err, "kscPasswordFile: "+want, "%q", content)
	}
	_, err := Server{PasswordFile: filepath.Join(dir, "Hunter2")}.secret(t.Context(), environ(), "default")
	assert.EqualError(t, err, "kscPasswordFile: no such file or directory", "the name may be the password")
}

func TestPasswordFileOfOthersIsRefused(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("access lists are not looked at there")
	}
	path := file(t, filepath.Join(t.TempDir(), "p"), "p", 0o600)
	for mode, ok := range map[os.FileMode]bool{0o600: true, 0o400: true, 0o640: false, 0o604: false, 0o644: false, 0o660: false, 0o610: false} {
		require.NoError(t, os.Chmod(path, mode))
		_, err := Server{PasswordFile: path}.secret(t.Context(), environ(), "default")
		assert.Equal(t, ok, err == nil, "%o: %v", mode, err)
		if err != nil {
			assert.ErrorContains(t, err, "run: chmod 0600 "+path)
		}
	}
	systemd := credentials(t, map[string]string{"kscPassword": "p"})
	for mode, ok := range map[os.FileMode]bool{0o400: true, 0o440: true, 0o444: false, 0o460: false, 0o441: false} {
		require.NoError(t, os.Chmod(filepath.Join(systemd, "kscPassword"), mode))
		_, err := Server{}.secret(t.Context(), environ("CREDENTIALS_DIRECTORY", systemd), "default")
		assert.Equal(t, ok, err == nil, "%o: %v", mode, err)
	}
}

func TestPasswordCommand(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("needs /bin/sh")
	}
	run := func(argv ...string) (string, error) {
		return Server{PasswordCommand: argv}.secret(t.Context(), environ(), "default")
	}
	got, err := run("/bin/sh", "-c", `cat; printf '%s' "$1"`, "sh", "a b;$(id)")
	require.NoError(t, err)
	assert.Equal(t, "a b;$(id)", got, "no shell of ours, and nothing on standard input")
	for want, argv := range map[string][]string{
		"it ended with exit status 3; run it by hand to see why": {"/bin/sh", "-c", "echo Hunter2; echo Hunter2 >&2; exit 3"},
		"the password is empty":                                  {"/bin/sh", "-c", ":"},
		"the password must be one line":                          {"/bin/echo", "a\nb"},
		"it printed more than 4096 bytes":                        {"/bin/sh", "-c", "while :; do echo Hunter2; done"},
		"it cannot be run: no such file or directory":            {"/nowhere/Hunter2"},
		"it cannot be run: permission denied":                    {t.TempDir()},
	} {
		_, err := run(argv...)
		assert.EqualError(t, err, "kscPasswordCommand: "+want)
	}
}

// TestNoCommandForAServerThatCannotBeUsed: a helper may ask a person.
func TestNoCommandForAServerThatCannotBeUsed(t *testing.T) {
	mark := filepath.Join(t.TempDir(), "ran")
	c := Server{Host: "https://ksc", User: "u", PasswordCommand: []string{"/bin/sh", "-c", "echo p; : >" + mark}}
	_, err := c.Client(t.Context(), "default", environ())
	require.Error(t, err)
	assert.NoFileExists(t, mark)
}

// TestAHelperIsAskedAgain for a login, and for many at a time once.
func TestAHelperIsAskedAgain(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("needs /bin/sh")
	}
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		file(t, filepath.Join(dir, "p"), "first", 0o600)
		ask := Server{PasswordCommand: []string{"/bin/sh", "-c", "echo x >>" + dir + "/runs; cat " + dir + "/p"}}.asked(environ(), "default")
		ran := func() int {
			data, err := os.ReadFile(filepath.Join(dir, "runs"))
			require.NoError(t, err)
			return len(data) / 2
		}
		for range 40 {
			got, err := ask(t.Context())
			require.NoError(t, err)
			assert.Equal(t, "first", got)
		}
		assert.Equal(t, 1, ran())
		file(t, filepath.Join(dir, "p"), "second", 0o600)
		time.Sleep(helperRest) // the bubble's
		got, err := ask(t.Context())
		require.NoError(t, err)
		assert.Equal(t, "second", got)

		require.NoError(t, os.Remove(filepath.Join(dir, "p")))
		time.Sleep(helperRest)
		for range 2 {
			_, err = ask(t.Context())
			assert.ErrorContains(t, err, "kscPasswordCommand: it ended with exit status 1")
		}
		assert.Equal(t, 3, ran())
		time.Sleep(helperRest)
		over, cancel := context.WithCancel(t.Context())
		cancel()
		_, err = ask(over)
		require.Error(t, err)
		file(t, filepath.Join(dir, "p"), "third", 0o600)
		got, err = ask(t.Context())
		require.NoError(t, err, "that a caller had enough says nothing of the helper")
		assert.Equal(t, "third", got)
	})
}
