package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/kes-respond/kes-respond/cmd/kes-respond/exit"
	"github.com/kes-respond/kes-respond/cmd/kes-respond/printable"
	"github.com/kes-respond/kes-respond/cmd/kes-respond/targets"
	"github.com/kes-respond/kes-respond/plugin/journal"
	"github.com/kes-respond/kes-respond/shared"
)

// A batch is what makes it safe to run the same command again. Each target has an
// idempotency key made of the batch's name and of what is asked for, so that what
// an earlier run has sent is answered and not sent again. What surely was not sent
// has a new key in the next run. Without a name the batch is that of the same task,
// parameters and hosts, on whatever day: only a person can say that the same is
// meant once more.

// key is under which a target is sent.
type key struct {
	text    string
	earlier *journal.Record // that an earlier run has sent or begun; nil: none has
}

// named gives the batch its name, and each target its key.
func (b *bulk) named(ctx context.Context) error {
	b.batch = b.flags.bulk.batch.value
	server := b.template.Server
	if server == "" {
		server = b.plugin.DefaultServer()
	}
	b.keys = make([]key, len(b.all))
	for i, t := range b.all {
		digest, err := b.plugin.Digest(ctx, strings.Join([]string{
			b.flags.task.Name, server, b.template.HostLookup, strings.ToLower(t.Host), t.Params.Signature,
		}, "\x00"))
		if err != nil {
			return exit.Ledger(err)
		}
		b.keys[i].text = digest[:32]
	}
	if b.batch == "" {
		var sorted []string
		for _, k := range b.keys {
			sorted = append(sorted, k.text)
		}
		slices.Sort(sorted)
		digest, err := b.plugin.Digest(ctx, strings.Join(sorted, "\n"))
		if err != nil {
			return exit.Ledger(err)
		}
		b.batch = "batch-" + digest[:12]
	}
	for i := range b.keys {
		if err := b.lookBack(ctx, &b.keys[i]); err != nil {
			return exit.Ledger(err)
		}
	}
	return nil
}

// lookBack finds what earlier runs of the batch have done for a target.
func (b *bulk) lookBack(ctx context.Context, k *key) error {
	base := b.batch + " " + k.text
	for try := 1; ; try++ {
		k.text = base
		if try > 1 {
			k.text += " " + strconv.Itoa(try)
		}
		r, found, err := b.plugin.Earlier(ctx, k.text)
		if err != nil || !found {
			return err
		}
		if !surelyUnsent(r) {
			k.earlier = &r
			return nil
		}
	}
}

// surelyUnsent says that a request ended, and nothing of it has left. One that was
// claimed and then refused is one of which the ledger could not take down more.
func surelyUnsent(r journal.Record) bool {
	switch r.Outcome {
	case shared.Failed, shared.Cancelled, shared.Refused:
		return r.Incident == 0 && !r.MayBeSent
	}
	return false
}

// left says that something is to be done for a target: to send it, to find out
// what became of it, or to wait for its end where that is wanted.
func (b *bulk) left(k key) bool {
	if k.earlier == nil || k.earlier.Outcome == "" || k.earlier.Outcome == shared.Unknown {
		return true
	}
	return b.template.Wait == shared.WaitDone && !k.earlier.Finished()
}

// before says what earlier runs have done: how many targets are left, and when
// the others were sent.
func (b *bulk) before() (left int, from, to time.Time) {
	for _, k := range b.keys {
		if b.left(k) {
			left++
		}
		if r := k.earlier; r != nil {
			if from.IsZero() || r.At.Before(from) {
				from = r.At
			}
			if r.At.After(to) {
				to = r.At
			}
		}
	}
	return left, from, to
}

// toSend are the targets of which nothing has left yet. What an earlier run has
// begun and not sent is among them: it is sent when nobody has it in hand.
func (b *bulk) toSend() (all []targets.Target) {
	for i, k := range b.keys {
		if k.earlier == nil || k.earlier.Outcome == "" && k.earlier.Stage == journal.Claimed {
			all = append(all, b.all[i])
		}
	}
	return all
}

// goneOnWith is how long after its last request a batch without a name of its own
// is gone on with: who was interrupted runs the same again, and later the same
// may be meant anew.
const goneOnWith = time.Hour

// fresh refuses a batch without a name of its own that an earlier run has carried
// out, or in part and long ago: whether a retry is meant or the same again, only
// the caller knows.
func (b *bulk) fresh() error {
	left, from, to := b.before()
	sent := len(b.all) - len(b.toSend())
	if b.flags.bulk.batch.set || sent == 0 || left > 0 && time.Since(to) <= goneOnWith {
		return nil
	}
	between := fmt.Sprintf("between %s and %s", from.UTC().Format(time.RFC3339), to.UTC().Format(time.RFC3339))
	name := time.Now().UTC().Format("2006-01-02")
	if left == 0 {
		return exit.With(shared.ExitRefused, fmt.Errorf("the same was asked for all %d targets %s; nothing was sent.\n"+
			"  To send it once more, give this batch a name of its own: --batch NAME, such as --batch %s\n"+
			"  To hear what became of the earlier one: --batch %s", len(b.all), between, name, b.batch))
	}
	return exit.With(shared.ExitRefused, fmt.Errorf("%d of the %d targets were sent %s, which is long ago; nothing was sent now.\n"+
		"  To go on with that, and not to send those again: --batch %s\n"+
		"  To send all of it once more, give this batch a name of its own: --batch NAME, such as --batch %s", sent, len(b.all), between, b.batch, name))
}

// firstNamed is how many hosts a person is shown before the rest is a number.
const firstNamed = 5

// confirm asks before hosts are changed.
func (b *bulk) confirm(ctx context.Context) error {
	all := b.toSend()
	if !b.asks() || b.flags.bulk.yes.value == "true" || len(all) == 0 {
		return nil
	}
	sure, err := newQuestions(b.s).yes(ctx, b.question(all))
	if err != nil {
		return err
	}
	if !sure {
		return exit.With(shared.ExitCancelled, errors.New("not confirmed: nothing was sent"))
	}
	return nil
}

// question shows what would be sent now, and nothing that was sent before.
func (b *bulk) question(all []targets.Target) string {
	var q strings.Builder
	names := hostsOf(all)
	fmt.Fprintf(&q, "%s (%s) on %s", b.flags.task.Name, strings.Join(words(effectsOf(all)...), ", "), hosts(len(names)))
	if len(all) > len(names) {
		fmt.Fprintf(&q, ", %s,", counted(len(all), "target"))
	}
	if params := shownParams(all); params != "" {
		fmt.Fprintf(&q, " with %s", params)
	}
	fmt.Fprintf(&q, ":\n  %s\n", firstOf(names))
	if before := len(b.all) - len(all); before > 0 {
		fmt.Fprintf(&q, "  %s sent before in batch %s and not sent again\n", counted(before, "other target"), printable.Text(b.batch))
	}
	if most := b.most(); most > 0 && len(all) > most {
		fmt.Fprintf(&q, "  KSC keeps 100 console tasks: %d at a time, the others wait for those to finish\n", most)
		if b.template.Wait != shared.WaitDone {
			q.WriteString("  whether they have is seen only with --wait done; else each counts for half an hour\n")
		}
	}
	q.WriteString("Send it?")
	return q.String()
}

func hosts(n int) string { return counted(n, "host") }

func counted(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return strconv.Itoa(n) + " " + what + "s"
}

// hostsOf are the hosts of targets, each once, as they stand in the file.
func hostsOf(all []targets.Target) (names []string) {
	seen := map[string]bool{}
	for _, t := range all {
		if host := strings.ToLower(t.Host); !seen[host] {
			seen[host] = true
			names = append(names, t.Host)
		}
	}
	return names
}

func firstOf(names []string) string {
	var first []string
	for _, name := range names[:min(firstNamed, len(names))] {
		first = append(first, printable.Short(printable.Text(name)))
	}
	text := strings.Join(first, ", ")
	if more := len(names) - len(first); more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}

// shownParams are the parameters where they are the same for all, and fit.
func shownParams(all []targets.Target) string {
	p := all[0].Params
	for _, t := range all {
		if t.Params != p {
			return "parameters of each line's own"
		}
	}
	switch {
	case p.Checked.Sensitive():
		return "parameters that are not shown"
	case len(p.Sent) > 200:
		return ""
	}
	return printable.Text(string(p.Sent))
}

func jsonLine(members map[string]any) ([]byte, error) {
	line, err := json.Marshal(members)
	if err != nil {
		return nil, exit.Usage("%w", err)
	}
	return line, nil
}
