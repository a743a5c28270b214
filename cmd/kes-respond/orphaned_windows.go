package main

import (
	"os"
	"syscall"
)

// orphaned gives a function that says whether the process that started this
// one has gone. Windows never gives a process another parent, so its parent is
// held on to from the start.
func orphaned() func() bool {
	parent, err := syscall.OpenProcess(syscall.SYNCHRONIZE, false, uint32(os.Getppid()))
	if err != nil {
		return func() bool { return false } // it is not ours to look at
	}
	return func() bool {
		event, err := syscall.WaitForSingleObject(parent, 0)
		return err == nil && event == syscall.WAIT_OBJECT_0
	}
}
