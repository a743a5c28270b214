package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/kes-respond/kes-respond/cmd/kes-respond/exit"
	"github.com/kes-respond/kes-respond/cmd/kes-respond/printable"
	"github.com/kes-respond/kes-respond/plugin/journal"
	"github.com/kes-respond/kes-respond/plugin/task"
	"github.com/kes-respond/kes-respond/shared"
)

// journalFlags are the flags of journal: which requests, and how many.
type journalFlags struct {
	settings                                   settingsFlags
	output, open, limit                        *once
	since, effect, outcome, host, user, server *once
}

// defaultLimit is how many requests are listed where nobody says how many.
const defaultLimit = 100

func journalCommand(s surroundings) *cobra.Command {
	var f journalFlags
	c := &cobra.Command{
		Use: "journal", Short: "the requests in the ledger: what was sent, by whom, and what became of it", Args: noWords,
		Long: `journal lists the requests that the ledger knows, the newest first. It asks no
KSC and needs no password. Times are UTC.

With --open true it lists those that somebody has to look after, the oldest first:
what is pending or unknown, what runs, and what is in doubt because its process
was killed. A request with --wait done is pending from the moment that KSC has it
until its end is known. "kes-respond recover" settles what is in doubt,
"kes-respond status INCIDENT" ends what is pending.`,
		Example: `  kes-respond journal --since 24h --effect isolates
  kes-respond journal --open true
  kes-respond journal verify`,
		RunE: func(c *cobra.Command, _ []string) error { return f.run(c.Context(), s) },
	}
	flags := c.Flags()
	flags.SortFlags = false
	f.since = stringFlag(flags, "since", "from then on: 24h or 7d ago, 2026-11-20, or 2026-11-20T08:00:00Z")
	f.since.check = func(text string) error { _, err := since(text, time.Now()); return err }
	f.effect = choiceFlag(flags, "effect", "effect", "what it does to a host: "+strings.Join(allEffects(), ", "), allEffects()...)
	f.outcome = choiceFlag(flags, "outcome", "outcome", "how it ended: "+strings.Join(endings(), ", "), endings()...)
	f.host = stringFlag(flags, "host", "its KSC id, its name, or what the caller wrote")
	f.user = stringFlag(flags, "user", "actor as claimed, or user of the operating system")
	f.server = stringFlag(flags, "server", "name of the KSC server")
	f.open = boolFlag(flags, "open", "true: only what somebody has to look after, the oldest first")
	f.limit = stringFlag(flags, "limit", fmt.Sprintf("how many at most (default %d; 0 is all)", defaultLimit))
	f.limit.check = func(text string) error {
		if _, err := strconv.ParseUint(text, 10, 31); err != nil {
			return fmt.Errorf("%q is no number of requests", text)
		}
		return nil
	}
	f.settings.config = fileFlag(flags, "config", configHelp)
	f.output = choiceFlag(flags, "output", "form", "json, a request a line, or text (default: text on a terminal)", "json", "text")
	c.AddCommand(verifyCommand(s))
	return c
}

// endings are the outcomes that a request in the ledger can have.
func endings() []string {
	return words(shared.Succeeded, shared.Submitted, shared.Partial, shared.Pending, shared.Failed, shared.Refused, shared.Cancelled, shared.Unknown)
}

func words[T ~string](all ...T) []string {
	var texts []string
	for _, one := range all {
		texts = append(texts, string(one))
	}
	return texts
}

// allEffects are those of all tasks.
func allEffects() []string {
	set := map[shared.Effect]bool{}
	for _, t := range task.All() {
		for _, e := range t.Effects() {
			set[e] = true
		}
	}
	return words(slices.Sorted(maps.Keys(set))...)
}

// since reads how long ago, or when. A date is the beginning of that day, and a
// day ago is 24 hours ago.
func since(text string, now time.Time) (time.Time, error) {
	if number, ok := strings.CutSuffix(text, "d"); ok {
		if days, err := strconv.ParseUint(number, 10, 16); err == nil { // not beyond what a Duration holds
			return now.Add(-time.Duration(days) * 24 * time.Hour), nil
		}
	}
	if d, err := time.ParseDuration(text); err == nil && d >= 0 {
		return now.Add(-d), nil
	}
	for _, form := range []string{time.RFC3339, time.DateOnly} {
		if t, err := time.Parse(form, text); err == nil {
			return t, nil
		}
	}
	return time.Time{}, fmt.Errorf("%q is neither a time ago, such as 24h or 7d, nor a date, such as 2026-11-20 or 2026-11-20T08:00:00Z", text)
}

// notEmpty refuses a flag that stands there without a value: a field that is
// missing from an event must not choose everything.
func notEmpty(command string, flags map[string]*once) error {
	for _, name := range slices.Sorted(maps.Keys(flags)) {
		if o := flags[name]; o.set && o.value == "" {
			return exit.Usage("%s: --%s is empty: a field that is missing would choose every %s", command, name, name)
		}
	}
	return nil
}

// filter is what the flags choose.
func (f journalFlags) filter() (journal.Filter, error) {
	filter := journal.Filter{
		Effect: shared.Effect(f.effect.value), Outcome: shared.Outcome(f.outcome.value), Host: f.host.value, Server: f.server.value, Actor: f.user.value,
	}
	if f.since.set {
		filter.Since, _ = since(f.since.value, time.Now()) // checked
	}
	return filter, notEmpty("journal", map[string]*once{"host": f.host, "user": f.user, "server": f.server})
}

func (f journalFlags) run(ctx context.Context, s surroundings) error {
	filter, err := f.filter()
	if err != nil {
		return err
	}
	l, dir, err := f.settings.ledger(s)
	if err != nil {
		return err
	}
	if noLedger(dir) {
		return sayNoLedger(s, dir)
	}
	limit := defaultLimit
	if f.limit.set {
		limit, _ = strconv.Atoi(f.limit.value) // checked
	}
	j, records, err := f.records(ctx, l, filter)
	if err != nil {
		return exit.Ledger(err)
	}
	defer j.Close()
	return f.list(s, records, filter, limit)
}

// records opens the ledger and gives its requests in the order of the list.
// Which of them run only a process can tell that takes its turn at the ledger,
// so that what is open is not read beside the writers as the rest is.
func (f journalFlags) records(ctx context.Context, l ledger, filter journal.Filter) (*journal.Journal, iter.Seq2[journal.Record, error], error) {
	if f.open.value != "true" {
		j, err := l.read(ctx)
		if err != nil {
			return nil, nil, err
		}
		return j, j.Records(ctx, filter), nil
	}
	j, err := l.open(ctx)
	if err != nil {
		return nil, nil, err
	}
	all, err := j.Unsettled(ctx)
	if err != nil {
		return nil, nil, errors.Join(err, j.Close())
	}
	return j, func(yield func(journal.Record, error) bool) {
		for _, r := range all {
			if !yield(r, nil) {
				return
			}
		}
	}, nil
}

// list shows the requests that are wanted, up to limit, and says when there
// are none, or more.
func (f journalFlags) list(s surroundings, records iter.Seq2[journal.Record, error], filter journal.Filter, limit int) error {
	out := bufio.NewWriter(s.out)
	t := table{out: out, json: f.output.value == "json" || f.output.value == "" && !s.terminal}
	more := false
	for r, err := range records {
		if err != nil {
			return errors.Join(exit.Ledger(err), t.flush())
		}
		if !filter.Wants(r) {
			continue
		}
		if more = limit > 0 && t.shown == limit; more {
			break
		}
		if err := t.add(r, f.open.value == "true"); err != nil {
			return exit.With(shared.ExitFailed, fmt.Errorf("the list could not be written: %w", err))
		}
	}
	if err := errors.Join(t.flush(), out.Flush()); err != nil {
		return exit.With(shared.ExitFailed, fmt.Errorf("the list could not be written: %w", err))
	}
	switch {
	case more:
		fmt.Fprintf(s.err, "kes-respond: there are more than these %d; --limit 0 shows all\n", limit)
	case t.shown == 0:
		fmt.Fprintln(s.err, "kes-respond: "+f.nothing(filter))
	}
	return nil
}

// nothing says that none was found.
func (f journalFlags) nothing(filter journal.Filter) string {
	switch {
	case f.open.value != "true":
		return "the ledger has no such request"
	case filter == journal.Filter{}:
		return "nothing is open"
	}
	return "nothing of that is open"
}

// sayNoLedger is the whole answer before the first request.
func sayNoLedger(s surroundings, dir string) error {
	fmt.Fprintf(s.err, "kes-respond: there is no ledger in %s yet\n", printable.Text(dir))
	return nil
}
