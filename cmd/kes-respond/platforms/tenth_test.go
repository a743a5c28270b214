package platforms

import (
	"crypto/sha256"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// tenth is a task that nobody needs.
const tenth = `package task

import "github.com/kes-respond/kes-respond/shared"

type rebootHost struct {
	DelayMinutes whole  ` + "`json:\"delayMinutes\" jsonschema:\"title=Delay,description=Minutes to wait,enum=0,enum=5\"`" + `
	Notice       string ` + "`json:\"notice,omitempty\" jsonschema:\"title=Notice,description=What the person at the host is told,maxLength=200\"`" + `
}

var _ = register(Spec[rebootHost]{
	Name: "rebootHost", Summary: "start the host anew", Help: "Starts the host anew.", Script: "rebootHost.py",
	Effects: []shared.Effect{shared.Executes}, Hints: Hints{Destructive: true},
	Sample: func() rebootHost { return rebootHost{5, "maintenance"} },
})
`

// digests are of every file of a source tree.
func digests(t *testing.T, dir string) map[string][32]byte {
	t.Helper()
	all := map[string][32]byte{}
	require.NoError(t, fs.WalkDir(os.DirFS(dir), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		all[name] = sha256.Sum256([]byte(read(t, filepath.Join(dir, name))))
		return nil
	}))
	return all
}

// TestATenthTaskIsInEveryPackage adds a task by one file, generates, and looks
// for it in each package that the program then writes.
func TestATenthTaskIsInEveryPackage(t *testing.T) {
	tree := t.TempDir()
	for _, dir := range []string{"shared", "plugin", "manifest", "cmd/kes-respond", "cmd/kes-respond-mcp"} {
		require.NoError(t, os.CopyFS(filepath.Join(tree, dir), os.DirFS(filepath.Join(root, dir))))
	}
	for _, file := range []string{"go.mod", "go.sum"} {
		write(t, filepath.Join(tree, file), read(t, filepath.Join(root, file)))
	}
	write(t, filepath.Join(tree, "plugin/task/reboot_host.go"), tenth)
	before := digests(t, tree)
	tool := func(name string, args ...string) string {
		cmd := exec.Command(name, args...)
		cmd.Dir, cmd.Env = tree, append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=-mod=mod -buildvcs=false")
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, "%s", out)
		return string(out)
	}
	tool("go", "run", "./manifest/gen")
	for name, sum := range digests(t, tree) {
		if before[name] != sum {
			assert.Regexp(t, `^manifest/(manifest\.json|schemas/.*|[^/]+/package/.*)$`, name, "changed by make generate")
		}
	}
	program := filepath.Join(tree, "program")
	tool("go", "build", "-o", program, "./cmd/kes-respond")
	tool("go", "build", "-o", filepath.Join(tree, "kes-respond-mcp"), "./cmd/kes-respond-mcp")
	listed := tool(program, "manifest")
	require.NotEmpty(t, listed)
	for line := range strings.Lines(listed) {
		platform := strings.Fields(line)[0]
		out := filepath.Join(t.TempDir(), platform)
		tool(program, "manifest", platform, "--out", out)
		found := false
		require.NoError(t, filepath.WalkDir(out, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			info, err := d.Info()
			found = found || info.Size() < 1<<20 && strings.Contains(read(t, path), "rebootHost")
			return err
		}))
		assert.True(t, found, "the package for %s does not know the task", platform)
	}
}
