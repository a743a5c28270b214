package rpc_test

import (
	"context"
	"errors"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/kes-respond/kes-respond/shared"
	"github.com/kes-respond/kes-respond/shared/rpc"
)

// line is a connection to a plugin that has read the request and never answers.
// Its stream ends with its context, or as broken says.
type line struct {
	ctx    context.Context
	broken chan error
}

func (l *line) Invoke(ctx context.Context, _ string, _, _ any, _ ...grpc.CallOption) error {
	<-ctx.Done()
	return status.FromContextError(ctx.Err()).Err()
}

func (l *line) NewStream(ctx context.Context, _ *grpc.StreamDesc, _ string, _ ...grpc.CallOption) (grpc.ClientStream, error) {
	return &line{ctx: ctx, broken: l.broken}, nil
}

func (l *line) Header() (metadata.MD, error) { return nil, nil }
func (l *line) Trailer() metadata.MD         { return nil }
func (l *line) CloseSend() error             { return nil }
func (l *line) Context() context.Context     { return l.ctx }
func (l *line) SendMsg(any) error            { return nil }

func (l *line) RecvMsg(any) error {
	select {
	case err := <-l.broken:
		return err
	case <-l.ctx.Done():
		return status.FromContextError(l.ctx.Err()).Err()
	}
}

// TestPatience: how long a result is waited for, and what is said of it then.
func TestPatience(t *testing.T) {
	for name, story := range map[string]struct {
		happens func(cancel, pluginEnds func(), broken chan<- error)
		after   time.Duration
		code    shared.Code
		message string
	}{
		"a cancel is not answered": {
			func(cancel, _ func(), _ chan<- error) { cancel() },
			time.Minute, shared.CarrierLost,
			"the plugin gave no result within 1m0s of being told to cancel: the request may have been carried out",
		},
		"the connection breaks and the plugin lives": {
			func(_, _ func(), broken chan<- error) { broken <- status.Error(codes.Unavailable, "") },
			3 * time.Second, shared.CarrierLost,
			"the connection to the plugin was lost (Unavailable) without a result: the request may have been carried out",
		},
		"the connection breaks a moment before the plugin is seen to end": {
			func(_, ends func(), broken chan<- error) {
				broken <- status.Error(codes.Canceled, "")
				time.Sleep(time.Second)
				ends()
			},
			time.Second, shared.CarrierLost,
			"the plugin ended without a result: the request may have been carried out",
		},
		"the plugin ends and the connection does not notice": {
			func(_, ends func(), _ chan<- error) { ends() },
			3 * time.Second, shared.CarrierLost,
			"the plugin ended without a result: the request may have been carried out",
		},
		"the stream ends without a result": {
			func(_, _ func(), broken chan<- error) { broken <- io.EOF },
			0, shared.BadAnswer,
			"the plugin ended its answer without a result: the request may have been carried out",
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				done, ends := context.WithCancel(t.Context())
				defer ends()
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				broken := make(chan error, 1)
				client := rpc.NewClient(done, &line{broken: broken})
				var result shared.Result
				var after time.Duration
				start := time.Now()
				returned := make(chan struct{})
				go func() {
					defer close(returned)
					result = client.Respond(ctx, ask("1", "quick"), func(shared.Event) {})
					after = time.Since(start)
				}()
				synctest.Wait()
				story.happens(cancel, ends, broken)
				<-returned
				assert.Equal(t, shared.Unknown, result.Outcome)
				assert.Equal(t, story.code, result.Error.Code)
				assert.Equal(t, story.message, result.Message)
				assert.Equal(t, story.after, after)
			})
		})
	}
}

// TestOldPlugin: a method that a plugin does not have was not carried out.
func TestOldPlugin(t *testing.T) {
	broken := make(chan error, 1)
	broken <- status.Error(codes.Unimplemented, "unknown method")
	client := rpc.NewClient(t.Context(), &line{broken: broken})
	result := client.Status(t.Context(), shared.Request{Incident: &shared.Incident{ID: "1"}}, func(shared.Event) {})
	assert.Equal(t, shared.Refused, result.Outcome)
	assert.Equal(t, shared.BadRequest, result.Error.Code)
	assert.False(t, errors.Is(client.Close(t.Context()), rpc.ErrAbandoned))
}
