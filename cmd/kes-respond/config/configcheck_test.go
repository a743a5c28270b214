package config

import (
	"bytes"
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	santhosh "github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kes-respond/kes-respond/manifest"
)

// jsonNames are the members that a struct decodes, in its order.
func jsonNames(of reflect.Type) []string {
	var names []string
	for i := range of.NumField() {
		f := of.Field(i)
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		switch {
		case f.Anonymous:
			names = append(names, jsonNames(f.Type)...)
		case name != "" && name != "-":
			names = append(names, name)
		}
	}
	return names
}

// TestConfigSchemaAndStructAreOne holds both ways: what the schema names is
// decoded, and what is decoded the schema names, at each level.
func TestConfigSchemaAndStructAreOne(t *testing.T) {
	var s struct {
		Properties map[string]json.RawMessage
	}
	var servers struct {
		AdditionalProperties struct{ Properties map[string]any }
	}
	var ledger struct{ Properties map[string]any }
	data, ok := manifest.Schema("config")
	require.True(t, ok)
	require.NoError(t, json.Unmarshal(data, &s))
	require.NoError(t, json.Unmarshal(s.Properties["servers"], &servers))
	require.NoError(t, json.Unmarshal(s.Properties["ledger"], &ledger))
	assert.ElementsMatch(t, jsonNames(reflect.TypeFor[File]()), slices.Collect(maps.Keys(s.Properties)))
	assert.ElementsMatch(t, jsonNames(reflect.TypeFor[Server]()), slices.Collect(maps.Keys(servers.AdditionalProperties.Properties)))
	assert.ElementsMatch(t, jsonNames(reflect.TypeFor[Ledger]()), slices.Collect(maps.Keys(ledger.Properties)))
}

// TestConfigSchemaAndProgramAgree tries a value of each kind in each setting:
// the referee finds in the schema what the program takes, and each value that
// was taken has arrived.
func TestConfigSchemaAndProgramAgree(t *testing.T) {
	data, _ := manifest.Schema("config")
	doc, err := santhosh.UnmarshalJSON(bytes.NewReader(data))
	require.NoError(t, err)
	c := santhosh.NewCompiler()
	require.NoError(t, c.AddResource("config.json", doc))
	schema, err := c.Compile("config.json")
	require.NoError(t, err)

	values := []string{
		`true`, `false`, `1`, `0`, `65535`, `65536`, `13299.0`, `1.5`, `-1`, `""`, `"a"`, `"1"`, `"65535"`, `"65536"`, `"0"`, `"01"`, `"False"`, `"false"`, `"True"`, `"ksc.example"`,
		`"10.0.0.1"`, `"fe80::1%eth0"`, `"::1"`, `"a:1"`, `"a b"`, `"a/b"`, `"a\u0007b"`, `"a\"b"`, `[]`, `[1]`, `["a"]`, `["/a","b"]`, `["False"]`, `[false]`, `{}`, `{"a":1}`,
		`{"a":{"kscHost":"a","kscUser":"b"}}`, `{"a":{"kscHost":"a"}}`, `{"a":{"kscHost":"a","kscUser":"b","kscport":1}}`, `{"a b":{"kscHost":"a","kscUser":"b"}}`,
		`{"directory":"a"}`, `{"directory":""}`, `{"group":true}`, `{"group":1}`, `{"keepFor":"9600h"}`, `{"keepFor":"24"}`, `{"keepFor":24}`, `{"keepFor":"-48h"}`,
		`{"maxMegabytes":64}`, `{"maxMegabytes":64.0}`, `{"maxMegabytes":64.5}`, `{"maxMegabytes":63}`, `{"maxMegabytes":1048577}`, `{"maxMegabytes":"64"}`,
		`{"duplicateWindow":"0s"}`, `{"duplicateWindow":"5m"}`, `{"duplicateWindow":"off"}`, `{"duplicateWindow":0}`, `{"anchorFile":"a\u0007"}`, `{"anchorFile":"a"}`,
		`{"Directory":"a"}`, `{"directory":"a","off":true}`,
		`"` + strings.Repeat("a", 33) + `"`, `"` + strings.Repeat("a", 257) + `"`, `"` + strings.Repeat("a", 4097) + `"`,
	}
	path := configured(t, "")
	taken := map[string]bool{}
	for _, name := range append(jsonNames(reflect.TypeFor[File]()), "KSCHOST", "kscPassword", "x") {
		for _, raw := range values {
			text := `{"` + name + `":` + raw + `}`
			file(t, path, text, 0o644)
			value, err := santhosh.UnmarshalJSON(strings.NewReader(text))
			require.NoError(t, err)
			says := schema.Validate(value)
			got, err := Read(path)
			if err != nil && strings.Contains(err.Error(), "must be the full path of a program") {
				continue // what a full path is depends on the system
			}
			assert.Equal(t, says == nil, err == nil, "%s\nthe schema says: %v\nthe program says: %v", text, says, err)
			if err == nil && (raw != "false" || name == "markIncidents") && raw != `{}` && raw != `""` {
				got.Path = ""
				assert.NotEqual(t, File{}, got, "%s was taken and lost", text)
				taken[name] = true
			}
		}
	}
	for _, name := range jsonNames(reflect.TypeFor[File]()) {
		assert.True(t, taken[name], "no value was taken for %s", name)
	}
}

func BenchmarkReadConfig(b *testing.B) {
	path := filepath.Join(b.TempDir(), "config.yaml")
	content := "kscHost: ksc.example\nkscPort: 13299\nkscCert: ca.pem\nkscUser: edr\nkscPasswordFile: /etc/kes-respond/password\nresponseEventIncidentArea: KUMA\n"
	require.NoError(b, os.WriteFile(path, []byte(content), 0o600))
	for b.Loop() {
		if _, err := Read(path); err != nil {
			b.Fatal(err)
		}
	}
}
