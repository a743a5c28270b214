package render_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kes-respond/kes-respond/cmd/kes-respond/render"
	"github.com/kes-respond/kes-respond/plugin/journal/report"
)

// TestAPageIsItsOwnersAndWhole and takes the place of another only where that is
// wanted.
func TestAPageIsItsOwnersAndWhole(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "report.html")
	require.NoError(t, render.Write(path, []byte("one"), false))
	require.ErrorIs(t, render.Write(path, []byte("two"), false), os.ErrExist)
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	assert.Equal(t, "one", string(text))
	require.NoError(t, os.Chmod(path, 0o644))
	require.NoError(t, render.Write(path, []byte("two"), true))
	text, err = os.ReadFile(path)
	require.NoError(t, err)
	assert.Equal(t, "two", string(text))
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	assert.Len(t, entries, 1, "nothing is left beside it")
	if runtime.GOOS != "windows" {
		info, err := os.Stat(path)
		require.NoError(t, err)
		assert.Equal(t, fs.FileMode(0o600), info.Mode().Perm())
	}
	require.ErrorIs(t, render.Write(filepath.Join(dir, "none", "x.html"), nil, false), os.ErrNotExist)
}

// TestNoPageTakesThePlaceOfWhatIsNoFile although it is told to replace.
func TestNoPageTakesThePlaceOfWhatIsNoFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "page.html")
	require.NoError(t, render.Replaceable(path, false), "there is nothing")
	require.ErrorContains(t, render.Replaceable(dir, true), "it is a folder")
	require.NoError(t, os.WriteFile(path, nil, 0o600))
	require.NoError(t, render.Replaceable(path, true))
	require.ErrorContains(t, render.Replaceable(path, false), "--force true replaces it")
	link := filepath.Join(dir, "link.html")
	if err := os.Symlink(path, link); err != nil {
		t.Skipf("no links here: %v", err)
	}
	require.ErrorContains(t, render.Replaceable(link, true), "it is a link")
}

// TestTheDrawingProgramIsTheOneBesideUs and what it gives is a page, or nothing is.
func TestTheDrawingProgramIsTheOneBesideUs(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("needs /bin/sh")
	}
	dir := t.TempDir()
	us := filepath.Join(dir, "kes-respond")
	require.NoError(t, os.WriteFile(us, nil, 0o755))
	t.Setenv("PATH", dir)
	t.Setenv("KSC_PASSWORD", "demo-only")
	_, err := render.Page(t.Context(), "", report.Report{})
	require.ErrorContains(t, err, "does not say where kes-respond lies")
	_, err = render.Page(t.Context(), us, report.Report{})
	require.ErrorContains(t, err, "is not there: put it beside kes-respond")
	for script, says := range map[string]string{
		"echo half a page":               "gave no page",
		"echo '</html>'; exit 3":         "exit status 3",
		"echo too old >&2; exit 1":       "too old\n  take kes-respond and kes-respond-report of the same release",
		`echo "$KSC_PASSWORD</html>"`:    "",
		"cat >/dev/null; echo '</html>'": "",
	} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, "kes-respond-report"), []byte("#!/bin/sh\n"+script+"\n"), 0o755))
		page, err := render.Page(t.Context(), us, report.Report{})
		if says != "" {
			require.ErrorContains(t, err, says, script)
			continue
		}
		require.NoError(t, err, script)
		assert.Equal(t, "</html>\n", string(page), "and it hears nothing of the environment")
	}
}

// TestTextSaysWhatItLeavesOut and first how far it can be trusted.
func TestTextSaysWhatItLeavesOut(t *testing.T) {
	r := report.Report{Requests: 12, Since: time.Unix(0, 0).UTC(), Until: time.Unix(3600, 0).UTC(), Proof: report.Proof{Error: "no anchor"}}
	for i := range 12 {
		r.Tasks = append(r.Tasks, report.Group{Name: "task" + strconv.Itoa(i), Count: 1})
	}
	r.Hosts = report.Groups{Top: r.Tasks[:3], More: 4}
	var b strings.Builder
	render.Text(&b, r)
	text := b.String()
	assert.True(t, strings.HasPrefix(text, "Requests from 1970-01-01T00:00:00Z to 1970-01-01T01:00:00Z: 12\n"), text)
	assert.Contains(t, text, "NOT PROVED: whether the ledger is as it was written could not be proved: no anchor\n")
	assert.Contains(t, text, "\ntask9")
	assert.NotContains(t, text, "task10")
	assert.Contains(t, text, "and 2 more\n")
	assert.Contains(t, text, "and 4 more\n")
	assert.Contains(t, text, "\nNothing is open.\n")
}
