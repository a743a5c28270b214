package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/kes-respond/kes-respond/cmd/kes-respond/exit"
	"github.com/kes-respond/kes-respond/cmd/kes-respond/printable"
	"github.com/kes-respond/kes-respond/cmd/kes-respond/render"
	"github.com/kes-respond/kes-respond/plugin"
	"github.com/kes-respond/kes-respond/plugin/journal"
	"github.com/kes-respond/kes-respond/plugin/journal/report"
	"github.com/kes-respond/kes-respond/shared"
)

// reportFlags are the flags of report: which period, and in which form.
type reportFlags struct {
	settings                   settingsFlags
	since, html, force, output *once
}

// defaultPeriod is what is reported where nobody says how much.
const defaultPeriod = "7d"

func reportCommand(s surroundings) *cobra.Command {
	var f reportFlags
	c := &cobra.Command{
		Use: "report", Short: "what was done in a period, where, by whom, and what became of it; also as a web page", Args: noWords,
		Long: fmt.Sprintf(`report adds up what the ledger knows of a period: outcomes, effects, tasks, hosts,
people, reasons of refusals, how long requests took, and what is still open. It
asks no KSC and needs no password. Times are UTC; a request counts at the time when
it was decided, whenever it ended. A host is one of one server: two of one name are
told apart. What the ledger does not hold is not in it: dry runs, and requests that
were refused before they were decided, such as for an unknown host.

It proves the ledger as "journal verify" does. Of one that is not as it was
written, or that cannot be proved, the report says so, and the exit code is 1. It
also says where old requests were dropped (keepFor), and where a clock was set back.

With --html it writes one page that needs no network and no script. The page
lists the newest %d requests of the period. Its file can be read by its owner
only, and replaces another only with --force true, and never a link, a folder, a
pipe or a device. The page is drawn by kes-respond-report, which has to lie beside
kes-respond.`, report.MaxRequests),
		Example: `  kes-respond report --since 24h
  kes-respond report --since 7d --html report.html
  kes-respond report --since 7d --html - | gzip > report.html.gz`,
		RunE: func(c *cobra.Command, _ []string) error { return f.run(c.Context(), s) },
	}
	flags := c.Flags()
	flags.SortFlags = false
	f.since = stringFlag(flags, "since", "from then on: 24h or 7d ago, 2026-11-20, or 2026-11-20T08:00:00Z (default "+defaultPeriod+")")
	f.since.check = func(text string) error { _, err := since(text, time.Now()); return err }
	f.html = fileFlag(flags, "html", "file for the page; - is standard output")
	f.force = boolFlag(flags, "force", "true: replace the file where there is one")
	f.settings.config = fileFlag(flags, "config", configHelp)
	f.output = choiceFlag(flags, "output", "form", "text (default), or json: the whole report as one object", "json", "text")
	return c
}

func (f reportFlags) run(ctx context.Context, s surroundings) error {
	if err := f.sense(); err != nil {
		return err
	}
	l, dir, err := f.settings.ledger(s)
	if err != nil {
		return err
	}
	if noLedger(dir) {
		return exit.With(shared.ExitFailed, fmt.Errorf("there is no ledger in %s yet: there is nothing to report", dir))
	}
	now := time.Now()
	from, _ := since(defaultPeriod, now)
	if f.since.set {
		from, _ = since(f.since.value, now) // checked
	}
	made, err := collected(ctx, l, from, now)
	if err != nil {
		return exit.Ledger(err)
	}
	proved(ctx, l, dir, &made)
	made.Ledger, made.Program = printable.Text(dir), plugin.Name+" "+version
	if host, err := os.Hostname(); err == nil {
		made.Machine = printable.Text(host)
	}
	if f.html.set {
		err = f.write(ctx, s, made)
	} else {
		err = f.print(s, made)
	}
	if err == nil && !made.Proof.Sound {
		err = exit.With(shared.ExitFailed, errors.New(render.Unproved(made.Proof)))
	}
	return err
}

// sense refuses flags that do not belong together, before anything is read.
func (f reportFlags) sense() error {
	switch {
	case f.html.set && f.html.value == "":
		return exit.Usage("report: --html is empty: it names a file, or - for standard output")
	case f.html.set && f.output.set:
		return exit.Usage("report: --html and --output exclude each other")
	case f.force.set && !f.html.set:
		return exit.Usage("report: --force is about the file of --html")
	case f.html.set && f.html.value != "-":
		return render.Replaceable(f.html.value, f.force.value == "true")
	}
	return nil
}

// collected reads the ledger, the whole of it: a clock that was set back leaves
// requests of the period behind older ones. Which requests run only a process
// can tell that takes its turn at the ledger; where it may not, the report says
// so. What is written meanwhile belongs to the next report.
func collected(ctx context.Context, l ledger, from, now time.Time) (report.Report, error) {
	j, unknown := l.open(ctx)
	var open []journal.Record
	if unknown == nil {
		open, unknown = j.Unsettled(ctx)
	}
	if j == nil {
		var err error
		if j, err = l.read(ctx); err != nil {
			return report.Report{}, err
		}
	}
	defer j.Close()
	c := report.New(from, now)
	if unknown == nil {
		c.Unsettled(open)
	}
	for r, err := range j.Records(ctx, journal.Filter{}) {
		if err != nil {
			return report.Report{}, err
		}
		if !r.At.After(now) || r.At.After(time.Now()) {
			c.Add(r)
		}
	}
	made := c.Report()
	if unknown != nil {
		made.OpenError = printable.Text(unknown.Error())
	}
	return made, ctx.Err()
}

func (f reportFlags) print(s surroundings, r report.Report) error {
	out := bufio.NewWriter(s.out)
	if f.output.value == "json" {
		line, err := shared.ASCIIJSON(r)
		if err != nil {
			return exit.With(shared.ExitFailed, err)
		}
		out.Write(append(line, '\n'))
	} else {
		render.Text(out, r)
	}
	if err := out.Flush(); err != nil {
		return exit.With(shared.ExitFailed, fmt.Errorf("the report could not be written: %w", err))
	}
	return nil
}

// write has the page drawn and puts it where it belongs.
func (f reportFlags) write(ctx context.Context, s surroundings, r report.Report) error {
	page, err := render.Page(ctx, s.executable, r)
	if err != nil {
		return exit.With(shared.ExitFailed, fmt.Errorf("the page could not be drawn: %w", err))
	}
	if f.html.value == "-" {
		_, err = s.out.Write(page)
	} else {
		err = render.Write(f.html.value, page, f.force.value == "true")
	}
	if errors.Is(err, os.ErrExist) {
		return exit.Usage("report: %s is there already; --force true replaces it", f.html.value)
	}
	if err != nil {
		return exit.With(shared.ExitFailed, fmt.Errorf("the page could not be written: %w", err))
	}
	if f.html.value != "-" {
		fmt.Fprintf(s.err, "kes-respond: %s: %d requests since %s\n", printable.Text(f.html.value), r.Requests, r.Since.Format(time.RFC3339))
	}
	return nil
}

// proved says whether what was reported is as it was written. That it cannot be
// proved is no reason to tell nothing.
func proved(ctx context.Context, l ledger, dir string, r *report.Report) {
	v := verified{Directory: dir, Anchor: l.file.AnchorFile}
	if _, err := v.verify(ctx, l); err != nil {
		r.Proof.Error = printable.Text(err.Error())
		return
	}
	r.Proof = report.Proof{Sound: v.Sound, Lines: v.Lines, Heads: v.Heads, Flaws: len(v.Flaws)}
	if len(v.Flaws) > 0 {
		f := v.Flaws[0]
		r.Proof.First = printable.Text(fmt.Sprintf("%s, line %d: %s", f.File, f.Line, f.What))
	}
	r.Dropped = v.Sound && v.First > 1 // else files may as well have been taken away
}
