package ksc

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
)

// Kind says what went wrong, as far as a program cares.
type Kind int

// The kinds of errors. Which of KSC's codes are which kind is the catalogue's
// to say.
const (
	KindRefused      Kind = iota // KSC said no, for a reason of its own
	KindUnreachable              // no connection
	KindTLS                      // a connection, but not to the server we trust
	KindLogin                    // user or password refused; a blocked account may look the same
	KindLocked                   // the account is blocked
	KindSecondFactor             // the account demands a second factor
	KindDenied                   // a right is missing
	KindUnavailable              // KSC is starting, stopping or suspended, or an HTTP 5xx
	KindLimit                    // a limit is exceeded: wait before the next try
	KindNotFound                 // no such object
	KindUnsupported              // no such method in this version
	KindBadAnswer                // an answer that is not KSC's
	KindTimeout                  // no answer in time
	KindCanceled                 // the caller gave up
	KindSession                  // a new session was refused as well
	KindTruncated                // a search found more than is read: what was not seen may be there
	KindPassword                 // there is no password to log in with: whatever holds it fails
)

// Delivery says what became of the call on its way.
type Delivery int

// The deliveries.
const (
	NotSent  Delivery = iota // the server cannot have got the whole call
	Unknown                  // it may have, and may have acted on it
	Answered                 // KSC itself said no
)

// Error is a call that did not succeed. It never holds a credential.
type Error struct {
	Kind     Kind
	Method   string // Class.Method
	Status   int    // HTTP, 0 where there was no answer
	Module   string // of KSC's own error
	Code     int
	Subcode  int
	Message  string // KSC's or ours, printable
	Excerpt  string // the beginning of an answer that could not be read, printable
	Delivery Delivery
	Err      error `json:"-"` // may quote the server; not for people
}

// Error says method, reason, and what is known of the answer.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(e.Method)
	b.WriteString(": ")
	b.WriteString(e.Message)
	if e.Module != "" || e.Code != 0 {
		fmt.Fprintf(&b, " (%s %d)", e.Module, e.Code)
	}
	if e.Status != 0 && e.Status != 200 {
		fmt.Fprintf(&b, " (HTTP %d)", e.Status)
	}
	if e.Excerpt != "" {
		fmt.Fprintf(&b, ": %q", e.Excerpt)
	}
	return b.String()
}

// Unwrap gives the cause, where there is one.
func (e *Error) Unwrap() error { return e.Err }

// Passing says that what failed may pass by itself, after a while and not at
// once: the server, the way to it, or the session is not to be had now, an
// answer was slow or broken, or a limit is exceeded for now. What a person has
// to mend does not pass: certificate, login, rights, the request. That a call
// may be repeated is another question, see Delivery.
func (e *Error) Passing() bool {
	switch e.Kind {
	case KindUnreachable, KindUnavailable, KindLimit, KindBadAnswer, KindTimeout, KindSession:
		return true
	}
	return false
}

// IsNotFound says that KSC knows no such object.
func IsNotFound(err error) bool {
	var e *Error
	return errors.As(err, &e) && e.Kind == KindNotFound
}

// excerpt is the beginning of foreign text, with everything that a terminal or
// a log could act on replaced.
func excerpt(data []byte, most int) string { return printable(string(data), most, false) }

func printable(s string, most int, cut bool) string {
	if len(s) > most {
		s, cut = s[:most], true
	}
	s = strings.TrimSpace(strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.In(r, unicode.Cf, unicode.Zl, unicode.Zp) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, "?")))
	if cut {
		s += "…"
	}
	return s
}

func hasControl(s string) bool { return strings.ContainsFunc(s, unicode.IsControl) }
