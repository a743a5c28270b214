package anchor

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// failing is a log that is not there.
type failing struct{ bytes.Buffer }

func (f *failing) Write([]byte) (int, error) { return 0, errors.New("gone") }

// TestAnchorTellsEachPlace although another fails, or the file is moved away.
func TestAnchorTellsEachPlace(t *testing.T) {
	assert.Nil(t, New("", false))
	path := filepath.Join(t.TempDir(), "heads")
	var log bytes.Buffer
	a := New(path, true)
	a.log = &log
	for _, line := range []string{"1\n", "2\n"} {
		n, err := a.Write([]byte(line))
		require.NoError(t, err)
		assert.Equal(t, 2, n)
	}
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	assert.Equal(t, "1\n2\n", string(text))
	assert.Equal(t, "1\n2\n", log.String())

	a.log = &failing{}
	_, err = a.Write([]byte("3\n"))
	assert.ErrorContains(t, err, "gone")
	text, err = os.ReadFile(path)
	require.NoError(t, err)
	assert.Equal(t, "1\n2\n3\n", string(text), "one place that fails does not keep it from the other")

	// Who turns logs over moves it away; the next line begins a new one.
	require.NoError(t, os.Rename(path, path+".1"))
	a.log = &log
	_, err = a.Write([]byte("4\n"))
	require.NoError(t, err)
	assert.FileExists(t, path)
}

// TestAnchorPathsOthersCouldBend: a link in a folder that others write to
// leads where they like.
func TestAnchorPathsOthersCouldBend(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("access lists are not looked at there")
	}
	dir := t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(dir, "real"), 0o700))
	require.NoError(t, os.Symlink(filepath.Join(dir, "real"), filepath.Join(dir, "ours")))
	path := filepath.Join(dir, "ours", "heads")
	require.NoError(t, New(path, false).append([]byte("1\n")), "a link that only we can place")
	require.NoError(t, os.Chmod(dir, 0o777|os.ModeSticky))
	assert.ErrorContains(t, New(path, false).append([]byte("2\n")), "ours is a symbolic link")
}
