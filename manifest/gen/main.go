// Command gen writes manifest/ from the tasks: manifest.json and a JSON Schema
// for the params of each. It is the only program that reflects schemas; run it
// by "make generate". A test of its own compares what it would write with what
// is there.
package main

import (
	"fmt"
	"os"
	"path/filepath"
)

func main() {
	if err := write("manifest"); err != nil {
		fmt.Fprintln(os.Stderr, "gen:", err)
		os.Exit(1)
	}
}

// write puts every generated file below root, and takes schemas away that
// nothing generates any more.
func write(root string) error {
	files, err := generate()
	if err != nil {
		return err
	}
	old, err := filepath.Glob(filepath.Join(root, "schemas", "*.json"))
	if err != nil {
		return err
	}
	for _, path := range old {
		name, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		if _, ok := files[filepath.ToSlash(name)]; !ok {
			if err := os.Remove(path); err != nil {
				return err
			}
		}
	}
	for name, data := range files {
		if err := os.WriteFile(filepath.Join(root, name), data, 0o644); err != nil {
			return err
		}
	}
	return nil
}
