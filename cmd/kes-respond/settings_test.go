package main

import (
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kes-respond/kes-respond/cmd/kes-respond/config"
	"github.com/kes-respond/kes-respond/cmd/kes-respond/exit"
	"github.com/kes-respond/kes-respond/cmd/kes-respond/policyfile"
	"github.com/kes-respond/kes-respond/plugin/guard"
	"github.com/kes-respond/kes-respond/plugin/ksc"
	"github.com/kes-respond/kes-respond/shared"
)

// environ is an environment of pairs of name and value.
func environ(pairs ...string) func(string) string {
	values := map[string]string{}
	for i := 0; i+1 < len(pairs); i += 2 {
		values[pairs[i]] = pairs[i+1]
	}
	return func(name string) string { return values[name] }
}

// file writes a file with the given mode, whatever the umask.
func file(t *testing.T, path, content string, mode os.FileMode) string {
	t.Helper()
	require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
	require.NoError(t, os.Chmod(path, mode))
	return path
}

func configured(t *testing.T, content string) string {
	t.Helper()
	return file(t, filepath.Join(t.TempDir(), "config.yaml"), content, 0o644)
}

// put together from a configuration's text, an environment and --server.
func together(t *testing.T, yaml, server string, pairs ...string) (settings, string, error) {
	t.Helper()
	f := settingsFlags{config: &once{value: configured(t, yaml), set: true}, server: &once{value: server, set: server != ""}, all: true}
	var said strings.Builder
	set, err := f.settings(surroundings{getenv: environ(pairs...), err: &said})
	if err != nil {
		var end *exit.Error
		require.ErrorAs(t, err, &end)
		require.Equal(t, shared.ExitUsage, end.Code)
	}
	return set, said.String(), err
}

func TestEnvironmentComesBeforeTheFile(t *testing.T) {
	const yaml = "kscHost: file.example\nkscPort: 1\nkscUser: file\nkscDomain: FILE\nkscVServer: file\nkscInternalUser: true\nkscCert: false\nkscPasswordFile: none\n"
	for name, env := range map[string][]string{
		"help page": {
			"kscHost", "env.example", "kscPort", "2", "kscUser", "env", "kscDomain", "ENV", "kscVServer", "env", "kscInternalUser", "False", "kscPassword", "p",
			"kscCert", strings.Repeat("ab", 32),
		},
		"upper case": {
			"KSC_HOST", "env.example", "KSC_PORT", "2", "KSC_USER", "env", "KSC_DOMAIN", "ENV", "KSC_VSERVER", "env", "KSC_INTERNAL_USER", "false", "KSC_PASSWORD", "p",
			"KSC_CERT", "sha256:" + strings.Repeat("AB", 32),
		},
		"the help page's wins": {
			"kscHost", "env.example", "kscPort", "2", "kscUser", "env", "kscDomain", "ENV", "kscVServer", "env", "kscInternalUser", "False", "kscPassword", "p",
			"kscCert", strings.Repeat("ab", 32), "KSC_HOST", "x", "KSC_PORT", "9", "KSC_USER", "x", "KSC_DOMAIN", "x", "KSC_VSERVER", "x", "KSC_INTERNAL_USER", "true",
			"KSC_PASSWORD", "x", "KSC_CERT", "False",
		},
	} {
		set, said, err := together(t, yaml, "", env...)
		require.NoError(t, err, name)
		assert.Empty(t, said, name)
		got := set.plugin.Servers["default"]
		var pin [32]byte
		for i := range pin {
			pin[i] = 0xab
		}
		assert.Equal(t, ksc.Config{
			Addr: "env.example:2", User: "env", Password: "p", Domain: "ENV", VServer: "env", Trust: ksc.Trust{Pins: [][32]byte{pin}}, UserAgent: "kes-respond/" + version,
		}, bare(t, got), name)
	}
}

// bare is a configuration without its functions, which cannot be compared: with
// the password that one of them gives.
func bare(t *testing.T, c ksc.Config) ksc.Config {
	t.Helper()
	require.Empty(t, c.Password)
	var err error
	c.Password, err = c.AskPassword(t.Context())
	require.NoError(t, err)
	c.Proxy, c.AskPassword = nil, nil
	return c
}

func TestEachVariableAlone(t *testing.T) {
	const yaml = "kscHost: file.example\nkscUser: file\nkscPort: 1\n"
	base := ksc.Config{Addr: "file.example:1", User: "file", Password: "p", UserAgent: "kes-respond/" + version}
	for variable, change := range map[string]func(*ksc.Config) string{
		"kscHost":         func(c *ksc.Config) string { c.Addr = "v.example:1"; return "v.example" },
		"kscPort":         func(c *ksc.Config) string { c.Addr = "file.example:65535"; return "65535" },
		"kscUser":         func(c *ksc.Config) string { c.User = "v"; return "v" },
		"kscDomain":       func(c *ksc.Config) string { c.Domain = "v"; return "v" },
		"kscVServer":      func(c *ksc.Config) string { c.VServer = "v"; return "v" },
		"kscInternalUser": func(c *ksc.Config) string { c.InternalUser = true; return "True" },
		"kscCert":         func(c *ksc.Config) string { c.Trust.Insecure = true; return "False" },
	} {
		want := base
		value := change(&want)
		set, _, err := together(t, yaml, "", "kscPassword", "p", variable, value)
		require.NoError(t, err, variable)
		assert.Equal(t, want, bare(t, set.plugin.Servers["default"]), variable)
	}
}

func TestEnvironmentAlone(t *testing.T) {
	set, _, err := together(t, "", "", "kscHost", "::1", "kscUser", "u", "kscPassword", "p")
	require.NoError(t, err)
	assert.Equal(t, "default", set.plugin.Default)
	assert.Equal(t, "[::1]:13299", set.plugin.Servers["default"].Addr)
	assert.Nil(t, set.plugin.Servers["default"].Trust.Roots, "the system's roots")

	set, _, err = together(t, "", "")
	require.NoError(t, err)
	assert.Empty(t, set.plugin.Servers)
	assert.Empty(t, set.plugin.Default)
}

func TestEnvironmentRefusals(t *testing.T) {
	for want, pairs := range map[string][]string{
		"environment: kscPort must be a number from 1 to 65535":                                                  {"kscPort", "0"},
		"environment: kscPort must be a number from 1 to 65535 ":                                                 {"KSC_PORT", "65536"},
		"environment: kscPort must be a number from 1 to 65535  ":                                                {"kscPort", "013299"},
		"environment: kscInternalUser must be true or false":                                                     {"kscInternalUser", "maybe"},
		"server default: kscHost must be a name or an address alone, without scheme and port (that is kscPort)":  {"kscHost", "ksc:13299"},
		"server default: kscHost must be a name or an address alone, without scheme and port (that is kscPort) ": {"kscHost", "https://ksc"},
		"server default: kscHost is no address, and a name has no colon":                                         {"kscHost", "a:b:c"},
		"server default: kscCert: true names no certificate; leave it out to trust the system's roots":           {"kscCert", "True"},
		"server default: kscPassword: the password must be one line":                                             {"kscPassword", "p\n"},
		"server default: kscPassword: the password is not UTF-8":                                                 {"kscPassword", "p\xff"},
		"server default: kscPassword: the password is longer than 4096 bytes":                                    {"kscPassword", strings.Repeat("p", 4097)},
	} {
		base := []string{"kscUser", "u"}
		if pairs[0] != "kscHost" {
			base = append(base, "kscHost", "ksc.example")
		}
		if pairs[0] != "kscPassword" {
			base = append(base, "kscPassword", "p")
		}
		_, _, err := together(t, "", "", append(base, pairs...)...)
		assert.EqualError(t, err, strings.TrimRight(want, " "), "%v", pairs)
	}
	_, _, err := together(t, "", "", "kscHost", "ksc.example", "kscPassword", "p")
	assert.EqualError(t, err, "server default: kscHost and kscUser are needed")
}

func TestServersAndTheirDefault(t *testing.T) {
	const two = "servers:\n  a: {kscHost: a.example, kscUser: u, kscPasswordCommand: [/bin/echo, pa]}\n  b: {kscHost: b.example, kscUser: u, kscPasswordCommand: [/bin/echo, pb]}\n"
	const top = "kscHost: top.example\nkscUser: u\nkscPasswordCommand: [/bin/echo, pt]\n"
	if runtime.GOOS == "windows" {
		t.Skip("needs /bin/echo")
	}
	env := []string{"kscHost", "env.example", "kscUser", "e", "kscPassword", "pe"}
	for _, one := range []struct {
		name, yaml, server string
		env                []string
		want               string            // the default
		passwords          map[string]string // by address: none is another server's
		err                string
	}{
		{"one server", "servers: {a: {kscHost: a.example, kscUser: u, kscPasswordCommand: [/bin/echo, pa]}}", "", nil, "", map[string]string{"a.example:13299": "pa"}, ""},
		{"several without a default", two, "", nil, "", map[string]string{"a.example:13299": "pa", "b.example:13299": "pb"}, ""},
		{"several with a default", two + "defaultServer: b\n", "", nil, "b", map[string]string{"a.example:13299": "pa", "b.example:13299": "pb"}, ""},
		{"the top level is the default", top + two, "", nil, "default", map[string]string{"a.example:13299": "pa", "b.example:13299": "pb", "top.example:13299": "pt"}, ""},
		{"unless another is", top + two + "defaultServer: a\n", "", nil, "a", map[string]string{"a.example:13299": "pa", "b.example:13299": "pb", "top.example:13299": "pt"}, ""},
		{"the environment's is before the file's default", two + "defaultServer: a\n", "", env, "default", map[string]string{"a.example:13299": "pa", "b.example:13299": "pb", "env.example:13299": "pe"}, ""},
		{"a flag is before all", two + "defaultServer: a\n", "b", env, "b", map[string]string{"a.example:13299": "pa", "b.example:13299": "pb", "env.example:13299": "pe"}, ""},
		{"default by name", top + two + "defaultServer: default\n", "", nil, "default", map[string]string{"a.example:13299": "pa", "b.example:13299": "pb", "top.example:13299": "pt"}, ""},
		{"a flag that names none", two, "c", nil, "", nil, `--server: "c" names no configured server; configured: a, b`},
		{"a flag and no server", "", "c", nil, "", nil, `--server: "c" names no configured server; configured: none`},
		{"a default that is none", two + "defaultServer: c\n", "", nil, "", nil, `/defaultServer names no configured server; configured: a, b`},
		{"a default that is none, alone", "defaultServer: c\n", "", nil, "", nil, `/defaultServer names no configured server; configured: none`},
		{"two of one name", top + "servers: {default: {kscHost: a, kscUser: u}}\n", "", nil, "", nil, "servers has one named default, which is the name of the server at the top level and of the environment: call it something else"},
		{"two of one name, one in the environment", "servers: {default: {kscHost: a, kscUser: u}}\n", "", env, "", nil, "servers has one named default, which is the name of the server at the top level and of the environment: call it something else"},
		{"half a server", "kscUser: u\n" + two, "", nil, "", nil, "has settings of a server without a name, and no kscHost; nor has the environment"},
	} {
		set, _, err := together(t, one.yaml, one.server, one.env...)
		if one.err != "" {
			require.Error(t, err, one.name)
			assert.True(t, strings.HasSuffix(err.Error(), one.err), "%s: %v", one.name, err)
			continue
		}
		require.NoError(t, err, one.name)
		assert.Equal(t, one.want, set.plugin.Default, one.name)
		got := map[string]string{}
		for _, c := range set.plugin.Servers {
			got[c.Addr], err = c.AskPassword(t.Context())
			require.NoError(t, err, one.name)
		}
		assert.Equal(t, one.passwords, got, one.name)
	}
}

// TestOnlyTheServerThatIsMeantIsMadeReady: the helper of another one is not
// run, and its mistakes stop nobody.
func TestOnlyTheServerThatIsMeantIsMadeReady(t *testing.T) {
	path := configured(t, "servers: {a: {kscHost: a.example, kscUser: u, kscPasswordCommand: [/bin/false]}, b: {kscHost: b.example, kscUser: u, kscPasswordCommand: [/bin/echo, pb]}}\n")
	config, server := &once{value: path, set: true}, &once{value: "b", set: true}
	s := surroundings{getenv: environ(), err: io.Discard}
	set, err := settingsFlags{config: config, server: server}.settings(s)
	require.NoError(t, err)
	assert.Len(t, set.plugin.Servers, 1)
	_, err = settingsFlags{config: config, server: server, all: true}.settings(s)
	assert.ErrorContains(t, err, "server a: kscPasswordCommand")
}

// TestThePolicyExample is one that the program takes.
func TestThePolicyExample(t *testing.T) {
	files, err := policyfile.Read("", file(t, filepath.Join(t.TempDir(), "policy.yaml"), policyExample, 0o644))
	require.NoError(t, err)
	p, warning := files.Now()
	assert.Empty(t, warning)
	assert.False(t, p.Decide(guard.Question{Task: "startProcess", Effects: []shared.Effect{shared.Executes}}).Allowed)
	assert.True(t, p.LooksAtHosts())
}

// TestEveryBrokenServerIsNamed in the order of the names.
func TestEveryBrokenServerIsNamed(t *testing.T) {
	_, _, err := together(t, "servers:\n  b: {kscHost: b, kscUser: u}\n  a: {kscHost: a, kscUser: u, kscPasswordFile: /nowhere/at/all}\n", "")
	assert.EqualError(t, err, "server a: kscPasswordFile: no such file or directory\n"+
		"server b: no password: set kscPasswordFile to a file that only its owner can read, or kscPasswordCommand, or hand over the systemd credential kscPassword.b")
}

func TestWhereTheConfigurationIs(t *testing.T) {
	dir := t.TempDir()
	place := func(name, area string) string {
		return file(t, filepath.Join(dir, name), "responseEventIncidentArea: "+area+"\n", 0o644)
	}
	flag, env := place("flag.yaml", "flag"), place("env.yaml", "env")
	place("config.yaml", "beside")
	require.NoError(t, os.WriteFile(filepath.Join(dir, "kes-respond"), nil, 0o755))
	elsewhere := filepath.Join(t.TempDir(), "isolateHost.py")
	require.NoError(t, os.Symlink(filepath.Join(dir, "kes-respond"), elsewhere))
	area := func(f settingsFlags, executable string, pairs ...string) string {
		set, err := f.settings(surroundings{getenv: environ(pairs...), executable: executable, err: io.Discard})
		require.NoError(t, err)
		return set.plugin.Area
	}
	named := settingsFlags{config: &once{value: flag, set: true}}
	assert.Equal(t, "flag", area(named, elsewhere, "KES_RESPOND_CONFIG", env))
	assert.Equal(t, "env", area(settingsFlags{}, elsewhere, "KES_RESPOND_CONFIG", env))
	assert.Equal(t, "beside", area(settingsFlags{}, elsewhere), "beside what the link leads to")

	// A file that was named must exist, and one that is there must be right.
	for _, f := range []settingsFlags{{config: &once{value: filepath.Join(dir, "none.yaml"), set: true}}, {}} {
		_, err := f.settings(surroundings{getenv: environ("KES_RESPOND_CONFIG", filepath.Join(dir, "none.yaml")), executable: elsewhere, err: io.Discard})
		assert.ErrorIs(t, err, os.ErrNotExist)
	}
	place("config.yaml", "[]")
	_, err := settingsFlags{}.settings(surroundings{getenv: environ(), executable: elsewhere, err: io.Discard})
	assert.ErrorContains(t, err, "breaks the rules")
}

func TestConfigOfOthersIsRefused(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("access lists are not looked at there")
	}
	path := configured(t, "kscHost: a\n")
	for mode, ok := range map[os.FileMode]bool{0o600: true, 0o644: true, 0o444: true, 0o664: false, 0o646: false, 0o666: false, 0o620: false, 0o602: false} {
		require.NoError(t, os.Chmod(path, mode))
		_, err := config.Read(path)
		assert.Equal(t, ok, err == nil, "%o: %v", mode, err)
	}
	require.NoError(t, os.Chmod(path, 0o644))
	_, err := config.Read(filepath.Dir(path))
	assert.ErrorContains(t, err, "is no regular file")
	if os.Getuid() != 0 {
		t.Skip("only root can give a file away")
	}
	require.NoError(t, os.Chown(path, 65534, 0))
	_, err = config.Read(path)
	assert.EqualError(t, err, path+" belongs to another user; it must belong to root or to you")
}
