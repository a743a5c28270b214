package task

import (
	"encoding/json"
	"slices"
	"strings"

	"github.com/kes-respond/kes-respond/shared"
)

// Params are params that were checked: only Parse makes them.
type Params struct {
	json      []byte
	effects   []shared.Effect
	paths     []Path
	slot      string
	value     string
	undoTask  string
	undo      json.RawMessage
	warnings  []string
	sensitive bool
}

// JSON is what is sent: ASCII, members in the help page's order, optional
// members that were absent left out.
func (p Params) JSON() []byte { return p.json }

// Effects are what these params do.
func (p Params) Effects() []shared.Effect { return slices.Clone(p.effects) }

// Paths are the places on the host that these params touch.
func (p Params) Paths() []Path { return slices.Clone(p.paths) }

// State is the lasting condition that these params set, where they set one.
func (p Params) State() (slot, value string, ok bool) { return p.slot, p.value, p.slot != "" }

// Undo is the request that takes it back, where there is one.
func (p Params) Undo() (task string, params json.RawMessage, ok bool) {
	return p.undoTask, p.undo, p.undoTask != ""
}

// Warnings are what a person should know of these params.
func (p Params) Warnings() []string { return slices.Clone(p.warnings) }

// Sensitive says that no output may show these params.
func (p Params) Sensitive() bool { return p.sensitive }

// decode makes Params of JSON that the schema has passed.
func decode[P any](s Spec[P], raw json.RawMessage) (Params, []shared.Violation) {
	var p P
	if err := json.Unmarshal(raw, &p); err != nil {
		return Params{}, []shared.Violation{{Pointer: "/params", Message: "cannot be read"}}
	}
	if s.Validate != nil {
		found := s.Validate(p)
		for i := range found {
			found[i].Pointer = "/params" + found[i].Pointer
		}
		if len(found) > 0 {
			return Params{}, found
		}
	}
	out := Params{json: encode(p), effects: s.Effects, sensitive: s.Sensitive}
	if s.EffectsOf != nil {
		out.effects = s.EffectsOf(p)
	}
	if s.Paths != nil {
		for _, path := range s.Paths(p) {
			path.Path = strings.ReplaceAll(path.Path, "/", `\`)
			out.paths = append(out.paths, path)
		}
	}
	if s.State != nil {
		out.slot, out.value = s.State(p)
	}
	if s.Undo != nil {
		if name, params := s.Undo(p); name != "" {
			out.undoTask, out.undo = name, encode(params)
		}
	}
	if s.Warnings != nil {
		out.warnings = s.Warnings(p)
	}
	if slices.ContainsFunc(out.paths, func(p Path) bool { return strings.HasPrefix(p.Path, `\\`) }) {
		// A caller's event may name the share, and whoever runs it sees the
		// host log in there.
		out.warnings = append(out.warnings, "the path is on the network: the host goes there with its own account")
	}
	return out, nil
}
