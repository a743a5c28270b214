//go:build unix

package trusted

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestTrustedFilesAreFiles: a pipe in the place of a configuration must not
// make the program wait, nor a long file be read in half.
func TestTrustedFilesAreFiles(t *testing.T) {
	pipe := filepath.Join(t.TempDir(), "config.yaml")
	require.NoError(t, syscall.Mkfifo(pipe, 0o600))
	_, err := Read(pipe, Writable)
	assert.ErrorContains(t, err, "no regular file")

	long := filepath.Join(t.TempDir(), "config.yaml")
	require.NoError(t, os.WriteFile(long, make([]byte, MaxBytes+1), 0o600))
	_, err = Read(long, Writable)
	assert.ErrorContains(t, err, "too long")
	require.NoError(t, os.Truncate(long, MaxBytes))
	data, err := Read(long, Writable)
	assert.NoError(t, err)
	assert.Len(t, data, MaxBytes)
}
