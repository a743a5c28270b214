package task

import "github.com/kes-respond/kes-respond/shared"

// The help page takes an MD5 only, though the product knows SHA-256 too, and
// offers no empty hash here.
type preventExecution struct {
	Hash          string `json:"hash" jsonschema:"title=MD5,description=MD5 of the file; SHA-256 is not taken here,pattern=^[0-9A-Fa-f]{32}$"`
	Path          string `json:"path" jsonschema:"title=Path,description=Full path of the file on the host; empty for the hash alone,maxLength=32767"`
	CaseSensitive bool   `json:"caseSensitive" jsonschema:"title=Case-sensitive,description=Compare the file name with regard to case"`
}

var _ = register(Spec[preventExecution]{
	Name:    "preventExecution",
	Summary: "forbid a file to run on the host",
	Help: `Adds a rule that forbids a file to run or be opened; it must meet all criteria that
are given. Takes an MD5. There is no request that removes the rule: do that in
the host's policy of Kaspersky Endpoint Security. Execution prevention must be
switched on there to have an effect.`,
	Script:  "preventExecution.py",
	Effects: []shared.Effect{shared.Blocks},
	D3FEND:  []string{"D3-EDL"},
	Hints:   Hints{Destructive: true, Idempotent: true},
	Sample: func() preventExecution {
		f := sampleFile()
		return preventExecution{Hash: f.MD5, Path: f.Path}
	},
	Validate: func(p preventExecution) []shared.Violation { return checkPath("/path", p.Path) },
	Paths:    func(p preventExecution) []Path { return onePath(p.Path, shared.Blocks, false) },
	Warnings: func(preventExecution) []string {
		return []string{
			"no request removes the rule again: that is done in the policy of Kaspersky Endpoint Security",
			"check in the policy of Kaspersky Endpoint Security that execution prevention is switched on",
		}
	},
})
