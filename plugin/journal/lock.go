package journal

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"time"

	"github.com/gofrs/flock"
)

// lockPause is the time between two looks at a lock that another holds, for
// microseconds as a rule.
const lockPause = time.Millisecond

// take takes the ledger's lock, which nobody holds while waiting for anything
// but the disk.
func (j *Journal) take(ctx context.Context) (free func(), err error) {
	if ok, err := j.lock.TryLockContext(ctx, lockPause); !ok || err != nil {
		if ctx.Err() != nil {
			return nil, &Error{Busy, "the time ran out in the wait for the lock of the ledger in " + j.dir, "Another process holds it. If none should, look for one that is stopped (state T in ps).", nil, ctx.Err()}
		}
		return nil, j.placeError("its lock cannot be taken", err)
	}
	return func() { _ = j.lock.Close() }, nil
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
