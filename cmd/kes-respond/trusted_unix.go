//go:build unix

package main

import (
	"fmt"
	"io"
	"io/fs"
	"os"
	"syscall"
)

const (
	writableByOthers fs.FileMode = 0o022
	readableByOthers fs.FileMode = 0o077
)

// readTrusted reads a file that belongs to root or to us and that others
// have none of the given rights on. The rights are those of the file that
// was opened, so that nobody can change it in between; a pipe is not waited
// for, and what is longer than maxTrustedBytes is no such file.
func readTrusted(path string, others fs.FileMode) ([]byte, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
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
	if owner, ok := info.Sys().(*syscall.Stat_t); ok && owner.Uid != 0 && int(owner.Uid) != os.Getuid() {
		return nil, fmt.Errorf("%s belongs to another user; it must belong to root or to you", path)
	}
	if mode := info.Mode().Perm(); mode&others != 0 {
		return nil, fmt.Errorf("%s has mode %04o, so others could use or change it; run: chmod %04o %s", path, mode, mode&^others, path)
	}
	data, err := io.ReadAll(io.LimitReader(f, maxTrustedBytes+1))
	if err == nil && len(data) > maxTrustedBytes {
		err = fmt.Errorf("%s is longer than %d bytes, which no configuration needs", path, maxTrustedBytes)
	}
	return data, err
}
