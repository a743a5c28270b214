package task

import "github.com/kes-respond/kes-respond/shared"

type quarantineFile struct{ fileRef }

var _ = register(Spec[quarantineFile]{
	Name:    "quarantineFile",
	Summary: "move a file on the host to Quarantine",
	Help: `Moves a file, named by path, hash or both, to the Quarantine on the host, encrypted.
It can be restored in the console. Files over 100 MB, and files that Windows or
the product need, are not moved.`,
	Script:   "quarantineFile.py",
	Effects:  []shared.Effect{shared.Quarantines},
	D3FEND:   []string{"D3-CQ", "D3-FEV"},
	Hints:    Hints{Destructive: true, Idempotent: true},
	Sample:   func() quarantineFile { return quarantineFile{sampleFile()} },
	Validate: func(p quarantineFile) []shared.Violation { return p.check() },
	Paths:    func(p quarantineFile) []Path { return onePath(p.Path, shared.Quarantines, false) },
	Warnings: func(quarantineFile) []string {
		return []string{"a quarantined file is restored in the KSC console only"}
	},
})
