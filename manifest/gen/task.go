package main

import (
	"encoding/json"
	"fmt"

	"github.com/invopop/jsonschema"

	"github.com/kes-respond/kes-respond/plugin/task"
)

// taskSchema reflects the params of a task, self-contained, and lays the
// task's overlay over it. It keeps to the subset that every platform reads;
// subset_test.go holds that subset.
func taskSchema(t *task.Task) (schema, error) {
	s := paramsReflector().Reflect(t.Prototype())
	s.Title = t.Name
	s.Description = t.Summary
	if t.Overlay() != "" {
		if err := json.Unmarshal([]byte(t.Overlay()), s); err != nil {
			return schema{}, fmt.Errorf("overlay: %w", err)
		}
	}
	return schema{s}, nil
}

// paramsReflector writes no references: form builders do not follow them, and
// two types of one name would silently become one.
func paramsReflector() *jsonschema.Reflector {
	return &jsonschema.Reflector{DoNotReference: true, Anonymous: true, ExpandedStruct: true}
}
