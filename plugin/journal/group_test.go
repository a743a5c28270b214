//go:build linux

package journal

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// copyBinary puts this binary where other users can run it.
func copyBinary(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "journal.test")
	require.NoError(t, os.WriteFile(path, readFile(t, os.Args[0]), 0o755))
	passable(t, path)
	return path
}

// passable lets other users through to a file of a test.
func passable(t *testing.T, path string) {
	t.Helper()
	for dir := filepath.Dir(path); dir != filepath.Clean(os.TempDir()); dir = filepath.Dir(dir) {
		chmod(t, dir, 0o755)
	}
}

// groupJob is a job of the group 4242, which owns the ledger's directory.
func groupJob(t *testing.T) job {
	t.Helper()
	w := newJob(t)
	w.binary, w.Group, w.GID = copyBinary(t), true, 4242
	require.NoError(t, os.Mkdir(w.Dir, 0o770))
	require.NoError(t, os.Chown(w.Dir, 0, 4242))
	require.NoError(t, os.Chmod(w.Dir, 0o770|os.ModeSetgid))
	passable(t, w.Dir)
	passable(t, w.World)
	chmod(t, w.World, 0o666)
	return w
}

// TestAGroupSharesALedger: two users, one ledger, each key once.
func TestAGroupSharesALedger(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can be other users")
	}
	w := groupJob(t)
	w.Claims, w.Keys = 60, 30
	var ends []func() bool
	for i := range 6 {
		w.UID, w.Seed = uint32(5001+i%3), uint64(i)
		_, end := w.start(t)
		ends = append(ends, end)
	}
	for _, end := range ends {
		require.False(t, end())
	}
	w.Claims, w.UID = 0, 5009
	_, end := w.start(t)
	require.False(t, end())
	j := open(t, w.Dir, func(o *Options) { o.Group = true })
	sent := strings.Fields(string(readFile(t, w.World)))
	assert.Len(t, sent, 30)
	sound(t, j, nil)
	require.NoError(t, j.Close())
	w.UID, w.GID = 5001, 5001
	assert.Contains(t, w.refused(t), "permission denied")
}

// TestAGroupIsNotKeptOutByWhoWasKilled: another user of the group was killed
// while it made an index, before the file had its mode.
func TestAGroupIsNotKeptOutByWhoWasKilled(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can be other users")
	}
	w := groupJob(t)
	w.UID = 5001
	_, end := w.start(t)
	require.False(t, end())
	writeFile(t, nil, w.Dir, indexFile+".new")
	require.NoError(t, os.Chown(filepath.Join(w.Dir, indexFile+".new"), 5001, 4242))
	require.NoError(t, os.Remove(filepath.Join(w.Dir, indexFile)))
	w.UID = 5002
	_, end = w.start(t)
	require.False(t, end())
}

// TestAGroupSharesItsRefusedLogins: three users of one ledger, one account.
func TestAGroupSharesItsRefusedLogins(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can be other users")
	}
	w := groupJob(t)
	w.Login = "remember"
	var ends []func() bool
	for i := range 6 {
		w.UID = uint32(5001 + i%3)
		_, end := w.start(t)
		ends = append(ends, end)
	}
	for _, end := range ends {
		require.False(t, end())
	}
	require.Equal(t, map[string]int{"waits": 6, "tried": 1, saysRefused: 5}, w.told(t))
	w.UID = 5004
	_, end := w.start(t)
	require.False(t, end())
	require.Equal(t, 6, w.told(t)[saysRefused])
	files, err := os.ReadDir(filepath.Join(w.Dir, loginFolder))
	require.NoError(t, err)
	assert.Len(t, files, 2)
}
