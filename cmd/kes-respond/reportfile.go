package main

import (
	"errors"
	"os"
	"path/filepath"

	"github.com/natefinch/atomic"
)

// writePage writes a file that only its owner can read, whole or not at all. A
// file that is there already is replaced only where that is wanted; else the
// error is os.ErrExist. A name that others could take meanwhile is taken first.
func writePage(path string, data []byte, replace bool) (err error) {
	temporary, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*") // mode 0600
	if err != nil {
		return err
	}
	reserved := false
	defer func() {
		if err != nil {
			os.Remove(temporary.Name())
			if reserved {
				os.Remove(path)
			}
		}
	}()
	_, err = temporary.Write(data)
	if err == nil {
		err = temporary.Sync()
	}
	if err = errors.Join(err, temporary.Close()); err != nil {
		return err
	}
	if !replace {
		var f *os.File
		if f, err = os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600); err != nil {
			return err
		}
		reserved = true
		if err = f.Close(); err != nil {
			return err
		}
	}
	return atomic.ReplaceFile(temporary.Name(), path)
}
