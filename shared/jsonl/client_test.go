package jsonl_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kes-respond/kes-respond/shared"
	"github.com/kes-respond/kes-respond/shared/jsonl"
	"github.com/kes-respond/kes-respond/shared/sharedtest"
)

const helloLine = `{"type":"hello","time":"2026-11-25T02:03:04Z","protocol":1,"name":"played","version":"1","tasks":[],"limits":{}}` + "\n"

// played is a serving end that a test plays line by line.
type played struct {
	*jsonl.Client
	t      *testing.T
	in     *io.PipeReader
	lines  *bufio.Scanner // what the client sends
	events *io.PipeWriter
}

func play(t *testing.T) *played {
	t.Helper()
	in, requests := io.Pipe()
	hearing, events := io.Pipe()
	p := &played{t: t, in: in, lines: bufio.NewScanner(in), events: events}
	go p.say(helloLine)
	var err error
	p.Client, err = jsonl.NewClient(t.Context(), hearing, requests)
	require.NoError(t, err)
	t.Cleanup(func() {
		events.Close()
		in.Close()
	})
	return p
}

func (p *played) say(lines string) { io.WriteString(p.events, lines) }

// next is the next line from the client, as JSON.
func (p *played) next() map[string]any {
	p.t.Helper()
	require.True(p.t, p.lines.Scan(), "the client sends no more: %v", p.lines.Err())
	var m map[string]any
	require.NoError(p.t, json.Unmarshal(p.lines.Bytes(), &m))
	return m
}

func ask(id string) shared.Request {
	return shared.Request{ID: shared.IDOf(id), Task: "isolateHost", TargetHost: "h", Params: []byte(`{"action":1}`)}
}

type answer struct {
	heard  []shared.Event
	result shared.Result
}

// begin asks from another goroutine.
func (p *played) begin(ctx context.Context, r shared.Request, listen func(shared.Event)) chan answer {
	got := make(chan answer, 1)
	go func() {
		heard, result := sharedtest.Ask(ctx, p.t, p.Client, r, listen)
		got <- answer{heard, result}
	}()
	return got
}

func TestClientWantsTheHelloOfThisProtocol(t *testing.T) {
	for _, c := range []struct{ first, complaint string }{
		{`{"type":"hello","time":"2026-11-25T02:03:04Z","protocol":2}` + "\n", "speaks protocol 2, not 1"},
		{`{"type":"hello","time":"2026-11-25T02:03:04Z"}` + "\n", "speaks protocol 0, not 1"},
		{"Usage: kes-respond COMMAND\n", "its first line is something else"},
		{`{"type":"result","time":"2026-11-25T02:03:04Z","id":1,"outcome":"succeeded"}` + "\n", "its first line is something else"},
		{strings.Repeat("x", shared.MaxEventBytes+1) + "\n", "longer than"},
		{"", "it left without one"},
		{helloLine[:20], "its first line is something else"},
	} {
		in, requests := io.Pipe()
		client, err := jsonl.NewClient(t.Context(), strings.NewReader(c.first), requests)
		assert.Nil(t, client)
		assert.ErrorContains(t, err, c.complaint)
		_, err = in.Read(make([]byte, 1))
		assert.Equal(t, io.EOF, err, "the stream of requests is closed, so that the other end leaves")
	}
}

func TestClientWaitsForTheHelloAsLongAsItMay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in, requests := io.Pipe()
		hearing, events := io.Pipe()
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		began := time.Now()
		_, err := jsonl.NewClient(ctx, hearing, requests)
		assert.ErrorIs(t, err, context.DeadlineExceeded)
		assert.Equal(t, 5*time.Second, time.Since(began))
		_, err = in.Read(make([]byte, 1))
		assert.Equal(t, io.EOF, err)
		_, err = events.Write([]byte(helloLine))
		assert.Equal(t, io.ErrClosedPipe, err)
	})
}

func TestClientKeepsTheHello(t *testing.T) {
	l := connect(t, inMemory, &sharedtest.Fake{}, jsonl.Options{})
	hello := l.Hello()
	assert.Equal(t, shared.Hello{
		Protocol: 1, Name: "kes-respond", Version: "test", Tasks: []string{"isolateHost"},
		Limits: shared.Limits{RequestBytes: 16777216, EventBytes: 65536, Depth: 64, Values: 10000},
	}, hello)
	assert.NoError(t, l.Close(t.Context()))
	assert.NoError(t, <-l.served)
}

// Of what is not known nothing is made: types, members and stages of later
// versions, a stray print, a line that is too long.
func TestClientSkipsWhatItDoesNotKnow(t *testing.T) {
	p := play(t)
	got := p.begin(t.Context(), ask("a"), nil)
	p.next()
	p.say(`{"type":"accepted","time":"2026-11-25T02:03:04Z","id":"a","seq":0,"host":{"id":"x","new":1},"new":{"a":[1]}}` + "\n")
	p.say("panic: something\n\n{\n[]\nnull\n7\n" + strings.Repeat("x", 3*shared.MaxEventBytes) + "\n")
	p.say(`{"type":"novelty","time":"2026-11-25T02:03:04Z","id":"a","seq":1}` + "\n")
	p.say(`{"type":"progress","time":"2026-11-25T02:03:04Z","id":"a","seq":2,"stage":"novelty"}` + "\n")
	p.say(`{"type":"described","time":"2026-11-25T02:03:04Z","id":"a","seq":3,"tasks":[]}` + "\n")
	p.say(`{"type":"progress","time":"2026-11-25T02:03:04Z","id":"a","seq":4,"stage":7}` + "\n")
	p.say(`{"type":"result","time":"2026-11-25T02:03:04Z","id":"another","seq":0,"outcome":"failed"}` + "\n")
	p.say(`{"type":"error","time":"2026-11-25T02:03:04Z","id":null,"code":"bad_request","message":"m","line":99}` + "\n")
	p.say(helloLine)
	p.say(`{"type":"result","time":"2026-11-25T02:03:04Z","id":"a","seq":5,"outcome":"pending","novelty":true}` + "\n")
	a := <-got
	assert.Equal(t, shared.Result{Outcome: shared.Pending}, a.result)
	require.Len(t, a.heard, 2)
	assert.Equal(t, "x", a.heard[0].Accepted.Host.ID)
	assert.Equal(t, "novelty", a.heard[1].Progress.Stage)
	assert.Equal(t, int64(2), a.heard[1].Seq)
	assert.Equal(t, time.Date(2026, 11, 25, 2, 3, 4, 0, time.UTC), a.heard[1].Time)
}

// A last event that cannot be used ends its request all the same.
func TestClientWhereTheAnswerIsNoResult(t *testing.T) {
	const accepted = `{"type":"accepted","time":"2026-11-25T02:03:04Z","id":"a","seq":0,"host":{"id":"x"}}` + "\n"
	for _, c := range []struct {
		said    string
		outcome shared.Outcome
		code    shared.Code
	}{
		{`{"type":"result","time":"2026-11-25T02:03:04Z","id":"a","seq":0}`, shared.Unknown, shared.BadAnswer},
		{`{"type":"result","time":"2026-11-25T02:03:04Z","id":"a","seq":0,"outcome":7}`, shared.Unknown, shared.BadAnswer},
		{`{"type":"result","time":"yesterday","id":"a","seq":0,"outcome":"succeeded"}`, shared.Unknown, shared.BadAnswer},
		{`{"type":"error","time":"2026-11-25T02:03:04Z","id":"a","code":"busy","message":"m"}`, shared.Refused, shared.Busy},
		{`{"type":"error","time":"2026-11-25T02:03:04Z","id":null,"code":"bad_request","message":"m","line":1}`, shared.Refused, shared.BadRequest},
		{`{"type":"error","time":"2026-11-25T02:03:04Z","id":null,"code":"duplicate_id","message":"m","line":1,"duplicateId":"a"}`, shared.Refused, shared.DuplicateID},
		{`{"type":"error","time":"2026-11-25T02:03:04Z","id":"a","code":"internal","message":"m"}`, shared.Unknown, shared.Internal},
		{accepted + `{"type":"error","time":"2026-11-25T02:03:04Z","id":"a","code":"busy","message":"m"}`, shared.Unknown, shared.Busy},
	} {
		p := play(t)
		got := p.begin(t.Context(), ask("a"), nil)
		p.next()
		p.say(c.said + "\n")
		a := <-got
		assert.Equal(t, c.outcome, a.result.Outcome, c.said)
		assert.Equal(t, c.code, a.result.Error.Code, c.said)
	}
}

// broken is a stream of requests of which the first few bytes get through.
type broken struct {
	left  int
	wrote chan struct{}
}

var errBroken = errors.New("broken pipe")

func (b *broken) Write(p []byte) (int, error) {
	defer close(b.wrote)
	n := min(b.left, len(p))
	b.left -= n
	if n < len(p) {
		return n, errBroken
	}
	return n, nil
}

func (b *broken) Close() error { return nil }

// A request whose line did not get through has failed; one whose line may have
// has not: a serving end takes a last line without its newline.
func TestClientTellsUndeliveredFromUnknown(t *testing.T) {
	r := ask("a")
	r.Type = shared.TypeRespond
	line, err := shared.ASCIIJSON(r)
	require.NoError(t, err)
	_, refusal := shared.ParseRequest(line)
	require.Nil(t, refusal)
	cut, _ := shared.ParseRequest(line[:len(line)-1])
	require.Empty(t, cut.ID, "a line without its end is no request")
	for _, c := range []struct {
		through int
		outcome shared.Outcome
	}{
		{0, shared.Failed},
		{1, shared.Failed},
		{len(line) - 1, shared.Failed},
		{len(line), shared.Unknown},
		{len(line) + 1, shared.Unknown},
	} {
		hearing, events := io.Pipe()
		go io.WriteString(events, helloLine)
		w := &broken{left: c.through, wrote: make(chan struct{})}
		client, err := jsonl.NewClient(t.Context(), hearing, w)
		require.NoError(t, err)
		got := make(chan shared.Result, 1)
		go func() {
			_, result := sharedtest.Ask(t.Context(), t, client, ask("a"), nil)
			got <- result
		}()
		<-w.wrote
		events.Close()
		result := <-got
		assert.Equal(t, c.outcome, result.Outcome, "%d of %d bytes", c.through, len(line)+1)
		assert.Equal(t, shared.CarrierLost, result.Error.Code)
		assert.Equal(t, c.outcome == shared.Failed, result.Error.Retryable)
		assert.Equal(t, "isolateHost", result.Task)
		assert.Equal(t, "h", result.TargetHost)
	}
}

// A stream of requests that breaks does not cost the results of what was asked
// before.
func TestClientHearsOnWhenItCannotWrite(t *testing.T) {
	p := play(t)
	got := p.begin(t.Context(), ask("a"), nil)
	p.next()
	p.in.Close()
	_, result := sharedtest.Ask(t.Context(), t, p.Client, ask("b"), nil)
	assert.Equal(t, shared.Failed, result.Outcome)
	assert.Equal(t, shared.CarrierLost, result.Error.Code)
	p.say(`{"type":"result","time":"2026-11-25T02:03:04Z","id":"a","seq":0,"outcome":"submitted"}` + "\n")
	assert.Equal(t, shared.Submitted, (<-got).result.Outcome)
}

func TestClientSendsNothingThatItKnowsToBeWrong(t *testing.T) {
	p := play(t)
	got := p.begin(t.Context(), ask("a"), nil)
	p.next()
	_, result := sharedtest.Ask(t.Context(), t, p.Client, ask("a"), nil)
	assert.Equal(t, shared.Refused, result.Outcome)
	assert.Equal(t, shared.DuplicateID, result.Error.Code)

	for _, wrong := range []func(*shared.Request){
		func(r *shared.Request) { r.ID = "{}" },
		func(r *shared.Request) { r.ID = shared.IDOf("") },
		func(r *shared.Request) { r.ID = shared.IDOf(strings.Repeat("x", shared.MaxIDLength+1)) },
		func(r *shared.Request) { r.ID = "1.5" },
		func(r *shared.Request) { r.Params = []byte(`{"a":`) },
		func(r *shared.Request) { r.Params = []byte("{}\n{}") },
		func(r *shared.Request) {
			r.Params = []byte(`{"a":"` + strings.Repeat("x", shared.MaxRequestBytes) + `"}`)
		},
	} {
		r := ask("b")
		wrong(&r)
		result := p.Respond(t.Context(), r, func(shared.Event) { t.Error("an event") })
		assert.Equal(t, shared.Refused, result.Outcome)
		assert.Equal(t, shared.BadRequest, result.Error.Code)
	}
	p.begin(t.Context(), ask("c"), nil)
	assert.Equal(t, "c", p.next()["id"], "nothing was written in between")
	p.say(`{"type":"result","time":"2026-11-25T02:03:04Z","id":"a","seq":0,"outcome":"submitted"}` + "\n")
	assert.Equal(t, shared.Submitted, (<-got).result.Outcome)
	again := p.begin(t.Context(), ask("a"), nil)
	assert.Equal(t, "a", p.next()["id"], "an id is free again once its result is there")
	p.events.Close()
	<-again
}

// Status sends the members that status has, whatever else its caller's value
// holds.
func TestClientStatusSendsItsOwnMembers(t *testing.T) {
	p := play(t)
	r := ask("a")
	added := time.Now()
	r.Type, r.HostLookup, r.Server, r.Wait = shared.TypeStatus, shared.LookupAuto, "main", shared.WaitDone
	r.Incident = &shared.Incident{Server: "main", ID: "77", AddedAt: &added}
	got := p.begin(t.Context(), r, nil)
	assert.Equal(t, map[string]any{
		"type": "status", "id": "a", "server": "main", "wait": "done", "incident": map[string]any{"server": "main", "id": "77"},
	}, p.next())
	p.events.Close()
	assert.Equal(t, shared.Unknown, (<-got).result.Outcome)
}

// What waits for a listener is bounded, and what it misses shows in Seq.
func TestClientBoundsWhatWaits(t *testing.T) {
	for _, c := range []struct{ size, heard int }{
		{10, 64},
		{60_000, 4 + 1}, // the short last one fits beside four in 256 KiB
	} {
		p := play(t)
		first, release := make(chan struct{}), make(chan struct{})
		got := p.begin(t.Context(), ask("a"), func(e shared.Event) {
			if e.Seq == 0 {
				close(first)
				<-release
			}
		})
		p.next()
		text := strings.Repeat("x", c.size)
		p.say(`{"type":"accepted","time":"2026-11-25T02:03:04Z","id":"a","seq":0,"host":{"id":"x"}}` + "\n")
		<-first
		for seq := 1; seq <= 100; seq++ {
			p.say(fmt.Sprintf(`{"type":"progress","time":"2026-11-25T02:03:04Z","id":"a","seq":%d,"stage":"warning","message":"%s"}`+"\n", seq, text))
		}
		p.say(`{"type":"progress","time":"2026-11-25T02:03:04Z","id":"a","seq":101,"stage":"submitted","incident":{"id":"77"}}` + "\n")
		p.say(helloLine) // the line before has been heard when this one is read
		p.events.Close()
		_, result := sharedtest.Ask(t.Context(), t, p.Client, ask("b"), nil)
		require.Equal(t, shared.Failed, result.Outcome)
		close(release)
		a := <-got
		progress := a.heard[1:]
		require.Len(t, progress, c.heard)
		assert.Equal(t, int64(1), progress[0].Seq)
		assert.Equal(t, shared.Unknown, a.result.Outcome)
		assert.Equal(t, &shared.Incident{ID: "77"}, a.result.Incident, "what a listener missed still counts")
		assert.Contains(t, a.result.Error.Assistance, "incident 77")
	}
}
