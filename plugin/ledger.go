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
	open func(context.Context) (*journal.Journal, error)
	turn chan struct{} // guards what follows

	opened *journal.Journal
	closed bool
	owed   []func() error // ends of requests that it could not take down
}

func newLedger(open func(context.Context) (*journal.Journal, error)) *ledger {
	if open == nil {
		open = func(context.Context) (*journal.Journal, error) { return &journal.Journal{}, nil }
	}
	return &ledger{open: open, turn: make(chan struct{}, 1)}
}

var errLedgerClosed = errors.New("this program is leaving")

// get opens the ledger, and writes what is owed to it. Until that is written a
// request stands there as running, and nobody takes it over while this process
// lives.
func (l *ledger) get(ctx context.Context) (*journal.Journal, error) {
	j, owed, err := l.opening(ctx)
	for _, write := range owed {
		if write() != nil {
			l.owe(write)
		}
	}
	return j, err
}

func (l *ledger) opening(ctx context.Context) (j *journal.Journal, owed []func() error, err error) {
	select {
	case l.turn <- struct{}{}:
		defer func() { <-l.turn }()
	case <-ctx.Done():
		return nil, nil, ctx.Err()
	}
	if l.closed {
		return nil, nil, errLedgerClosed
	}
	if l.opened == nil {
		if j, err = l.open(ctx); err != nil {
			return nil, nil, err
		}
		if j == nil {
			return nil, nil, errors.New("there is no ledger")
		}
		l.opened = j
	}
	owed, l.owed = l.owed, nil
	return l.opened, owed, nil
}

// owe keeps the end of a request for a time when the ledger takes it.
func (l *ledger) owe(write func() error) {
	l.turn <- struct{}{}
	l.owed = append(l.owed, write)
	<-l.turn
}

// close writes what is owed, as far as the ledger takes it: the rest is in
// doubt from here on.
func (l *ledger) close() error {
	l.turn <- struct{}{}
	defer func() { <-l.turn }()
	l.closed = true
	if l.opened == nil {
		return nil
	}
	for _, write := range l.owed {
		_ = write() // whoever heard the result heard that it is not recorded
	}
	return l.opened.Close()
}
