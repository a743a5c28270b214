// Package shared is the contract of kes-respond: what a caller may ask, what
// it hears back, and how a request can end. PROTOCOL.md beside this file is
// the full specification of protocol 1; this comment is its one-page form.
//
// A caller sends requests. The usual one asks for one of the nine response
// tasks on one host:
//
//	{"id":"7","task":"isolateHost","targetHost":"PC-12","params":{"action":1}}
//
// and hears events, each a JSON object, ending with exactly one result:
//
//	{"type":"accepted","time":"…","id":"7","seq":0,"host":{"id":"…","name":"PC-12"}}
//	{"type":"progress","time":"…","id":"7","seq":1,"stage":"submitted","incident":{…}}
//	{"type":"result","time":"…","id":"7","seq":2,"outcome":"submitted",…}
//
// The outcome is one of a closed set (Outcome). "submitted" says that KSC has
// stored the request and no more; "unknown" says that we cannot tell, and is
// never dressed up as anything else.
//
// The same requests and events travel over every carrier: shared/jsonl over
// standard input and output, and a Responder value called directly. The
// package rests on the standard library alone, so that a program in Go can
// speak the protocol without inheriting our dependencies.
package shared

import "time"

// Protocol is the version of the contract that this package describes. Within
// one version members may be added to events; a caller ignores members that
// it does not know. Anything else raises the number.
const Protocol = 1

// The limits of the wire, named in PROTOCOL.md and tested at their edges.
const (
	// MaxRequestBytes bounds one request line, without its line end.
	MaxRequestBytes = 16 << 20
	// MaxEventBytes bounds one event line, with its newline: many line
	// readers stop at 64 KiB.
	MaxEventBytes = 64 << 10
	// MaxDepth bounds the nesting of a request, its own braces included.
	MaxDepth = 64
	// MaxValues bounds the members of objects and items of arrays in a
	// request, those of every level together: each costs many times its bytes
	// to read, and no task has a use for a tenth of them.
	MaxValues = 10_000
	// MaxListed bounds the violations and candidates that an error lists.
	MaxListed = 20
)

// The time a request may take when it names no timeout.
const (
	// DefaultSubmitTimeout is for wait "submit".
	DefaultSubmitTimeout = 60 * time.Second
	// DefaultDoneTimeout is for wait "done": a host may take 15 minutes to
	// notice a new console task.
	DefaultDoneTimeout = 30 * time.Minute
	// MaxTimeout is the longest timeout that a request may name.
	MaxTimeout = 24 * time.Hour
)
