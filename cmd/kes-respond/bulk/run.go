package bulk

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/kes-respond/kes-respond/cmd/kes-respond/exit"
	"github.com/kes-respond/kes-respond/plugin"
	"github.com/kes-respond/kes-respond/shared"
)

// bulk is one task for many hosts on its way.
type bulk struct {
	Order
	plugin *plugin.Plugin
	batch  string
	keys   []key // of all; none in a dry run
	board  board
	pace   *pace

	starting context.Context // ends when nothing more is begun
	stop     context.CancelCauseFunc

	mu  sync.Mutex
	sum tally
}

// board shows what happens. It is called by several goroutines.
type board interface {
	began(i int, id shared.ID)
	heard(i int, e shared.Event) // also of the result, the last one of a target
	waits(why string)            // before a target is begun; "" when it goes on
	unheard() error              // what keeps it from showing anything
	close()
}

// carryOut has all targets carried out, or rehearsed, and sums up.
func (b *bulk) carryOut(ctx context.Context) error {
	if !b.Template.DryRun {
		if err := b.named(ctx); ctx.Err() != nil {
			return exit.EndedBefore()
		} else if err != nil {
			return err
		}
		if err := b.fresh(); err != nil {
			return err
		}
		if err := b.confirm(ctx); err != nil {
			return err
		}
	}
	b.starting, b.stop = context.WithCancelCause(ctx)
	defer b.stop(nil)
	b.board = b.newBoard()
	b.pace = newPace(b.plugin, b.server(), b.most(), b.grace(), b.board.waits)
	b.send(ctx)
	b.board.close()
	return b.end(ctx)
}

func (b *bulk) server() string {
	if b.Template.Server != "" {
		return b.Template.Server
	}
	return b.plugin.DefaultServer()
}

// most is how many requests may be outstanding; 0 bounds nothing.
func (b *bulk) most() int {
	if b.Template.DryRun {
		return 0
	}
	return b.Outstanding
}

// grace is for what is waited for: of the rest nobody would learn that it has ended,
// and as many as may be outstanding keep their places for as long as they count.
func (b *bulk) grace() time.Duration {
	if b.Template.Wait != shared.WaitDone {
		return 0
	}
	return b.Grace
}

// send begins the targets in the order of the file. What is to be done on one
// host is done there one after the other.
func (b *bulk) send(ctx context.Context) {
	var group errgroup.Group
	group.SetLimit(b.AtOnce)
	for _, host := range b.perHost() {
		if b.starting.Err() != nil {
			break
		}
		group.Go(func() error {
			for _, i := range host {
				b.one(ctx, i)
			}
			return nil
		})
	}
	_ = group.Wait() // nothing there fails
	for i := range b.Targets {
		if !b.sum.has(i) {
			b.notBegun(i)
		}
	}
}

// perHost are the targets by their host, in the order of the file.
func (b *bulk) perHost() [][]int {
	at := map[string]int{}
	var groups [][]int
	for i, t := range b.Targets {
		host := strings.ToLower(t.Host)
		n, known := at[host]
		if !known {
			n = len(groups)
			at[host] = n
			groups = append(groups, nil)
		}
		groups[n] = append(groups[n], i)
	}
	return groups
}

// place is that of a target, once there is room. One that an earlier run answers for
// has it already.
func (b *bulk) place(i int) (*place, error) {
	if b.keys != nil && b.keys[i].earlier != nil {
		return b.pace.enlist(b.keys[i].earlier.At), nil
	}
	return b.pace.admit(b.starting)
}

// one carries out one target, when there is room for it.
func (b *bulk) one(ctx context.Context, i int) {
	at, err := b.place(i)
	if err != nil {
		b.noRoom(i, err)
		return
	}
	defer at.ended()
	if b.starting.Err() != nil {
		return
	}
	r := b.request(i)
	b.board.began(i, r.ID)
	result := b.respond(ctx, r, func(e shared.Event) {
		at.heard(e)
		e.ID = r.ID
		b.board.heard(i, e)
	})
	result.TargetHost = b.Targets[i].Host
	b.took(i, r.ID, result)
	if why := b.hopeless(result); why != nil {
		b.stop(why)
	}
	if err := b.board.unheard(); err != nil {
		b.stop(fmt.Errorf("what becomes of it cannot be written here: %w", err))
	}
}

// respond has a request carried out. Another run of the batch may have sent it since
// the first look, to a host in other letters: under one key it is one host, in one
// spelling, and what became of that is the answer.
func (b *bulk) respond(ctx context.Context, r shared.Request, heard func(shared.Event)) shared.Result {
	result := b.plugin.Respond(ctx, r, heard)
	if result.Outcome != shared.Refused || r.IdempotencyKey == "" {
		return result
	}
	first, found, err := b.plugin.Earlier(ctx, r.IdempotencyKey)
	if err != nil || !found || first.Target == r.TargetHost || !strings.EqualFold(first.Target, r.TargetHost) {
		return result
	}
	r.TargetHost = first.Target
	return b.plugin.Respond(ctx, r, heard)
}

func (b *bulk) request(i int) shared.Request {
	r := b.Template
	r.ID, r.TargetHost, r.Params = shared.NewID(), b.Targets[i].Host, b.Targets[i].Params.Sent
	if b.keys == nil {
		return r
	}
	r.IdempotencyKey = b.keys[i].text
	if before := b.keys[i].earlier; before != nil && strings.EqualFold(before.Target, r.TargetHost) {
		r.TargetHost = before.Target // under one key it is one host, in one spelling
	}
	return r
}

// took shows and counts the end of a target.
func (b *bulk) took(i int, id shared.ID, result shared.Result) {
	b.board.heard(i, shared.Event{ID: id, Result: &result})
	b.mu.Lock()
	defer b.mu.Unlock()
	b.sum.add(i, result)
}
