package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/kes-respond/kes-respond/plugin/journal"
	"github.com/kes-respond/kes-respond/shared"
)

// journalFlags say which requests of the ledger are wanted, and in which form.
type journalFlags struct {
	config                                     *once
	since, effect, outcome, host, user, server *once
	open, limit, output                        *once
}

func journalCommand(s surroundings) *cobra.Command {
	var f journalFlags
	c := &cobra.Command{
		Use: "journal", Short: "the ledger: what was asked, by whom, and what became of it", Args: noWords,
		Long: `journal lists the requests that the ledger of this machine holds, the newest
first. With --open true it lists what somebody has to look after, the oldest
first: requests that run, are in doubt because their process died, or ended as
pending or unknown. It asks no server. Of the params of startProcess the ledger
has only a digest.`,
		Example: "  kes-respond journal --since 8h --outcome unknown\n  kes-respond journal --open true",
	}
	f.config = configFlag(c.Flags())
	f.since = stringFlag(c.Flags(), "since", "time: 8h back from now, a day such as 2026-11-28, or RFC 3339")
	var effects, outcomes []string
	for _, e := range []shared.Effect{shared.Isolates, shared.Releases, shared.Deletes, shared.Quarantines, shared.Executes, shared.Terminates, shared.Blocks, shared.Scans, shared.Reads} {
		effects = append(effects, string(e))
	}
	for _, o := range []shared.Outcome{shared.Succeeded, shared.Submitted, shared.Partial, shared.Pending, shared.Failed, shared.Refused, shared.Cancelled, shared.Unknown} {
		outcomes = append(outcomes, string(o))
	}
	f.effect = choiceFlag(c.Flags(), "effect", "effect", strings.Join(effects, ", "), effects...)
	f.outcome = choiceFlag(c.Flags(), "outcome", "outcome", strings.Join(outcomes, ", "), outcomes...)
	f.host = stringFlag(c.Flags(), "host", "host: its KSC id, its name, or as it was asked for")
	f.user = stringFlag(c.Flags(), "user", "who asked: as claimed (actor), or the user of the system")
	f.server = stringFlag(c.Flags(), "server", "name of the server")
	f.open = boolFlag(c.Flags(), "open", "true: only what somebody has to look after, the oldest first")
	f.limit = stringFlag(c.Flags(), "limit", "how many at most; 0 for all (default 100)")
	f.output = choiceFlag(c.Flags(), "output", "form", "json or text (default: text on a terminal)", "json", "text")
	c.RunE = func(c *cobra.Command, _ []string) error { return f.run(c.Context(), s) }
	c.AddCommand(verifyCommand(s))
	return c
}

func (f *journalFlags) run(ctx context.Context, s surroundings) error {
	filter := journal.Filter{
		Effect: shared.Effect(f.effect.value), Outcome: shared.Outcome(f.outcome.value),
		Host: f.host.value, Actor: f.user.value, Server: f.server.value,
	}
	var err error
	if f.since.set {
		if filter.Since, err = since(f.since.value, time.Now()); err != nil {
			return usage("--since: %w", err)
		}
	}
	most := 100
	if f.limit.set {
		if most, err = strconv.Atoi(f.limit.value); err != nil || most < 0 {
			return usage("--limit must be a number from 0")
		}
	}
	j, dir, err := openLedger(ctx, s, f.config, !f.openOnly())
	if j == nil {
		return noLedger(s, dir, err)
	}
	defer j.Close()
	list := &recordList{s: s, json: newOutput(s, f.output.value).json, most: most}
	if f.openOnly() {
		err = list.unsettled(ctx, j, filter)
	} else {
		err = list.newest(ctx, j, filter)
	}
	if err != nil {
		return ledgerError(err)
	}
	return list.end(dir)
}

func (f *journalFlags) openOnly() bool { return f.open.value == "true" }

// since reads a moment: a span back from now, a day, or RFC 3339.
func since(text string, now time.Time) (time.Time, error) {
	if d, err := time.ParseDuration(text); err == nil && d >= 0 {
		return now.Add(-d), nil
	}
	if t, err := time.ParseInLocation(time.DateOnly, text, now.Location()); err == nil {
		return t, nil
	}
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return t, fmt.Errorf("%q is no span such as 8h, no day such as 2026-11-28 and no RFC 3339 time", text)
	}
	return t, nil
}

// openLedger opens the ledger that is configured, where there is one: no
// server and no password is needed for it. Without a ledger j is nil.
func openLedger(ctx context.Context, s surroundings, config *once, reading bool) (j *journal.Journal, dir string, err error) {
	file, err := settingsFlags{config: config}.file(s)
	if err != nil {
		return nil, "", &exitError{shared.ExitUsage, err}
	}
	if dir, err = file.Ledger.directory(s); err != nil {
		return nil, "", err
	}
	if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		return nil, dir, nil
	}
	o := file.Ledger.options(s)
	o.ReadOnly = reading
	if reading {
		o.Anchor = nil
	}
	j, err = journal.Open(ctx, dir, o)
	return j, dir, err
}

func noLedger(s surroundings, dir string, err error) error {
	if err != nil {
		return ledgerError(err)
	}
	fmt.Fprintf(s.err, "kes-respond: there is no ledger in %s yet: nothing has been sent from here\n", dir)
	return nil
}

// ledgerError shows what is wrong with the ledger, and what to do.
func ledgerError(err error) error {
	if _, is := errors.AsType[*exitError](err); is {
		return err
	}
	if e, ok := errors.AsType[*journal.Error](err); ok && e.Assistance != "" {
		err = fmt.Errorf("%w\n  what to do: %s", err, e.Assistance)
	}
	return &exitError{shared.ExitFailed, err}
}

// recordList shows records as they come.
type recordList struct {
	s     surroundings
	json  bool
	most  int // 0: all
	shown int
	more  bool
	err   error
}

func (l *recordList) newest(ctx context.Context, j *journal.Journal, filter journal.Filter) error {
	for r, err := range j.Records(ctx, filter) {
		if err != nil {
			return err
		}
		if !l.show(r) {
			return nil
		}
	}
	return nil
}

func (l *recordList) unsettled(ctx context.Context, j *journal.Journal, filter journal.Filter) error {
	open, err := j.Unsettled(ctx)
	for _, r := range open {
		if filter.Wants(r) && !l.show(r) {
			break
		}
	}
	return err
}

// show says whether another one is wanted.
func (l *recordList) show(r journal.Record) bool {
	if l.most > 0 && l.shown == l.most {
		l.more = true
		return false
	}
	l.shown++
	text := recordText(r)
	if l.json {
		data, err := json.Marshal(r)
		if err != nil {
			l.err = err
			return false
		}
		text = string(data) + "\n"
	}
	_, l.err = fmt.Fprint(l.s.out, text)
	return l.err == nil
}

func (l *recordList) end(dir string) error {
	switch {
	case l.err != nil:
		return &exitError{shared.ExitFailed, l.err}
	case l.shown == 0:
		fmt.Fprintf(l.s.err, "kes-respond: no such request in the ledger in %s\n", dir)
	case l.more:
		fmt.Fprintf(l.s.err, "kes-respond: there are more; --limit 0 shows all\n")
	}
	return nil
}

// recordText is a record for people: a line that says it all, and one more
// where something went wrong.
func recordText(r journal.Record) string {
	var b strings.Builder
	host := r.HostName
	if host == "" {
		host = r.Target
	}
	if host == "" {
		host = r.HostID
	}
	who := r.User
	if r.Actor != "" {
		who = r.Actor + " (" + r.User + ")"
	}
	incident := ""
	if r.Incident != 0 {
		incident = "incident " + strconv.FormatInt(r.Incident, 10) + " on " + r.Server
	}
	fmt.Fprintf(&b, "%s  %-10s %-17s %-24s %s\n", r.At.Local().Format("2006-01-02 15:04:05"), standing(r), printable(r.Task), printable(host), printable(strings.Join(present(
		"by "+who, r.CaseID, incident, "id "+r.ID.Text(),
	), ", ")))
	if r.DuplicateOf == 0 && r.Message != "" && r.Outcome != shared.Submitted && r.Outcome != shared.Succeeded {
		line(&b, "    "+string(r.Outcome), r.Message)
	}
	return b.String()
}

func present(texts ...string) []string {
	var there []string
	for _, t := range texts {
		if t != "" {
			there = append(there, t)
		}
	}
	return there
}

// standing is where a request stands, in a word or two.
func standing(r journal.Record) string {
	switch {
	case r.DuplicateOf != 0:
		return "answered"
	case r.Outcome != "":
		return string(r.Outcome)
	case r.Running:
		return "running"
	case r.MayBeSent:
		return "in doubt"
	}
	return string(r.Stage)
}
