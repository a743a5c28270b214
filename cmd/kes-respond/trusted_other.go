//go:build !unix

package main

import "os"

const (
	writableByOthers = 0
	readableByOthers = 0
)

// readTrusted reads a file. Who may change or read it is a matter of its
// access list, which this version does not look at on this system.
func readTrusted(path string, _ int) ([]byte, error) { return os.ReadFile(path) }
