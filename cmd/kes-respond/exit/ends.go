package exit

import (
	"errors"
	"fmt"

	"github.com/kes-respond/kes-respond/plugin/journal"
	"github.com/kes-respond/kes-respond/shared"
)

// EndedBefore ends what was ended from outside while nothing was begun.
func EndedBefore() error {
	return With(shared.ExitCancelled, errors.New("ended from outside before anything was sent"))
}

// Unheard ends many requests of which not all results could be written: what was
// sent is unknown to whoever called, and must not pass for failed. stored says that
// KSC has an incident of one of them.
func Unheard(stored bool, code int, why error) error {
	what := "not all of it could be written here"
	switch {
	case stored:
		code, what = shared.ExitUnknown, "what became of it stands in the ledger, and could not be written here"
	case code == shared.ExitOK || code == shared.ExitCancelled:
		code = shared.ExitFailed
	}
	return With(code, fmt.Errorf("%s: %w", what, why))
}

// Ledger ends what the ledger keeps from going on: it says first what the person
// can do.
func Ledger(err error) error {
	if e, ok := errors.AsType[*journal.Error](err); ok && e.Assistance != "" {
		return With(shared.ExitFailed, fmt.Errorf("%s\n  why: %w", e.Assistance, err))
	}
	return With(shared.ExitFailed, err)
}
