package bulk

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/kes-respond/kes-respond/plugin/guard"
)

// newerAtMost is how many requests are begun after one that is to keep its console
// task: KSC drops the oldest beyond guard.QuotaPlaces, and others send as well.
const newerAtMost = guard.QuotaPlaces - 10

// pace begins requests no faster than KSC carries them out: beyond a number of
// console tasks it drops the oldest, finished or not.
type pace struct {
	ledger outstanding
	server string
	most   int              // outstanding at once; 0 bounds nothing
	grace  time.Duration    // that a console task has, after it was last seen to move, before newer ones may have KSC drop it; 0: none
	waits  func(why string) // hears what is waited for

	turn    chan struct{} // held by who asks for room
	changed chan struct{} // a request was counted, or has ended
	open    atomic.Int64  // requests that were admitted and that the ledger does not count yet

	mu    sync.Mutex
	begun []*place // that may still have to be waited for, in the order of their beginning
	made  int      // places there have been
}

// outstanding is what a pace asks of a Plugin.
type outstanding interface {
	Outstanding(ctx context.Context, server string, most int) (many int, free time.Time, err error)
}

func newPace(ledger outstanding, server string, most int, grace time.Duration, waits func(string)) *pace {
	return &pace{
		ledger: ledger, server: server, most: most, grace: grace, waits: waits,
		turn: make(chan struct{}, 1), changed: make(chan struct{}, 1),
	}
}

// look is how often the ledger is asked for what other processes have found out.
const look = time.Second

// admit waits for room for one more, in the order of asking.
func (p *pace) admit(ctx context.Context) (*place, error) {
	if p.most == 0 {
		return &place{pace: p}, ctx.Err()
	}
	select {
	case p.turn <- struct{}{}:
		defer func() { <-p.turn }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	for waited := false; ; waited = true {
		room, why, err := p.room(ctx)
		if err != nil {
			return nil, err
		}
		if room {
			p.open.Add(1)
			if waited {
				p.waits("")
			}
			return p.enlist(time.Time{}), nil
		}
		if why != "" {
			p.waits(why)
		}
		select {
		case <-p.changed:
		case <-time.After(look):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// room says whether one more may begin, and where not, why; "" where that is over in
// a moment.
func (p *pace) room(ctx context.Context) (room bool, why string, err error) {
	if held, until := p.held(); held {
		return false, fmt.Sprintf("KSC keeps %d console tasks and drops the oldest, and that of an earlier target has still time to come to its end: waiting until it has, or until %s (--grace)",
			guard.QuotaPlaces, until.UTC().Format(time.RFC3339)), nil
	}
	open := int(p.open.Load()) // before the ledger: one that is counted meanwhile counts twice, not never
	many, free, err := p.ledger.Outstanding(ctx, p.server, max(p.most-open, 1))
	if err != nil || many+open < p.most {
		return err == nil, "", err
	}
	if open == 0 { // else the ledger counts another in a moment
		why = fmt.Sprintf("%d requests to server %s are not known to have finished, and KSC keeps %d console tasks: waiting until some have, or until %s",
			many, p.server, guard.QuotaPlaces, free.UTC().Format(time.RFC3339))
	}
	return false, why, nil
}
