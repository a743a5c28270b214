package plugin

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/kes-respond/kes-respond/plugin/journal"
	"github.com/kes-respond/kes-respond/shared"
)

// Recover settles what is in doubt: requests whose process died, incidents
// whose second step was not done, and, where again is true, those that had
// ended as unknown. It never sends an order. report is told of each, from one
// goroutine at a time; it does not hear of those that another process settles
// meanwhile. left counts those that stay as they are: of servers that are not
// configured here, and what had not been begun when ctx ended. The error is the
// ledger's.
func (p *Plugin) Recover(ctx context.Context, again bool, report func(journal.Record, shared.Result)) (left int, err error) {
	p.running.Add(1)
	defer p.running.Done()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(p.closing, cancel)()
	j, err := p.ledger.get(ctx)
	if err != nil {
		return 0, err
	}
	open, err := j.Unsettled(ctx)
	if err != nil {
		return 0, err
	}
	groups := map[*server]*errgroup.Group{} // a server that is silent holds up no other
	var one sync.Mutex
	for _, r := range open {
		if !doubtful(r, again) {
			continue
		}
		s, configured := p.servers[r.Server]
		if !configured || ctx.Err() != nil {
			left++
			continue
		}
		if groups[s] == nil {
			groups[s] = new(errgroup.Group)
			groups[s].SetLimit(talkers)
		}
		groups[s].Go(func() error {
			ctx, cancel := context.WithTimeout(ctx, settleBound)
			defer cancel()
			claim, err := j.Adopt(ctx, r)
			if isTaken(err) {
				return nil
			}
			if err != nil {
				return err
			}
			result := p.settle(ctx, s, j, claim)
			one.Lock()
			defer one.Unlock()
			report(r, result)
			return nil
		})
	}
	var errs []error
	for _, g := range groups {
		errs = append(errs, g.Wait())
	}
	return left, errors.Join(errs...)
}

// Unreachable are the requests that Recover leaves in doubt because their server
// is not configured here: nobody but their sender has its connection.
func (p *Plugin) Unreachable(ctx context.Context, again bool) ([]journal.Record, error) {
	j, err := p.ledger.get(ctx)
	if err != nil {
		return nil, err
	}
	open, err := j.Unsettled(ctx)
	return slices.DeleteFunc(open, func(r journal.Record) bool { return p.servers[r.Server] != nil || !doubtful(r, again) }), err
}

// settleBound is how long one request is looked after.
const settleBound = 3 * time.Minute

// doubtful says that something is left to be found out about a request, or to
// be done for it.
func doubtful(r journal.Record, again bool) bool {
	switch r.Outcome {
	case "":
		return r.InDoubt()
	case shared.Pending:
		return r.Stage == journal.Stored
	case shared.Unknown:
		return again && (r.Incident == 0 || r.Stage != journal.Updated) // else KSC has it, and it is status that tells more
	}
	return false
}
