package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/kes-respond/kes-respond/cmd/kes-respond/bulk"
	"github.com/kes-respond/kes-respond/cmd/kes-respond/display"
	"github.com/kes-respond/kes-respond/cmd/kes-respond/exit"
	"github.com/kes-respond/kes-respond/cmd/kes-respond/printable"
	"github.com/kes-respond/kes-respond/cmd/kes-respond/prompt"
	"github.com/kes-respond/kes-respond/cmd/kes-respond/targets"
	"github.com/kes-respond/kes-respond/plugin"
	"github.com/kes-respond/kes-respond/plugin/guard"
	"github.com/kes-respond/kes-respond/shared"
)

// bulkFlags are the flags of a task for many hosts.
type bulkFlags struct {
	targets, batch, concurrency, outstanding, grace, yes *once
}

// The bounds of what a bulk does side by side, and what it does without a word.
const (
	mostAtOnce   = 256
	submitAtOnce = 16                // twice the connections to a server: none of them waits for us
	doneAtOnce   = guard.QuotaPlaces // the quota bounds it before that
	longestBatch = 64
)

func (f *bulkFlags) add(flags *pflag.FlagSet) {
	f.batch = stringFlag(flags, "batch", "with --targets: name of this batch. Run again under it, it sends what it has not sent (default: made of task, parameters and hosts)")
	f.concurrency = numberFlag(flags, "concurrency", 1, mostAtOnce, fmt.Sprintf("with --targets: requests that run side by side, 1 to %d (default %d; %d to wait for done)", mostAtOnce, submitAtOnce, doneAtOnce))
	f.outstanding = numberFlag(flags, "outstanding", 0, guard.QuotaPlaces, fmt.Sprintf("with --targets: wait while so many requests to the server are not known to have finished, 1 to %d (default %d); 0 waits for none, and KSC drops tasks", guard.QuotaPlaces, guard.QuotaWarning))
	f.grace = spanFlag(flags, "grace", guard.QuotaSpan, fmt.Sprintf("with --targets and --wait done: time that a console task has, after it was last seen to move, before newer ones may have KSC drop it, 0s to %v (default %v; longer with followCalls below 600)", guard.QuotaSpan, bulk.Grace(6000)))
	f.yes = boolFlag(flags, "yes", "true: with --targets, do not ask before hosts are changed")
}

// numberFlag is a flag that takes a whole number between two bounds.
func numberFlag(flags *pflag.FlagSet, name string, least, most int, help string) *once {
	o := &once{kind: "number", check: func(text string) error {
		if n, err := strconv.Atoi(text); err != nil || n < least || n > most {
			return fmt.Errorf("%q is no whole number from %d to %d", text, least, most)
		}
		return nil
	}}
	flags.Var(o, name, help)
	return o
}

// spanFlag is a flag that takes a time from nothing to a bound.
func spanFlag(flags *pflag.FlagSet, name string, most time.Duration, help string) *once {
	o := &once{kind: "duration", check: func(text string) error {
		if d, err := time.ParseDuration(text); err != nil || d < 0 || d > most {
			return fmt.Errorf("%q is no time such as 90s or 2m, from 0s to %v", text, most)
		}
		return nil
	}}
	flags.Var(o, name, help)
	return o
}

// alone refuses for one host what is for many.
func (f bulkFlags) alone() error {
	for _, o := range []struct {
		name string
		flag *once
	}{{"batch", f.batch}, {"concurrency", f.concurrency}, {"outstanding", f.outstanding}, {"grace", f.grace}, {"yes", f.yes}} {
		if o.flag.set {
			return exit.Usage("--%s needs --targets", o.name)
		}
	}
	return nil
}

// fits refuses flags that cannot be meant for many hosts.
func (f *taskFlags) fits() error {
	switch b := f.bulk; {
	case f.targetHost.set:
		return exit.Usage("%s: --targets and --targetHost exclude each other", f.task.Name)
	case b.targets.value == "":
		return exit.Usage("%s: --targets names no file", f.task.Name)
	case f.texts["idempotencyKey"].set:
		return exit.Usage("%s: one --idempotencyKey cannot stand for many requests; --batch names them all", f.task.Name)
	case b.grace.set && f.texts["wait"].value != shared.WaitDone:
		return exit.Usage("%s: --grace needs --wait done: else nobody learns that a host has come to its end", f.task.Name)
	case b.batch.set && (b.batch.value == "" || len(b.batch.value) > longestBatch || printable.Text(b.batch.value) != b.batch.value):
		return exit.Usage("%s: --batch must have 1 to %d bytes, and no control characters", f.task.Name, longestBatch)
	}
	return nil
}

// template is the request of all targets, save for what differs.
func (f *taskFlags) template() (shared.Request, error) {
	line, err := jsonLine(f.envelope("any", []byte("{}")))
	if err != nil {
		return shared.Request{}, err
	}
	r, refusal := shared.ParseRequest(line)
	if refusal == nil {
		return r, nil
	}
	var texts []string
	for _, v := range refusal.Violations {
		texts = append(texts, display.Place(v.Pointer, true)+" "+v.Message)
	}
	return r, exit.With(shared.ExitRefused, fmt.Errorf("%s: %s; nothing was sent", f.task.Name, cmp.Or(strings.Join(texts, "; "), refusal.Message)))
}

// asked is what the flags ask of every line of the file.
func (f *taskFlags) asked() targets.Asked {
	a := targets.Asked{Task: f.task, JSON: f.params.set, Params: f.paramsOf}
	for _, m := range f.members {
		a.Names = append(a.Names, m.param.Name)
		if m.value.set {
			a.Given = append(a.Given, m.param.Name)
		}
	}
	return a
}

// paramsOf are the parameters as the flags have them, with cells of columns in
// place of flags.
func (f *taskFlags) paramsOf(columns, cells []string) (json.RawMessage, error) {
	members := slices.Clone(f.members)
	for i, cell := range cells {
		if cell == "" {
			continue // as a flag that is left out
		}
		at := slices.IndexFunc(members, func(m paramFlag) bool { return m.param.Name == columns[i] })
		like := *members[at].value
		value := &once{kind: like.kind, check: like.check}
		if err := value.Set(cell); err != nil {
			return nil, exit.Usage("%s %w", columns[i], err)
		}
		members[at].value = value
	}
	return f.paramsJSON(members)
}

// runBulk sends the task to each host of a file. All of the file is checked before
// any of it is sent.
func (f *taskFlags) runBulk(ctx context.Context, s surroundings) error {
	if err := f.fits(); err != nil {
		return err
	}
	template, err := f.template()
	if err != nil {
		return err
	}
	all, notes, err := targets.Read(ctx, s.in, f.bulk.targets.value, f.asked())
	if err != nil {
		return err
	}
	for _, note := range notes.First {
		fmt.Fprintf(s.err, "kes-respond: %s\n", printable.Text(note))
	}
	if notes.More > 0 {
		fmt.Fprintf(s.err, "kes-respond: and %d more lines that say what others say\n", notes.More)
	}
	o := f.bulk.order(s, template, f.output)
	o.Targets = all
	if err := o.Answerable(); err != nil {
		return err
	}
	return withPlugin(ctx, s, f.common, func(p *plugin.Plugin, set settings) error {
		f.bulk.paced(s, &o, set.plugin.FollowCalls)
		return bulk.Run(ctx, p, o)
	})
}

// longEnds is how long it takes to see all targets to their ends before that is said
// beforehand.
const longEnds = 10 * time.Minute

// paced is what an order takes from the number of calls by which it is followed.
func (f bulkFlags) paced(s surroundings, o *bulk.Order, followCalls int) {
	if o.Grace = bulk.Grace(followCalls); f.grace.set {
		o.Grace, _ = time.ParseDuration(f.grace.value) // checked
	}
	if takes := bulk.Ends(len(o.Targets), followCalls); takes > longEnds && o.Template.Wait == shared.WaitDone && !o.Template.DryRun && !o.Quiet {
		fmt.Fprintf(s.err, "kes-respond: with followCalls %d (calls to KSC a minute) to see %d targets to their ends takes %v or more; where KSC can bear it, allow more in the configuration\n",
			followCalls, len(o.Targets), takes.Round(time.Second))
	}
}

// order is how the flags have the template sent.
func (f bulkFlags) order(s surroundings, template shared.Request, shown outputFlags) bulk.Order {
	o := bulk.Order{
		Template: template, Batch: f.batch.value, AtOnce: submitAtOnce, Outstanding: guard.QuotaWarning, Agreed: f.yes.value == "true",
		View: bulk.View{
			Out: s.out, Err: s.err, JSON: newOutput(s, shown.form.value).JSON,
			Quiet: shown.quiet.value == "true", Verbose: shown.verbose.value == "true", InPlace: s.moves(), Paint: s.colours(),
		},
	}
	if template.Wait == shared.WaitDone {
		o.AtOnce = doneAtOnce
	}
	if f.concurrency.set {
		o.AtOnce, _ = strconv.Atoi(f.concurrency.value) // checked
	}
	if f.outstanding.set {
		o.Outstanding, _ = strconv.Atoi(f.outstanding.value) // checked
	}
	if s.answers(f.targets.value) {
		o.Ask = prompt.New(s.in, s.err).Yes
	}
	return o
}

// answers says that a person can be asked: there is a terminal to read from, and
// it does not bring the hosts.
func (s surroundings) answers(targets string) bool { return s.person && targets != "-" }

func jsonLine(members map[string]any) ([]byte, error) {
	line, err := json.Marshal(members)
	if err != nil {
		return nil, exit.Usage("%w", err)
	}
	return line, nil
}
