//go:build unix

package trusted

import (
	"fmt"
	"io/fs"
	"os"
	"syscall"
)

// The rights that others may not have on a file.
const (
	Writable fs.FileMode = 0o022
	Readable fs.FileMode = 0o077
)

// Open opens a file for reading, and does not wait where it is a pipe.
func Open(path string) (*os.File, error) {
	return os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
}

func belongs(path string, info fs.FileInfo, others fs.FileMode) error {
	if owner, ok := info.Sys().(*syscall.Stat_t); ok && owner.Uid != 0 && int(owner.Uid) != os.Getuid() {
		return fmt.Errorf("%s belongs to another user; it must belong to root or to you", path)
	}
	if mode := info.Mode().Perm(); mode&others != 0 {
		return fmt.Errorf("%s has mode %04o, so others could use or change it; run: chmod %04o %s", path, mode, mode&^others, path)
	}
	return nil
}
