package task

import "github.com/kes-respond/kes-respond/shared"

type deleteFile struct {
	fileRef
	SearchInSubfolders *bool `json:"searchInSubfolders,omitempty" jsonschema:"title=Search subfolders,description=Search the folders below the path's folder as well"`
}

var _ = register(Spec[deleteFile]{
	Name:    "deleteFile",
	Summary: "delete a file on the host",
	Help: `Deletes a file, named by path, hash or both. Nothing keeps a copy; quarantineFile
does. Files that Windows or the product need are not deleted.`,
	Script:  "deleteFile.py",
	Effects: []shared.Effect{shared.Deletes},
	D3FEND:  []string{"D3-FEV"},
	Hints:   Hints{Destructive: true, Idempotent: true},
	Sample: func() deleteFile {
		search := false
		return deleteFile{sampleFile(), &search}
	},
	Validate: func(p deleteFile) []shared.Violation { return p.check() },
	Paths: func(p deleteFile) []Path {
		return onePath(p.Path, shared.Deletes, p.SearchInSubfolders != nil && *p.SearchInSubfolders)
	},
	Warnings: func(deleteFile) []string { return []string{"deleting keeps no copy and cannot be undone"} },
})
