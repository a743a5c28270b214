package platforms

import (
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestPlatformsHaveARowEach: also what is not run, which make
// test-platforms prints from there.
func TestPlatformsHaveARowEach(t *testing.T) {
	out, err := exec.Command(filepath.Join(built, "kes-respond"), "manifest").Output()
	require.NoError(t, err)
	var platforms, rows []string
	for line := range strings.Lines(string(out)) {
		platforms = append(platforms, strings.Fields(line)[0])
	}
	for _, row := range regexp.MustCompile("(?m)^\\| `([a-z-]+)` \\| [^|]+ \\| [^|]+ \\| [^|]+ \\|$").FindAllStringSubmatch(read(t, root+"/manifest/PLATFORMS.md"), -1) {
		rows = append(rows, row[1])
	}
	assert.Equal(t, platforms, slices.Sorted(slices.Values(rows)))
}

// TestEveryPackageHasAPageToFollow: what to do, in which order, and what it is
// when it does not work; and no secret anywhere.
func TestEveryPackageHasAPageToFollow(t *testing.T) {
	out, err := exec.Command(filepath.Join(built, "kes-respond"), "manifest").Output()
	require.NoError(t, err)
	for line := range strings.Lines(string(out)) {
		platform := strings.Fields(line)[0]
		dir := filepath.Join(t.TempDir(), platform)
		said, err := exec.Command(filepath.Join(built, "kes-respond"), "manifest", platform, "--out", dir).CombinedOutput()
		require.NoError(t, err, "%s", said)
		page := strings.ToLower(read(t, filepath.Join(dir, "README.md")))
		for _, word := range []string{"password", "check", "status", "dry"} {
			assert.Contains(t, page, word, platform)
		}
	}
}
