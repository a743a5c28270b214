package task

import (
	"strconv"

	"github.com/kes-respond/kes-respond/shared"
)

// The types of scan objects that need to be known by name; the help page lists
// 14 to 18 and 22 to 25, and nothing between.
const scanFolder = 22

// onDemandScan is an array on the wire. The help page calls path a list
// separated by blanks in one place and one folder in another: it is one here,
// since a list would break at the first blank in a name.
type onDemandScan []scanObject

type scanObject struct {
	Enabled   bool   `json:"enabled" jsonschema:"title=Enabled,description=Whether this object is scanned"`
	Path      string `json:"path" jsonschema:"title=Path,description=Full path of a file or folder for type 22; empty for all other types,maxLength=32767"`
	Recursive bool   `json:"recursive" jsonschema:"title=Recursive,description=Scan the folders below as well"`
	Type      whole  `json:"type" jsonschema:"title=Type,description=14 memory; 15 startup objects and processes; 16 boot sectors; 17 system backup storage; 18 mail; 22 folder; 23 removable drives; 24 network drives; 25 fixed drives,enum=14,enum=15,enum=16,enum=17,enum=18,enum=22,enum=23,enum=24,enum=25"`
}

var _ = register(Spec[onDemandScan]{
	Name:    "onDemandScan",
	Summary: "scan the host for malware",
	Help: `Scans what you name: memory, drives, a folder. On the command line the flags make
one scan object; for several give --params an array of 1 to 64. What is done with
a finding is up to the host's policy of Kaspersky Endpoint Security.`,
	Script:  "onDemandScan.py",
	Effects: []shared.Effect{shared.Scans},
	D3FEND:  []string{"D3-FA", "D3-FCR"},
	Sample:  func() onDemandScan { return onDemandScan{{true, `C:\Windows\Temp`, true, scanFolder}} },
	Overlay: `{"minItems": 1, "maxItems": 64}`,
	Validate: func(p onDemandScan) []shared.Violation {
		var found []shared.Violation
		enabled := false
		for i, o := range p {
			at := "/" + strconv.Itoa(i) + "/path"
			enabled = enabled || o.Enabled
			switch {
			case o.Type == scanFolder && o.Path == "":
				found = append(found, shared.Violation{Pointer: at, Message: "is empty, and type 22 scans a folder or file"})
			case o.Type != scanFolder && o.Path != "":
				found = append(found, shared.Violation{Pointer: at, Message: "must be empty for every type but 22"})
			default:
				found = append(found, checkPath(at, o.Path)...)
			}
		}
		if !enabled && len(found) == 0 {
			found = append(found, shared.Violation{Pointer: "", Message: "has no object that is enabled: nothing would be scanned"})
		}
		return found
	},
	Paths: func(p onDemandScan) []Path {
		var paths []Path
		for _, o := range p {
			paths = append(paths, Path{o.Path, shared.Scans, o.Recursive})
		}
		return paths
	},
})
