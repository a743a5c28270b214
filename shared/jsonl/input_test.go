package jsonl_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"regexp"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"unicode/utf16"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kes-respond/kes-respond/shared"
	"github.com/kes-respond/kes-respond/shared/jsonl"
	"github.com/kes-respond/kes-respond/shared/sharedtest"
)

// sink checks what is written: a line a Write, ASCII, of at most 64 KiB.
type sink struct {
	t      testing.TB
	mu     sync.Mutex
	events []shared.Event
	lines  [][]byte
}

func (s *sink) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	assert.Equal(s.t, len(p)-1, bytes.IndexByte(p, '\n'), "one line a Write: %q", p)
	assert.LessOrEqual(s.t, len(p), 65536)
	assert.Equal(s.t, -1, bytes.IndexFunc(p, func(r rune) bool { return r > 0x7e }), "ASCII: %q", p)
	var e shared.Event
	assert.NoError(s.t, json.Unmarshal(p, &e))
	s.events = append(s.events, e)
	s.lines = append(s.lines, bytes.Clone(p))
	return len(p), nil
}

func (s *sink) heard() []shared.Event {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]shared.Event(nil), s.events...)
}

// done is a Responder that carries out everything at once.
func done() *sharedtest.Fake {
	return &sharedtest.Fake{
		OnRespond: func(_ context.Context, r shared.Request, emit func(shared.Event)) shared.Result {
			emit(shared.Event{Accepted: &shared.Accepted{Host: shared.Host{ID: "h"}}})
			return shared.Result{Outcome: shared.Submitted, Task: r.Task, TargetHost: r.TargetHost}
		},
		OnDescribe: func(context.Context, string) (shared.Description, error) {
			return shared.Description{Protocol: 1}, nil
		},
	}
}

// outcomes serves an input to its end and says in a word each what came of it:
// the result's or error's id, or the line where there is none, and the outcome
// or code.
func outcomes(t *testing.T, in io.Reader) []string {
	t.Helper()
	out := &sink{t: t}
	require.NoError(t, jsonl.Serve(t.Context(), done(), in, out, jsonl.Options{Hello: greeting}))
	require.NotEmpty(t, out.events)
	require.NotNil(t, out.events[0].Hello, "hello comes first")
	assert.Equal(t, 1, out.events[0].Hello.Protocol)
	var all []string
	for _, e := range out.events[1:] {
		switch {
		case e.Result != nil:
			all = append(all, fmt.Sprintf("%s %s", e.ID, e.Result.Outcome))
		case e.Problem != nil && e.ID == "":
			all = append(all, fmt.Sprintf("line %d %s", e.Problem.Line, e.Problem.Code))
		case e.Problem != nil:
			all = append(all, fmt.Sprintf("%s %s", e.ID, e.Problem.Code))
		case e.Described != nil:
			all = append(all, fmt.Sprintf("%s described", e.ID))
		}
	}
	return all
}

// stamp is the time of an event: RFC 3339, UTC.
var stamp = regexp.MustCompile(`"time":"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z"`)

var words = regexp.MustCompile(`"message":"[^"]+","assistance":"[^"]+"`)

const good = `{"id":"good","task":"isolateHost","targetHost":"h","params":{"action":1}}`

func with(members string) string {
	return `{"task":"isolateHost","targetHost":"h","params":{"action":1},` + members + `}`
}

func nested(depth int) string {
	// The request and params are two levels.
	return with(`"id":"deep"`)[:len(with(`"id":"deep"`))-1] + `,"connection":` + strings.Repeat(`{"a":`, depth-2) + `{}` + strings.Repeat(`}`, depth-2) + `}`
}

// Whatever a line holds, it gets one clear answer and the next line is read as
// usual.
func TestServeBadLines(t *testing.T) {
	for name, c := range map[string]struct{ line, want string }{
		"broken":                 {`{"id":1`, "line 2 bad_request"},
		"text":                   {`isolate PC-12`, "line 2 bad_request"},
		"an array":               {`[{"id":1}]`, "line 2 bad_request"},
		"null":                   {`null`, "line 2 bad_request"},
		"two objects":            {`{"id":1}{"id":2}`, "line 2 bad_request"},
		"two objects and blank":  {`{"id":1} {"id":2}`, "line 2 bad_request"},
		"a comma at the end":     {`{"id":1},`, "line 2 bad_request"},
		"invalid UTF-8":          {with("\"id\":1,\"reason\":\"\xff\""), "line 2 bad_request"},
		"an overlong form":       {with("\"id\":1,\"reason\":\"\xc0\xaf\""), "line 2 bad_request"},
		"a surrogate in UTF-8":   {with("\"id\":1,\"reason\":\"\xed\xa0\x80\""), "line 2 bad_request"},
		"a NUL":                  {with("\"id\":1,\"reason\":\"\x00\""), "line 2 bad_request"},
		"NULs":                   {"\x00\x00\x00\x00", "line 2 bad_request"},
		"an escaped NUL":         {with(`"id":1,"reason":"\u0000"`), "1 refused"},
		"half a surrogate":       {with(`"id":1,"reason":"\ud83d"`), "1 refused"},
		"a mark in the middle":   {"\xEF\xBB\xBF" + with(`"id":1`), "line 2 bad_request"},
		"unexpanded":             {with(`"id":1,"reason":"{{.Host}}"`), "1 refused"},
		"unknown member":         {with(`"id":1,"tusk":"x"`), "1 refused"},
		"wrong case":             {with(`"id":1,"Task":"x"`), "1 refused"},
		"doubled member":         {with(`"id":1,"task":"deleteFile"`), "1 refused"},
		"doubled id":             {with(`"id":1,"id":2`), "line 2 bad_request"},
		"unknown type":           {with(`"id":1,"type":"explode"`), "line 2 bad_request"},
		"type null":              {with(`"id":1,"type":null`), "line 2 bad_request"},
		"check":                  {`{"id":1,"type":"check"}`, "1 bad_request"},
		"cancel of nothing":      {`{"id":1,"type":"cancel","target":"x"}`, "1 bad_request"},
		"cancel without target":  {`{"id":1,"type":"cancel"}`, "1 bad_request"},
		"status of nothing":      {`{"id":1,"type":"status"}`, "1 refused"},
		"describe with a target": {`{"id":1,"type":"describe","target":2}`, "1 bad_request"},
		"shutdown with a task":   {`{"id":1,"type":"shutdown","task":"x"}`, "1 bad_request"},
		"depth 64":               {nested(64), `"deep" submitted`},
		"depth 65":               {nested(65), `"deep" refused`},
		"depth without end":      {strings.Repeat(`[`, 1<<20), "line 2 bad_request"},
		"depth 100000":           {nested(100_000), "line 2 bad_request"},
		"id null":                {with(`"id":null`), "line 2 bad_request"},
		"id true":                {with(`"id":true`), "line 2 bad_request"},
		"id object":              {with(`"id":{}`), "line 2 bad_request"},
		"id empty":               {with(`"id":""`), "line 2 bad_request"},
		"id fraction":            {with(`"id":1.0`), "line 2 bad_request"},
		"id exponent":            {with(`"id":1e3`), "line 2 bad_request"},
		"id of 129 digits":       {with(`"id":` + strings.Repeat("1", 129)), "line 2 bad_request"},
		"id of 129 characters":   {with(`"id":"` + strings.Repeat("я", 129) + `"`), "line 2 bad_request"},
		"id of 128 characters":   {with(`"id":"` + strings.Repeat("x", 128) + `"`), `"` + strings.Repeat("x", 128) + `" submitted`},
		"id of 128 digits":       {with(`"id":-` + strings.Repeat("1", 128)), "-" + strings.Repeat("1", 128) + " submitted"},
		"id beyond 2^53":         {with(`"id":9007199254740993`), "9007199254740993 submitted"},
		"id beyond ASCII":        {with(`"id":"é🛡"`), `"\u00e9\ud83d\udee1" submitted`},
		"id escaped":             {with(`"id":"\u0041"`), `"A" submitted`},
		"describe":               {`{"id":1,"type":"describe"}`, "1 described"},
	} {
		t.Run(name, func(t *testing.T) {
			for _, end := range []string{"\n", "\r\n"} {
				in := strings.Join([]string{"", c.line, "", good, ""}, end)
				assert.ElementsMatch(t, []string{c.want, `"good" submitted`}, outcomes(t, strings.NewReader(in)), "%.100q", in)
			}
			got := outcomes(t, strings.NewReader("\n"+c.line))
			assert.Equal(t, []string{c.want}, got, "without a newline")
		})
	}
}

// Each encoding that a shell of Windows writes is read.
func TestServeEncodings(t *testing.T) {
	text := strings.Replace(good, "good", "é🛡", 1) + "\r\n" + good
	wide := func(order binary.AppendByteOrder) []byte {
		data := order.AppendUint16(nil, 0xFEFF)
		for _, u := range utf16.Encode([]rune(text)) {
			data = order.AppendUint16(data, u)
		}
		return data
	}
	for name, in := range map[string][]byte{
		"UTF-8":    []byte(text),
		"marked":   []byte("\xEF\xBB\xBF" + text),
		"UTF-16LE": wide(binary.LittleEndian),
		"UTF-16BE": wide(binary.BigEndian),
	} {
		t.Run(name, func(t *testing.T) {
			// In pieces of three bytes a pair of surrogates is always split.
			got := outcomes(t, &pieces{in: in, size: 3})
			assert.ElementsMatch(t, []string{`"\u00e9\ud83d\udee1" submitted`, `"good" submitted`}, got)
		})
	}
}

type pieces struct {
	in   []byte
	size int
}

func (p *pieces) Read(b []byte) (int, error) {
	if len(p.in) == 0 {
		return 0, io.EOF
	}
	n := copy(b, p.in[:min(p.size, len(p.in))])
	p.in = p.in[n:]
	return n, nil
}

// A line of 16 MiB is read, one byte more is not, and the next line is.
func TestServeLongLines(t *testing.T) {
	exactly := func(size int) string {
		head, tail := `{"id":"long","task":"iocScan","targetHost":"h","params":{"ioc":"`, `"}}`
		return head + strings.Repeat("x", size-len(head)-len(tail)) + tail
	}
	line := exactly(16777216)
	assert.ElementsMatch(t, []string{`"long" submitted`, `"good" submitted`}, outcomes(t, strings.NewReader(line+"\r\n"+good)))
	line = exactly(16777217)
	assert.ElementsMatch(t, []string{"line 1 bad_request", `"good" submitted`}, outcomes(t, strings.NewReader(line+"\n"+good)))
}

// A request is carried out at its newline, while the input is still open.
func TestServeAnswersAtTheNewline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in, w := io.Pipe()
		out := &sink{t: t}
		served := newServed()
		go func() { served <- jsonl.Serve(t.Context(), done(), in, out, jsonl.Options{Hello: greeting}) }()
		synctest.Wait()
		require.Len(t, out.heard(), 1, "hello comes before any request")
		io.WriteString(w, good)
		synctest.Wait()
		require.Len(t, out.heard(), 1, "no newline, no request")
		io.WriteString(w, "\n")
		synctest.Wait()
		heard := out.heard()
		require.Len(t, heard, 3)
		assert.Equal(t, shared.Submitted, heard[2].Result.Outcome)
		assert.Equal(t, int64(1), heard[2].Seq)
		assert.Empty(t, served)
		w.Close()
		assert.NoError(t, <-served)
	})
}

// An id is taken until its result is written; 7 and "7" are two.
func TestServeDuplicateIDs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		fake := &sharedtest.Fake{OnRespond: func(_ context.Context, r shared.Request, emit func(shared.Event)) shared.Result {
			<-release
			return shared.Result{Outcome: shared.Submitted}
		}}
		in, w := io.Pipe()
		out := &sink{t: t}
		served := newServed()
		go func() { served <- jsonl.Serve(t.Context(), fake, in, out, jsonl.Options{}) }()
		for _, id := range []string{`7`, `"7"`, `"A"`, `"\u0041"`, `7`} {
			io.WriteString(w, with(`"id":`+id)+"\n")
		}
		// What is no request and has an id that is in flight is not taken for it.
		io.WriteString(w, `{"id":7,"type":"check"}`+"\n")
		synctest.Wait()
		heard := out.heard()[1:]
		require.Len(t, heard, 3)
		for i, want := range []shared.Problem{{Line: 4, DuplicateID: `"A"`}, {Line: 5, DuplicateID: `7`}} {
			assert.Empty(t, heard[i].ID)
			assert.Equal(t, shared.DuplicateID, heard[i].Problem.Code)
			assert.Equal(t, want.Line, heard[i].Problem.Line)
			assert.Equal(t, want.DuplicateID, heard[i].Problem.DuplicateID)
		}
		assert.Empty(t, heard[2].ID)
		assert.Equal(t, int64(6), heard[2].Problem.Line)
		close(release)
		synctest.Wait()
		assert.Len(t, out.heard(), 1+3+3)
		io.WriteString(w, with(`"id":7`)+"\n")
		w.Close()
		assert.NoError(t, <-served)
		last := out.events[len(out.events)-1]
		assert.Equal(t, shared.ID("7"), last.ID)
		assert.Equal(t, shared.Submitted, last.Result.Outcome)
	})
}

// What every event looks like, as text.
func TestServeEventsAsText(t *testing.T) {
	out := &sink{t: t}
	require.NoError(t, jsonl.Serve(t.Context(), done(), strings.NewReader(good+"\n"+`{"id":"é","type":"cancel","target":7}`+"\nx\n"), out, jsonl.Options{Hello: greeting}))
	var seen []string
	for _, line := range out.lines {
		text := stamp.ReplaceAllString(string(line), `"time":"T"`)
		if strings.Contains(text, `"line":3`) { // these words are not this package's
			text = words.ReplaceAllString(text, `"message":"M","assistance":"A"`)
		}
		seen = append(seen, text)
	}
	assert.ElementsMatch(t, []string{
		`{"type":"hello","time":"T","protocol":1,"name":"kes-respond","version":"test","tasks":["isolateHost"],"limits":{"requestBytes":16777216,"eventBytes":65536,"depth":64,"values":10000}}` + "\n",
		`{"type":"accepted","time":"T","id":"good","seq":0,"host":{"id":"h"}}` + "\n",
		`{"type":"result","time":"T","id":"good","seq":1,"outcome":"submitted","task":"isolateHost","targetHost":"h"}` + "\n",
		`{"type":"error","time":"T","id":"\u00e9","seq":0,"code":"bad_request","message":"no request \"7\" is in flight: it has ended, or was never read","assistance":"Look for its result above; there is nothing to cancel.","line":2}` + "\n",
		`{"type":"error","time":"T","id":null,"code":"bad_request","message":"M","assistance":"A","line":3}` + "\n",
	}, seen)
}
