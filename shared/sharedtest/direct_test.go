package sharedtest_test

import (
	"testing"

	"go.uber.org/goleak"

	"github.com/kes-respond/kes-respond/shared"
	"github.com/kes-respond/kes-respond/shared/sharedtest"
)

// The contract has to hold where nothing lies between caller and Responder.
func TestDirect(t *testing.T) {
	defer goleak.VerifyNone(t)
	sharedtest.Run(t, func(_ *testing.T, r shared.Responder) (shared.Responder, func()) { return r, nil })
}
