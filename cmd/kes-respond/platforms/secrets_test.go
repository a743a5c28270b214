package platforms

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// holdsNoPassword looks through all that a call has left on the disk.
func holdsNoPassword(t *testing.T, dir string) {
	t.Helper()
	require.NoError(t, filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		info, err := d.Info()
		if err == nil && info.Size() < 8<<20 {
			assert.NotContains(t, read(t, path), password, path)
		}
		return err
	}))
}

// watched looks at the arguments of every process until the returned function is
// called: the password must be in none, save the emulator's own. On systems
// without /proc it looks at nothing.
func (s *site) watched(t *testing.T) (looked func()) {
	t.Helper()
	stop, ended := make(chan struct{}), make(chan struct{})
	seen := map[string]bool{}
	go func() {
		defer close(ended)
		for {
			lists, _ := filepath.Glob("/proc/[0-9]*/cmdline")
			for _, list := range lists {
				if args, _ := os.ReadFile(list); bytes.Contains(args, []byte(password)) && !bytes.Contains(args, []byte("--record")) {
					seen[strings.ReplaceAll(string(args), "\x00", " ")] = true
				}
			}
			select {
			case <-stop:
				return
			case <-time.After(20 * time.Millisecond):
			}
		}
	}()
	return func() {
		close(stop)
		<-ended
		assert.Empty(t, seen, "the password stands in a list of processes")
	}
}
