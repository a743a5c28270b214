// Package manifest is what kes-respond advertises: the tasks, their effects
// and hints, a JSON Schema for each, and a package for each platform that can
// call the program. All of it is generated from the tasks (make generate),
// embedded, and compared by a test. The package imports nothing of ours, so that
// anyone may import it.
package manifest

import (
	"embed"
	"io/fs"
)

//go:embed manifest.json schemas/*.json
var files embed.FS

// Manifest is manifest.json: name, protocol, tasks, effects, hints.
func Manifest() []byte {
	data, err := files.ReadFile("manifest.json")
	if err != nil {
		panic(err) // it was embedded when the program was built
	}
	return data
}

// Schema is the JSON Schema 2020-12 of the given name: a task's, for its
// params, or "request", "event", "config" or "policy" for what those lines and
// files hold. ok is false where there is none.
func Schema(name string) (data []byte, ok bool) {
	data, err := files.ReadFile("schemas/" + name + ".json")
	return data, err == nil
}

// Files is manifest.json and schemas/, as they lie in the source.
func Files() fs.FS { return files }
