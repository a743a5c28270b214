package rpc_test

import (
	"context"
	"encoding/json"
	"testing"

	goplugin "github.com/hashicorp/go-plugin"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/kes-respond/kes-respond/shared"
	"github.com/kes-respond/kes-respond/shared/rpc"
	"github.com/kes-respond/kes-respond/shared/rpc/responderpb"
	"github.com/kes-respond/kes-respond/shared/sharedtest"
)

// raw is what a host in another language has: the methods and their payloads.
type raw struct {
	responderpb.ResponderClient
	t testing.TB
}

func rawly(t testing.TB, r shared.Responder, o rpc.Options) raw {
	client, server := goplugin.TestPluginGRPCConn(t, false, rpc.Serving(r, o))
	t.Cleanup(func() {
		client.Close() // stops the server too
		<-server.DoneCh
		assert.NoError(t, r.Close(context.WithoutCancel(t.Context())))
	})
	return raw{responderpb.NewResponderClient(client.Conn), t}
}

func payload(text string) *wrapperspb.BytesValue { return &wrapperspb.BytesValue{Value: []byte(text)} }

// respond gives the events of a request as they came.
func (c raw) respond(text string) []map[string]any {
	c.t.Helper()
	stream, err := c.Respond(c.t.Context(), payload(text))
	require.NoError(c.t, err)
	var events []map[string]any
	for {
		m, err := stream.Recv()
		if err != nil {
			require.EqualError(c.t, err, "EOF")
			return events
		}
		require.LessOrEqual(c.t, len(m.Value), shared.MaxEventBytes)
		assert.NotContains(c.t, string(m.Value), "\n")
		events = append(events, must[map[string]any](c.t, string(m.Value)))
	}
}

func submits(_ context.Context, r shared.Request, emit func(shared.Event)) shared.Result {
	emit(shared.Event{Accepted: &shared.Accepted{Host: shared.Host{ID: "h"}}})
	return shared.Result{Outcome: shared.Submitted, Task: r.Task}
}

// TestPayloads: the help page's own JSON is a request, and what is none gets
// words and not a status.
func TestPayloads(t *testing.T) {
	c := rawly(t, &sharedtest.Fake{OnRespond: submits}, rpc.Options{})
	events := c.respond(`{"id":7,"task":"isolateHost","targetHost":"PC","params":{"action":1}}`)
	require.Len(t, events, 2)
	for seq, e := range events {
		assert.EqualValues(t, 7, e["id"])
		assert.EqualValues(t, seq, e["seq"])
		assert.NotEmpty(t, e["time"])
	}
	assert.Equal(t, "accepted", events[0]["type"])
	assert.Equal(t, "result", events[1]["type"])
	assert.Equal(t, "submitted", events[1]["outcome"])

	for text, want := range map[string]string{
		``:     "no request",
		`[]`:   "no object",
		"\xff": "UTF-8",
		`{`:    "no request",
		`{}{}`: "no request",
		`{"id":1,"id":2,"task":"isolateHost","targetHost":"PC","params":{}}`: "stands twice",
		`{"type":"status","id":1,"incident":{"id":"1"}}`:                     "carries requests of type respond",
	} {
		events := c.respond(text)
		require.Len(t, events, 1, "%.80q", text)
		assert.Equal(t, "error", events[0]["type"])
		assert.Equal(t, "bad_request", events[0]["code"])
		assert.Contains(t, events[0]["message"], want)
		assert.Nil(t, events[0]["id"])
	}
	events = c.respond(`{"id":"bad","task":"isolateHost","targetHost":"PC","params":{},"wait":"forever"}`)
	require.Len(t, events, 1)
	assert.Equal(t, "refused", events[0]["outcome"])
	assert.Equal(t, "bad", events[0]["id"])
}

// TestAcceptedOnce: a listener hears of one acceptance, whatever comes.
func TestAcceptedOnce(t *testing.T) {
	client, _ := within(t, &sharedtest.Fake{OnRespond: func(ctx context.Context, r shared.Request, emit func(shared.Event)) shared.Result {
		submits(ctx, r, emit)
		return submits(ctx, r, emit)
	}})
	heard, _ := sharedtest.Ask(t.Context(), t, client, ask("1", "quick"), nil)
	assert.Len(t, heard, 1)
}

// TestLeaving: what comes when the plugin has been told to leave is not begun.
func TestLeaving(t *testing.T) {
	fake := &sharedtest.Fake{OnRespond: func(context.Context, shared.Request, func(shared.Event)) shared.Result {
		panic("it was begun")
	}}
	client, server := goplugin.TestPluginGRPCConn(t, false, rpc.Drained(fake))
	defer func() { client.Close(); <-server.DoneCh }()
	dispensed, err := client.Dispense(rpc.Name)
	require.NoError(t, err)
	_, result := sharedtest.Ask(t.Context(), t, dispensed.(*rpc.Client), ask("late", "quick"), nil)
	assert.Equal(t, shared.Refused, result.Outcome)
	assert.Equal(t, shared.Busy, result.Error.Code)
	_, err = dispensed.(*rpc.Client).Describe(t.Context(), "")
	var e *shared.Error
	require.ErrorAs(t, err, &e)
	assert.Equal(t, shared.Busy, e.Code)
}

// TestCancelByHand: a host in another language cancels by id and hears how the
// request ended; one that ends the call cancels too.
func TestCancelByHand(t *testing.T) {
	ended := make(chan struct{}, 2)
	c := rawly(t, &sharedtest.Fake{OnRespond: func(ctx context.Context, r shared.Request, emit func(shared.Event)) shared.Result {
		emit(shared.Event{Accepted: &shared.Accepted{Host: shared.Host{ID: "h"}}})
		<-ctx.Done()
		ended <- struct{}{}
		return shared.Result{Outcome: shared.Pending}
	}}, rpc.Options{})
	const request = `{"id":"7","task":"isolateHost","targetHost":"PC","params":{}}`
	const cancel = `{"type":"cancel","id":"c","target":"7"}`
	answer, err := c.Cancel(t.Context(), payload(cancel))
	require.NoError(t, err)
	problem := must[map[string]any](t, string(answer.Value))
	assert.Equal(t, "error", problem["type"])
	assert.Equal(t, "c", problem["id"])

	stream, err := c.Respond(t.Context(), payload(request))
	require.NoError(t, err)
	_, err = stream.Header() // the request has been read
	require.NoError(t, err)
	events := c.respond(request)
	require.Len(t, events, 1, "its id is in flight")
	assert.Equal(t, "duplicate_id", events[0]["code"])
	assert.Equal(t, "7", events[0]["duplicateId"])
	answer, err = c.Cancel(t.Context(), payload(cancel))
	require.NoError(t, err)
	assert.Empty(t, answer.Value)
	for _, want := range []string{`"type":"accepted"`, `"outcome":"pending"`} {
		m, err := stream.Recv()
		require.NoError(t, err)
		assert.Contains(t, string(m.Value), want)
	}
	<-ended

	ctx, hangUp := context.WithCancel(t.Context())
	stream, err = c.Respond(ctx, payload(request))
	require.NoError(t, err)
	_, err = stream.Recv()
	require.NoError(t, err)
	hangUp()
	<-ended
}

// TestDescribeByHand: describe and check answer with one event.
func TestDescribeByHand(t *testing.T) {
	c := rawly(t, &sharedtest.Fake{OnDescribe: func(_ context.Context, task string) (shared.Description, error) {
		if task == "panics" {
			panic("out of order")
		}
		return shared.Description{Protocol: 1, Name: task}, nil
	}}, rpc.Options{})
	for text, want := range map[string]string{
		`{"type":"describe","id":"d","task":"t"}`:      `"type":"described"`,
		`{"type":"describe","id":"d","task":"panics"}`: `"code":"internal"`,
		`{"type":"describe","id":"d","wait":"done"}`:   `"code":"bad_request"`,
		`{"id":"d"}`: `carries requests of type describe`,
	} {
		answer, err := c.Describe(t.Context(), payload(text))
		require.NoError(t, err)
		assert.Contains(t, string(answer.Value), want)
		assert.True(t, json.Valid(answer.Value))
	}
}

// TestUnknownEvents: what a later version may send is skipped, and an answer
// that cannot be read is not waited for again.
func TestUnknownEvents(t *testing.T) {
	assert.Equal(t, shared.Event{}, rpc.EventOf([]byte(`{"type":"weather","time":"2026-11-25T09:00:00Z"}`)))
	assert.Equal(t, shared.Event{}, rpc.EventOf([]byte(`no JSON`)))
	for _, text := range []string{`{"type":"result"}`, `{"type":"result","outcome":7}`, `{"type":"error","code":7}`} {
		e := rpc.EventOf([]byte(text))
		require.NotNil(t, e.Problem, "%s", text)
		assert.Equal(t, shared.BadAnswer, e.Problem.Code)
	}
	e := rpc.EventOf([]byte(`{"type":"result","outcome":"submitted","later":true}`))
	require.NotNil(t, e.Result)
	assert.Equal(t, shared.Submitted, e.Result.Outcome)
}
