package rpc_test

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestGeneratedIsCurrent: "make generate" notes what it made from what. Whoever
// changes either without it is told so here; "make lint" makes it all anew.
func TestGeneratedIsCurrent(t *testing.T) {
	noted, err := os.ReadFile("responderpb/generated.sha256")
	require.NoError(t, err)
	files := map[string]string{}
	for line := range strings.Lines(string(noted)) {
		sum, name, _ := strings.Cut(strings.TrimSpace(line), "  ")
		files[name] = sum
	}
	want := []string{"responder.proto"}
	generated, err := filepath.Glob("responderpb/*.pb.go")
	require.NoError(t, err)
	want = append(want, generated...)
	require.Len(t, files, len(want))
	for _, name := range want {
		data, err := os.ReadFile(filepath.FromSlash(name))
		require.NoError(t, err)
		sum := sha256.Sum256(data)
		assert.Equal(t, files[filepath.ToSlash(name)], hex.EncodeToString(sum[:]), "%s has changed: run make generate", name)
	}
}
