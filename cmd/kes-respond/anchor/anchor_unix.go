//go:build unix

package anchor

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/syslog"
	"os"
	"path/filepath"
	"syscall"
)

// openToAppend opens a file to add lines at its end, and makes it for its owner
// alone where there is none. It may belong to another user, who lets us add to
// it and nothing else.
func openToAppend(path string) (*os.File, error) {
	if err := unleadable(path); err != nil {
		return nil, err
	}
	const flags = os.O_WRONLY | os.O_APPEND | syscall.O_NOFOLLOW | syscall.O_NONBLOCK // a pipe is not waited for
	f, err := os.OpenFile(path, flags, 0)
	if errors.Is(err, fs.ErrNotExist) {
		f, err = os.OpenFile(path, flags|os.O_CREATE, 0o600)
	}
	return f, err
}

// unleadable refuses a path in which another user could place or change a
// link: lines would go to a file of that user's choice, with our rights.
func unleadable(path string) error {
	for at := path; at != filepath.Dir(at); at = filepath.Dir(at) {
		info, err := os.Lstat(at)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		if info.Mode()&fs.ModeSymlink == 0 {
			continue
		}
		above, err := os.Stat(filepath.Dir(at))
		if err != nil {
			return err
		}
		if owner, ok := above.Sys().(*syscall.Stat_t); at == path || above.Mode().Perm()&0o022 != 0 || ok && owner.Uid != 0 && int(owner.Uid) != os.Getuid() {
			return fmt.Errorf("%s is a symbolic link; name the place that it leads to", at)
		}
	}
	return nil
}

// unforgeable refuses an anchor that every user can change.
func unforgeable(path string, info fs.FileInfo) error {
	if mode := info.Mode().Perm(); mode&0o002 != 0 {
		return fmt.Errorf("%s has mode %04o, so every user could change it; run: chmod o-w %s", path, mode, path)
	}
	return nil
}

// systemLog is where the system keeps what few may read.
func systemLog() (io.Writer, error) {
	return syslog.New(syslog.LOG_AUTHPRIV|syslog.LOG_NOTICE, "kes-respond")
}
