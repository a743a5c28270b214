package bulk

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/kes-respond/kes-respond/cmd/kes-respond/exit"
	"github.com/kes-respond/kes-respond/cmd/kes-respond/printable"
	"github.com/kes-respond/kes-respond/shared"
)

// tally counts how targets ended.
type tally struct {
	codes    []int
	ended    map[int]bool
	ways     map[way]*went
	answered int   // by an earlier run
	stored   int   // KSC has an incident for it
	unsent   []int // ended before anything was sent, or not begun
}

// way is how a target can end.
type way struct {
	outcome shared.Outcome
	code    shared.Code
}

// went are the targets that ended in one way.
type went struct {
	many  int
	hosts []string // the first of them
}

func (t *tally) has(i int) bool { return t.ended[i] }

func (t *tally) add(i int, r shared.Result) {
	if t.ended == nil {
		t.ended, t.ways = map[int]bool{}, map[way]*went{}
	}
	t.ended[i] = true
	t.codes = append(t.codes, r.Exit())
	w := way{outcome: r.Outcome}
	if r.Error != nil {
		w.code = r.Error.Code
	}
	if t.ways[w] == nil {
		t.ways[w] = &went{}
	}
	t.ways[w].many++
	if len(t.ways[w].hosts) < firstNamed {
		t.ways[w].hosts = append(t.ways[w].hosts, printable.Short(printable.Text(r.TargetHost)))
	}
	if r.DuplicateOf != "" {
		t.answered++
	}
	if r.Incident != nil {
		t.stored++
	}
	switch r.Outcome {
	case shared.Cancelled, shared.Refused, shared.Failed:
		if r.Incident == nil {
			t.unsent = append(t.unsent, i)
		}
	}
}

// sorted are the ways in which targets ended, in the order of their names.
func (t *tally) sorted() []way {
	return slices.SortedFunc(maps.Keys(t.ways), func(a, b way) int {
		return strings.Compare(string(a.outcome)+" "+string(a.code), string(b.outcome)+" "+string(b.code))
	})
}

// table is the sum for people.
func (t *tally) table() string {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "OUTCOME\tCODE\tTARGETS\tHOSTS")
	for _, way := range t.sorted() {
		code := "-"
		if way.code != "" {
			code = string(way.code)
		}
		went := t.ways[way]
		hosts := strings.Join(went.hosts, ", ")
		if went.many > len(went.hosts) {
			hosts += ", …"
		}
		fmt.Fprintf(w, "%s\t%s\t%d\t%s\n", way.outcome, code, went.many, hosts)
	}
	w.Flush() //nolint:errcheck // memory takes every write
	return b.String()
}

// text is the sum in a line.
func (t *tally) text() string {
	many := map[shared.Outcome]int{}
	for way, went := range t.ways {
		many[way.outcome] += went.many
	}
	var parts []string
	for _, o := range slices.Sorted(maps.Keys(many)) {
		parts = append(parts, fmt.Sprintf("%d %s", many[o], o))
	}
	return strings.Join(parts, ", ")
}

// end says how it went, what was not sent and how to go on, and gives the exit
// code.
func (b *bulk) end(ctx context.Context) error {
	said := counted(len(b.Targets), "target") + ": " + b.sum.text()
	if b.sum.answered > 0 {
		said += fmt.Sprintf("; for %d of them an earlier run answers: those were not sent again", b.sum.answered)
	}
	if b.Template.DryRun {
		said += ". Nothing was sent: this is a dry run"
	}
	fmt.Fprintln(b.Err, "kes-respond: "+said)
	if len(b.sum.unsent) > 0 && !b.Template.DryRun {
		b.sayUnsent(ctx)
	}
	code := shared.ExitAll(b.sum.codes...)
	if err := b.board.unheard(); err != nil {
		return exit.Unheard(b.sum.stored > 0, code, err)
	}
	if code != shared.ExitOK {
		return exit.With(code, nil)
	}
	return nil
}

// sayUnsent names what was not sent, and how to send it.
func (b *bulk) sayUnsent(ctx context.Context) {
	switch cause := context.Cause(b.starting); {
	case ctx.Err() != nil:
		fmt.Fprintln(b.Err, "kes-respond: ended from outside: nothing more was begun, and what was being sent was sent to its end")
	case cause != nil:
		fmt.Fprintf(b.Err, "kes-respond: stopped, for the others would fare no better: %s\n", printable.Text(cause.Error()))
	}
	slices.Sort(b.sum.unsent)
	fmt.Fprintf(b.Err, "kes-respond: %s not sent:\n", counted(len(b.sum.unsent), "target"))
	for _, i := range b.sum.unsent[:min(shared.MaxListed, len(b.sum.unsent))] {
		fmt.Fprintf(b.Err, "  line %d: %s\n", b.Targets[i].Line, printable.Short(printable.Text(b.Targets[i].Host)))
	}
	if more := len(b.sum.unsent) - shared.MaxListed; more > 0 {
		fmt.Fprintf(b.Err, "  and %d more\n", more)
	}
	fmt.Fprintf(b.Err, "Run the same again with --batch %s: what was sent is not sent again.\n", printable.ShellWord(b.batch))
}
