package ksc_test

import (
	"context"
	"encoding/json"
	"io"
	"net"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kes-respond/kes-respond/plugin/ksc"
)

// tripwire is a connection whose next write, once armed, does not take a byte:
// the server has closed it just then, or it dies with the writer waiting.
type tripwire struct {
	net.Conn
	armed  *atomic.Bool
	waits  bool
	closed chan struct{}
}

func (w *tripwire) Write(p []byte) (int, error) {
	if !w.armed.CompareAndSwap(true, false) {
		return w.Conn.Write(p)
	}
	if w.waits {
		w.Conn.Close()
		<-w.closed
	}
	return 0, &net.OpError{Op: "write", Net: "tcp", Err: syscall.EPIPE}
}

func (w *tripwire) Close() error {
	select {
	case <-w.closed:
	default:
		close(w.closed)
	}
	return w.Conn.Close()
}

// TestAPooledConnectionThatDiesUnwritten costs nothing: of what was never
// written nothing can have arrived, so it goes out on another connection.
func TestAPooledConnectionThatDiesUnwritten(t *testing.T) {
	for _, waits := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			server := newRogue(t, wellBehaved)
			var armed atomic.Bool
			c := client(t, func(ctx context.Context, network, addr string) (net.Conn, error) {
				conn, err := server.Dial(ctx, network, addr)
				return &tripwire{Conn: conn, armed: &armed, waits: waits, closed: make(chan struct{})}, err
			})
			require.NoError(t, c.Open(t.Context()))
			synctest.Wait()
			armed.Store(true)
			id, err := c.AddIncident(t.Context(), incident(1))
			require.NoError(t, err)
			assert.EqualValues(t, 4711, id)
			assert.False(t, armed.Load(), "the wire was touched")
			assert.Len(t, server.calls(addIncident), 1)
			assert.Equal(t, 2, server.dials)
		})
	}
}

// TestAServerThatClosesAsWeWrite: an order is at the server once, or we say
// that nobody can know; NotSent is never said of one that arrived.
func TestAServerThatClosesAsWeWrite(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := newRogue(t, func(s seen, nth int) reply {
			return func(w io.Writer, until <-chan struct{}) bool {
				wellBehaved(s, nth)(w, until)
				return false
			}
		})
		c := client(t, server.Dial)
		require.NoError(t, c.Open(t.Context()))
		var errs []error
		for n := range 300 {
			_, err := c.AddIncident(t.Context(), incident(n))
			errs = append(errs, err)
		}
		synctest.Wait() // the server may still be reading
		arrived := map[string]int{}
		for _, s := range server.calls(addIncident) {
			var args struct {
				PData struct {
					Body string `json:"KLINCDT_BODY"`
				} `json:"pData"`
			}
			require.NoError(t, json.Unmarshal([]byte(s.body), &args))
			arrived[args.PData.Body]++
		}
		sure := 0
		for n, err := range errs {
			times := arrived[incident(n).Body]
			if err == nil {
				sure++
				require.Equal(t, 1, times)
				continue
			}
			require.LessOrEqual(t, times, 1, "%v", err)
			if failed(t, err).Delivery == ksc.NotSent {
				require.Zero(t, times, "%v", err)
			}
		}
		assert.NotZero(t, sure)
	})
}
