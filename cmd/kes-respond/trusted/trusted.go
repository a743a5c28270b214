// Package trusted reads files that decide what the program does, and so must be
// nobody else's: configurations, policies, certificates, passwords. Who owns a file
// and who may use it is looked at on the file that was opened, on Unix only; nothing
// here waits for a pipe.
package trusted

import (
	"fmt"
	"io"
	"io/fs"
)

// MaxBytes bounds a configuration file, a certificate's and a password's.
const MaxBytes = 256 << 10

// Read reads a file of at most MaxBytes that belongs to root or to us and that others
// have none of the given rights on, as far as the system tells.
func Read(path string, others fs.FileMode) ([]byte, error) {
	return read(path, MaxBytes, func(info fs.FileInfo) error { return belongs(path, info, others) })
}

// ReadFile reads a regular file of at most most bytes, whoever may change it.
func ReadFile(path string, most int) ([]byte, error) {
	return read(path, most, func(fs.FileInfo) error { return nil })
}

// read reads a regular file that allow lets pass. What is looked at is the file
// that was opened, so that nobody can put another in its place.
func read(path string, most int, allow func(fs.FileInfo) error) ([]byte, error) {
	f, err := Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is no regular file", path)
	}
	if err := allow(info); err != nil {
		return nil, err
	}
	data, err := io.ReadAll(io.LimitReader(f, int64(most)+1))
	if err == nil && len(data) > most {
		err = fmt.Errorf("%s is too long: it may have %d bytes", path, most)
	}
	return data, err
}
