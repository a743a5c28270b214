//go:build !unix

package journal

import (
	"io/fs"
	"os"
	"path/filepath"

	"github.com/natefinch/atomic"
)

const noFollow = 0

// keepsIndex is false: Windows replaces no file that is open.
const keepsIndex = false

// untrusted and reachable leave the question who may read and change a file to
// its access list, which this version does not look at on this system.
func untrusted(fs.FileInfo, bool) string { return "" }

func reachable(string) string { return "" }

// rename puts a file in the place of another. Windows moves no directory in which
// files are open.
func (j *Journal) rename(from, to string) error {
	return atomic.ReplaceFile(filepath.Join(j.dir, from), filepath.Join(j.dir, to))
}

// syncFolder does nothing: a folder cannot be flushed on this system.
func syncFolder(*os.Root) error { return nil }
