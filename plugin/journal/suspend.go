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
	Seq    uint64    `json:"seq,omitempty"` // of its line; 0 where an earlier version wrote it
}

const suspendedFile = "suspended"

// Suspend tells everybody who shares the ledger, from their next decision on.
// It stands in the chain as well. An earlier suspension is replaced.
//
// The file is there before the line: whatever ends it half way, a power failure
// too, nothing is sent. Verify says so where the line is missing.
func (j *Journal) Suspend(ctx context.Context, reason string) error {
	s := Suspension{At: time.Now().UTC().Truncate(time.Second), User: j.options.User, Reason: shortened(reason, maxMessage)}
	return j.switched(ctx, func(t *turn) error {
		s.Seq = t.x.covered.seq + 1
		data, err := json.Marshal(s)
		if err == nil {
			err = j.replace(suspendedFile, append(data, '\n'))
		}
		if err != nil {
			return j.wrap(suspendedFile+" cannot be written", err)
		}
		j.options.Step("suspended")
		var e *Error
		if err = t.noted(line{Event: eventSuspended, progress: progress{Message: s.Reason}}); errors.As(err, &e) {
			err = &Error{e.Kind, "sending is suspended, and the ledger could not take that down", e.Assistance + " Then run kes-respond suspend again.", nil, err}
		}
		return err
	})
}

// Resume ends a suspension; it says whether there was one. It is on the disk that
// it was ended before it is.
func (j *Journal) Resume(ctx context.Context) (was bool, err error) {
	err = j.switched(ctx, func(t *turn) error {
		if err := t.noted(line{Event: eventResumed}); err != nil {
			return err
		}
		j.options.Step("resumed")
		err := j.root.Remove(suspendedFile)
		if isMissing(err) {
			return nil
		}
		was = err == nil
		return j.wrap(suspendedFile+" cannot be removed", errors.Join(err, syncFolder(j.root)))
	})
	return was, err
}

// switched does in a turn what needs a ledger that keeps something.
func (j *Journal) switched(ctx context.Context, do func(*turn) error) error {
	if j.root == nil {
		return errors.New("there is no ledger")
	}
	return j.present(ctx, do)
}

// noted takes down what is no request's, and returns when it is on the disk.
func (t *turn) noted(l line) error {
	j := t.j
	l.By, l.Boot, l.User, l.PID = j.self, j.boot, j.options.User, j.options.PID
	if _, err := t.append(l); err != nil {
		return err
	}
	return j.sync(t.x.covered.seq)
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
