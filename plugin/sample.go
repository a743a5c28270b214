package plugin

import (
	"encoding/json"

	"github.com/kes-respond/kes-respond/plugin/task"
	"github.com/kes-respond/kes-respond/shared"
)

// SampleRequest is a ready request for a task, to edit. It is a dry run until
// a person says otherwise, and it is one line of JSON.
func SampleRequest(t *task.Task) json.RawMessage {
	sample := struct {
		ID         string          `json:"id"`
		Task       string          `json:"task"`
		TargetHost string          `json:"targetHost"`
		Params     json.RawMessage `json:"params"`
		Area       string          `json:"responseEventIncidentArea"`
		HostLookup string          `json:"hostLookup"`
		DryRun     bool            `json:"dryRun"`
	}{"sample-" + t.Name, t.Name, "e6a3c1d0-1f1e-4d0a-9a55-0a1b2c3d4e5f", t.Sample(), shared.DefaultArea, shared.LookupNever, true}
	line, err := json.Marshal(sample)
	if err != nil {
		return nil // a sample that is no JSON fails the task's own test
	}
	return line
}
