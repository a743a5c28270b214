package main

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/kes-respond/kes-respond/cmd/kes-respond/display"
	"github.com/kes-respond/kes-respond/cmd/kes-respond/exit"
	"github.com/kes-respond/kes-respond/plugin"
	"github.com/kes-respond/kes-respond/plugin/journal"
	"github.com/kes-respond/kes-respond/shared"
)

// undoFlags are the flags of undo: which requests, and by whom and why.
type undoFlags struct {
	settings                    settingsFlags
	since, effect, host, by     *once
	actor, reason, dryRun, form *once
}

func undoCommand(s surroundings) *cobra.Command {
	f := undoFlags{settings: settingsFlags{all: true}}
	c := &cobra.Command{
		Use: "undo [REQUEST]", Short: "take back what a request did, or many", Args: cobra.MaximumNArgs(1),
		Long: `undo sends the reverse of a request, by its id as the ledger has it, or of all
requests that --since and --effect choose: the release of every host that a bad
rule has isolated. A host that was released meanwhile, as far as the ledger knows,
is passed over, and one that was isolated several times is released once. Only
isolation, by a scan too, and its end can be taken back; a deletion cannot.

Without --dryRun false it is a dry run: it looks, asks the policy, and sends
nothing. What is sent is guarded and recorded as any other request.

Exit codes: as those of serve's requests together; 65 nothing can be taken back.`,
		Example: `  kes-respond undo --since 2h --effect isolates
  kes-respond undo --since 2h --effect isolates --reason 'rule 17 was wrong' --dryRun false`,
		RunE: func(c *cobra.Command, args []string) error { return f.run(c.Context(), s, args) },
	}
	flags := c.Flags()
	flags.SortFlags = false
	f.since = stringFlag(flags, "since", "requests from then on: 2h ago, 2026-11-20, or 2026-11-20T08:00:00Z")
	f.since.check = func(text string) error { _, err := since(text, time.Now()); return err }
	f.effect = choiceFlag(flags, "effect", "effect", "requests that did this to a host: isolates or releases", string(shared.Isolates), string(shared.Releases))
	f.host = stringFlag(flags, "host", "only those on this host: its KSC id, its name, or what the caller wrote")
	f.by = stringFlag(flags, "user", "only those of this one: actor as claimed, or user of the operating system")
	f.dryRun = boolFlag(flags, "dryRun", "false: send it; without that nothing is sent")
	f.actor = stringFlag(flags, "actor", "who asks, for the ledger")
	f.reason = stringFlag(flags, "reason", "why, for the ledger")
	f.settings.add(flags)
	f.settings.addVerbose(flags)
	f.form = choiceFlag(flags, "output", "form", "json or text (default: text on a terminal)", "json", "text")
	return c
}

// wanted says which requests the arguments choose, and since when.
func (f undoFlags) wanted(args []string) (time.Time, func(journal.Record) bool, error) {
	several := f.since.set || f.effect.set
	if err := notEmpty("undo", map[string]*once{"host": f.host, "user": f.by, "server": f.settings.server}); err != nil {
		return time.Time{}, nil, err
	}
	switch {
	case len(args) == 1 && args[0] == "":
		return time.Time{}, nil, exit.Usage("undo: the request's id is empty")
	case len(args) == 1 && (several || f.host.set || f.by.set):
		return time.Time{}, nil, exit.Usage("undo: a request's id and --since, --effect, --host or --user exclude each other")
	case len(args) == 0 && !(f.since.set && f.effect.set):
		return time.Time{}, nil, exit.Usage("undo: name a request by its id, or several by --since and --effect")
	case len(args) == 1:
		found := false
		return time.Time{}, func(r journal.Record) bool {
			first := !found && r.ID.Text() == args[0] && r.DuplicateOf == 0 && r.Allowed
			found = found || first
			return first
		}, nil
	}
	from, _ := since(f.since.value, time.Now()) // checked
	filter := journal.Filter{Since: from, Effect: shared.Effect(f.effect.value), Host: f.host.value, Server: f.settings.server.value, Actor: f.by.value}
	return from, func(r journal.Record) bool { return r.Allowed && r.DuplicateOf == 0 && filter.Wants(r) }, nil
}

// fits refuses what may not stand in a request, before anything is looked for.
func (f undoFlags) fits() error {
	r := shared.Request{Task: "isolateHost", TargetHost: "any", Params: []byte("{}"), Actor: f.actor.value, Reason: f.reason.value}
	line, err := json.Marshal(r)
	if err != nil {
		return err
	}
	if _, refusal := shared.ParseRequest(line); refusal != nil && len(refusal.Violations) > 0 {
		v := refusal.Violations[0]
		return exit.Usage("undo: --%s %s", strings.TrimPrefix(v.Pointer, "/"), v.Message)
	}
	return nil
}

func (f undoFlags) run(ctx context.Context, s surroundings, args []string) error {
	from, wanted, err := f.wanted(args)
	if err == nil {
		err = f.fits()
	}
	if err != nil {
		return err
	}
	return withPlugin(ctx, s, f.settings, func(p *plugin.Plugin, _ settings) error {
		all, err := p.Reversals(ctx, from, wanted)
		if err != nil {
			return exit.Ledger(err)
		}
		if len(all) == 0 {
			return exit.With(shared.ExitRefused, fmt.Errorf("the ledger has no such request; kes-respond journal lists them"))
		}
		return f.carryOut(ctx, s, p, all)
	})
}

// undoAtOnce is how many requests run side by side.
const undoAtOnce = 8

// undone is what became of reversals, in one goroutine at a time.
type undone struct {
	sync.Mutex
	codes    []int
	outcomes map[shared.Outcome]int
	skipped  int
	stored   bool // KSC has an incident of one of them
	unheard  error
}

// carryOut has each reversal carried out, or rehearsed, and sums up.
func (f undoFlags) carryOut(ctx context.Context, s surroundings, p *plugin.Plugin, all []plugin.Reversal) error {
	sum := undone{outcomes: map[shared.Outcome]int{}}
	group := new(errgroup.Group)
	group.SetLimit(undoAtOnce)
	for _, reversal := range all {
		group.Go(func() error {
			var told []shared.Event
			if reversal.Skipped == "" {
				result := p.Respond(ctx, f.request(reversal), func(e shared.Event) { told = append(told, e) })
				told = append(told, shared.Event{Result: &result})
			}
			sum.Lock()
			defer sum.Unlock()
			f.show(s, reversal, told, &sum)
			return nil
		})
	}
	_ = group.Wait() // nothing there fails
	fmt.Fprintln(s.err, "kes-respond: "+sum.text(f.dryRun.value != "false"))
	switch code := shared.ExitAll(sum.codes...); {
	case sum.unheard != nil:
		return exit.Unheard(sum.stored, code, sum.unheard)
	case len(sum.codes) == 0:
		return exit.With(shared.ExitRefused, nil)
	case code != shared.ExitOK:
		return exit.With(code, nil)
	}
	return nil
}

func (f undoFlags) request(reversal plugin.Reversal) shared.Request {
	r := reversal.Request
	r.DryRun = f.dryRun.value != "false"
	r.Actor = f.actor.value
	if f.reason.set {
		r.Reason = f.reason.value
	}
	return r
}

// show tells of one reversal: in JSON each of its events, for people its end.
func (f undoFlags) show(s surroundings, reversal plugin.Reversal, told []shared.Event, sum *undone) {
	out := newOutput(s, f.form.value)
	if !out.JSON {
		var b strings.Builder
		display.Line(&b, "request "+reversal.Of.ID.Text(), what(reversal.Of))
		if reversal.Skipped != "" {
			display.Line(&b, "  nothing to send", reversal.Skipped)
		}
		out.Print(b.String())
		told = inShort(told)
	}
	for _, e := range told {
		e.ID = reversal.Request.ID
		out.Show(e)
		if e.Result != nil {
			sum.codes = append(sum.codes, e.Result.Exit())
			sum.outcomes[e.Result.Outcome]++
			sum.stored = sum.stored || e.Result.Incident != nil
		}
	}
	if reversal.Skipped != "" {
		sum.skipped++
	}
	if sum.unheard == nil {
		sum.unheard = out.Err()
	}
}

// inShort is the end of a request; of one that was only planned without the plan,
// which is the same for each host.
func inShort(told []shared.Event) []shared.Event {
	if len(told) == 0 {
		return nil
	}
	last := *told[len(told)-1].Result
	if last.Plan != nil {
		last.Message = "would be sent; " + last.Plan.Decision
		last.Plan = nil
	}
	return []shared.Event{{Result: &last}}
}

// what says what a request did, for people.
func what(r journal.Record) string {
	host := display.Host(shared.Host{ID: r.HostID, Name: r.HostName})
	return fmt.Sprintf("%s on %s at %s (%s)", strings.Join(words(r.Effects...), ", "), host, r.At.Format(time.RFC3339), r.Outcome)
}

func (u *undone) text(dryRun bool) string {
	var parts []string
	for _, o := range slices.Sorted(maps.Keys(u.outcomes)) {
		parts = append(parts, fmt.Sprintf("%d %s", u.outcomes[o], o))
	}
	if u.skipped > 0 {
		parts = append(parts, fmt.Sprintf("%d with nothing to take back", u.skipped))
	}
	said := strings.Join(parts, ", ")
	if dryRun && len(u.codes) > 0 {
		said += ". Nothing was sent: this is a dry run, --dryRun false sends it"
	}
	return said
}
