package plugin

import (
	"fmt"
	"time"

	"github.com/kes-respond/kes-respond/plugin/ksc"
	"github.com/kes-respond/kes-respond/shared"
)

// expiresSoon is when a certificate's end becomes worth a word.
const expiresSoon = 30 * 24 * time.Hour

// mistrusted is what check says of a certificate that nobody vouches for.
// Whether it is the right one only a person can tell, who looks at the server.
func mistrusted(shown ksc.Certificate, pinned bool) *shared.Error {
	e := &shared.Error{
		Code: shared.TLS, Message: "the server's certificate is not trusted: " + shown.Problem + "; no password was sent",
		Assistance: "Compare this SHA-256 with that of the certificate on the Administration Server, as a person, and not over this connection. If it is the same, set kscCert to it: " + shown.SHA256,
	}
	if pinned {
		e.Assistance = "The server's certificate was replaced, or someone stands between. " + e.Assistance + " (as a list beside the old one until that is gone)"
	}
	return e
}

func daysLeft(d time.Duration) string {
	switch days := int(d / (24 * time.Hour)); days {
	case 0:
		return "less than a day left"
	case 1:
		return "1 day left"
	default:
		return fmt.Sprintf("%d days left", days)
	}
}

// replaced says what follows from a certificate's end.
func replaced(pinned bool) string {
	if pinned {
		return ": it will be replaced; add the new one to kscCert beside this one before that"
	}
	return ": have it renewed before that, or nothing can be sent"
}

// warnOfExpiry tells, once for each server, that the certificate which the
// server shows is near its end or beyond it. It asks nobody: what is not known
// yet is told of with a later request.
func (o *order) warnOfExpiry(emit func(shared.Event)) {
	s := o.server
	if s.client == nil || s.warned.Load() {
		return
	}
	until, known := s.client.TrustedUntil()
	left := time.Until(until)
	if !known || left >= expiresSoon || s.warned.Swap(true) {
		return
	}
	message := "the certificate of server " + s.name + " is valid until " + until.Format(time.DateOnly) + ", " + daysLeft(left) + replaced(s.client.Pinned())
	if left < 0 {
		message = "the certificate of server " + s.name + " expired on " + until.Format(time.DateOnly) + "; it is still taken, for it is pinned"
	}
	emit(shared.Event{Progress: &shared.Progress{Stage: shared.StageWarning, Message: message}})
}
