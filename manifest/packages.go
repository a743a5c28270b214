package manifest

import (
	"embed"
	"encoding/json"
	"io/fs"
	"path"
)

//go:embed all:*/package
var packages embed.FS

// layoutFile says in each package how it is laid out; it is no part of what a
// platform gets.
const layoutFile = "layout.json"

// Package is what a platform gets, save the program itself.
type Package struct {
	Platform string
	Layout
	Files fs.FS
}

// Layout is how a package lies on a disk.
type Layout struct {
	Title   string            `json:"title"`   // for a list of packages
	Program string            `json:"program"` // where the program goes; empty where it is installed by itself
	Beside  []string          `json:"beside"`  // further programs of ours that go beside it
	Names   []string          `json:"names"`   // further names of the program
	Modes   map[string]string `json:"modes"`   // octal, of files that need another than 0644
	Sheet   string            `json:"sheet"`   // the file that says what to do next
}

// Packages gives the package of every platform, in the order of their names.
func Packages() []Package {
	dirs, err := fs.Glob(packages, "*/package")
	if err != nil {
		panic(err) // the pattern is ours
	}
	var all []Package
	for _, dir := range dirs {
		all = append(all, packageIn(dir))
	}
	return all
}

func packageIn(dir string) Package {
	p := Package{Platform: path.Dir(dir)}
	data, err := packages.ReadFile(path.Join(dir, layoutFile))
	if err == nil {
		err = json.Unmarshal(data, &p.Layout)
	}
	if err == nil {
		p.Files, err = fs.Sub(packages, dir)
	}
	if err != nil {
		panic(err) // it was embedded when the program was built, and a test has read it
	}
	p.Files = without{p.Files}
	return p
}

// without is a package without its layout.
type without struct{ fs.FS }

// ReadDir leaves the layout out.
func (w without) ReadDir(name string) ([]fs.DirEntry, error) {
	entries, err := fs.ReadDir(w.FS, name)
	kept := entries[:0]
	for _, e := range entries {
		if name != "." || e.Name() != layoutFile {
			kept = append(kept, e)
		}
	}
	return kept, err
}
