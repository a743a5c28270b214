// Command gen writes manifest/ from the tasks and from the contract:
// manifest.json and JSON Schemas 2020-12 for the params of each task, for a
// request line, an event line and the configuration file, and a package for each
// platform from the templates beside it. It is the only program that reflects
// schemas; run it by "make generate". A test of its own compares what it would
// write with what is there.
package main

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
)

func main() {
	if err := write("."); err != nil {
		fmt.Fprintln(os.Stderr, "gen:", err)
		os.Exit(1)
	}
}

// write puts every generated file below manifest/ in the source tree root,
// and takes schemas away that nothing generates any more.
func write(root string) error {
	files, err := generate(root)
	if err != nil {
		return err
	}
	manifest := filepath.Join(root, "manifest")
	old, err := filepath.Glob(filepath.Join(manifest, "schemas", "*.json"))
	if err != nil {
		return err
	}
	for _, path := range old {
		name, err := filepath.Rel(manifest, path)
		if err != nil {
			return err
		}
		if _, ok := files[filepath.ToSlash(name)]; !ok {
			if err := os.Remove(path); err != nil {
				return err
			}
		}
	}
	filled, err := packageFiles(root)
	if err != nil {
		return err
	}
	stale, err := filepath.Glob(filepath.Join(manifest, "*", templates))
	if err != nil {
		return err
	}
	for _, dir := range stale {
		if err := os.RemoveAll(filepath.Join(filepath.Dir(dir), packages)); err != nil {
			return err
		}
	}
	maps.Copy(files, filled)
	for name, data := range files {
		path := filepath.Join(manifest, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, data, 0o644); err != nil {
			return err
		}
	}
	return nil
}
