//go:build linux

package journal

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestAFullDisk: a process that may write no more stops with a word that says
// so; what it had sent by then is known, and nothing is sent that is not.
func TestAFullDisk(t *testing.T) {
	for _, limit := range []uint64{200_000, 200_100, 200_200, 200_300, 200_500, 200_700, 201_000} {
		w := newJob(t)
		w.Large, w.Keys, w.Limit = true, 250, limit
		said := w.refused(t)
		assert.Contains(t, said, "cannot be written")
		j := open(t, w.Dir)
		for _, key := range strings.Fields(string(readFile(t, w.World))) {
			r, found, err := j.ByKey(t.Context(), key)
			require.NoError(t, err)
			require.True(t, found)
			require.NotEqual(t, Claimed, r.Stage)
		}
		_, err := j.Unsettled(t.Context())
		require.NoError(t, err)
		require.NoError(t, j.Close())
		w.Limit = 0
		_, end := w.start(t)
		require.False(t, end())
		w.settled(t, fmt.Sprint("limit ", limit))
	}
}

// TestAFullFileSystem fills a real one, so that the index has no room either.
func TestAFullFileSystem(t *testing.T) {
	mount := t.TempDir()
	if err := syscall.Mount("tmpfs", mount, "tmpfs", 0, "size=512k,mode=0755"); err != nil {
		t.Skipf("no right to mount a file system: %v", err)
	}
	t.Cleanup(func() { require.NoError(t, syscall.Unmount(mount, syscall.MNT_DETACH)) })
	dir := filepath.Join(mount, "ledger")
	j, err := Open(t.Context(), dir, Options{})
	require.NoError(t, err)
	filler := filepath.Join(mount, "filler")
	known := 0
	for round := range 40 {
		if f, err := os.Create(filler); err == nil {
			for {
				if _, err := f.Write(make([]byte, 4096)); err != nil {
					break
				}
			}
			require.NoError(t, f.Close())
		}
		for err == nil { // the last page of the ledger still has room
			e := keyed(deletes("full"), decimal(int64(known)))
			e.Reason = strings.Repeat("x", 1+round*13) // so that it is full at another byte each time
			_, _, err = j.Claim(t.Context(), e, nil)
			if err == nil {
				known++
			}
		}
		e := isKind(t, err, Disk)
		assert.Equal(t, makeRoom, e.Assistance)
		j.neverAClaim(t, keyed(deletes("again"), "0"))
		require.NoError(t, os.Remove(filler))
		for range 5 {
			j.mustClaim(t, keyed(deletes("room"), decimal(int64(known))))
			known++
		}
		err = nil
		if round%10 == 9 {
			sound(t, j, nil)
			require.NoError(t, j.Close())
			j, err = Open(t.Context(), dir, Options{})
			require.NoError(t, err)
		}
	}
	for i := range known {
		j.mustPrior(t, keyed(deletes("again"), decimal(int64(i))))
	}
	require.NoError(t, j.Close())
}

// neverAClaim: a used key gives its request, or an error.
func (j *Journal) neverAClaim(t *testing.T, e Entry) {
	t.Helper()
	c, p, err := j.Claim(t.Context(), e, nil)
	require.Nil(t, c)
	require.True(t, p != nil || err != nil)
}

func TestASecondUserIsToldWhatToDo(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can be other users")
	}
	w := newJob(t)
	w.binary = copyBinary(t)
	_, end := w.start(t)
	require.False(t, end())
	sent := readFile(t, w.World)
	passable(t, w.Dir)
	passable(t, w.World)
	w.UID, w.GID = 65534, 65534
	said := w.refused(t)
	assert.Contains(t, said, "permission denied")
	require.NoError(t, os.Chmod(w.Dir, 0o777))
	said = w.refused(t)
	assert.Contains(t, said, "chmod 0700")
	assert.Equal(t, sent, readFile(t, w.World))

	require.NoError(t, os.Chmod(w.Dir, 0o700))
	require.NoError(t, os.Chown(w.Dir, 65534, 65534))
	w.UID, w.GID = 0, 0
	assert.Contains(t, w.refused(t), "belongs to another user (uid 65534)")
}

func TestAReadOnlyDirectory(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can be other users")
	}
	w := newJob(t)
	w.binary = copyBinary(t)
	home := filepath.Dir(w.Dir)
	require.NoError(t, os.Chown(home, 65534, 65534))
	require.NoError(t, os.Chown(w.World, 65534, 65534))
	passable(t, w.Dir)
	passable(t, w.World)
	chmod(t, home, 0o500)
	w.UID, w.GID = 65534, 65534
	assert.Contains(t, w.refused(t), "cannot be made: ")
	chmod(t, home, 0o700)
	_, end := w.start(t)
	require.False(t, end())
	sent := readFile(t, w.World)
	w.Keys = 30
	chmod(t, w.Dir, 0o500)
	require.NoError(t, os.Remove(filepath.Join(w.Dir, indexFile)))
	assert.Contains(t, w.refused(t), "permission denied")
	chmod(t, filepath.Join(w.Dir, liveFolder), 0o500)
	assert.Contains(t, w.refused(t), "permission denied")
	assert.Equal(t, sent, readFile(t, w.World))
}
