package main

import (
	"github.com/spf13/pflag"

	"github.com/kes-respond/kes-respond/cmd/kes-respond/display"
	"github.com/kes-respond/kes-respond/cmd/kes-respond/exit"
)

// outputFlags are how what happens is shown.
type outputFlags struct{ form, quiet, verbose *once }

func (f *outputFlags) add(flags *pflag.FlagSet) {
	f.quiet = boolFlag(flags, "quiet", "true: only how it ended")
	f.verbose = boolFlag(flags, "verbose", "true: each step as a line of its own, also on a terminal, and each call to KSC on standard error")
	f.form = choiceFlag(flags, "output", "form", "json or text (default: text on a terminal)", "json", "text")
}

// fits refuses what cannot both be meant.
func (f outputFlags) fits() error {
	if f.quiet.value == "true" && f.verbose.value == "true" {
		return exit.Usage("--quiet and --verbose exclude each other")
	}
	return nil
}

func newOutput(s surroundings, form string) *display.Output {
	return &display.Output{Out: s.out, JSON: form == "json" || form == "" && !s.terminal}
}

// output shows one request that is about what the label says: on a terminal as a
// line that changes in place until it has ended.
func (f outputFlags) output(s surroundings, label string) *display.Output {
	o := newOutput(s, f.form.value)
	o.Quiet, o.Paint = f.quiet.value == "true", s.colours() && !o.JSON
	if !o.JSON && !o.Quiet && f.verbose.value != "true" && s.moves() {
		o.InPlace(label)
	}
	return o
}
