// Package journal is the ledger of requests: what was decided, what was sent,
// and what became of it. A claim comes before anything is sent, and each step
// that leaves the process is recorded as it happens.
//
// This version keeps nothing: a Journal refuses no claim and forgets every
// record, so a request can be sent twice and a crash leaves no trace. The
// plugin refuses the members of a request that would need more.
package journal

import (
	"context"

	"github.com/kes-respond/kes-respond/shared"
)

// Journal is the ledger. The zero Journal keeps nothing.
type Journal struct{}

// Entry is what a claim records of a request.
type Entry struct {
	ID      shared.ID
	Server  string
	Task    string
	HostID  string
	Effects []shared.Effect
	Digest  string // sha256 of the incident body, hex
	Allowed bool   // a refusal is recorded as well
	Rule    string
	Reason  string
}

// Claim is one request's place in the ledger. Its methods are called in the
// order of their names here, each before the next step leaves the process; an
// error from Sending means that nothing may be sent.
type Claim struct{}

// Claim records the decision on a request. An error means that nothing may be
// sent.
func (*Journal) Claim(context.Context, Entry) (*Claim, error) { return &Claim{}, nil }

// Sending records that the incident is about to be added.
func (*Claim) Sending() error { return nil }

// Stored records the incident that KSC made.
func (*Claim) Stored(incident int64) error { return nil }

// Updated records that the incident's second step is done.
func (*Claim) Updated() error { return nil }

// Ended records the outcome.
func (*Claim) Ended(shared.Outcome) error { return nil }
