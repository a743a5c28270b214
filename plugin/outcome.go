package plugin

import (
	"cmp"
	"context"
	"errors"

	"github.com/kes-respond/kes-respond/plugin/ksc"
	"github.com/kes-respond/kes-respond/shared"
)

// result is the one place that fills in what every result repeats.
func (o *order) result(outcome shared.Outcome, e *shared.Error) shared.Result {
	r := shared.Result{Outcome: outcome, Task: o.request.Task, TargetHost: o.request.TargetHost, Error: e}
	if o.host.ID != "" {
		host := o.host
		r.Host = &host
	}
	if e != nil {
		r.Message = e.Message
	}
	return r
}

func (o *order) refused(e *shared.Error) shared.Result { return o.result(shared.Refused, e) }

// notSent ends a request of which nothing has left for the host: refused where
// we know better than to ask, cancelled where the caller took it back, failed
// where KSC could not be asked.
func (o *order) notSent(ctx context.Context, err error) shared.Result {
	var refusal *shared.Error
	switch {
	case errors.As(err, &refusal):
		return o.refused(refusal)
	case errors.Is(ctx.Err(), context.Canceled):
		return o.result(shared.Cancelled, &shared.Error{
			Code: shared.CancelledCode, Message: "cancelled before anything was sent", Assistance: "Send it again if it is still wanted.",
		})
	case errors.Is(ctx.Err(), context.DeadlineExceeded) && !saysMore(err):
		return o.result(shared.Failed, &shared.Error{
			Code: shared.Timeout, Message: "the time ran out before anything was sent", Retryable: true,
			Assistance: "Send it again, with a longer timeout if KSC is slow.", Upstream: fromKSC(err).Upstream,
		})
	}
	return o.result(shared.Failed, fromKSC(err))
}

// saysMore says that an error names another cause than that the time is over.
func saysMore(err error) bool {
	e, ok := errors.AsType[*ksc.Error](err)
	_, open := errors.AsType[*openError](err)
	return open || ok && e.Kind != ksc.KindTimeout && e.Kind != ksc.KindCanceled
}

// meaning is what a kind of KSC error is called in the contract, whether the
// same request may succeed later, and what the person can do where KSC itself
// gave no code: what it says by one is explained by package ksc's catalogue.
type meaning struct {
	code       shared.Code
	retryable  bool
	assistance string
}

func meaningOf(k ksc.Kind) meaning {
	switch k {
	case ksc.KindUnreachable:
		return meaning{shared.Unreachable, true, "Check kscHost and kscPort (13299 unless changed), the route, and a proxy or firewall between."}
	case ksc.KindTLS:
		return meaning{shared.TLS, false, "Nothing went to what answered, no password either. Have a person compare the SHA-256 that was presented with that of the certificate on the Administration Server itself, by another way than this connection: it may have been replaced, or someone stands between. Only where they are the same add it to kscCert (the CA, the certificate or its SHA-256), beside the old one until that is gone. Where it has expired or is not valid yet, have it renewed, and look at this machine's clock."}
	case ksc.KindLogin, ksc.KindSession:
		return meaning{code: shared.Login}
	case ksc.KindPassword:
		return meaning{shared.Login, true, "Mend what holds the password (kscPasswordFile, kscPasswordCommand or the credential of systemd); the next request asks it again."}
	case ksc.KindLocked:
		return meaning{code: shared.Locked}
	case ksc.KindSecondFactor:
		return meaning{code: shared.SecondFactor}
	case ksc.KindDenied:
		return meaning{code: shared.Denied}
	case ksc.KindUnavailable:
		return meaning{code: shared.KSCUnavailable, retryable: true}
	case ksc.KindLimit:
		return meaning{code: shared.KSCLimit, retryable: true}
	case ksc.KindTruncated:
		return meaning{shared.KSCError, false, "KSC holds more than is looked at: look in the console by hand."}
	case ksc.KindTimeout, ksc.KindCanceled:
		return meaning{shared.Timeout, true, "KSC did not answer in time."}
	case ksc.KindBadAnswer:
		return meaning{shared.BadAnswer, false, "Something that is not KSC may be answering at this address, such as a proxy."}
	}
	return meaning{code: shared.KSCError}
}

// notInCatalogue is what can be said of a code that only KSC knows.
const notInCatalogue = "Read what KSC says: no more is known of this code here. The console may show more, and kes-respond check tells what works."

// fromKSC puts an error of the KSC client into the contract's words.
func fromKSC(err error) *shared.Error {
	if open, ok := errors.AsType[*openError](err); ok {
		out := fromKSC(open.last)
		out.Message, out.Retryable, out.Upstream = open.Error(), true, nil
		return out
	}
	var e *ksc.Error
	if !errors.As(err, &e) {
		return &shared.Error{Code: shared.Internal, Message: err.Error()}
	}
	m := meaningOf(e.Kind)
	out := &shared.Error{Code: m.code, Message: e.Error(), Retryable: m.retryable, Assistance: cmp.Or(e.Remedy(), m.assistance)}
	if e.Code != 0 || e.Module != "" {
		out.Assistance = cmp.Or(out.Assistance, notInCatalogue)
		out.Upstream = &shared.Upstream{Module: e.Module, Code: e.Code, Message: e.Message}
	}
	return out
}
