// Package bulk has one task carried out on many hosts: in batches that can be run
// again without sending anything twice, after a question where hosts are changed,
// and no faster than KSC carries it out. Each target has a result, also where it was
// not begun. Its errors end the program as package exit has it.
package bulk

import (
	"context"
	"io"
	"time"

	"github.com/kes-respond/kes-respond/cmd/kes-respond/exit"
	"github.com/kes-respond/kes-respond/cmd/kes-respond/targets"
	"github.com/kes-respond/kes-respond/plugin"
	"github.com/kes-respond/kes-respond/plugin/guard"
	"github.com/kes-respond/kes-respond/shared"
)

// Order is what is to be sent, to whom, and how.
type Order struct {
	Template    shared.Request // of all targets, save for what differs
	Targets     []targets.Target
	Batch       string        // name of the batch; "" has one made of task, parameters and hosts
	AtOnce      int           // requests that run side by side
	Outstanding int           // wait while so many requests to the server are not known to have finished; 0 waits for none
	Grace       time.Duration // that the console task of a target waited for has, after it was last seen to move, before newer ones may have KSC drop it; 0: none
	Agreed      bool          // hosts are changed without a question

	// Ask puts a question to a person, and says whether the answer is yes; nil where
	// nobody is there to be asked.
	Ask func(ctx context.Context, question string) (bool, error)

	View
}

// The grace of a console task: the least, and the calls that it takes to see an end.
const (
	leastGrace = 2 * time.Minute
	callsAnEnd = 15
)

// Grace is what an Order's Grace should be where so many calls a minute are made to
// follow requests: two minutes, or what it takes to look at all that are outstanding,
// for what nobody has looked at was not seen to move.
func Grace(followCalls int) time.Duration {
	return min(guard.QuotaSpan, max(leastGrace, time.Minute*guard.QuotaWarning*callsAnEnd/time.Duration(max(followCalls, 1))))
}

// Ends is how long it takes at least to see so many targets to their ends where so
// many calls a minute are made for that; 0 where none are made.
func Ends(targets, followCalls int) time.Duration {
	if followCalls <= 0 {
		return 0
	}
	return time.Minute * time.Duration(targets) * callsAnEnd / time.Duration(followCalls)
}

// View is how what happens is shown.
type View struct {
	Out, Err io.Writer
	JSON     bool // events, for programs
	Quiet    bool // only how each target ended; for people only those that did not end well
	Verbose  bool // each step as a line of its own
	InPlace  bool // Out is a terminal on which lines can change in place
	Paint    bool // outcomes in colour
}

// Answerable refuses an order by which hosts would be changed where a person has to
// agree and nobody is there.
func (o Order) Answerable() error {
	if o.asks() && !o.Agreed && o.Ask == nil {
		return exit.Usage("%s: %s would be changed, and nobody is there to be asked: say --yes true, or try it with --dryRun true", o.Template.Task, hosts(len(hostsOf(o.Targets))))
	}
	return nil
}

// Run carries the order out and sums up; a dry run rehearses it. When ctx ends
// nothing more is begun, and what is being sent is sent to its end.
func Run(ctx context.Context, p *plugin.Plugin, o Order) error {
	if err := o.Answerable(); err != nil {
		return err
	}
	b := &bulk{Order: o, plugin: p}
	return b.carryOut(ctx)
}
