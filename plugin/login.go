package plugin

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/kes-respond/kes-respond/plugin/journal"
	"github.com/kes-respond/kes-respond/plugin/ksc"
	"github.com/kes-respond/kes-respond/shared"
)

// anewAfter is how long even a person's check does not try a login that was
// just refused: whatever runs it in a loop must not block the account.
const anewAfter = time.Minute

// gate lets one process at a time log in as a user, and none for ten minutes
// with a password that KSC has refused: forty alerts with a wrong one would
// block the account. What it remembers lies beside the ledger and holds of the
// password no more than shows that it was changed. Without a ledger only this
// process remembers; what sends orders does not come here then. What requests
// bring has turns and a memory of its own: no request may keep out an account
// that is configured.
func (p *Plugin) gate(c ksc.Config, brought bool) ksc.Gate {
	// Another spelling is no other account: a request could bring many.
	user := fmt.Sprintf("%q %q %q %t", strings.ToLower(c.User), strings.ToLower(c.Domain), strings.ToLower(c.VServer), c.InternalUser)
	if brought {
		user += " of requests"
	}
	server := strings.ToLower(c.Addr)
	return func(ctx context.Context, password string, anew bool) (func(error), error) {
		j, err := p.ledger.get(ctx)
		if err != nil {
			return nil, nil
		}
		login, err := j.Login(ctx, server, user, password)
		if err != nil {
			return nil, err
		}
		code, message, until, refused := login.Refused()
		if refused && (!anew || time.Since(until.Add(-journal.RefusedFor)) < anewAfter) {
			login.Leave()
			return nil, remembered(code, message, until)
		}
		return func(err error) {
			defer login.Leave()
			switch e, ok := errors.AsType[*ksc.Error](err); {
			case err == nil && refused:
				_ = login.Forget() // it ends by itself
			case ok && e.Final():
				_ = login.Remember(meaningOf(e.Kind).code, e.Message) // this process remembers it in any case
			}
		}, nil
	}
}

func remembered(code shared.Code, message string, until time.Time) *ksc.Error {
	kind := ksc.KindLogin
	switch code {
	case shared.Locked:
		kind = ksc.KindLocked
	case shared.SecondFactor:
		kind = ksc.KindSecondFactor
	}
	return &ksc.Error{Kind: kind, Message: fmt.Sprintf("%s; so that the account is not blocked nobody here tries this password again before %s, save kes-respond check",
		message, until.UTC().Format(time.RFC3339))}
}
