//go:build !unix

package main

// dying has no use on this system: nobody kills with a signal there.
func dying() { main() }
