package plugin

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"

	"github.com/kes-respond/kes-respond/plugin/guard"
	"github.com/kes-respond/kes-respond/plugin/journal"
	"github.com/kes-respond/kes-respond/plugin/task"
	"github.com/kes-respond/kes-respond/shared"
)

// recall opens the ledger, before KSC is asked for anything, and looks up the
// first request under the idempotency key. Where that asked in the same words
// its host is taken from there: what became of it must be told although KSC
// cannot be reached.
func (o *order) recall(ctx context.Context) (first *journal.Record, err error) {
	if o.journal, err = o.plugin.ledger.get(ctx); err != nil || o.request.IdempotencyKey == "" {
		return nil, err
	}
	r, found, err := o.journal.ByKey(ctx, o.request.IdempotencyKey)
	if err != nil || !found {
		return nil, err
	}
	if r.Server == o.server.name && r.Task == o.task.Name && r.Target == o.request.TargetHost && r.Lookup == o.request.HostLookup {
		o.host, o.recalled = shared.Host{ID: r.HostID, Name: r.HostName}, true
	}
	return &r, nil
}

// take claims the request in the ledger. A result ends it here: it is refused,
// or an earlier request answers for it. Without one the claim is ours, and
// nothing has left yet.
func (o *order) take(ctx context.Context, d guard.Decision) *shared.Result {
	e := o.entry(d)
	ruled := d
	limit := func(u journal.Usage) *journal.Refusal {
		d = ruled // it may be asked twice
		return o.limit(u, &d)
	}
	for {
		claim, prior, err := o.journal.Claim(ctx, e, limit)
		switch {
		case err != nil:
			return new(o.notRecorded(ctx, err))
		case claim != nil:
			o.claim, o.open = claim, true
			if o.recalled {
				return new(o.end(ctx, o.result(shared.Failed, forgotten())))
			}
			return nil
		case prior == nil:
			return new(o.forbidden(d))
		}
		switch result, err := o.answeredBy(ctx, prior, &e); {
		case err != nil:
			return new(o.notRecorded(ctx, err))
		case result != nil || o.claim != nil:
			return result
		}
	}
}

// forgotten says that the first request under the key left the ledger for its
// age between two looks: the host that it named is not looked up any more.
func forgotten() *shared.Error {
	return &shared.Error{
		Code: shared.Internal, Message: "the first request under this idempotency key was just dropped for its age; nothing was sent",
		Assistance: "Send it again under another key.",
	}
}

func (o *order) entry(d guard.Decision) journal.Entry {
	slot, value, _ := o.params.State()
	e := journal.Entry{
		ID: o.request.ID, IdempotencyKey: o.request.IdempotencyKey, AllowDuplicate: o.request.AllowDuplicate,
		Server: o.server.name, Task: o.task.Name, Target: o.request.TargetHost, Lookup: o.request.HostLookup,
		HostID: o.host.ID, HostName: o.host.Name, Area: o.area(),
		Effects: o.params.Effects(), Slot: slot, Value: value, Undo: o.undo(),
		Digest: digest(o.host.ID, o.task.Name, o.params.JSON()), Params: o.params.JSON(), Sensitive: o.params.Sensitive(),
		Allowed: d.Allowed, Rule: d.Rule, Decision: d.Reason, RefusalCode: d.Code,
		Actor: o.request.Actor, Reason: o.request.Reason, CaseID: o.request.CaseID,
		Baseline: o.baseline, Marked: o.request.Marker,
	}
	if o.request.Wait == shared.WaitDone {
		e.Wait = shared.WaitDone
	}
	if !o.plugin.config.Unmarked {
		e.Nonce = o.nonce
	}
	o.entered = e
	return e
}

// digest is of what a request means: two with the same do the same to the same
// host. The area is only a name.
func digest(host, name string, params []byte) string {
	sum := sha256.Sum256([]byte(task.Body(host, name, params, "")))
	return hex.EncodeToString(sum[:])
}

// notRecorded ends a request that the ledger does not take. Nothing was sent.
func (o *order) notRecorded(ctx context.Context, err error) shared.Result {
	e, ours := errors.AsType[*journal.Error](err)
	if ctx.Err() != nil && (!ours || e.Kind == journal.Busy) {
		result := o.notSent(ctx, err)
		switch { // what stands under the key may have happened, unless that is this one
		case o.claim != nil || o.request.IdempotencyKey == "":
		case o.first != nil:
			return o.stillRunning(ctx, *o.first)
		case result.Outcome == shared.Failed:
			result.Outcome = shared.Refused
		}
		return result
	}
	return o.refused(journalError(err))
}

// journalError puts an error of the ledger into the contract's words.
func journalError(err error) *shared.Error {
	out := &shared.Error{Code: shared.Journal, Message: "the ledger cannot record the request, so nothing was sent: " + err.Error()}
	e, ours := errors.AsType[*journal.Error](err)
	if !ours {
		return out
	}
	out.Assistance = e.Assistance
	switch e.Kind {
	case journal.Reused:
		refusal := shared.Refuse(shared.Violation{Pointer: shared.Pointer("idempotencyKey"), Message: "was used for a different request"})
		refusal.Message, refusal.Assistance = e.Message+"; nothing was sent", e.Assistance
		return refusal
	case journal.Disk, journal.Full, journal.Busy:
		out.Retryable = true
	}
	return out
}

// notAddressed ends a request whose host could not be found. Under a key that
// was used this is a refusal: the first request may have been the same one in
// other words, and what is true of that must not be called failed.
func (o *order) notAddressed(ctx context.Context, err error) shared.Result {
	result, first := o.notSent(ctx, err), o.first
	if first == nil || result.Error == nil {
		return result
	}
	result.Outcome = shared.Refused
	result.DuplicateOf = ""
	result.Error.Message = "the idempotency key was used by request " + first.ID.Text() + ", and whether this one is the same cannot be told: " + result.Error.Message
	result.Error.Retryable = false
	result.Error.Assistance = "Send it in the same words as the first one, or ask kes-respond journal what became of that."
	result.Message = result.Error.Message
	return result
}
