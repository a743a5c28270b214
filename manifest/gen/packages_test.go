package main

import (
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	advertised "github.com/kes-respond/kes-respond/manifest"
	"github.com/kes-respond/kes-respond/plugin/task"
)

func TestPackagesAreCurrent(t *testing.T) {
	want, err := packageFiles(root)
	require.NoError(t, err)
	require.NotEmpty(t, want)
	tree := os.DirFS(filepath.Join(root, "manifest"))
	dirs, err := fs.Glob(tree, "*/"+packages)
	require.NoError(t, err)
	for _, dir := range dirs {
		require.NoError(t, fs.WalkDir(tree, dir, func(name string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			got, err := fs.ReadFile(tree, name)
			if assert.Contains(t, want, name, "nothing generates it") {
				assert.Equal(t, string(want[name]), string(got), "%s: run \"make generate\"", name)
			}
			delete(want, name)
			return err
		}))
	}
	for name := range want {
		t.Errorf("%s is not there: run \"make generate\"", name)
	}
}

// TestPackagesAreWhatIsEmbedded: what lies in the source is what the program
// writes, hidden files too, save the layout.
func TestPackagesAreWhatIsEmbedded(t *testing.T) {
	want, err := packageFiles(root)
	require.NoError(t, err)
	for _, p := range advertised.Packages() {
		assert.NotEmpty(t, p.Title, p.Platform)
		for name := range p.Modes {
			_, err := fs.Stat(p.Files, name)
			assert.NoError(t, err, "%s has a mode for a file that is not there", p.Platform)
		}
		_, err := fs.Stat(p.Files, p.Sheet)
		assert.NoError(t, err, p.Platform)
		require.NoError(t, fs.WalkDir(p.Files, ".", func(name string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			got, err := fs.ReadFile(p.Files, name)
			from := path.Join(p.Platform, packages, name)
			assert.Equal(t, string(want[from]), string(got), from)
			delete(want, from)
			return err
		}))
	}
	for name := range want {
		assert.Equal(t, "layout.json", path.Base(name), "%s is not embedded", name)
	}
}

// TestTemplatesNameNoTask: what a template says of a task it has from the task,
// so that the next one is in every package by itself.
func TestTemplatesNameNoTask(t *testing.T) {
	found, err := filepath.Glob(filepath.Join(root, "manifest", "*", templates))
	require.NoError(t, err)
	for _, dir := range found {
		require.NoError(t, filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			text, err := os.ReadFile(path)
			for _, one := range task.All() {
				for line := range strings.Lines(string(text)) {
					assert.False(t, strings.Contains(line, one.Name) && !strings.Contains(line, "for example"), "%s: %s", path, line)
				}
			}
			return err
		}))
	}
}

func TestUUIDIsStable(t *testing.T) {
	assert.Equal(t, stableUUID("a"), stableUUID("a"))
	assert.NotEqual(t, stableUUID("a"), stableUUID("b"))
	assert.Regexp(t, `^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`, stableUUID("a"))
}
