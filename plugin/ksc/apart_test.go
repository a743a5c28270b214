package ksc_test

import (
	"context"
	"net"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kes-respond/kes-respond/plugin/ksc"
	"github.com/kes-respond/kes-respond/plugin/ksc/ksctest"
)

// counted counts the connections that are open.
type counted struct {
	net.Conn
	open   *atomic.Int64
	closed atomic.Bool
}

func (c *counted) Close() error {
	if c.closed.CompareAndSwap(false, true) {
		c.open.Add(-1)
	}
	return c.Conn.Close()
}

func counting(open *atomic.Int64) func(*ksc.Config) {
	return func(c *ksc.Config) {
		dial := c.Dial
		c.Dial = func(ctx context.Context, network, addr string) (net.Conn, error) {
			conn, err := dial(ctx, network, addr)
			open.Add(1)
			return &counted{Conn: conn, open: open}, err
		}
	}
}

// TestApartHasConnectionsOfItsOwn: in the session that there is, over a
// connection that nobody else has used or will use.
func TestApartHasConnectionsOfItsOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var open atomic.Int64
		server, c := emulated(t, ksctest.Options{}, counting(&open))
		id, err := c.AddIncident(t.Context(), incident(1))
		require.NoError(t, err)
		for n := range 2 {
			apart, done := c.Apart()
			assert.Equal(t, c.String(), apart.String())
			found, err := apart.FindIncidents(t.Context(), hostID, time.Now().Add(-time.Hour), 5)
			require.NoError(t, err)
			require.Len(t, found, 1)
			assert.Equal(t, id, found[0].ID)
			assert.EqualValues(t, 2, open.Load(), "one kept for all that belongs together")
			done()
			synctest.Wait()
			assert.EqualValues(t, 1, open.Load(), "none left behind")
			calls := server.Calls()
			assert.Equal(t, n+2, calls[len(calls)-1].Conn, "a new one each time")
		}
		_, err = c.Server(t.Context())
		require.NoError(t, err)
		calls := server.Calls()
		assert.Equal(t, 1, calls[len(calls)-1].Conn, "c's own are as they were")
		assert.Equal(t, 1, called(server, "Session.StartSession"))

		apart, done := c.Apart()
		defer done()
		require.NoError(t, c.Close(t.Context()))
		assert.Equal(t, 1, called(server, "Session.EndSession"))
		_, err = apart.Server(t.Context())
		assert.Equal(t, ksc.KindCanceled, failed(t, err).Kind, "the session was c's, and is over")
	})
}

// TestDoneWaitsForNobody: a call that still runs ends by itself, and its
// connection with it.
func TestDoneWaitsForNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var open atomic.Int64
		_, c := emulated(t, ksctest.Options{Latency: time.Second}, counting(&open))
		require.NoError(t, c.Open(t.Context()))
		apart, done := c.Apart()
		ended := make(chan error)
		go func() {
			_, err := apart.Server(t.Context())
			ended <- err
		}()
		synctest.Wait()
		assert.EqualValues(t, 2, open.Load())
		start := time.Now()
		done()
		assert.Zero(t, time.Since(start))
		assert.NoError(t, <-ended)
		synctest.Wait()
		assert.EqualValues(t, 1, open.Load())
	})
}

// TestAnEndedSessionIsRenewedOnceForAll: the clients apart share the renewal.
func TestAnEndedSessionIsRenewedOnceForAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server, c := emulated(t, ksctest.Options{Latency: 100 * time.Millisecond}, func(c *ksc.Config) { c.MaxConns = 50 })
		require.NoError(t, c.Open(t.Context()))
		for round := 2; round < 5; round++ {
			server.EndSessions()
			before := len(server.Incidents())
			atOnce(50, func(n int) {
				of := c
				if n%2 == 0 {
					apart, done := c.Apart()
					defer done()
					of = apart
				}
				var err error
				if n%3 == 0 {
					_, err = of.Server(t.Context())
				} else {
					_, err = of.AddIncident(t.Context(), incident(n))
				}
				assert.NoError(t, err)
			})
			assert.Equal(t, round, called(server, "Session.StartSession"))
			assert.Len(t, server.Incidents(), before+33, "none twice")
		}
	})
}
