package platforms

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	santhosh "github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// official is a platform's own schema. They are not ours to ship: they lie beside
// the source tree where somebody has put them, and where not, only what the test
// itself demands of a package is checked.
func official(t *testing.T, name string) (string, bool) {
	t.Helper()
	path, err := filepath.Abs(filepath.Join(root, "..", "shared", "validators", name))
	require.NoError(t, err)
	if _, err := os.Stat(path); err != nil {
		t.Logf("the official schema %s is not at hand: not held against it", name)
		return "", false
	}
	return path, true
}

// conforms holds JSON files against an official schema of draft 7 or 2020-12.
func conforms(t *testing.T, schema string, draft *santhosh.Draft, files ...string) {
	t.Helper()
	require.NotEmpty(t, files)
	path, ok := official(t, schema)
	if !ok {
		return
	}
	c := santhosh.NewCompiler()
	c.DefaultDraft(draft)
	s, err := c.Compile("file://" + path)
	require.NoError(t, err)
	for _, file := range files {
		doc, err := santhosh.UnmarshalJSON(bytes.NewReader([]byte(read(t, file))))
		require.NoError(t, err, file)
		assert.NoError(t, s.Validate(doc), file)
	}
}

// debianPython is a Python with the given modules: Debian's packages belong to
// Debian's own.
func debianPython(t *testing.T, modules string) string {
	t.Helper()
	for _, python := range []string{"/usr/bin/python3", "python3"} {
		if exec.Command(python, "-c", "import "+modules).Run() == nil {
			return python
		}
	}
	return need(t, "python3 with "+modules)
}
