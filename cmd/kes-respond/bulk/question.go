package bulk

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/kes-respond/kes-respond/cmd/kes-respond/exit"
	"github.com/kes-respond/kes-respond/cmd/kes-respond/printable"
	"github.com/kes-respond/kes-respond/cmd/kes-respond/targets"
	"github.com/kes-respond/kes-respond/shared"
)

// asks says that a person is asked first: hosts are changed. A release changes
// them as well.
func (o Order) asks() bool {
	return !o.Template.DryRun && slices.ContainsFunc(effectsOf(o.Targets), func(e shared.Effect) bool { return e != shared.Reads && e != shared.Scans })
}

// effectsOf are those of targets.
func effectsOf(some []targets.Target) []shared.Effect {
	seen := map[*targets.Params]bool{}
	var all []shared.Effect
	for _, t := range some {
		if seen[t.Params] {
			continue
		}
		seen[t.Params] = true
		for _, e := range t.Params.Checked.Effects() {
			if !slices.Contains(all, e) {
				all = append(all, e)
			}
		}
	}
	slices.Sort(all)
	return all
}

func effectsText(some []targets.Target) string {
	var texts []string
	for _, e := range effectsOf(some) {
		texts = append(texts, string(e))
	}
	return strings.Join(texts, ", ")
}

// firstNamed is how many hosts a person is shown before the rest is a number.
const firstNamed = 5

// confirm asks before hosts are changed.
func (b *bulk) confirm(ctx context.Context) error {
	all := b.toSend()
	if !b.asks() || b.Agreed || len(all) == 0 {
		return nil
	}
	sure, err := b.Ask(ctx, b.question(all))
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
	fmt.Fprintf(&q, "%s (%s) on %s", b.Template.Task, effectsText(all), hosts(len(names)))
	if len(all) > len(names) {
		fmt.Fprintf(&q, ", %s,", counted(len(all), "target"))
	}
	if params := shownParams(all); params != "" {
		fmt.Fprintf(&q, " with %s", params)
	}
	fmt.Fprintf(&q, ":\n  %s\n", firstOf(names))
	if before := len(b.Targets) - len(all); before > 0 {
		fmt.Fprintf(&q, "  %s sent before in batch %s and not sent again\n", counted(before, "other target"), printable.Text(b.batch))
	}
	if most := b.most(); most > 0 && len(all) > most {
		fmt.Fprintf(&q, "  KSC keeps 100 console tasks: %d at a time, the others wait for those to finish\n", most)
		if b.Template.Wait != shared.WaitDone {
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
