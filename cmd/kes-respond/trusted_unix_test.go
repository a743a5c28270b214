//go:build unix

package main

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
	_, err := readTrusted(pipe, writableByOthers)
	assert.ErrorContains(t, err, "no regular file")

	long := filepath.Join(t.TempDir(), "config.yaml")
	require.NoError(t, os.WriteFile(long, make([]byte, maxTrustedBytes+1), 0o600))
	_, err = readTrusted(long, writableByOthers)
	assert.ErrorContains(t, err, "too long")
	require.NoError(t, os.Truncate(long, maxTrustedBytes))
	data, err := readTrusted(long, writableByOthers)
	assert.NoError(t, err)
	assert.Len(t, data, maxTrustedBytes)
}
