package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"

	"github.com/invopop/jsonschema"

	"github.com/kes-respond/kes-respond/plugin/task"
	"github.com/kes-respond/kes-respond/shared"
)

// idBase begins the id of every schema; the number is the protocol's.
const idBase = "https://github.com/kes-respond/kes-respond/schemas/1/"

// generate gives every generated file by its name below manifest/. It reads
// the comments of the contract in the source tree root.
func generate(root string) (map[string][]byte, error) {
	files := map[string][]byte{}
	m := manifest{Name: "kes-respond", Protocol: shared.Protocol}
	for _, t := range task.All() {
		s, err := taskSchema(t)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", t.Name, err)
		}
		f, err := s.file(t.Name, files)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", t.Name, err)
		}
		m.Tasks = append(m.Tasks, entry{
			Name: t.Name, Summary: t.Summary, Effects: t.Effects(), Hints: t.TaskHints, D3FEND: t.D3FEND, Script: t.Script,
			schemaFile: f,
		})
	}
	for _, one := range []struct {
		name, summary string
		make          func(root string) (schema, error)
	}{
		{"request", "a line to kes-respond serve", requestSchema},
		{"event", "a line from kes-respond", eventSchema},
		{"config", "the configuration file", configSchema},
		{"policy", "a policy file", policySchema},
	} {
		s, err := one.make(root)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", one.name, err)
		}
		f, err := s.file(one.name, files)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", one.name, err)
		}
		m.Schemas = append(m.Schemas, listed{Name: one.name, Summary: one.summary, schemaFile: f})
	}
	data, err := pretty(m)
	files["manifest.json"] = data
	return files, err
}

type manifest struct {
	Name     string   `json:"name"`
	Protocol int      `json:"protocol"`
	Tasks    []entry  `json:"tasks"`
	Schemas  []listed `json:"schemas"`
}

type entry struct {
	Name    string          `json:"name"`
	Summary string          `json:"summary"`
	Effects []shared.Effect `json:"effects"`
	Hints   task.Hints      `json:"hints"`
	D3FEND  []string        `json:"d3fend,omitempty"`
	Script  string          `json:"script"`
	schemaFile
}

type listed struct {
	Name    string `json:"name"`
	Summary string `json:"summary"`
	schemaFile
}

type schemaFile struct {
	Schema string `json:"schema"`
	Digest string `json:"sha256"`
}

// schema is one schema that becomes a file of its own.
type schema struct{ *jsonschema.Schema }

// file adds the schema to files, under its stable id.
func (s schema) file(name string, files map[string][]byte) (schemaFile, error) {
	s.Version, s.ID = jsonschema.Version, jsonschema.ID(idBase+name+".json")
	data, err := pretty(s.Schema)
	if err != nil {
		return schemaFile{}, err
	}
	f := schemaFile{Schema: "schemas/" + name + ".json"}
	sum := sha256.Sum256(data)
	f.Digest = hex.EncodeToString(sum[:])
	files[f.Schema] = data
	return f, nil
}

func pretty(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	err := enc.Encode(v)
	return b.Bytes(), err
}
