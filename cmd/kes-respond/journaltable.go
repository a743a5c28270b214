package main

import (
	"bufio"
	"cmp"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/kes-respond/kes-respond/cmd/kes-respond/display"
	"github.com/kes-respond/kes-respond/cmd/kes-respond/printable"
	"github.com/kes-respond/kes-respond/plugin/journal"
	"github.com/kes-respond/kes-respond/shared"
)

// table lists requests: as JSON lines, or in columns for people.
type table struct {
	out   *bufio.Writer
	json  bool
	shown int
	rows  []row // not written yet
}

// row is one request for people.
type row struct {
	cells []string
	says  string // why it ended badly
	task  string // the console task that carries it out, and what it said last
}

// rowsAtOnce bounds what is held to align the columns.
const rowsAtOnce = 1000

// add takes one request; living says that it is known whether it runs.
func (t *table) add(r journal.Record, living bool) error {
	t.shown++
	if t.json {
		line, err := shared.ASCIIJSON(r)
		if err == nil {
			_, err = t.out.Write(append(line, '\n'))
		}
		return err
	}
	if t.shown == 1 {
		t.rows = append(t.rows, row{cells: []string{"TIME", "OUTCOME", "TASK", "HOST", "WHO", "INCIDENT", "ID"}})
	}
	t.rows = append(t.rows, rowOf(r, living))
	if len(t.rows) >= rowsAtOnce {
		return t.flush()
	}
	return nil
}

// flush writes the rows that are held, their columns aligned.
func (t *table) flush() error {
	var widths []int
	for _, r := range t.rows {
		for i, cell := range r.cells {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	for _, r := range t.rows {
		var b strings.Builder
		for i, cell := range r.cells {
			b.WriteString(cell)
			if i < len(r.cells)-1 {
				b.WriteString(strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell)+2))
			}
		}
		b.WriteByte('\n')
		if r.says != "" {
			display.Line(&b, "    message", r.says)
		}
		if r.task != "" {
			display.Line(&b, "    console task", r.task)
		}
		if _, err := t.out.WriteString(b.String()); err != nil {
			return err
		}
	}
	t.rows = t.rows[:0]
	return nil
}

func rowOf(r journal.Record, living bool) row {
	incident := ""
	if r.Incident != 0 {
		incident = strconv.FormatInt(r.Incident, 10)
	}
	who := r.User
	if r.Actor != "" {
		who = r.Actor + " (" + r.User + ")"
	}
	cells := []string{
		r.At.UTC().Format(time.RFC3339), standing(r, living), r.Task, cmp.Or(r.HostName, r.Target, r.HostID), who, incident,
	}
	for i, cell := range cells {
		cells[i] = printable.Short(cmp.Or(printable.Text(cell), "-"))
	}
	says := ""
	switch r.Outcome {
	case shared.Failed, shared.Refused, shared.Cancelled, shared.Unknown, shared.Pending, shared.Partial:
		says = r.Message
	}
	if says == "" && r.DuplicateOf != 0 {
		says = "number " + strconv.FormatUint(r.DuplicateOf, 10) + " of the ledger answered for it"
	}
	return row{append(cells, cmp.Or(printable.Text(r.ID.Text()), "-")), says, consoleTask(r)}
}

// consoleTask names the console task that carries a request out; empty where
// none is known.
func consoleTask(r journal.Record) string {
	switch t := r.ConsoleTask; {
	case t == nil:
		return ""
	case t.State == "":
		return t.ID
	default:
		return t.ID + " (" + t.State + ")"
	}
}

// standing is how a request ended, or how far it is.
func standing(r journal.Record, living bool) string {
	switch {
	case r.DuplicateOf != 0:
		return "duplicate"
	case r.Outcome != "":
		return string(r.Outcome)
	case !living:
		return string(r.Stage)
	case r.InDoubt():
		return "in doubt"
	}
	return "running"
}
