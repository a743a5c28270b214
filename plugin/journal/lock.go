package journal

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/gofrs/flock"
)

// lockPause is the time between two looks at a lock that another holds, for
// microseconds as a rule.
const lockPause = time.Millisecond

// take takes the ledger's lock, which nobody holds while waiting for anything
// but the disk, and looks whether the ledger is still where it was opened.
func (j *Journal) take(ctx context.Context) (free func(), err error) {
	free = func() { _ = j.lock.Close() }
	ok, err := j.lock.TryLockContext(ctx, lockPause)
	if j.away = j.look(); j.away != nil || isMissing(err) { // it may have come back since
		if folder := j.folder(); folder != nil {
			free() // of another ledger, which its own processes want
			own := flock.New(filepath.Join(pathOf(folder), lockFile), flock.SetFlag(os.O_RDWR))
			free = func() { _, _ = own.Close(), folder.Close() }
			if ok, err = own.TryLockContext(ctx, lockPause); !ok || err != nil {
				free()
			}
		} else if err != nil && j.away != nil {
			err = j.away
		}
	}
	if ok && err == nil {
		return free, nil
	}
	if ctx.Err() != nil {
		return nil, &Error{Busy, "the time ran out in the wait for the lock of the ledger in " + j.dir, "Another process holds it. If none should, look for one that is stopped (state T in ps).", nil, ctx.Err()}
	}
	return nil, j.wrap("its lock cannot be taken", err)
}

// pathOf is a path to an open folder, wherever that was moved to: Linux has one.
func pathOf(folder *os.File) string { return fmt.Sprintf("/proc/self/fd/%d", folder.Fd()) }

// folder opens the ledger's directory for those who have it open and do not find it
// by its path any more, so that all of them take the same lock. nil where the system
// has no path to it.
func (j *Journal) folder() *os.File {
	f, err := j.root.Open(".")
	if err != nil {
		return nil
	}
	info, err := os.Stat(pathOf(f))
	if err != nil || !j.isOpen(info) {
		_ = f.Close()
		return nil
	}
	return f
}

// look says why the path of the ledger does not lead to it any more; nil where it
// does. Locks are found by the path, the files by the directory's descriptor.
func (j *Journal) look() *Error {
	info, err := os.Stat(j.dir)
	what := "another directory was put in its place"
	switch {
	case err == nil && (os.SameFile(info, j.place) || j.isOpen(info)):
		return nil
	case isMissing(err):
		what, err = "its directory was taken away", nil
	case err != nil:
		what = "its directory cannot be looked at any more"
	}
	return &Error{
		Place, "the ledger in " + j.dir + " cannot be used: " + what, "Start this program again: it uses the ledger that is there then. " +
			"Where the directory was moved by mistake move it back; what was sent stands in the one that was moved.", nil, err,
	}
}

// isOpen asks the directory that is open once more which one it is: a file system of
// layers may have numbered it anew.
func (j *Journal) isOpen(info os.FileInfo) bool {
	now, err := j.root.Stat(".")
	return err == nil && os.SameFile(info, now)
}

// Here says why no request is taken any more: the directory was taken away, or
// another one was put in its place. Its errors are *Error.
func (j *Journal) Here() error {
	if j.root == nil {
		return nil
	}
	if away := j.look(); away != nil {
		return away
	}
	return nil
}

// here is the error of an errand that is of no use in a ledger which nobody will
// look at.
func (t *turn) here() error {
	if away := t.j.away; away != nil {
		return away
	}
	return nil
}

// present is exclusive for what begins something: where the ledger was taken away
// it is refused. What became of the things that were sent is written all the same.
func (j *Journal) present(ctx context.Context, f func(*turn) error) error {
	return j.exclusive(ctx, func(t *turn) error {
		if err := t.here(); err != nil {
			return err
		}
		return f(t)
	})
}

// isAlive says whether a process that shares the ledger lives. It asks under
// the ledger's lock.
func (j *Journal) isAlive(process string) (bool, error) {
	switch process {
	case j.self:
		return true, nil
	case "":
		return false, nil // it was given back
	}
	l := flock.New(filepath.Join(j.dir, liveFolder, filepath.Base(process)), flock.SetFlag(os.O_RDWR))
	free, err := l.TryRLock()
	if isMissing(err) {
		return false, nil
	}
	return !free, errors.Join(err, l.Close())
}
