package ksc

import (
	"strconv"
	"strings"
)

// Entry is one error code of KSC's: what it means, and what a person can do
// about it. The pair of module and code names an error; numbers repeat between
// modules (KSCAPI a00337).
type Entry struct {
	Module       string `json:"module"` // as KSC writes it; HTTP for the status of an answer that is none of KSC's methods
	Code         int    `json:"code"`
	Last         int    `json:"lastCode,omitempty"` // the codes from Code to Last are one entry
	Name         string `json:"name,omitempty"`     // the vendor's name for it, or the header that tells it from its neighbours
	Means        string `json:"means"`
	Remedy       string `json:"remedy"`
	NotConfirmed string `json:"notConfirmed,omitempty"` // what of this is inference, and documented nowhere
	Passes       bool   `json:"passes"`                 // it may pass by itself, see Error.Passing

	kind   Kind
	header string // what WWW-Authenticate holds; "" is anything
}

// moduleHTTP stands for answers that KSC, or something before it, gave by their
// HTTP status alone.
const moduleHTTP = "HTTP"

// Title is the entry's code as people write it: "KLSTD 1184".
func (e Entry) Title() string {
	title := e.Module + " " + strconv.Itoa(e.Code)
	switch e.Last {
	case 0:
		return title
	case maxStatus:
		return title + " and above"
	}
	return title + " to " + strconv.Itoa(e.Last)
}

// lacks says that the code stands for a missing right.
func (e Entry) lacks() bool { return e.kind == KindDenied }

func (e Entry) has(code int) bool { return code == e.Code || code >= e.Code && code <= e.Last }

// Catalogue is what is known of KSC's error codes, or of some of them, and which
// right may be missing where one of them says that a right is.
type Catalogue struct {
	Standing string  `json:"standing"` // how far it is to be trusted
	Codes    []Entry `json:"codes"`
	Rights   []Right `json:"rights,omitempty"`
}

const standing = "Meanings are those of Kaspersky's public reference, and remedies are advice; what is inference stands under \"not confirmed\". " +
	"Nothing here has been seen from a live KSC by us."

// Explain gives what is known of a module's codes, of a code in any module, or
// of one code; "" and a negative code stand for any, and case of the module does
// not matter. Without entries nothing is known.
//
// It is the one table of these codes: what the error of a call is taken for, and
// what is said to people about it, comes from here.
func Explain(module string, code int) Catalogue {
	c := Catalogue{Standing: standing}
	for _, e := range all() {
		if (module == "" || strings.EqualFold(module, e.Module)) && (code < 0 || e.has(code)) {
			c.Codes = append(c.Codes, e)
			if e.lacks() {
				c.Rights = rights()
			}
		}
	}
	return c
}

func all() []Entry {
	all := append(methodErrors(), statuses()...)
	for i := range all {
		all[i].Passes = (&Error{Kind: all[i].kind}).Passing()
	}
	return all
}

// known is the entry of an error that a method gave.
func known(module string, code int) (Entry, bool) {
	for _, e := range methodErrors() {
		if e.Module == module && e.has(code) {
			return e, true
		}
	}
	return Entry{kind: KindRefused}, false
}

// knownStatus is the entry of an HTTP status, told from its neighbours by the
// challenges that came with it. Where there is none KSC does not give it.
func knownStatus(status int, challenges string) (Entry, bool) {
	for _, e := range statuses() {
		if e.has(status) && strings.Contains(challenges, e.header) {
			return e, true
		}
	}
	return Entry{kind: KindBadAnswer}, false
}

// Remedy says what a person can do about the error: what the catalogue says of
// its code, or of the codes that mean the same where it came without one. Where
// a right is missing it names the one that the method may need. It is empty
// where the catalogue knows nothing of it.
func (e *Error) Remedy() string {
	entry, ok := e.entry()
	if !ok {
		return ""
	}
	if !entry.lacks() {
		return entry.Remedy
	}
	return entry.Remedy + " " + rightOf(e.Method).missing(e.Method)
}

func (e *Error) entry() (Entry, bool) {
	if e.Module != "" || e.Code != 0 {
		return known(e.Module, e.Code)
	}
	for _, s := range statuses() {
		if s.kind == e.Kind && s.has(e.Status) {
			return s, true
		}
	}
	for _, one := range all() {
		if one.kind == e.Kind && one.kind != KindRefused { // which is all that has no kind of its own
			return one, true
		}
	}
	return Entry{}, false
}
