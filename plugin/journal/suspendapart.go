package journal

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/gofrs/flock"
)

// apart is how a suspension's file and the chain differ; the zero one is that
// they do not.
type apart struct {
	file, line uint64 // the number of the line that the file names, and of the last in the chain
	what       string
}

// suspension compares the file that ends sending with what the chain says last.
func (v *verifier) suspension(s *Suspension) apart {
	last := v.switched
	found := apart{line: last.Seq}
	if s != nil {
		found.file = s.Seq
	}
	switch named := found.file; {
	case s == nil && last.Event == eventSuspended:
		found.what = fmt.Sprintf("line %d says that sending was suspended, no later one that it was resumed, and the file is gone: nothing is suspended now", last.Seq)
	case s == nil:
		return apart{}
	case last.Event == eventResumed && named <= last.Seq:
		found.what = fmt.Sprintf("line %d says that sending was resumed, and the file is there: sending is still suspended. Either who resumed it was killed, or the power failed, or somebody made the file", last.Seq)
	case last.Event == eventSuspended && named <= last.Seq:
		return apart{}
	case last.Seq == 0 && named > 0 && named < v.proof.First:
		return apart{} // its line was dropped for its age
	default:
		found.what = "sending is suspended, and the ledger has no line of it: either who suspended it was killed, or the power failed, or somebody made the file"
	}
	found.what += ". Where sending is to stop run kes-respond suspend, else kes-respond resume"
	return found
}

// passing waits until whoever has the ledger's lock has done what it is at. A
// ledger without a lock, such as a copy, is nobody's.
func (j *Journal) passing(ctx context.Context) error {
	l := flock.New(filepath.Join(j.dir, lockFile), flock.SetFlag(os.O_RDONLY))
	_, err := l.TryRLockContext(ctx, lockPause)
	_ = l.Close()
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil && !isMissing(err) {
		return j.placeError("its lock cannot be taken", err)
	}
	return nil
}
