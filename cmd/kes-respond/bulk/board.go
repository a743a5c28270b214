package bulk

import (
	"fmt"
	"io"
	"strings"
	"sync"

	"github.com/kes-respond/kes-respond/cmd/kes-respond/display"
	"github.com/kes-respond/kes-respond/cmd/kes-respond/printable"
	"github.com/kes-respond/kes-respond/shared"
)

// newBoard is how a bulk is shown: JSON lines for programs, a line for each target
// where it ends for files and pipes, and lines that change in place on a terminal.
func (b *bulk) newBoard() board {
	switch {
	case b.JSON:
		return &eventBoard{bulk: b, outputs: map[int]*display.Output{}}
	case b.Quiet || b.Verbose || !b.InPlace:
		return &lineBoard{bulk: b}
	}
	return newLiveBoard(b)
}

// eventBoard writes the events of all targets, each with its id.
type eventBoard struct {
	bulk *bulk

	mu      sync.Mutex
	outputs map[int]*display.Output // of those that run: each counts its own events
	waited  waiting
	err     error
}

func (e *eventBoard) began(int, shared.ID) {}

func (e *eventBoard) heard(i int, event shared.Event) {
	e.mu.Lock()
	defer e.mu.Unlock()
	out := e.outputs[i]
	if out == nil {
		out = &display.Output{Out: e.bulk.Out, JSON: true, Quiet: e.bulk.Quiet}
		e.outputs[i] = out
	}
	out.Show(event)
	if e.err == nil {
		e.err = out.Err()
	}
	if event.Result != nil {
		delete(e.outputs, i)
	}
}

func (e *eventBoard) waits(why string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	sayWait(e.bulk.Err, &e.waited, why)
}

func (e *eventBoard) unheard() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.err
}

func (e *eventBoard) close() {}

// sayWait says what is waited for, where that is news.
func sayWait(w io.Writer, waited *waiting, why string) {
	if waited.news(why) {
		fmt.Fprintf(w, "kes-respond: %s\n", printable.Text(why))
	}
}

// lineBoard writes a line for each target when it has ended, and at the end a
// table.
type lineBoard struct {
	bulk *bulk

	mu     sync.Mutex
	waited waiting
	err    error
}

func (l *lineBoard) began(int, shared.ID) {}

func (l *lineBoard) heard(i int, e shared.Event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch r := e.Result; {
	case r != nil && (!l.bulk.Quiet || r.Exit() != shared.ExitOK):
		l.write(targetText(*r, l.bulk.Paint))
	case r == nil && l.bulk.Verbose:
		for text := range strings.Lines((&display.Output{}).Text(e)) {
			l.write(printable.Text(l.bulk.Targets[i].Host) + ": " + text)
		}
	}
}

func (l *lineBoard) write(text string) {
	if _, err := io.WriteString(l.bulk.Out, text); err != nil && l.err == nil {
		l.err = err
	}
}

func (l *lineBoard) waits(why string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	sayWait(l.bulk.Err, &l.waited, why)
}

func (l *lineBoard) unheard() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.err
}

func (l *lineBoard) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.bulk.Quiet {
		l.write("\n" + l.bulk.sum.table())
	}
}

// targetText is the end of a target in a line: what became of it first, then the
// host, then why.
func targetText(r shared.Result, paint bool) string {
	text := r.TargetHost
	if r.Host != nil && r.Host.ID != "" && r.Host.ID != r.TargetHost {
		text += " (" + r.Host.ID + ")"
	}
	if r.Incident != nil {
		text += ", incident " + r.Incident.ID
	}
	said := r.Message
	if r.Error != nil && len(r.Error.Violations) > 0 {
		said = violationsText(*r.Error)
	}
	if r.Plan != nil {
		said = "would be sent; " + r.Plan.Decision
	}
	if r.Error != nil {
		said += " [" + string(r.Error.Code) + "]"
	}
	if r.Outcome != shared.Submitted || r.DuplicateOf != "" {
		text += ": " + said
	}
	return display.Outcome(r.Outcome, text, paint)
}

// violationsText is what is wrong with a request, in a line.
func violationsText(e shared.Error) string {
	var texts []string
	for _, v := range e.Violations {
		texts = append(texts, display.Place(v.Pointer, true)+" "+v.Message)
	}
	return strings.Join(texts, "; ") + "; nothing was sent"
}
