// Package task holds the nine response tasks of Kaspersky Endpoint Security,
// a file each: what a task takes, what it does to a host, and how it is
// checked before anything is sent. Parameters, types and rules are those of
// the vendor's help page 300214 (editions 12.9 and 12.10); where the page
// contradicts itself the file of the task says how it was read.
//
// What the advertised schema of a task refuses Parse refuses, and the other way
// round, save for what a schema cannot say. That is, in all:
//
//   - of the JSON's text: a member that stands twice, a NUL, U+FFFD, and "{{."
//     and "<no value>", which a template leaves where a field is missing;
//   - of members together: no path and no hash; a path that ends in a folder
//     where no hash says which file in it; in a scan, a path beside a type that
//     takes none, none beside the type that needs one, and no object enabled;
//   - of a path: it is one full path (a drive, a share or a variable first), at
//     most 32767 UTF-16 units, without masks, control characters, characters
//     that Windows forbids, "." and ".." steps, doubled separators, data
//     streams, names that end in a dot, and blanks at its ends;
//   - of arguments: at most 32767 UTF-16 units, and no control character but
//     the tab;
//   - of an archive: all that its file says.
//
// A new task is a new file here and its test data: nothing else names one.
package task

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"sync"

	"github.com/kes-respond/kes-respond/manifest"
	"github.com/kes-respond/kes-respond/shared"
)

// Spec is all that the program knows of a task whose params decode into P.
// Everything else, from schemas to the command line, is derived from it.
type Spec[P any] struct {
	Name    string
	Summary string // one line, for lists
	Help    string // a paragraph: what it does, and what to know before using it
	Script  string // the vendor's script for KUMA that does the same
	Effects []shared.Effect
	D3FEND  []string // ids of techniques that fit; none where none does
	Hints   Hints
	Sample  func() P
	Overlay string // JSON Schema members that struct tags cannot say, merged into the generated schema

	// Validate names what the schema cannot: pointers are relative to params.
	Validate func(P) []shared.Violation
	// EffectsOf is what these params do; nil where always Effects.
	EffectsOf func(P) []shared.Effect
	// Paths are the places on the host that these params touch.
	Paths func(P) []Path
	// State is the lasting condition that these params set: requests with the
	// same slot and different values are opposites.
	State func(P) (slot, value string)
	// Undo is the request that takes it back; nil where there is none.
	Undo func(P) (task string, params any)
	// Warnings are what a person should know of these params.
	Warnings func(P) []string
	// Load turns files into the text of LoadMember.
	Load       func([]File) (string, error)
	LoadMember string
	Sensitive  bool // params hold what no output may show
}

// Hints are what a platform may tell a person or an agent of a task.
type Hints struct {
	ReadOnly    bool `json:"readOnly"`    // changes nothing on the host
	Destructive bool `json:"destructive"` // may destroy something, or stop work
	Idempotent  bool `json:"idempotent"`  // a second time changes no more than the first
}

// Path is a place on the host that a request touches, with backslashes between
// its steps. It holds no "." and "..", no doubled separator, no data stream and
// no name that Windows reads as another one; variables and short names (8.3)
// stand as the caller wrote them. It is empty where it may be any place: a hash
// names the file, or the host finds it by itself.
type Path struct {
	Path       string
	Effect     shared.Effect
	Subfolders bool // everything below its folder is meant too
}

// File is a file that a command line read for a parameter.
type File struct {
	Name string
	Data []byte
}

// Task is a registered task.
type Task struct {
	Name       string
	Summary    string
	Help       string
	Script     string
	D3FEND     []string
	TaskHints  Hints
	effects    []shared.Effect
	overlay    string
	loadMember string
	load       func([]File) (string, error)
	sample     func() json.RawMessage
	prototype  any
	decode     func(json.RawMessage) (Params, []shared.Violation)
	checker    func() (*checker, error)
}

var registered []*Task // filled while packages initialise, never after

func register[P any](s Spec[P]) *Task {
	t := &Task{
		Name: s.Name, Summary: s.Summary, Help: s.Help, Script: s.Script, D3FEND: s.D3FEND, TaskHints: s.Hints,
		effects: s.Effects, overlay: s.Overlay, loadMember: s.LoadMember, load: s.Load, prototype: *new(P),
	}
	t.sample = func() json.RawMessage { return encode(s.Sample()) }
	t.decode = func(raw json.RawMessage) (Params, []shared.Violation) { return decode(s, raw) }
	t.checker = sync.OnceValues(func() (*checker, error) { return newChecker(t.Schema()) })
	registered = append(registered, t)
	return t
}

// All gives the tasks in the order of their names.
func All() []*Task {
	all := slices.Clone(registered)
	slices.SortFunc(all, func(a, b *Task) int { return strings.Compare(a.Name, b.Name) })
	return all
}

// Lookup finds a task by its exact name.
func Lookup(name string) (*Task, bool) {
	for _, t := range registered {
		if t.Name == name {
			return t, true
		}
	}
	return nil, false
}

// Effects are all that params of this task can bring about.
func (t *Task) Effects() []shared.Effect { return slices.Clone(t.effects) }

// Schema is the advertised JSON Schema of the task's params.
func (t *Task) Schema() []byte {
	data, _ := manifest.Schema(t.Name) // a missing one fails the manifest's test, and every Parse
	return data
}

// Sample is an example of params that a person may look at and edit.
func (t *Task) Sample() json.RawMessage { return t.sample() }

// Hints are TaskHints as JSON.
func (t *Task) Hints() json.RawMessage { return encode(t.TaskHints) }

// Overlay is raw JSON Schema for what struct tags cannot say, for the generator.
func (t *Task) Overlay() string { return t.overlay }

// Prototype is a zero value of the type that params decode into, for the generator.
func (t *Task) Prototype() any { return t.prototype }

// LoadMember names the parameter that is base64 in a request and files on a
// command line; it is empty for most tasks.
func (t *Task) LoadMember() string { return t.loadMember }

// Load turns files into the text of the member LoadMember, checked. The same
// files give the same text, in whatever order they come.
func (t *Task) Load(files []File) (string, error) {
	if t.load == nil {
		return "", errors.New(t.Name + " takes no files")
	}
	return t.load(files)
}

// Body is the incident's body, KLINCDT_BODY: ASCII JSON with its members in
// the order of the help page's sample.
func Body(host, task string, params []byte, area string) string {
	return string(encode(struct {
		Host   string          `json:"targetHost"`
		Task   string          `json:"task"`
		Params json.RawMessage `json:"params"`
		Mark   bool            `json:"responseEventIncident"`
		Area   string          `json:"responseEventIncidentArea"`
	}{host, task, params, true, area}))
}

// encode writes values of our own types, which always can be written.
func encode(v any) json.RawMessage {
	data, err := shared.ASCIIJSON(v)
	if err != nil {
		panic(err)
	}
	return data
}
