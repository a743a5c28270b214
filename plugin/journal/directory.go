package journal

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// The names in the ledger's directory.
const (
	lockFile    = "lock"
	keyFile     = "key"
	indexFile   = "index"
	liveFolder  = "live"
	loginFolder = "login"

	memoryEnd = ".json" // of a login: what is remembered, beside the file that is locked
)

func liveName(process string) string { return liveFolder + "/" + process }

func segmentName(n uint32) string { return fmt.Sprintf("ledger-%08d.jsonl", n) }

// segmentNumber is 0 for the name of anything else.
func segmentNumber(name string) uint32 {
	digits := strings.TrimSuffix(strings.TrimPrefix(name, "ledger-"), ".jsonl")
	n, err := strconv.ParseUint(digits, 10, 24)
	if err != nil || segmentName(uint32(n)) != name {
		return 0
	}
	return uint32(n)
}

func (o Options) fileMode() fs.FileMode {
	if o.Group {
		return 0o660
	}
	return 0o600
}

func (o Options) folderMode() fs.FileMode {
	if o.Group {
		return 0o770
	}
	return 0o700
}

// openDirectory opens the ledger's directory, made if need be, and proves that
// nobody but those meant to can change what lies in it. Everything in it is
// opened through the Root, which no link leads out of.
func openDirectory(dir string, o Options) (*os.Root, error) {
	if !filepath.IsAbs(dir) {
		return nil, placeError(dir, "its path must be a full one", nil)
	}
	if err := makeFolders(filepath.Clean(dir), o); err != nil {
		return nil, placeError(dir, "it cannot be made", err)
	}
	if info, err := os.Lstat(dir); err != nil {
		return nil, placeError(dir, "it cannot be looked at", err)
	} else if info.Mode()&fs.ModeSymlink != 0 {
		return nil, placeError(dir, "it is a symbolic link; name the directory itself", nil)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, placeError(dir, "it cannot be opened", err)
	}
	if err := checkFolder(root, o); err != nil {
		return nil, errors.Join(err, root.Close())
	}
	return root, nil
}

func checkFolder(root *os.Root, o Options) error {
	info, err := root.Stat(".")
	if err != nil {
		return placeError(root.Name(), "it cannot be looked at", err)
	}
	if flaw := untrusted(info, o.Group); flaw != "" {
		return placeError(root.Name(), flaw, nil)
	}
	if flaw := reachable(root.Name()); flaw != "" {
		return placeError(root.Name(), flaw, nil)
	}
	return nil
}

// makeFolders makes what is missing of a path, each folder for us alone.
func makeFolders(dir string, o Options) error {
	if _, err := os.Lstat(dir); !isMissing(err) || o.ReadOnly {
		return err
	}
	above := filepath.Dir(dir)
	if err := makeFolders(above, o); err != nil {
		return err
	}
	root, err := os.OpenRoot(above)
	if err != nil {
		return err
	}
	defer root.Close()
	return makeFolder(root, filepath.Base(dir), o)
}

func makeFolder(root *os.Root, name string, o Options) error {
	err := root.Mkdir(name, o.folderMode())
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if err == nil && o.Group {
		err = root.Chmod(name, o.folderMode()|fs.ModeSetgid) // past the umask
	}
	if err == nil {
		err = syncFolder(root)
	}
	return err
}

// open opens a file of the ledger and proves that it is what it seems.
func (j *Journal) open(name string, flag int) (*os.File, error) {
	f, err := j.root.OpenFile(name, flag|noFollow, j.options.fileMode())
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	flaw := ""
	switch {
	case err != nil:
	case !info.Mode().IsRegular():
		flaw = "is no regular file"
	default:
		flaw = untrusted(info, j.options.Group)
	}
	if err == nil && flaw == "" && flag&os.O_CREATE != 0 && j.options.Group {
		err = f.Chmod(j.options.fileMode()) // past the umask; its owner may
		if errors.Is(err, fs.ErrPermission) {
			err = nil
		}
	}
	if err == nil && flaw != "" {
		err = j.placeError(name+" "+flaw, nil)
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// makeFile makes an empty file of the ledger where there is none. For a group
// it appears with the right mode, or not at all, so that nobody of the group is
// kept out by who was killed on the way.
func (j *Journal) makeFile(name string) error {
	if _, err := j.root.Lstat(name); j.options.Group && isMissing(err) {
		if err := j.linkFile(name); err != nil {
			return j.wrap(name+" cannot be made", err)
		}
	}
	return j.touch(name)
}

func (j *Journal) linkFile(name string) error {
	unnamed := name + "-" + nonce(6)
	if err := j.touch(unnamed); err != nil {
		return err
	}
	err := j.root.Link(unnamed, name)
	if errors.Is(err, fs.ErrExist) {
		err = nil // another process was first
	}
	return errors.Join(err, j.root.Remove(unnamed))
}

func (j *Journal) touch(name string) error {
	f, err := j.open(name, os.O_RDWR|os.O_CREATE)
	if err != nil {
		return j.wrap(name+" cannot be opened", err)
	}
	return f.Close()
}

// wrap makes an *Error of what may be one already.
func (j *Journal) wrap(message string, err error) error {
	var e *Error
	if err == nil || errors.As(err, &e) {
		return err
	}
	return j.placeError(message, err)
}

// replace writes a file of the ledger anew, whole or not at all. It runs under
// a lock, so that what is there of an earlier one was left by a crash.
func (j *Journal) replace(name string, data []byte) error {
	f, err := j.beginFile(name)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	return j.endFile(f, name, err)
}

// beginFile makes an empty file that is to take the place of another. What a crash
// left of an earlier one is removed: in a group it may be another user's, with a
// mode that keeps us out.
func (j *Journal) beginFile(name string) (*os.File, error) {
	_ = j.root.Remove(name + ".new")
	return j.open(name+".new", os.O_RDWR|os.O_CREATE|os.O_EXCL)
}

// endFile puts it in its place, where it was written without an error.
func (j *Journal) endFile(f *os.File, name string, err error) error {
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	if err := j.rename(name+".new", name); err != nil {
		return err
	}
	return syncFolder(j.root)
}
