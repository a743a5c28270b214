package plugin

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/kes-respond/kes-respond/plugin/journal"
	"github.com/kes-respond/kes-respond/plugin/ksc"
	"github.com/kes-respond/kes-respond/shared"
)

// The bounds of the part that no cancel may split.
const (
	sendBound = 40 * time.Second // AddIncident and UpdateIncident together
	addBound  = 30 * time.Second // AddIncident alone
)

// severity is what the help page's sample sends: 2, warning.
const severity = 2

// mostResends bounds how often an order is sent again that may be.
const mostResends = 3

// attempt is one AddIncident, and what came of it.
type attempt struct {
	added    time.Time // KLINCDT_ADDED
	incident int64     // 0: none that we know of
	second   error     // why UpdateIncident is not done; nil: it is
	lapses   error     // what the ledger could not take down of it

	flushed <-chan error // of that there is an incident; nil: it is on the disk
}

// send has KSC store the incident and do its second step, and records each
// step around what leaves. What has not arrived is sent again; what may have
// is looked for. No event is emitted in between: a half sent request helps
// nobody.
func (o *order) send(ctx context.Context) shared.Result {
	var before attempt // one that was lost and not found
	var why error
	for resends := 0; ; resends++ {
		a := attempt{}
		err := o.server.talk(ctx, func() error { return o.add(ctx, &a) })
		switch {
		case err == nil:
			return o.stored(ctx, a)
		case !isLost(err) && why == nil:
			return o.end(ctx, o.notStored(ctx, err))
		case !isLost(err): // this one did not happen; of the one before nothing is known
			return o.adopt(ctx, before.added, finding{whole: true}, why)
		}
		found := o.server.search(ctx, o.lost(a.added))
		if !found.nothing() || !o.mayResend() || resends == mostResends {
			return o.adopt(ctx, a.added, found, err)
		}
		before, why = a, err
	}
}

// mayResend says whether an order of which KSC shows nothing may be sent again:
// were the first to arrive late, it would be carried out twice.
func (o *order) mayResend() bool {
	for _, e := range o.params.Effects() {
		if e != shared.Reads && !o.plugin.config.ResendAfterSearch {
			return false
		}
	}
	return true
}

// add is one try, in one turn at the server. Up to the record of it ctx counts;
// from there to the end neither a cancel nor the caller's timeout does. Its
// error is that of AddIncident, or of what came before.
func (o *order) add(ctx context.Context, a *attempt) error {
	if err := o.server.client.Open(ctx); err != nil {
		return err
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	a.added = time.Now().UTC().Truncate(time.Second)
	if err := o.claim.Sending(ctx, a.added); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), sendBound)
	defer cancel()
	adding, done := context.WithTimeout(ctx, addBound)
	nonce := o.claim.Record().Nonce
	if o.plugin.config.Unmarked {
		nonce = ""
	}
	id, err := o.server.client.AddIncident(adding, ksc.Incident{
		Severity: severity, Added: a.added, Body: marked(o.body, nonce), Host: o.host.ID,
	})
	done()
	if e, ok := errors.AsType[*ksc.Error](err); ok && e.Delivery == ksc.Unknown {
		return &lostError{err}
	}
	if err != nil {
		return err
	}
	a.incident = id
	a.lapses = o.claim.Stored(ctx, id, a.added)
	a.flushed = o.flush()
	if a.second = o.server.client.UpdateIncident(ctx, id, o.host.ID, false); a.second == nil {
		o.claim.Updated()
	}
	return nil
}

// flush puts on the disk what was stored, while KSC is asked for the second step:
// that has a connection, and others may wait for one.
func (o *order) flush() <-chan error {
	flushed := make(chan error, 1)
	go func() {
		err := errNotFlushed
		defer func() { flushed <- err }()
		err = o.claim.Flush()
	}()
	return flushed
}

// errNotFlushed is for a flush that does not come back.
var errNotFlushed = errors.New("the flush of the ledger was broken off")

// lostError is what became of an order that may have been stored though nobody
// said so. It is not sent again because of it.
type lostError struct{ err error }

// Error gives the cause.
func (e *lostError) Error() string { return e.err.Error() }

// Unwrap gives the cause.
func (e *lostError) Unwrap() error { return e.err }

func isLost(err error) bool {
	_, is := errors.AsType[*lostError](err)
	return is
}

// notStored ends a request of which KSC has stored nothing, as we know.
func (o *order) notStored(ctx context.Context, err error) shared.Result {
	if _, ours := errors.AsType[*journal.Error](err); ours {
		return o.notRecorded(ctx, err)
	}
	if e, ok := err.(*ksc.Error); ok && e.Delivery == ksc.Answered { //nolint:errorlint // as above
		return o.result(shared.Failed, fromKSC(err))
	}
	return o.notSent(ctx, err)
}

// stored ends a request whose incident KSC has, once its second step is done
// or the time for that is over.
func (o *order) stored(ctx context.Context, a attempt) shared.Result {
	if a.flushed != nil {
		a.lapses = errors.Join(a.lapses, <-a.flushed)
	}
	result := o.result(shared.Submitted, nil)
	id := strconv.FormatInt(a.incident, 10)
	result.Incident = &shared.Incident{Server: o.server.name, ID: id}
	if !a.added.IsZero() {
		result.Incident.AddedAt = &a.added
	}
	result.Undo = o.undo()
	result.Message = storedMessage + notKnownYet
	if a.second != nil {
		if a.second = o.update(ctx, a.incident, a.second); a.second == nil {
			o.claim.Updated()
		}
	}
	if a.second != nil {
		problem := fromKSC(a.second)
		problem.Retryable = false // for the sender: another request would be a second order
		mend := ""
		if problem.Code == shared.Denied { // by recover's next try it can be mended
			mend = " " + problem.Assistance
		}
		problem.Assistance = "KSC has stored it: ask for the status of incident " + id + ", and do not send it again before that is known. kes-respond recover tries the second step once more." + mend
		result.Outcome, result.Error = shared.Pending, problem
		result.Message = "KSC has stored the incident, but did not confirm its second step (UpdateIncident); whether it acts on it is not known"
	}
	return unrecorded(o.end(ctx, result), a.lapses)
}

// storedMessage says how far a request is that was only stored.
const storedMessage = "KSC has stored the request"

// notKnownYet is what is not known of a request that was only stored.
const notKnownYet = "; that a host has acted on it is not known yet"

// end records how a claimed request ended.
func (o *order) end(ctx context.Context, r shared.Result) shared.Result {
	o.open = false
	var code shared.Code
	if r.Error != nil {
		code = r.Error.Code
		if r.Error.Retryable && o.claim.Record().IdempotencyKey != "" {
			r.Error.Retryable = false
			r.Error.Assistance = strings.TrimSpace(r.Error.Assistance + " Give it another key then: this one stands for what became of it.")
		}
	}
	outcome := r.Outcome
	if outcome == shared.Submitted && (o.request.Wait == shared.WaitDone || o.claim.Record().Wait == shared.WaitDone) {
		outcome = shared.Pending // whoever asked for its end has not had it, and may be killed before
	}
	write := func() error { return o.claim.Ended(ctx, outcome, code, r.Message) }
	err := write()
	if err != nil {
		o.plugin.ledger.owe(write)
	}
	return unrecorded(r, err)
}

// broken gives a claim its end where an error in this program kept it from
// having one: nobody would take it over while this process lives.
func (o *order) broken(ctx context.Context) {
	if o.open {
		o.end(ctx, o.result(shared.Unknown, &shared.Error{Code: shared.Internal, Message: "an error in this program ended the request: it may have been sent"}))
	}
}

// unrecorded adds to a result what the ledger could not take down: the outcome
// stands, whatever became of its record.
func unrecorded(r shared.Result, err error) shared.Result {
	if err != nil {
		r.Message += fmt.Sprintf("; the ledger could not record all of it: %v", err)
	}
	return r
}
