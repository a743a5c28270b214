package shared_test

import (
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestReferencesOfTheSpecification: each section that is pointed to is there, by
// the specification itself and by all other documents.
func TestReferencesOfTheSpecification(t *testing.T) {
	heads := map[string]bool{}
	for _, m := range regexp.MustCompile(`(?m)^#+ ([0-9]+(\.[0-9]+)?)\.? `).FindAllStringSubmatch(specification(t), -1) {
		heads[m[1]] = true
	}
	text, pages := specification(t), 0
	read := func(path string) {
		page, err := os.ReadFile(path)
		require.NoError(t, err)
		for _, m := range regexp.MustCompile("PROTOCOL [0-9.]*[0-9]|section [0-9.]*[0-9] of `shared/PROTOCOL").FindAllString(string(page), -1) {
			text += strings.Replace(m, "PROTOCOL ", "section ", 1) + "\n"
			pages++
		}
	}
	for _, room := range []string{"cmd", "manifest", "plugin"} {
		require.NoError(t, filepath.WalkDir(filepath.Join("..", room), func(path string, d fs.DirEntry, err error) error {
			if err == nil && strings.HasSuffix(path, ".md") {
				read(path)
			}
			return err
		}))
	}
	read("../README.md")
	read("../SECURITY.md")
	assert.Greater(t, pages, 5)
	found := regexp.MustCompile(`section ([0-9]+(?:\.[0-9]+)?)`).FindAllStringSubmatch(text, -1)
	require.Greater(t, len(found), 5+pages)
	for _, m := range found {
		assert.True(t, heads[m[1]], "there is no section %s", m[1])
	}
}

// TestConnectionOfTheSpecification: its table has the members of the schema, and
// in bold those that it cannot do without.
func TestConnectionOfTheSpecification(t *testing.T) {
	data, err := os.ReadFile("../manifest/schemas/request.json")
	require.NoError(t, err)
	var schema struct {
		Properties struct {
			Connection struct {
				Properties map[string]struct{}
				Required   []string
			}
		}
	}
	require.NoError(t, json.Unmarshal(data, &schema))
	var names, bold []string
	for _, row := range table(t, "4.11 Connection", "Member") {
		names = append(names, ticked(row[0]))
		if strings.HasPrefix(row[0], "**") {
			bold = append(bold, ticked(row[0]))
		}
	}
	for name := range schema.Properties.Connection.Properties {
		assert.Contains(t, names, name)
	}
	assert.Len(t, names, len(schema.Properties.Connection.Properties))
	assert.ElementsMatch(t, schema.Properties.Connection.Required, bold)
}
