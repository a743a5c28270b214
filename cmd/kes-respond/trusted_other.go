//go:build !unix

package main

import (
	"io/fs"
	"os"
)

const (
	writableByOthers fs.FileMode = 0
	readableByOthers fs.FileMode = 0
)

func openAtOnce(path string) (*os.File, error) { return os.Open(path) }

// trusted lets every file pass: who may change or read it is a matter of its
// access list, which this version does not look at on this system.
func trusted(string, fs.FileInfo, fs.FileMode) error { return nil }
