package shared_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/kes-respond/kes-respond/shared"
)

// The table of outcomes and exit codes, written out by hand so that a slip in
// the code cannot agree with itself.
func TestExitOfEachOutcomeAndCode(t *testing.T) {
	for _, c := range []struct {
		outcome shared.Outcome
		code    shared.Code
		exit    int
	}{
		{shared.Succeeded, "", 0},
		{shared.Submitted, "", 0},
		{shared.Planned, "", 0},
		{shared.Partial, "", 7},
		{shared.Pending, "", 4},
		{shared.Pending, shared.TaskAmbiguous, 4},
		{shared.Cancelled, shared.CancelledCode, 6},
		{shared.Unknown, shared.CarrierLost, 5},
		{shared.Unknown, shared.Timeout, 5},
		{shared.Refused, shared.BadRequest, 65},
		{shared.Refused, shared.HostNotFound, 65},
		{shared.Refused, shared.HostAmbiguous, 65},
		{shared.Refused, shared.Policy, 3},
		{shared.Refused, shared.Suspended, 3},
		{shared.Refused, shared.ApprovalRequired, 3},
		{shared.Refused, shared.Busy, 75},
		{shared.Refused, shared.Cap, 75},
		{shared.Refused, shared.Quota, 75},
		{shared.Failed, shared.Unreachable, 69},
		{shared.Failed, shared.Timeout, 75},
		{shared.Failed, shared.Login, 77},
		{shared.Failed, shared.Locked, 77},
		{shared.Failed, shared.SecondFactor, 77},
		{shared.Failed, shared.Denied, 77},
		{shared.Failed, shared.KSCError, 1},
		{shared.Failed, shared.TaskFailed, 1},
		{shared.Outcome("from the future"), "", 1},
	} {
		assert.Equal(t, c.exit, shared.Exit(c.outcome, c.code), "%s %s", c.outcome, c.code)
	}
}

func TestExitOfSeveralResults(t *testing.T) {
	assert.Equal(t, 0, shared.ExitAll())
	assert.Equal(t, 0, shared.ExitAll(0, 0))
	assert.Equal(t, 5, shared.ExitAll(0, 1, 69, 5))
	assert.Equal(t, 1, shared.ExitAll(69, 77, 1))
	assert.Equal(t, 69, shared.ExitAll(77, 69, 3))
	assert.Equal(t, 77, shared.ExitAll(3, 77))
	assert.Equal(t, 3, shared.ExitAll(65, 3))
	assert.Equal(t, 65, shared.ExitAll(75, 65))
	assert.Equal(t, 75, shared.ExitAll(7, 75))
	assert.Equal(t, 7, shared.ExitAll(6, 7))
	assert.Equal(t, 6, shared.ExitAll(4, 6))
	assert.Equal(t, 4, shared.ExitAll(0, 4))
	assert.Equal(t, 1, shared.ExitAll(0, 99), "a code nobody knows is a failure")
}
