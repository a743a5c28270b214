package display

import (
	"github.com/kes-respond/kes-respond/cmd/kes-respond/printable"
	"github.com/kes-respond/kes-respond/shared"
)

// InPlace shows a request that is about what the label says as a line that changes
// in place until it has ended. Out has to be a terminal that can do so.
func (o *Output) InPlace(label string) {
	o.live, o.label = NewLive(o.Out, 0, 0), printable.Text(label)
	o.live.Show(nil, o.label+": asking KSC", "")
}

// inPlace changes the live line, and ends it with the result. It says whether the
// event is still to be written.
func (o *Output) inPlace(e shared.Event) bool {
	switch p := e.Progress; {
	case e.Accepted != nil:
		o.found = Host(e.Accepted.Host)
		o.live.Show(nil, o.label+": sending to "+printable.Text(o.found), "")
		return false
	case p != nil && p.Stage == shared.StageWarning:
		o.keep(o.live.Print(o.Text(e)))
		return false
	case p != nil && p.Incident != nil:
		o.live.Show(nil, o.label+": stored as incident "+printable.Text(p.Incident.ID), "")
		return false
	case p != nil:
		o.live.Show(nil, o.label+": "+printable.Text(p.Message), "")
		return false
	}
	o.keep(o.live.Close())
	o.live = nil
	return true
}
