//go:build unix

package journal

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

const noFollow = syscall.O_NOFOLLOW

// keepsIndex says that a file which is open can be replaced by another one.
const keepsIndex = true

// untrusted says why a file or folder is not safe from other users; "" when it
// is. It must belong to us or root, or with a group to whoever made it.
func untrusted(info fs.FileInfo, group bool) string {
	forbidden := fs.FileMode(0o077)
	if group {
		forbidden = 0o007
	}
	if owner, ok := info.Sys().(*syscall.Stat_t); ok && !group && owner.Uid != 0 && int(owner.Uid) != os.Geteuid() {
		return fmt.Sprintf("belongs to another user (uid %d); it must belong to you", owner.Uid)
	}
	if mode := info.Mode().Perm(); mode&forbidden != 0 {
		return fmt.Sprintf("has mode %04o, so others could read or change it; run: chmod %04o on it", mode, mode&^forbidden)
	}
	return ""
}

// reachable says which folder above lets anybody put another directory in the
// place of this one.
func reachable(dir string) string {
	path, err := filepath.EvalSymlinks(dir)
	if err != nil {
		return "its path cannot be followed: " + err.Error()
	}
	for path != filepath.Dir(path) {
		path = filepath.Dir(path)
		info, err := os.Stat(path)
		if err != nil {
			return "its path cannot be followed: " + err.Error()
		}
		if info.Mode().Perm()&0o002 != 0 && info.Mode()&fs.ModeSticky == 0 {
			return path + " lets every user replace what is in it; run: chmod o-w " + path
		}
	}
	return ""
}

// rename puts a file in the place of another, in the directory that is open,
// whatever its path leads to by now.
func (j *Journal) rename(from, to string) error { return j.root.Rename(from, to) }

// syncFolder makes what was made, renamed or removed in a folder last.
func syncFolder(root *os.Root) error {
	f, err := root.Open(".")
	if err != nil {
		return err
	}
	defer f.Close()
	return f.Sync()
}
