// Package display shows what becomes of requests: as JSON lines for programs, as
// lines for people, and on a terminal as lines that change in place. It writes
// where it is told to, and knows no stream of the process.
package display

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/kes-respond/kes-respond/cmd/kes-respond/exit"
	"github.com/kes-respond/kes-respond/cmd/kes-respond/printable"
	"github.com/kes-respond/kes-respond/shared"
)

// Output shows the events of one request, as JSON lines or for people. One
// goroutine at a time may use it.
type Output struct {
	Out   io.Writer
	JSON  bool
	Flags bool // the request was written as flags: people are shown those instead of pointers
	Quiet bool // only how it ended
	Paint bool // the outcome in colour

	live  *Live
	label string // what the live line is about
	found string // the host, where the line that named it is gone
	seq   int64
	err   error
}

// Emitter shows events as those of the request with this id.
func (o *Output) Emitter(id shared.ID) func(shared.Event) {
	return func(e shared.Event) {
		e.ID = id
		o.Show(e)
	}
}

// Show writes one event, numbered in the order of the calls. What cannot be
// written Err has.
func (o *Output) Show(e shared.Event) {
	if o.Quiet && (e.Accepted != nil || e.Progress != nil) {
		return
	}
	e.Time, e.Seq = time.Now().UTC(), o.seq
	o.seq++
	if o.live != nil && !o.inPlace(e) {
		return
	}
	if !o.JSON {
		o.Print(o.Text(e))
		return
	}
	line, err := shared.EventLine(e)
	if err == nil {
		_, err = o.Out.Write(line)
	}
	o.keep(err)
}

// Print writes a text for people that is no event.
func (o *Output) Print(text string) {
	_, err := io.WriteString(o.Out, text)
	o.keep(err)
}

// Err is the first error of writing; nil where all was written.
func (o *Output) Err() error { return o.err }

func (o *Output) keep(err error) {
	if o.err == nil {
		o.err = err
	}
}

// End shows the result and turns it into the exit code.
func (o *Output) End(r shared.Request, result shared.Result) error {
	if r.ID == "" {
		r.ID = shared.NewID() // what was typed is no request, and has a result all the same
	}
	o.Show(shared.Event{ID: r.ID, Result: &result})
	if o.err != nil {
		return exit.Unwritten(result, o.err)
	}
	code := result.Exit()
	if code == shared.ExitOK {
		return nil
	}
	return exit.With(code, nil)
}

// Text is an event for people: every line begins with what it is. Values from
// outside cannot forge a line or move the cursor.
func (o *Output) Text(e shared.Event) string {
	var b strings.Builder
	switch {
	case e.Accepted != nil:
		Line(&b, "accepted", "host "+Host(e.Accepted.Host))
	case e.Progress != nil:
		p := e.Progress
		switch {
		case p.Incident != nil:
			Line(&b, "incident", p.Incident.ID+" on server "+p.Incident.Server)
		default:
			Line(&b, p.Stage, p.Message)
		}
		if t := p.ConsoleTask; t != nil && p.Stage == shared.StageTaken {
			Line(&b, "  console task", consoleTaskText(*t))
		}
	case e.Checked != nil:
		b.WriteString(Checked(*e.Checked))
	case e.Problem != nil:
		Line(&b, "refused", e.Problem.Message)
		Line(&b, "  what to do", e.Problem.Assistance)
	case e.Result != nil:
		o.resultText(&b, *e.Result)
	}
	return b.String()
}

// longest is how much of a body a person is shown.
const longest = 1000

func (o *Output) resultText(b *strings.Builder, r shared.Result) {
	b.WriteString(Outcome(r.Outcome, message(r), o.Paint))
	if o.Quiet && r.Exit() == shared.ExitOK {
		return
	}
	if o.found != "" {
		Line(b, "  host", o.found)
	}
	if i := r.Incident; i != nil {
		if i.AddedAt != nil {
			Line(b, "  stored", i.AddedAt.Format(time.RFC3339)+" for "+r.Task+" on "+r.TargetHost)
		}
		Line(b, "  where it stands", "kes-respond status "+i.ID+" --server "+i.Server)
	}
	if t := r.ConsoleTask; t != nil {
		Line(b, "  console task", consoleTaskText(*t))
	}
	for _, e := range r.HostEvents {
		Line(b, "  events", fmt.Sprintf("%d of type %s", e.Count, e.Type))
		for _, text := range e.Descriptions {
			Line(b, "    event", text)
		}
	}
	if u := r.Undo; u != nil {
		Line(b, "  taken back by", u.Task+" with params "+string(u.Params))
	}
	if p := r.Plan; p != nil {
		Line(b, "  decision", p.Decision)
		Line(b, "  body", fmt.Sprintf("%d bytes, sha256 %s", p.BodyBytes, p.BodySHA256))
		switch {
		case len(p.Body) > longest:
			Line(b, "  body begins", strings.ToValidUTF8(p.Body[:longest], "")+"…")
		case p.Body != "":
			Line(b, "  body in full", p.Body)
		}
		for _, w := range p.Warnings {
			Line(b, "  warning", w)
		}
	}
	if e := r.Error; e != nil {
		Line(b, "  code", string(e.Code))
		for _, v := range e.Violations {
			Line(b, "  "+Place(v.Pointer, o.Flags), v.Message)
		}
		for _, c := range e.Candidates {
			Line(b, "  candidate", strings.TrimSpace(strings.Join([]string{c.ID, c.Name, c.FQDN, c.IPv4}, " ")))
		}
		if e.Omitted > 0 {
			Line(b, "  and", fmt.Sprintf("%d more", e.Omitted))
		}
		if e.Assistance != "" {
			Line(b, "  what to do", e.Assistance)
		}
	}
}

// message leaves out what the list of violations says better.
func message(r shared.Result) string {
	if r.Error != nil && strings.HasPrefix(r.Message, "the request breaks the contract") {
		return "the request is not one that can be sent; nothing was sent"
	}
	return r.Message
}

// Place names what a person has to mend: the flag where the request was written as
// flags, else the place in it.
func Place(pointer string, flags bool) string {
	name := pointer[strings.LastIndexByte(pointer, '/')+1:]
	if _, err := strconv.Atoi(name); err == nil || !flags || name == "" || name == "params" {
		return "at " + pointer
	}
	return "--" + name
}

func consoleTaskText(t shared.ConsoleTask) string {
	text := t.ID
	if t.Name != "" {
		text += " " + strconv.Quote(t.Name)
	}
	if t.State != "" {
		text += ", " + t.State
	}
	if t.FinishedAt != nil {
		text += " at " + t.FinishedAt.UTC().Format(time.RFC3339)
	}
	return text
}

// Host is a host by its name, and its id.
func Host(h shared.Host) string {
	if h.Name == "" {
		return h.ID
	}
	return h.Name + " (" + h.ID + ")"
}

// Line writes a line that begins with what it is about. Values from outside cannot
// forge another or move the cursor.
func Line(b *strings.Builder, label, text string) { b.WriteString(lineText(label, text)) }

func lineText(label, text string) string {
	if text != "" {
		text = ": " + printable.Text(text)
	}
	return printable.Text(label) + text + "\n"
}
