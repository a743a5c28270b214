package shared_test

import (
	"encoding/json"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestReferencesOfTheSpecification: each section that is pointed to is there.
func TestReferencesOfTheSpecification(t *testing.T) {
	readme, err := os.ReadFile("../README.md")
	require.NoError(t, err)
	heads := map[string]bool{}
	for _, m := range regexp.MustCompile(`(?m)^#+ ([0-9]+(\.[0-9]+)?)\.? `).FindAllStringSubmatch(specification(t), -1) {
		heads[m[1]] = true
	}
	text := specification(t) + strings.ReplaceAll(string(readme), "PROTOCOL ", "section ")
	found := regexp.MustCompile(`section ([0-9]+(?:\.[0-9]+)?)`).FindAllStringSubmatch(text, -1)
	require.Greater(t, len(found), 5)
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
