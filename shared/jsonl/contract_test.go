package jsonl_test

import (
	"context"
	"io"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/kes-respond/kes-respond/shared"
	"github.com/kes-respond/kes-respond/shared/jsonl"
	"github.com/kes-respond/kes-respond/shared/sharedtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var greeting = shared.Hello{Name: "kes-respond", Version: "test", Tasks: []string{"isolateHost"}}

// link is both ends over one pair of streams.
type link struct {
	*jsonl.Client
	served chan error // what Serve returned
	cut    func()     // breaks both streams
}

type stream func() (io.ReadCloser, io.WriteCloser)

func inMemory() (io.ReadCloser, io.WriteCloser) { return io.Pipe() }

func ofSystem(t testing.TB) stream {
	return func() (io.ReadCloser, io.WriteCloser) {
		r, w, err := os.Pipe()
		require.NoError(t, err)
		return r, w
	}
}

// connect serves r and asks over streams of the given kind.
func connect(t testing.TB, make stream, r shared.Responder, o jsonl.Options) link {
	t.Helper()
	requests, asking := make()
	hearing, events := make()
	l := link{served: newServed(), cut: func() { asking.Close(); events.Close() }}
	o.Hello = greeting
	go func() {
		l.served <- jsonl.Serve(t.Context(), r, requests, events, o)
		events.Close() // as a process does that leaves
		requests.Close()
	}()
	var err error
	l.Client, err = jsonl.NewClient(t.Context(), hearing, asking)
	require.NoError(t, err)
	return l
}

func newServed() chan error { return make(chan error, 1) }

// open is connect for the contract test.
func open(t *testing.T, make stream, r shared.Responder) (shared.Responder, func()) {
	l := connect(t, make, r, jsonl.Options{})
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), time.Minute)
		defer cancel()
		l.Close(ctx) // some stories have closed or broken it already
		<-l.served
		assert.NoError(t, r.Close(ctx))
	})
	return l.Client, l.cut
}

func TestContractInMemory(t *testing.T) {
	sharedtest.Run(t, func(t *testing.T, r shared.Responder) (shared.Responder, func()) { return open(t, inMemory, r) })
}

func TestContractOverPipes(t *testing.T) {
	sharedtest.Run(t, func(t *testing.T, r shared.Responder) (shared.Responder, func()) { return open(t, ofSystem(t), r) })
}
