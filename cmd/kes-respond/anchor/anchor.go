// Package anchor takes the heads of the ledger's chain to places that who can change
// the ledger cannot change: a file of another user's, or the system's log.
package anchor

import (
	"errors"
	"fmt"
	"io"
)

// Anchor takes a line for each flush of the ledger. What it fails at the ledger tells
// when it is closed.
type Anchor struct {
	file   string // opened for each line: whoever turns logs over may move it away
	syslog bool
	log    io.Writer // the system's log, once it is connected
}

// New takes lines to a file, where one is named, and to the system's log; it is nil
// where both are left out.
func New(file string, syslog bool) *Anchor {
	if file == "" && !syslog {
		return nil
	}
	return &Anchor{file: file, syslog: syslog}
}

// Write hands one line to each place; one that fails does not keep it from the other.
func (a *Anchor) Write(line []byte) (int, error) {
	var errs []error
	if a.file != "" {
		errs = append(errs, a.append(line))
	}
	if a.syslog {
		errs = append(errs, a.report(line))
	}
	return len(line), errors.Join(errs...)
}

// append adds a line to the file in one write, so that those of several
// processes stay whole.
func (a *Anchor) append(line []byte) error {
	f, err := openToAppend(a.file)
	if err != nil {
		return err
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%s is no regular file", a.file)
	}
	if err == nil {
		err = unforgeable(a.file, info)
	}
	if err == nil {
		_, err = f.Write(line)
	}
	return errors.Join(err, f.Close())
}

func (a *Anchor) report(line []byte) (err error) {
	if a.log == nil {
		if a.log, err = systemLog(); err != nil {
			a.log = nil
			return fmt.Errorf("syslog: %w", err)
		}
	}
	_, err = a.log.Write(line)
	return err
}
