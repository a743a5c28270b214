package main

import (
	"errors"
	"fmt"
	"io"

	"github.com/kes-respond/kes-respond/cmd/kes-respond/config"
)

// anchor takes the heads of the ledger's chain to places outside of the ledger:
// a line for each flush. What it fails at the ledger tells when it is closed.
type anchor struct {
	file   string // opened for each line: whoever turns logs over may move it away
	syslog bool
	log    io.Writer // the system's log, once it is connected
}

// newAnchor is nil where none is configured.
func newAnchor(l config.Ledger) *anchor {
	if l.AnchorFile == "" && !l.AnchorSyslog {
		return nil
	}
	return &anchor{file: l.AnchorFile, syslog: l.AnchorSyslog}
}

// Write hands one line to each place.
func (a *anchor) Write(line []byte) (int, error) {
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
func (a *anchor) append(line []byte) error {
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

func (a *anchor) report(line []byte) (err error) {
	if a.log == nil {
		if a.log, err = systemLog(); err != nil {
			a.log = nil
			return fmt.Errorf("syslog: %w", err)
		}
	}
	_, err = a.log.Write(line)
	return err
}
