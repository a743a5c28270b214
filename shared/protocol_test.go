package shared_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kes-respond/kes-respond/plugin"
	"github.com/kes-respond/kes-respond/plugin/journal"
	"github.com/kes-respond/kes-respond/plugin/ksc"
	"github.com/kes-respond/kes-respond/plugin/ksc/ksctest"
	"github.com/kes-respond/kes-respond/plugin/task"
	"github.com/kes-respond/kes-respond/shared"
	"github.com/kes-respond/kes-respond/shared/jsonl"
)

func specification(t testing.TB) string {
	t.Helper()
	data, err := os.ReadFile("PROTOCOL.md")
	require.NoError(t, err)
	return string(data)
}

// block is a fenced block of the specification.
type block struct {
	line  int // of its first line
	lines []string
}

func blocks(t testing.TB, info string) []block {
	t.Helper()
	var all []block
	var open *block
	for i, line := range strings.Split(specification(t), "\n") {
		switch {
		case open != nil && line == "```":
			all = append(all, *open)
			open = nil
		case open != nil:
			open.lines = append(open.lines, line)
		case line == "```"+info:
			open = &block{line: i + 2}
		}
	}
	require.Nil(t, open, "a block without an end")
	require.NotEmpty(t, all, "no block is marked %q", info)
	return all
}

// step is one thing that happens in an example: a request, an event, or time
// that passes.
type step struct {
	line  int
	sign  byte // '>', '<' or '#'
	text  string
	pause time.Duration
}

// example is a block marked "example", as section 2 of the specification
// explains it.
type example struct {
	name  string
	ksc   ksctest.Options
	steps []step
}

func readExample(t testing.TB, b block) example {
	t.Helper()
	e := example{name: "line " + strconv.Itoa(b.line), ksc: ksctest.Options{MischiefDelay: time.Second}}
	for i, line := range b.lines {
		at := b.line + i
		switch {
		case strings.HasPrefix(line, "# KSC: "):
			e.configure(t, at, strings.TrimPrefix(line, "# KSC: "))
		case strings.HasPrefix(line, "# after "):
			d, err := time.ParseDuration(strings.TrimPrefix(line, "# after "))
			require.NoError(t, err, "line %d", at)
			e.steps = append(e.steps, step{line: at, sign: '#', pause: d})
		case strings.HasPrefix(line, "> "), strings.HasPrefix(line, "< "):
			e.steps = append(e.steps, step{line: at, sign: line[0], text: line[2:]})
		case strings.HasPrefix(line, "  ") && len(e.steps) > 0 && e.steps[len(e.steps)-1].sign == '<':
			e.steps[len(e.steps)-1].text += line
		default:
			t.Fatalf("line %d is nothing that an example has: %s", at, line)
		}
	}
	return e
}

func (e *example) configure(t testing.TB, line int, text string) {
	what, value, _ := strings.Cut(text, " ")
	var err error
	switch what {
	case "latency":
		e.ksc.Latency, err = time.ParseDuration(value)
	case "denies":
		e.ksc.Denied = strings.Split(value, ", ")
	case "task-delay":
		e.ksc.Tasks.Delay, err = time.ParseDuration(value)
	case "task-outcome":
		e.ksc.Tasks.Outcome = value
	case "task-oddity":
		e.ksc.Tasks.Oddities = []string{value}
	case "task-limit":
		e.ksc.Tasks.Limit, err = strconv.Atoi(value)
	case "console":
		e.ksc.ConsoleOff = value == "off"
	case "does":
		e.ksc.Mischief, err = ksctest.ParseMischief(value)
		e.ksc.Seed = 1
	default:
		t.Fatalf("line %d: KSC cannot be told to %q", line, text)
	}
	require.NoError(t, err, "line %d", line)
}

// TestExamplesOfTheSpecification runs each example: its requests through the
// real carrier, plugin and KSC client against the emulator, and the events are
// those that the example shows, no more and no fewer.
func TestExamplesOfTheSpecification(t *testing.T) {
	var hosts []ksctest.Host
	require.NoError(t, json.Unmarshal([]byte(strings.Join(blocks(t, "json hosts")[0].lines, "\n")), &hosts))
	shown := map[string]bool{}
	for _, b := range blocks(t, "example") {
		e := readExample(t, b)
		e.ksc.Inventory = hosts
		e.ksc.State = &ksctest.State{Incidents: []ksctest.Incident{{
			ID: 4710, Severity: 2, Added: "2026-11-25T09:00:00Z", Host: "e6a3c1d0-1f1e-4d0a-9a55-0a1b2c3d4e5f",
			Body: `{"targetHost":"e6a3c1d0-1f1e-4d0a-9a55-0a1b2c3d4e5f","task":"isolateHost","params":{"action":1},"responseEventIncident":true,"responseEventIncidentArea":"KUMA"}`,
		}}}
		t.Run(e.name, func(t *testing.T) { synctest.Test(t, e.run) })
		for _, s := range e.steps {
			for _, kind := range kindsOf(s.text) {
				shown[kind] = true
			}
		}
	}
	for _, kind := range []string{
		"hello", "accepted", "progress", "result", "described", "checked", "error",
		"respond", "status", "cancel", "describe", "check", "shutdown",
		"submitted", "planned", "pending", "refused", "failed", "cancelled", "unknown", "succeeded", "partial",
	} {
		assert.True(t, shown[kind], "no example shows %s", kind)
	}
}

// kindsOf are the type of a line, and the outcome of a result.
func kindsOf(text string) []string {
	var head struct{ Type, Outcome string }
	if json.Unmarshal([]byte(text), &head) != nil {
		return nil
	}
	if head.Type == "" {
		head.Type = shared.TypeRespond
	}
	return []string{head.Type, head.Outcome}
}

func (e example) run(t *testing.T) {
	c := e.begin(t)
	if !slices.Contains(kindsOf(firstEvent(e.steps)), "hello") {
		c.expect(step{sign: '<', text: `{"type":"hello","time":"…","protocol":1,"name":"…","version":"…","tasks":"…","limits":"…"}`})
	}
	for _, s := range e.steps {
		switch s.sign {
		case '>':
			_, err := io.WriteString(c.in, s.text+"\n")
			require.NoError(t, err, "line %d", s.line)
			synctest.Wait()
		case '#':
			time.Sleep(s.pause) // the bubble's time
			synctest.Wait()
		case '<':
			c.expect(s)
		}
	}
	c.in.Close()
	for text := range c.events {
		c.early = append(c.early, text)
	}
	assert.Empty(t, c.early, "events that the example does not show")
	assert.NoError(t, <-c.served)
}

func firstEvent(steps []step) string {
	for _, s := range steps {
		if s.sign == '<' {
			return s.text
		}
	}
	return ""
}

// conversation is one run of the serving end.
type conversation struct {
	t      *testing.T
	in     *io.PipeWriter
	events chan string // closed at the end of output
	served chan error
	early  []string // events that came before their turn
}

func (e example) begin(t *testing.T) *conversation {
	e.ksc.User, e.ksc.Password = "edr-operator", "p"
	server, err := ksctest.New(e.ksc)
	require.NoError(t, err)
	p := pluginOf(t, server)
	requests, in := io.Pipe()
	answers, out := io.Pipe()
	t.Cleanup(func() { in.Close() }) // where a step failed, or the bubble would hang
	c := &conversation{t: t, in: in, events: make(chan string, 1000), served: make(chan error, 1)}
	go func() {
		c.served <- jsonl.Serve(context.Background(), p, requests, out, jsonl.Options{Hello: hello()})
		requests.Close()
		out.Close()
	}()
	go func() {
		defer close(c.events)
		lines := bufio.NewScanner(answers)
		lines.Buffer(nil, shared.MaxEventBytes)
		for lines.Scan() {
			c.events <- lines.Text()
		}
	}()
	return c
}

// pluginOf is the real plugin on an emulated server that is called main.
func pluginOf(t testing.TB, server *ksctest.Server) *plugin.Plugin {
	t.Helper()
	trust, err := ksc.ParseTrust(server.CertificatePEM())
	require.NoError(t, err)
	dir := filepath.Join(t.TempDir(), "ledger")
	p, err := plugin.New(context.Background(), plugin.Config{Version: "1.0.0", Servers: map[string]ksc.Config{"main": {
		Addr: "ksc.example:13299", User: "edr-operator", Password: "p", Trust: trust, Dial: server.Dial,
	}}, FollowCalls: plugin.DefaultFollowCalls, Ledger: func(ctx context.Context) (*journal.Journal, error) {
		return journal.Open(ctx, dir, journal.Options{User: "tester"})
	}})
	require.NoError(t, err)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		p.Close(ctx) // a server full of mischief may not end the session
		server.Close()
	})
	return p
}

func hello() shared.Hello {
	h := shared.Hello{Name: plugin.Name, Version: "1.0.0"}
	for _, one := range task.All() {
		h.Tasks = append(h.Tasks, one.Name)
	}
	return h
}

// expect takes the next event that belongs to the same request as the one that
// the example shows: requests run side by side, and only the order of a
// request's own events is promised.
func (c *conversation) expect(s step) {
	c.t.Helper()
	id := idOf(s.text)
	for i, text := range c.early {
		if idOf(text) == id {
			c.early = slices.Delete(c.early, i, i+1)
			c.compare(s, text)
			return
		}
	}
	late := time.After(time.Hour)
	for {
		select {
		case text, more := <-c.events:
			require.True(c.t, more, "line %d: the stream ended before: %s", s.line, s.text)
			if idOf(text) == id {
				c.compare(s, text)
				return
			}
			c.early = append(c.early, text)
		case <-late:
			c.t.Fatalf("line %d: nothing came for: %s", s.line, s.text)
		}
	}
}

// idOf is the id of an event; a made-up one is the same as any other.
func idOf(text string) string {
	var head struct {
		ID json.RawMessage `json:"id"`
	}
	json.Unmarshal([]byte(text), &head) // what is no JSON has no id; comparing tells
	if bytes.HasPrefix(head.ID, []byte(`"r-`)) {
		return "made up"
	}
	return string(head.ID)
}

func (c *conversation) compare(s step, text string) {
	c.t.Helper()
	require.NotRegexp(c.t, notPlain, text, "line %d", s.line)
	want, err := decode(s.text)
	require.NoError(c.t, err, "line %d: the event in the example is no JSON", s.line)
	got, err := decode(text)
	require.NoError(c.t, err)
	if found := differs("", want, got); found != "" {
		c.t.Fatalf("line %d: %s\nshown: %s\ncame:  %s", s.line, found, s.text, text)
	}
}
