package sharedtest

import (
	"bytes"
	"context"
	"embed"
	"encoding/json"
	"errors"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kes-respond/kes-respond/shared"
)

// Each story is a request line and what the Responder answers; what the other
// end hears has to be that answer, to the last member.
//
//go:embed stories/*.txtar
var stories embed.FS

func tellStories(t *testing.T, open Open) {
	files, err := stories.ReadDir("stories")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, f := range files {
		t.Run(f.Name(), func(t *testing.T) {
			data, err := stories.ReadFile("stories/" + f.Name())
			require.NoError(t, err)
			tellStory(t, open, readStory(t, data))
		})
	}
}

type story struct {
	request shared.Request
	answer  []shared.Event
}

func readStory(t *testing.T, data []byte) story {
	t.Helper()
	archive := txtar.Parse(data)
	require.Len(t, archive.Files, 2)
	require.Equal(t, "request", archive.Files[0].Name)
	require.Equal(t, "answer", archive.Files[1].Name)
	request, refusal := shared.ParseRequest(archive.Files[0].Data)
	if refusal != nil {
		require.NoError(t, refusal)
	}
	s := story{request: request}
	for line := range bytes.Lines(archive.Files[1].Data) {
		var e shared.Event
		require.NoError(t, json.Unmarshal(line, &e), "%s", line)
		s.answer = append(s.answer, e)
	}
	require.NotEmpty(t, s.answer)
	return s
}

func tellStory(t *testing.T, open Open, s story) {
	last := s.answer[len(s.answer)-1]
	got := make(chan shared.Request, 1)
	carry := func(_ context.Context, r shared.Request, emit func(shared.Event)) shared.Result {
		got <- r
		for _, e := range s.answer[:len(s.answer)-1] {
			emit(e)
		}
		return *last.Result
	}
	fake := &Fake{OnDescribe: func(_ context.Context, task string) (shared.Description, error) {
		got <- shared.Request{Task: task}
		if p := last.Problem; p != nil {
			return shared.Description{}, &shared.Error{Code: p.Code, Message: p.Message, Assistance: p.Assistance}
		}
		return *last.Described, nil
	}}
	fake.OnCheck = func(_ context.Context, r shared.Request) (shared.Checked, error) {
		got <- r
		if p := last.Problem; p != nil {
			return shared.Checked{}, &shared.Error{Code: p.Code, Message: p.Message, Assistance: p.Assistance}
		}
		return *last.Checked, nil
	}
	switch s.request.Type {
	case shared.TypeRespond:
		fake.OnRespond = carry
	case shared.TypeStatus:
		fake.OnStatus = carry
	}
	far, _ := open(t, fake)
	if s.request.Type == shared.TypeDescribe {
		tellDescribe(t, far, s.request.Task, last)
		assert.Equal(t, s.request.Task, (<-got).Task)
		return
	}
	if s.request.Type == shared.TypeCheck {
		tellCheck(t, far, s.request, last)
		assert.Equal(t, s.request.Server, (<-got).Server)
		return
	}
	heard, result := Ask(t.Context(), t, far, s.request, nil)
	for i := range heard {
		heard[i] = bare(heard[i])
	}
	assert.Equal(t, s.answer, append(heard, shared.Event{Result: &result}))
	assert.Equal(t, loose(t, s.request), loose(t, <-got), "the request that the Responder saw")
}

func tellDescribe(t *testing.T, far shared.Responder, task string, want shared.Event) {
	d, err := far.Describe(t.Context(), task)
	if want.Described != nil {
		require.NoError(t, err)
		assert.Equal(t, *want.Described, d)
		return
	}
	requireProblem(t, *want.Problem, err)
}

func tellCheck(t *testing.T, far shared.Responder, r shared.Request, want shared.Event) {
	checked, err := far.Check(t.Context(), r)
	if want.Checked != nil {
		require.NoError(t, err)
		assert.Equal(t, *want.Checked, checked)
		return
	}
	requireProblem(t, *want.Problem, err)
}

func requireProblem(t *testing.T, want shared.Problem, err error) {
	t.Helper()
	var e *shared.Error
	require.True(t, errors.As(err, &e), "%v is no *shared.Error", err)
	assert.Equal(t, &shared.Error{Code: want.Code, Message: want.Message, Assistance: want.Assistance}, e)
}

// bare is an event without what the carrier adds.
func bare(e shared.Event) shared.Event {
	return shared.Event{Accepted: e.Accepted, Progress: e.Progress}
}

// loose is a request as JSON says it, however its text is escaped.
func loose(t *testing.T, r shared.Request) any {
	t.Helper()
	data, err := json.Marshal(r)
	require.NoError(t, err)
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	var v any
	require.NoError(t, dec.Decode(&v))
	return v
}
