//go:build unix

package main

import (
	"fmt"
	"io"
	"log/syslog"
	"os"
	"syscall"
)

const hasSyslog = true

// openAnchor opens a file to append to. It may belong to somebody else: the
// best anchor is one that this user can add to and not change.
func openAnchor(path string) (io.Writer, error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND|os.O_CREATE|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0o600)
	if err != nil {
		return nil, err
	}
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		f.Close()
		return nil, fmt.Errorf("%s is no regular file", path)
	}
	return f, nil
}

func openSyslog() (io.Writer, error) {
	return syslog.New(syslog.LOG_AUTHPRIV|syslog.LOG_NOTICE, "kes-respond")
}
