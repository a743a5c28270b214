// Command ksc-emulator serves package ksctest on a loopback address: a Kaspersky Security Center to try clients against,
// with mischief at the flip of a flag. It never listens anywhere else, and nothing it says is confirmed by a live KSC.
package main

import (
	"context"
	"os"
)

func main() { os.Exit(run(context.Background(), os.Args[1:], os.Stdout, os.Stderr)) }
