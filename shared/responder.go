package shared

import (
	"context"
	"encoding/json"
)

// Effect says what a task with given params does to a host. Policy, caps and
// duplicates speak of effects, never of task names.
type Effect string

// The effects.
const (
	Isolates    Effect = "isolates"
	Releases    Effect = "releases"
	Deletes     Effect = "deletes"
	Quarantines Effect = "quarantines"
	Executes    Effect = "executes"
	Terminates  Effect = "terminates"
	Blocks      Effect = "blocks"
	Scans       Effect = "scans"
	Reads       Effect = "reads"
)

// Responder carries out requests. The implementation is plugin.Plugin; each
// carrier's client is one as well, so that a program need not know which it
// holds. All methods may be called from several goroutines at once.
type Responder interface {
	// Describe says what can be asked: with an empty task the tasks and their
	// digests, with a task's name that task's schema and hints. It touches no
	// network. The error is an *Error.
	Describe(ctx context.Context, task string) (Description, error)

	// Respond carries out one request of type respond and returns its one
	// result. It calls emit with accepted and progress events, in order, from
	// one goroutine at a time and never after it has returned. emit may
	// block: then this request waits and no other. An error reaches the
	// caller inside the result. When ctx ends before anything was sent the
	// outcome is cancelled or failed; what was sent is recorded to its end.
	Respond(ctx context.Context, r Request, emit func(Event)) Result

	// Status says where an earlier request stands (type status), with the
	// same promises as Respond. It sends nothing to a host.
	Status(ctx context.Context, r Request, emit func(Event)) Result

	// Check says how far a request to the server that r names would get (type
	// check). It sends nothing to a host. What fails on the way stands in the
	// answer; the error, an *Error, refuses the question itself.
	Check(ctx context.Context, r Request) (Checked, error)

	// Close waits for running requests until ctx ends, then ends what is held
	// open at KSC. No method may be called after it.
	Close(ctx context.Context) error
}

// Description is the answer to describe.
type Description struct {
	Protocol int               `json:"protocol"`
	Name     string            `json:"name"`
	Version  string            `json:"version"`
	Tasks    []TaskDescription `json:"tasks"`
}

// TaskDescription is what a task takes and does. Schema, Sample and Hints are
// present only where one task was asked for.
type TaskDescription struct {
	Name    string          `json:"name"`
	Summary string          `json:"summary"`
	Effects []Effect        `json:"effects"`          // all that its params can bring about
	Digest  string          `json:"digest"`           // sha256 of the schema, hex
	Schema  json.RawMessage `json:"schema,omitempty"` // JSON Schema 2020-12 of params
	Sample  json.RawMessage `json:"sample,omitempty"` // a ready request, a dry run
	Hints   json.RawMessage `json:"hints,omitempty"`  // as manifest.json has them
}
