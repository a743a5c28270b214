package task

import (
	"strings"
	"unicode"

	"github.com/kes-respond/kes-respond/shared"
)

type startProcess struct {
	ExecutablePath string  `json:"executablePath" jsonschema:"title=Program,description=Full path of the program on the host,minLength=1,maxLength=32767"`
	Arguments      *string `json:"arguments,omitempty" jsonschema:"title=Arguments,description=Its command line arguments as one text,maxLength=32767"`
	WorkingFolder  *string `json:"workingFolder,omitempty" jsonschema:"title=Working folder,description=Full path of the folder it starts in,maxLength=32767"`
}

var _ = register(Spec[startProcess]{
	Name:    "startProcess",
	Summary: "start a program on the host",
	Help: `Starts a program on the host. What it may do there is up to the program: allow this
task to as few callers as you can. The arguments stand in no output of ours, but
they do travel to KSC and stand in the incident there.`,
	Script:    "startProcess.py",
	Effects:   []shared.Effect{shared.Executes},
	Hints:     Hints{Destructive: true},
	Sensitive: true,
	Sample: func() startProcess {
		arguments, folder := "/c whoami", `C:\Windows\Temp`
		return startProcess{`C:\Windows\System32\cmd.exe`, &arguments, &folder}
	},
	Validate: func(p startProcess) []shared.Violation {
		found := checkFile("/executablePath", p.ExecutablePath)
		if p.WorkingFolder != nil {
			found = append(found, checkPath("/workingFolder", *p.WorkingFolder)...)
		}
		if p.Arguments != nil {
			found = append(found, checkArguments("/arguments", *p.Arguments)...)
		}
		return found
	},
	Paths: func(p startProcess) []Path { return onePath(p.ExecutablePath, shared.Executes, false) },
})

// checkArguments takes any text that can be one command line.
func checkArguments(pointer, arguments string) []shared.Violation {
	switch {
	case tooLong(arguments):
		return []shared.Violation{{Pointer: pointer, Message: tooLongMessage}}
	case strings.ContainsFunc(arguments, func(r rune) bool { return r != '\t' && unicode.IsControl(r) }):
		return []shared.Violation{{Pointer: pointer, Message: "holds a control character"}}
	}
	return nil
}
