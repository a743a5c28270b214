package plugin

import (
	"context"
	"errors"

	"github.com/kes-respond/kes-respond/plugin/journal"
)

// ledger is the journal of a Plugin. It is opened when it is first needed, so
// that what sends nothing does not depend on it, and again after that failed,
// so that a disk which has room again needs no new start.
type ledger struct {
	open   func(context.Context) (*journal.Journal, error)
	turn   chan struct{} // guards opened
	opened *journal.Journal
}

func newLedger(open func(context.Context) (*journal.Journal, error)) *ledger {
	if open == nil {
		open = func(context.Context) (*journal.Journal, error) { return &journal.Journal{}, nil }
	}
	return &ledger{open: open, turn: make(chan struct{}, 1)}
}

func (l *ledger) get(ctx context.Context) (*journal.Journal, error) {
	select {
	case l.turn <- struct{}{}:
		defer func() { <-l.turn }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if l.opened == nil {
		j, err := l.open(ctx)
		if err != nil {
			return nil, err
		}
		if j == nil {
			return nil, errors.New("there is no ledger")
		}
		l.opened = j
	}
	return l.opened, nil
}

func (l *ledger) close() error {
	l.turn <- struct{}{}
	defer func() { <-l.turn }()
	if l.opened == nil {
		return nil
	}
	return l.opened.Close()
}
