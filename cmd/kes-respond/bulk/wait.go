package bulk

import (
	"errors"
	"strings"
	"time"

	"github.com/kes-respond/kes-respond/plugin/journal"
	"github.com/kes-respond/kes-respond/shared"
)

// waitsAgain is how long it is not said again what is waited for.
const waitsAgain = time.Minute

// waiting says what a bulk waits for: when that begins, then once a minute at most,
// also where it went on in between, and at once when it is something else.
type waiting struct {
	reason string
	said   time.Time
	on     bool // it waits now
}

// news says whether a text is to be shown; an empty one says that it goes on. Texts
// that differ in their numbers alone have the same reason.
func (w *waiting) news(text string) bool {
	w.on = text != ""
	if !w.on {
		return false
	}
	reason := strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' {
			return -1
		}
		return r
	}, text)
	if reason == w.reason && time.Since(w.said) < waitsAgain {
		return false
	}
	w.reason, w.said = reason, time.Now()
	return true
}

// noRoom ends a target of which the ledger could not say whether there is room for
// it, and with it the bulk: nothing more can be recorded.
func (b *bulk) noRoom(i int, err error) {
	if b.starting.Err() != nil {
		return // it was ended for another reason
	}
	r := journalRefusal(err)
	r.Task, r.TargetHost = b.Template.Task, b.Targets[i].Host
	b.took(i, shared.NewID(), r)
	b.stop(errors.New(r.Message))
}

// journalRefusal is the result of what the ledger cannot be asked about.
func journalRefusal(err error) shared.Result {
	e := &shared.Error{Code: shared.Journal, Message: "the ledger cannot be asked how many requests are open, so nothing was sent: " + err.Error()}
	if known, is := errors.AsType[*journal.Error](err); is {
		e.Assistance = known.Assistance
		e.Retryable = known.Kind == journal.Disk || known.Kind == journal.Full || known.Kind == journal.Busy
	}
	return shared.Result{Outcome: shared.Refused, Message: e.Message, Error: e}
}
