package render

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/kes-respond/kes-respond/cmd/kes-respond/printable"
	"github.com/kes-respond/kes-respond/plugin/journal/report"
)

// fewRows is how many of a list the text shows; the page and JSON have more.
const fewRows = 10

// Text writes the sums of a report for people. The caller sees to errors
// of the writer.
func Text(out io.Writer, r report.Report) {
	fmt.Fprintf(out, "Requests from %s to %s: %d\n", r.Since.Format(time.RFC3339), r.Until.Format(time.RFC3339), r.Requests)
	fmt.Fprintf(out, "Machine %s, ledger in %s, %s\n", orDash(r.Machine), r.Ledger, r.Program)
	proof(out, r)
	if r.Requests > 0 {
		var sums []report.Group
		for _, s := range r.Outcomes {
			sums = append(sums, report.Group{Name: s.Name, Count: s.Count})
		}
		groups(out, "Outcome", sums, 0)
		groups(out, "Effect", r.Effects, 0)
		groups(out, "Task", r.Tasks, 0)
		groups(out, "Host", r.Hosts.Top, r.Hosts.More)
		groups(out, "Who", r.People.Top, r.People.More)
		reasons(out, r.Reasons)
		took(out, r.Took)
	}
	open(out, r)
}

func groups(out io.Writer, title string, groups []report.Group, more int) {
	if len(groups) == 0 {
		return
	}
	fmt.Fprintln(out)
	t := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintf(t, "%s\tRequests\n", title)
	shown := groups[:min(len(groups), fewRows)]
	for _, g := range shown {
		var by []string
		for _, s := range report.Standings() {
			if n := g.By[s]; n > 0 && n < g.Count {
				by = append(by, fmt.Sprintf("%d %s", n, s))
			} else if n > 0 {
				by = append(by, s)
			}
		}
		fmt.Fprintf(t, "%s\t%d", printable.Short(g.Name), g.Count)
		if len(by) > 0 {
			fmt.Fprintf(t, "\t%s", strings.Join(by, ", "))
		}
		fmt.Fprintln(t)
	}
	t.Flush()
	if more += len(groups) - len(shown); more > 0 {
		fmt.Fprintf(out, "and %d more\n", more)
	}
}

// reasons are not cut: they are what the person was told.
func reasons(out io.Writer, reasons report.Groups) {
	if len(reasons.Top) == 0 {
		return
	}
	fmt.Fprintln(out, "\nRefused for")
	shown := reasons.Top[:min(len(reasons.Top), fewRows)]
	for _, g := range shown {
		fmt.Fprintf(out, "%4d  %s\n", g.Count, g.Name)
	}
	if more := reasons.More + len(reasons.Top) - len(shown); more > 0 {
		fmt.Fprintf(out, "and %d more\n", more)
	}
}

func took(out io.Writer, t report.Took) {
	fmt.Fprintln(out)
	if t.Known == 0 {
		fmt.Fprintln(out, "How long requests took until they had ended on the host is known of none.")
	} else {
		fmt.Fprintf(out, "From stored to ended, known of %d: median %s, slowest %s (%s on %s, %s)\n",
			t.Known, t.Median.Round(time.Second), t.Slowest.Round(time.Second), t.Of.Task, t.Of.Host, t.Of.ID)
	}
	if t.Odd > 0 {
		fmt.Fprintf(out, "Of %d the clocks here and in KSC disagree; they are not counted there.\n", t.Odd)
	}
}

func open(out io.Writer, r report.Report) {
	fmt.Fprintln(out)
	if r.OpenError != "" {
		fmt.Fprintf(out, "Which requests run could not be seen: %s\n", r.OpenError)
	}
	if len(r.Open) == 0 {
		fmt.Fprintln(out, "Nothing is open.")
		return
	}
	fmt.Fprintln(out, "Open, of any time, the oldest first (kes-respond journal --open true has all):")
	t := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	shown := r.Open[:min(len(r.Open), fewRows)]
	for _, q := range shown {
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\n", q.At.Format(time.RFC3339), q.Standing, q.Task, printable.Short(q.Host), orDash(q.ID))
	}
	t.Flush()
	if more := r.OpenMore + len(r.Open) - len(shown); more > 0 {
		fmt.Fprintf(out, "and %d more\n", more)
	}
}

func orDash(text string) string {
	if text == "" {
		return "-"
	}
	return text
}
