package main

import (
	"github.com/spf13/pflag"

	"github.com/kes-respond/kes-respond/cmd/kes-respond/exit"
	"github.com/kes-respond/kes-respond/cmd/kes-respond/printable"
	"github.com/kes-respond/kes-respond/shared"
)

// outputFlags are how what happens is shown.
type outputFlags struct{ form, quiet, verbose *once }

func (f *outputFlags) add(flags *pflag.FlagSet) {
	f.quiet = boolFlag(flags, "quiet", "true: only how it ended")
	f.verbose = boolFlag(flags, "verbose", "true: each step as a line of its own, also on a terminal")
	f.form = choiceFlag(flags, "output", "form", "json or text (default: text on a terminal)", "json", "text")
}

// fits refuses what cannot both be meant.
func (f outputFlags) fits() error {
	if f.quiet.value == "true" && f.verbose.value == "true" {
		return exit.Usage("--quiet and --verbose exclude each other")
	}
	return nil
}

// output shows one request that is about what the label says: on a terminal as a
// line that changes in place until it has ended.
func (f outputFlags) output(s surroundings, label string) *output {
	o := newOutput(s, f.form.value)
	o.quiet, o.paint = f.quiet.value == "true", s.colours() && !o.json
	if !o.json && !o.quiet && f.verbose.value != "true" && s.moves() {
		o.live, o.label = newLive(s.out, 0, 0), printable.Text(label)
		o.live.show(nil, o.label+": asking KSC", "")
	}
	return o
}

// inPlace changes the live line, and ends it with the result. It says whether the
// event is still to be written.
func (o *output) inPlace(e shared.Event) bool {
	switch p := e.Progress; {
	case e.Accepted != nil:
		o.found = hostText(e.Accepted.Host)
		o.live.show(nil, o.label+": sending to "+printable.Text(o.found), "")
		return false
	case p != nil && p.Stage == shared.StageWarning:
		o.keep(o.live.print(o.text(e)))
		return false
	case p != nil && p.Incident != nil:
		o.live.show(nil, o.label+": stored as incident "+printable.Text(p.Incident.ID), "")
		return false
	case p != nil:
		o.live.show(nil, o.label+": "+printable.Text(p.Message), "")
		return false
	}
	o.keep(o.live.close())
	o.live = nil
	return true
}
