package main

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/kes-respond/kes-respond/shared"
)

// TestHelpNamesEveryExitCode: who reads it takes a code that it does not name for
// a failure.
func TestHelpNamesEveryExitCode(t *testing.T) {
	help := rootCommand(surroundings{args: []string{"kes-respond"}, getenv: func(string) string { return "" }}).Long
	for _, code := range []int{
		shared.ExitOK, shared.ExitFailed, shared.ExitPolicy, shared.ExitPending, shared.ExitUnknown, shared.ExitCancelled, shared.ExitPartial,
		shared.ExitUsage, shared.ExitRefused, shared.ExitReach, shared.ExitLater, shared.ExitLogin,
	} {
		assert.Regexp(t, fmt.Sprintf(`[ \n]%d [a-zA-Z]`, code), help)
	}
}
