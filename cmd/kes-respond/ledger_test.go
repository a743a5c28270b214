package main

import (
	"io"
	"os"
	"os/user"
	"path/filepath"
	"runtime"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kes-respond/kes-respond/cmd/kes-respond/anchor"
	"github.com/kes-respond/kes-respond/cmd/kes-respond/config"
	"github.com/kes-respond/kes-respond/plugin/journal"
)

func TestStandardPlace(t *testing.T) {
	someone, nobody, root := account{home: "/home/u"}, account{}, account{root: true, home: "/root"}
	for _, one := range []struct {
		system string
		who    account
		env    []string
		want   string // "": there is none
	}{
		{"linux", someone, nil, "/home/u/.local/state/kes-respond/ledger"},
		{"linux", someone, []string{"HOME", "/else"}, "/else/.local/state/kes-respond/ledger"},
		{"linux", someone, []string{"HOME", "/else", "XDG_STATE_HOME", "/x"}, "/x/kes-respond/ledger"},
		{"linux", someone, []string{"XDG_STATE_HOME", "x"}, "/home/u/.local/state/kes-respond/ledger"},
		{"linux", someone, []string{"STATE_DIRECTORY", "/var/lib/a:/var/lib/b", "XDG_STATE_HOME", "/x"}, "/var/lib/a/ledger"},
		{"linux", root, []string{"HOME", "/root", "XDG_STATE_HOME", "/x"}, "/var/lib/kes-respond/ledger"},
		{"linux", root, []string{"STATE_DIRECTORY", "/var/lib/a"}, "/var/lib/a/ledger"},
		{"linux", nobody, nil, ""},
		{"darwin", someone, []string{"XDG_STATE_HOME", "/x"}, "/home/u/Library/Application Support/kes-respond/ledger"},
		{"darwin", root, nil, "/var/lib/kes-respond/ledger"},
		{"darwin", nobody, nil, ""},
		{"windows", someone, []string{"LocalAppData", "/l", "ProgramData", "/p", "STATE_DIRECTORY", "/s"}, "/l/kes-respond/ledger"},
		{"windows", nobody, []string{"ProgramData", "/p"}, "/p/kes-respond/ledger"},
		{"windows", nobody, []string{"HOME", "/h"}, ""},
	} {
		got, err := standardPlace(one.system, one.who, environ(one.env...))
		assert.Equal(t, one.want, filepath.ToSlash(got), "%+v", one)
		if one.want != "" {
			assert.NoError(t, err)
			continue
		}
		var e *journal.Error
		require.ErrorAs(t, err, &e)
		assert.Contains(t, e.Assistance, "Set ledger.directory")
	}
}

func TestWhoRuns(t *testing.T) {
	t.Setenv("USER", "somebody-else")
	t.Setenv("HOME", t.TempDir())
	a := whoRuns()
	if runtime.GOOS == "windows" {
		assert.NotEmpty(t, a.name)
		return
	}
	assert.Equal(t, os.Getuid() == 0, a.root)
	uid := strconv.Itoa(os.Getuid())
	want := account{name: "uid " + uid, root: a.root}
	if u, err := user.LookupId(uid); err == nil {
		want.name, want.home = u.Username, u.HomeDir
	}
	assert.Equal(t, want, a)
	assert.NotEqual(t, "somebody-else", a.name)
}

// TestLedgerSettings: each setting arrives where the ledger and the plugin look
// for it, and what is not set is left to their defaults.
func TestLedgerSettings(t *testing.T) {
	set, _, err := together(t, "markIncidents: false\nresendAfterSearch: true\n", "")
	require.NoError(t, err)
	assert.True(t, set.plugin.Unmarked)
	assert.True(t, set.plugin.ResendAfterSearch)
	set, _, err = together(t, "markIncidents: true\n", "")
	require.NoError(t, err)
	assert.False(t, set.plugin.Unmarked)
	assert.False(t, set.plugin.ResendAfterSearch)
	assert.NotNil(t, set.plugin.Ledger)

	path := configured(t, "ledger: {directory: l, group: true, keepFor: 9600h, maxMegabytes: 64, duplicateWindow: 1m30s, anchorFile: a}\n")
	file, err := config.Read(path)
	require.NoError(t, err)
	l := ledgerOf(file.Ledger, surroundings{pid: 7, account: func() account { return account{} }})
	dir, _, err := l.place()
	require.NoError(t, err)
	assert.Equal(t, filepath.Join(filepath.Dir(path), "l"), dir)
	assert.Equal(t, anchor.New(filepath.Join(filepath.Dir(path), "a"), false), l.options.Anchor)
	l.options.Anchor = nil
	assert.Equal(t, journal.Options{PID: 7, Group: true, KeepFor: 400 * 24 * time.Hour, MaxBytes: 64 << 20, DuplicateWindow: 90 * time.Second}, l.options)

	assert.Equal(t, time.Duration(-1), ledgerOf(config.Ledger{DuplicateWindow: "0s"}, surroundings{}).options.DuplicateWindow)
	assert.Equal(t, journal.Options{}, ledgerOf(config.Ledger{}, surroundings{}).options)
}

// TestTheProgramIsToldOfTheLedgersSteps, as tests need that kill it there, and
// the ledger of who runs it.
func TestTheProgramIsToldOfTheLedgersSteps(t *testing.T) {
	var steps []string
	dir := t.TempDir()
	s := surroundings{
		getenv: environ("STATE_DIRECTORY", dir, "KES_RESPOND_CONFIG", configured(t, "")), err: io.Discard,
		account: func() account { return account{name: "edr"} }, pid: 4711, step: func(name string) { steps = append(steps, name) },
	}
	set, err := settingsFlags{}.settings(s)
	require.NoError(t, err)
	j, err := set.plugin.Ledger(t.Context())
	require.NoError(t, err)
	_, _, err = j.Claim(t.Context(), journal.Entry{ID: `"1"`, Task: "isolateHost", HostID: "h", Allowed: true}, nil)
	require.NoError(t, err)
	assert.Contains(t, steps, "append")
	assert.Contains(t, steps, "synced")
	r, found, err := j.ByID(t.Context(), `"1"`)
	require.NoError(t, err)
	assert.True(t, found)
	assert.Equal(t, "edr", r.User)
	assert.Equal(t, 4711, r.PID)
	require.NoError(t, j.Close())
	assert.DirExists(t, filepath.Join(dir, "ledger"))
}
