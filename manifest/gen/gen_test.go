package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	google "github.com/google/jsonschema-go/jsonschema"
	santhosh "github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	advertised "github.com/kes-respond/kes-respond/manifest"
	"github.com/kes-respond/kes-respond/plugin/task"
)

const root = "../.."

func generated(t *testing.T) map[string][]byte {
	t.Helper()
	files, err := generate(root)
	require.NoError(t, err)
	return files
}

// onlyHere refuses to load anything: a schema that needs another one is not
// self-contained.
type onlyHere struct{}

func (onlyHere) Load(url string) (any, error) { return nil, errors.New("refers to " + url) }

func compile(t *testing.T, data []byte) *santhosh.Schema {
	t.Helper()
	doc, err := santhosh.UnmarshalJSON(bytes.NewReader(data))
	require.NoError(t, err)
	id, _ := doc.(map[string]any)["$id"].(string)
	require.NotEmpty(t, id)
	c := santhosh.NewCompiler()
	c.DefaultDraft(santhosh.Draft2020)
	c.AssertFormat()
	c.UseLoader(onlyHere{})
	require.NoError(t, c.AddResource(id, doc))
	s, err := c.Compile(id)
	require.NoError(t, err)
	return s
}

// value decodes as the referee wants it: numbers keep their digits.
func value(t *testing.T, data []byte) any {
	t.Helper()
	v, err := santhosh.UnmarshalJSON(bytes.NewReader(data))
	require.NoError(t, err, "%s", data)
	return v
}

func TestGeneratedFilesAreCurrent(t *testing.T) {
	want := generated(t)
	got := map[string]bool{}
	require.NoError(t, fs.WalkDir(advertised.Files(), ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := fs.ReadFile(advertised.Files(), path)
		require.NoError(t, err)
		assert.Equal(t, string(want[path]), string(data), "%s: run \"make generate\"", path)
		got[path] = true
		return nil
	}))
	for name := range want {
		assert.True(t, got[name], "%s is not there: run \"make generate\"", name)
	}
	lying, err := os.ReadDir(filepath.Join(root, "manifest", "schemas"))
	require.NoError(t, err)
	for _, f := range lying {
		assert.Contains(t, want, "schemas/"+f.Name(), "nothing generates it")
	}
}

func TestGenerateIsDeterministic(t *testing.T) {
	assert.Equal(t, generated(t), generated(t))
}

// TestWriteTakesAwayWhatNothingGenerates runs the whole program elsewhere.
func TestWriteTakesAwayWhatNothingGenerates(t *testing.T) {
	elsewhere := t.TempDir()
	require.NoError(t, os.CopyFS(filepath.Join(elsewhere, "shared"), os.DirFS(filepath.Join(root, "shared"))))
	schemas := filepath.Join(elsewhere, "manifest", "schemas")
	require.NoError(t, os.MkdirAll(schemas, 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(schemas, "tenthTask.json"), []byte("{}"), 0o644))
	require.NoError(t, write(elsewhere))
	got := map[string][]byte{}
	tree := os.DirFS(filepath.Join(elsewhere, "manifest"))
	require.NoError(t, fs.WalkDir(tree, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		got[path], err = fs.ReadFile(tree, path)
		return err
	}))
	assert.Equal(t, generated(t), got)
}

// TestIDsAreStable holds the ids that other people's tools have stored. A line
// may be added here; one is changed or taken away only with the protocol's
// number.
func TestIDsAreStable(t *testing.T) {
	want := map[string]string{
		"schemas/config.json":           "https://github.com/kes-respond/kes-respond/schemas/1/config.json",
		"schemas/deleteFile.json":       "https://github.com/kes-respond/kes-respond/schemas/1/deleteFile.json",
		"schemas/event.json":            "https://github.com/kes-respond/kes-respond/schemas/1/event.json",
		"schemas/getFile.json":          "https://github.com/kes-respond/kes-respond/schemas/1/getFile.json",
		"schemas/iocScan.json":          "https://github.com/kes-respond/kes-respond/schemas/1/iocScan.json",
		"schemas/isolateHost.json":      "https://github.com/kes-respond/kes-respond/schemas/1/isolateHost.json",
		"schemas/onDemandScan.json":     "https://github.com/kes-respond/kes-respond/schemas/1/onDemandScan.json",
		"schemas/policy.json":           "https://github.com/kes-respond/kes-respond/schemas/1/policy.json",
		"schemas/preventExecution.json": "https://github.com/kes-respond/kes-respond/schemas/1/preventExecution.json",
		"schemas/quarantineFile.json":   "https://github.com/kes-respond/kes-respond/schemas/1/quarantineFile.json",
		"schemas/request.json":          "https://github.com/kes-respond/kes-respond/schemas/1/request.json",
		"schemas/startProcess.json":     "https://github.com/kes-respond/kes-respond/schemas/1/startProcess.json",
		"schemas/terminateProcess.json": "https://github.com/kes-respond/kes-respond/schemas/1/terminateProcess.json",
	}
	got := map[string]string{}
	for name, data := range generated(t) {
		if name == "manifest.json" {
			continue
		}
		var head struct {
			Schema string `json:"$schema"`
			ID     string `json:"$id"`
		}
		require.NoError(t, json.Unmarshal(data, &head))
		assert.Equal(t, "https://json-schema.org/draft/2020-12/schema", head.Schema, name)
		got[name] = head.ID
	}
	assert.Equal(t, want, got)
}

// TestSchemasCompile asks two libraries that share no code.
func TestSchemasCompile(t *testing.T) {
	for name, data := range generated(t) {
		if name == "manifest.json" {
			continue
		}
		t.Run(name, func(t *testing.T) {
			compile(t, data)
			var s google.Schema
			require.NoError(t, json.Unmarshal(data, &s))
			_, err := s.Resolve(&google.ResolveOptions{ValidateDefaults: true})
			require.NoError(t, err)
			assert.Equal(t, 1, strings.Count(string(data), `"$id"`), "a schema within a schema has no id of its own")
		})
	}
}

// TestManifestNamesEachSchemaOnceByItsDigest: a platform that stored a digest
// can tell whether a schema has changed.
func TestManifestNamesEachSchemaOnceByItsDigest(t *testing.T) {
	files := generated(t)
	var m struct {
		Tasks, Schemas []struct{ Name, Summary, Schema, SHA256 string }
	}
	require.NoError(t, json.Unmarshal(files["manifest.json"], &m))
	var names, listed []string
	for _, t := range task.All() {
		names = append(names, t.Name)
	}
	for _, e := range m.Tasks {
		listed = append(listed, e.Name)
	}
	assert.Equal(t, names, listed)
	seen := []string{"manifest.json"}
	for _, e := range slices.Concat(m.Tasks, m.Schemas) {
		assert.Equal(t, "schemas/"+e.Name+".json", e.Schema)
		assert.NotEmpty(t, e.Summary)
		sum := sha256.Sum256(files[e.Schema])
		assert.Equal(t, hex.EncodeToString(sum[:]), e.SHA256, e.Name)
		embedded, ok := advertised.Schema(e.Name)
		assert.True(t, ok, e.Name)
		assert.Equal(t, string(files[e.Schema]), string(embedded), e.Name)
		seen = append(seen, e.Schema)
	}
	assert.ElementsMatch(t, slices.Collect(maps.Keys(files)), seen)
}
