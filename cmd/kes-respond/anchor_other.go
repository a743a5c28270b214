//go:build !unix

package main

import (
	"errors"
	"io"
	"os"
)

const hasSyslog = false

// openAnchor opens a file to append to.
func openAnchor(path string) (io.Writer, error) {
	return os.OpenFile(path, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o600)
}

func openSyslog() (io.Writer, error) { return nil, errors.New("there is no syslog on this system") }
