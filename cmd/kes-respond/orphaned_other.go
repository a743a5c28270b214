//go:build !windows

package main

import "os"

// orphaned gives a function that says whether the process that started this
// one has gone: then it has another parent.
func orphaned() func() bool {
	parent := os.Getppid()
	return func() bool { return os.Getppid() != parent }
}
