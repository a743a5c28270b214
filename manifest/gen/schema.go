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

// generate gives every generated file by its name below manifest/.
func generate() (map[string][]byte, error) {
	files := map[string][]byte{}
	m := manifest{Name: "kes-respond", Protocol: shared.Protocol}
	for _, t := range task.All() {
		schema, err := schemaOf(t)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", t.Name, err)
		}
		file := "schemas/" + t.Name + ".json"
		files[file] = schema
		sum := sha256.Sum256(schema)
		m.Tasks = append(m.Tasks, entry{
			Name: t.Name, Summary: t.Summary, Effects: t.Effects(), Hints: t.TaskHints, D3FEND: t.D3FEND, Script: t.Script,
			Schema: file, Digest: hex.EncodeToString(sum[:]),
		})
	}
	data, err := pretty(m)
	files["manifest.json"] = data
	return files, err
}

type manifest struct {
	Name     string  `json:"name"`
	Protocol int     `json:"protocol"`
	Tasks    []entry `json:"tasks"`
}

type entry struct {
	Name    string          `json:"name"`
	Summary string          `json:"summary"`
	Effects []shared.Effect `json:"effects"`
	Hints   task.Hints      `json:"hints"`
	D3FEND  []string        `json:"d3fend,omitempty"`
	Script  string          `json:"script"`
	Schema  string          `json:"schema"`
	Digest  string          `json:"sha256"`
}

// schemaOf reflects the params of a task, self-contained, and lays the task's
// overlay over it.
func schemaOf(t *task.Task) ([]byte, error) {
	r := jsonschema.Reflector{DoNotReference: true, Anonymous: true, ExpandedStruct: true}
	s := r.Reflect(t.Prototype())
	s.ID = jsonschema.ID(idBase + t.Name + ".json")
	s.Title = t.Name
	s.Description = t.Summary
	if t.Overlay() != "" {
		if err := json.Unmarshal([]byte(t.Overlay()), s); err != nil {
			return nil, fmt.Errorf("overlay: %w", err)
		}
	}
	return pretty(s)
}

func pretty(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	err := enc.Encode(v)
	return b.Bytes(), err
}
