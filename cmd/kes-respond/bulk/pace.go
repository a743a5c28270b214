package bulk

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/kes-respond/kes-respond/plugin/guard"
)

// pace begins requests no faster than KSC carries them out: beyond a number of
// console tasks it drops the oldest, finished or not.
type pace struct {
	ledger outstanding
	server string
	most   int              // outstanding at once; 0 bounds nothing
	waits  func(why string) // hears what is waited for

	turn    chan struct{} // held by who asks for room
	changed chan struct{} // a request was counted, or has ended
	open    atomic.Int64  // requests that were admitted and that the ledger does not count yet
}

// outstanding is what a pace asks of a Plugin.
type outstanding interface {
	Outstanding(ctx context.Context, server string, most int) (many int, free time.Time, err error)
}

func newPace(ledger outstanding, server string, most int, waits func(string)) *pace {
	return &pace{
		ledger: ledger, server: server, most: most, waits: waits,
		turn: make(chan struct{}, 1), changed: make(chan struct{}, 1),
	}
}

// look is how often the ledger is asked for what other processes have found out.
const look = time.Second

// admit waits for room for one more, in the order of asking.
func (p *pace) admit(ctx context.Context) error {
	if p.most == 0 {
		return ctx.Err()
	}
	select {
	case p.turn <- struct{}{}:
		defer func() { <-p.turn }()
	case <-ctx.Done():
		return ctx.Err()
	}
	for waited := false; ; waited = true {
		open := int(p.open.Load()) // before the ledger: one that is counted meanwhile counts twice, not never
		many, free, err := p.ledger.Outstanding(ctx, p.server, max(p.most-open, 1))
		if err != nil {
			return err
		}
		if many+open < p.most {
			p.open.Add(1)
			if waited {
				p.waits("")
			}
			return nil
		}
		if open == 0 { // else the ledger counts another in a moment
			p.waits(fmt.Sprintf("%d requests to server %s are not known to have finished, and KSC keeps %d console tasks: waiting until some have, or until %s",
				many, p.server, guard.QuotaPlaces, free.UTC().Format(time.RFC3339)))
		}
		select {
		case <-p.changed:
		case <-time.After(look):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// counted says that the ledger counts one that was admitted, or that it has ended.
func (p *pace) counted() {
	if p.most == 0 {
		return
	}
	p.open.Add(-1)
	select {
	case p.changed <- struct{}{}:
	default:
	}
}
