package main

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

// output shows the events of one request, as JSON lines or for people.
type output struct {
	out   io.Writer
	json  bool
	flags bool // the request was written as flags: people are shown those instead of pointers
	quiet bool // only how it ended
	paint bool // the outcome in colour
	live  *live
	label string // what the live line is about
	found string // the host, where the line that named it is gone
	seq   int64
	err   error
}

func newOutput(s surroundings, form string) *output {
	return &output{out: s.out, json: form == "json" || form == "" && !s.terminal}
}

func (o *output) emitter(id shared.ID) func(shared.Event) {
	return func(e shared.Event) {
		e.ID = id
		o.show(e)
	}
}

func (o *output) show(e shared.Event) {
	if o.quiet && (e.Accepted != nil || e.Progress != nil) {
		return
	}
	e.Time, e.Seq = time.Now().UTC(), o.seq
	o.seq++
	if o.live != nil && !o.inPlace(e) {
		return
	}
	if !o.json {
		_, err := io.WriteString(o.out, o.text(e))
		o.keep(err)
		return
	}
	line, err := shared.EventLine(e)
	if err == nil {
		_, err = o.out.Write(line)
	}
	o.keep(err)
}

func (o *output) keep(err error) {
	if o.err == nil {
		o.err = err
	}
}

// end shows the result and turns it into the exit code.
func (o *output) end(r shared.Request, result shared.Result) error {
	if r.ID == "" {
		r.ID = shared.NewID() // what was typed is no request, and has a result all the same
	}
	o.show(shared.Event{ID: r.ID, Result: &result})
	if o.err != nil {
		return exit.Unwritten(result, o.err)
	}
	code := result.Exit()
	if code == shared.ExitOK {
		return nil
	}
	return exit.With(code, nil)
}

// text is an event for people: every line begins with what it is. Values from
// outside cannot forge a line or move the cursor.
func (o *output) text(e shared.Event) string {
	var b strings.Builder
	switch {
	case e.Accepted != nil:
		line(&b, "accepted", "host "+hostText(e.Accepted.Host))
	case e.Progress != nil:
		p := e.Progress
		switch {
		case p.Incident != nil:
			line(&b, "incident", p.Incident.ID+" on server "+p.Incident.Server)
		default:
			line(&b, p.Stage, p.Message)
		}
		if t := p.ConsoleTask; t != nil && p.Stage == shared.StageTaken {
			line(&b, "  console task", consoleTaskText(*t))
		}
	case e.Checked != nil:
		checkedText(&b, *e.Checked)
	case e.Problem != nil:
		line(&b, "refused", e.Problem.Message)
		line(&b, "  what to do", e.Problem.Assistance)
	case e.Result != nil:
		o.resultText(&b, *e.Result)
	}
	return b.String()
}

// longest is how much of a body a person is shown.
const longest = 1000

func (o *output) resultText(b *strings.Builder, r shared.Result) {
	if o.paint {
		b.WriteString(strings.Replace(lineText(string(r.Outcome), message(r)), string(r.Outcome), coloured(r.Outcome), 1))
	} else {
		line(b, string(r.Outcome), message(r))
	}
	if o.quiet && r.Exit() == shared.ExitOK {
		return
	}
	if o.found != "" {
		line(b, "  host", o.found)
	}
	if i := r.Incident; i != nil {
		if i.AddedAt != nil {
			line(b, "  stored", i.AddedAt.Format(time.RFC3339)+" for "+r.Task+" on "+r.TargetHost)
		}
		line(b, "  where it stands", "kes-respond status "+i.ID+" --server "+i.Server)
	}
	if t := r.ConsoleTask; t != nil {
		line(b, "  console task", consoleTaskText(*t))
	}
	for _, e := range r.HostEvents {
		line(b, "  events", fmt.Sprintf("%d of type %s", e.Count, e.Type))
		for _, text := range e.Descriptions {
			line(b, "    event", text)
		}
	}
	if u := r.Undo; u != nil {
		line(b, "  taken back by", u.Task+" with params "+string(u.Params))
	}
	if p := r.Plan; p != nil {
		line(b, "  decision", p.Decision)
		line(b, "  body", fmt.Sprintf("%d bytes, sha256 %s", p.BodyBytes, p.BodySHA256))
		switch {
		case len(p.Body) > longest:
			line(b, "  body begins", strings.ToValidUTF8(p.Body[:longest], "")+"…")
		case p.Body != "":
			line(b, "  body in full", p.Body)
		}
		for _, w := range p.Warnings {
			line(b, "  warning", w)
		}
	}
	if e := r.Error; e != nil {
		line(b, "  code", string(e.Code))
		for _, v := range e.Violations {
			line(b, "  "+o.place(v.Pointer), v.Message)
		}
		for _, c := range e.Candidates {
			line(b, "  candidate", strings.TrimSpace(strings.Join([]string{c.ID, c.Name, c.FQDN, c.IPv4}, " ")))
		}
		if e.Omitted > 0 {
			line(b, "  and", fmt.Sprintf("%d more", e.Omitted))
		}
		if e.Assistance != "" {
			line(b, "  what to do", e.Assistance)
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

// place names what a person has to mend: the flag where there were flags.
func (o *output) place(pointer string) string {
	name := pointer[strings.LastIndexByte(pointer, '/')+1:]
	if _, err := strconv.Atoi(name); err == nil || !o.flags || name == "" || name == "params" {
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

func hostText(h shared.Host) string {
	if h.Name == "" {
		return h.ID
	}
	return h.Name + " (" + h.ID + ")"
}

func line(b *strings.Builder, label, text string) { b.WriteString(lineText(label, text)) }

func lineText(label, text string) string {
	if text != "" {
		text = ": " + printable.Text(text)
	}
	return printable.Text(label) + text + "\n"
}
