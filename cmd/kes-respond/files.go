package main

import (
	"fmt"
	"io"
	"io/fs"
)

// maxTrustedBytes bounds a configuration file, a certificate's and a password's.
const maxTrustedBytes = 256 << 10

// readTrusted reads a file that belongs to root or to us and that others have
// none of the given rights on, as far as the system tells.
func readTrusted(path string, others fs.FileMode) ([]byte, error) {
	return readFile(path, maxTrustedBytes, func(info fs.FileInfo) error { return trusted(path, info, others) })
}

// readFile reads a regular file of at most most bytes that allow, where it is
// not nil, lets pass. What is looked at is the file that was opened, so that
// nobody can put another in its place; a pipe is not waited for.
func readFile(path string, most int, allow func(fs.FileInfo) error) ([]byte, error) {
	f, err := openAtOnce(path)
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
	if allow != nil {
		if err := allow(info); err != nil {
			return nil, err
		}
	}
	data, err := io.ReadAll(io.LimitReader(f, int64(most)+1))
	if err == nil && len(data) > most {
		err = fmt.Errorf("%s is too long: it may have %d bytes", path, most)
	}
	return data, err
}
