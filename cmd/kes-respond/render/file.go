package render

import (
	"errors"
	"os"
	"path/filepath"

	"github.com/natefinch/atomic"

	"github.com/kes-respond/kes-respond/cmd/kes-respond/exit"
)

// Replaceable refuses a name under which something is that is not replaced. A
// link would be replaced itself, and whoever reads what it leads to would go on
// reading the old page; a pipe or a device would be gone.
func Replaceable(path string, replace bool) error {
	info, err := os.Lstat(path)
	switch {
	case err != nil: // nothing is there, or writing says what is wrong
		return nil
	case info.IsDir():
		return exit.Usage("report: %s is no file that a page can replace: it is a folder", path)
	case info.Mode()&os.ModeSymlink != 0:
		return exit.Usage("report: %s is no file that a page can replace: it is a link; name the file itself", path)
	case !info.Mode().IsRegular():
		return exit.Usage("report: %s is no file that a page can replace; --html - is standard output", path)
	case !replace:
		return exit.Usage("report: %s is there already; --force true replaces it", path)
	}
	return nil
}

// Write writes a file that only its owner can read, whole or not at all. A
// file that is there already is replaced only where that is wanted; else the
// error is os.ErrExist. A name that others could take meanwhile is taken first.
func Write(path string, data []byte, replace bool) (err error) {
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
