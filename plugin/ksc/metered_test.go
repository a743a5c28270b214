package ksc_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kes-respond/kes-respond/plugin/ksc"
	"github.com/kes-respond/kes-respond/plugin/ksc/ksctest"
)

// TestAMeterSeesEachCall that is made with its context, those that are made once
// more in a new session among them, and no login.
func TestAMeterSeesEachCall(t *testing.T) {
	eachCursor(t, ksctest.Options{}, func(t *testing.T, server *ksctest.Server, c *ksc.Client, k cursored) {
		metered := 0
		ctx := ksc.Metered(t.Context(), func(context.Context) error { metered++; return nil })
		before := len(server.Calls())
		require.NoError(t, k.do(ctx, c))
		assert.Equal(t, len(server.Calls())-before, metered)
		server.EndSessions()
		before, metered = len(server.Calls()), 0
		require.NoError(t, k.do(ctx, c))
		assert.Equal(t, len(server.Calls())-before-1, metered, "all but StartSession")
	})
}

// TestAMeterThatSaysNo: the call is not made, and the error says so.
func TestAMeterThatSaysNo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server, c := emulated(t, ksctest.Options{})
		require.NoError(t, c.Open(t.Context()))
		before := len(server.Calls())
		full := errors.New("not now")
		_, err := c.Server(ksc.Metered(t.Context(), func(context.Context) error { return full }))
		assert.ErrorIs(t, err, full)
		assert.Equal(t, ksc.NotSent, failed(t, err).Delivery)
		assert.Len(t, server.Calls(), before)
	})
}
