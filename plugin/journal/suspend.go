package journal

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"
)

// Suspension says that nothing which changes a host is to be sent for now.
type Suspension struct {
	At     time.Time `json:"at"`
	User   string    `json:"user"` // of the operating system
	Reason string    `json:"reason"`
}

const suspendedFile = "suspended"

// Suspend tells everybody who shares the ledger, from their next decision on.
// It stands in the chain as well. An earlier suspension is replaced.
func (j *Journal) Suspend(ctx context.Context, reason string) error {
	s := Suspension{time.Now().UTC().Truncate(time.Second), j.options.User, shortened(reason, maxMessage)}
	return j.noted(ctx, line{Event: eventSuspended, progress: progress{Message: s.Reason}}, func() error {
		data, err := json.Marshal(s)
		if err != nil {
			return err
		}
		return j.replace(suspendedFile, append(data, '\n'))
	})
}

// Resume ends a suspension; it says whether there was one.
func (j *Journal) Resume(ctx context.Context) (was bool, err error) {
	err = j.noted(ctx, line{Event: eventResumed}, func() error {
		err := j.root.Remove(suspendedFile)
		if isMissing(err) {
			return nil
		}
		was = err == nil
		return errors.Join(err, syncFolder(j.root))
	})
	return was, err
}

// noted does something to the ledger's directory, and says so in the chain
// before: what was only meant is told, what was done never is not.
func (j *Journal) noted(ctx context.Context, l line, do func() error) error {
	if j.root == nil {
		return errors.New("there is no ledger")
	}
	l.By, l.Boot, l.User, l.PID = j.self, j.boot, j.options.User, j.options.PID
	var seq uint64
	err := j.exclusive(ctx, func(t *turn) error {
		if _, err := t.append(l); err != nil {
			return err
		}
		seq = t.x.covered.seq
		return j.wrap(suspendedFile+" cannot be written", do())
	})
	if err == nil {
		err = j.sync(seq)
	}
	return err
}

// Suspended gives the suspension that counts now; nil where there is none. A
// file that is there and cannot be read is one: whoever wrote it meant it.
func (j *Journal) Suspended() *Suspension {
	if j.root == nil {
		return nil
	}
	f, err := j.open(suspendedFile, os.O_RDONLY)
	if isMissing(err) {
		return nil
	}
	var s Suspension
	if err == nil {
		err = json.NewDecoder(io.LimitReader(f, maxLine)).Decode(&s)
		err = errors.Join(err, f.Close())
	}
	if err != nil {
		s.Reason = fmt.Sprintf("the file %s in %s cannot be read: %v", suspendedFile, j.dir, err)
	}
	return &s
}
