package task

import "github.com/kes-respond/kes-respond/shared"

// The help page explains action with the text of another parameter; its
// example says what it is: 0 ends isolation, 1 starts it.
type isolateHost struct {
	Action whole `json:"action" jsonschema:"title=Action,description=1 starts isolation and 0 ends it,enum=0,enum=1"`
}

const isolationSlot = "isolation"

var _ = register(Spec[isolateHost]{
	Name:    "isolateHost",
	Summary: "cut the host off the network, or end that",
	Help: `Action 1 cuts the host's network connections, save those of the product and its
agent, so that it stays manageable; action 0 ends that. The request carries no
duration and no exclusions: those of the device and of its policy of Kaspersky
Endpoint Security apply, and that policy may lift isolation by itself.`,
	Script:  "isolateHost.py",
	Effects: []shared.Effect{shared.Isolates, shared.Releases},
	D3FEND:  []string{"D3-NI", "D3-RNA"},
	Hints:   Hints{Destructive: true, Idempotent: true},
	Sample:  func() isolateHost { return isolateHost{1} },
	EffectsOf: func(p isolateHost) []shared.Effect {
		if p.Action == 1 {
			return []shared.Effect{shared.Isolates}
		}
		return []shared.Effect{shared.Releases}
	},
	State: func(p isolateHost) (string, string) {
		if p.Action == 1 {
			return isolationSlot, "on"
		}
		return isolationSlot, "off"
	},
	Undo: func(p isolateHost) (string, any) { return "isolateHost", isolateHost{1 - p.Action} },
	Warnings: func(p isolateHost) []string {
		if p.Action == 1 {
			return []string{"the host's policy of Kaspersky Endpoint Security may lift isolation by itself after a time"}
		}
		return nil
	},
})
