package task

import "github.com/kes-respond/kes-respond/shared"

// The help page speaks of the file to delete where it explains path: a slip,
// it is the file whose process is ended.
type terminateProcess struct {
	fileRef
	CaseSensitive bool `json:"caseSensitive" jsonschema:"title=Case-sensitive,description=Compare the file name with regard to case"`
}

var _ = register(Spec[terminateProcess]{
	Name:     "terminateProcess",
	Summary:  "end the processes of a file on the host",
	Help:     `Ends the processes that run from a file, named by path, hash or both.`,
	Script:   "terminateProcess.py",
	Effects:  []shared.Effect{shared.Terminates},
	D3FEND:   []string{"D3-PT"},
	Hints:    Hints{Destructive: true, Idempotent: true},
	Sample:   func() terminateProcess { return terminateProcess{sampleFile(), false} },
	Validate: func(p terminateProcess) []shared.Violation { return p.check() },
	Paths:    func(p terminateProcess) []Path { return onePath(p.Path, shared.Terminates, false) },
})
