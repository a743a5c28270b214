//go:build !unix

package main

// dying has no use on this system: nobody kills with a signal there.
func dying() { main() }

// stranger has no use there either: rights are access lists.
func stranger() { main() }
