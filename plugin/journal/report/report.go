// Package report says what the ledger's requests of a period came to: sums,
// times, and what is still open. It reads records and writes nothing; how a
// report looks is up to whoever shows it.
//
// What it quotes was written by callers and hosts. Everything in a Report has
// lost the characters that move a cursor or turn text around.
package report

import (
	"time"

	"github.com/kes-respond/kes-respond/shared"
)

// Version is the form of a Report as JSON. Whoever draws one of another form
// would leave out what it does not know.
const Version = 1

// The bounds of the lists in a Report. What is beyond them is counted.
const (
	MaxRequests = 5000
	MaxOpen     = 500
	MaxGroups   = 20 // hosts, people, reasons
)

// Proof is whether the ledger is as it was written. What is reported of one that
// is not may be a forgery.
type Proof struct {
	Sound bool   `json:"sound"`
	Lines int    `json:"lines"`
	Heads int    `json:"anchored"`        // lines that were compared with an anchor
	Flaws int    `json:"flaws,omitempty"` // how many, of which First is one
	First string `json:"firstFlaw,omitempty"`
	Error string `json:"error,omitempty"` // why it could not be proved
}

// Beside the outcomes, how a request may stand.
const (
	Duplicate = "duplicate" // an earlier one answered for it
	Running   = "running"   // its process lives
	InDoubt   = "in doubt"  // its process is dead, and it has no outcome
	NotEnded  = "not ended" // it had no outcome, and whether its process lives was not known
)

// Standings are all ways in which a request may stand, what went well first.
func Standings() []string {
	return []string{
		string(shared.Succeeded), string(shared.Submitted), string(shared.Partial), string(shared.Pending), Running,
		string(shared.Unknown), InDoubt, NotEnded, string(shared.Failed), string(shared.Refused), string(shared.Cancelled), Duplicate,
	}
}

// Report is a period of a ledger.
type Report struct {
	Version   int       `json:"version"`
	Since     time.Time `json:"since"`
	Until     time.Time `json:"until"` // when it was made
	Machine   string    `json:"machine,omitempty"`
	Ledger    string    `json:"ledger"`
	Program   string    `json:"program"` // name and version of what made it
	Proof     Proof     `json:"proof"`
	Requests  int       `json:"requests"`
	Ahead     int       `json:"ahead,omitempty"`   // of these, by their time later than Until: a clock was set back
	Oldest    time.Time `json:"oldest,omitzero"`   // the time of the oldest request that the ledger has, of any period
	Dropped   bool      `json:"dropped,omitempty"` // older ones were dropped for their age
	Outcomes  []Sum     `json:"outcomes"`          // those that there are, in the order of Standings
	Effects   []Group   `json:"effects"`           // a request may have several, or none
	Tasks     []Group   `json:"tasks"`
	Hosts     Groups    `json:"hosts"`
	People    Groups    `json:"people"`
	Reasons   Groups    `json:"reasons"` // for which requests were refused
	Over      Timeline  `json:"timeline"`
	Took      Took      `json:"took"`
	Open      []Request `json:"open"` // of any time, the oldest first
	OpenMore  int       `json:"openMore,omitempty"`
	OpenError string    `json:"openError,omitempty"` // why it is not known which requests run; Open is then of the period alone
	List      []Request `json:"list"`                // the newest first
	ListMore  int       `json:"listMore,omitempty"`
}

// Partial says that requests of the period may have been dropped for their age.
func (r Report) Partial() bool {
	return r.Dropped && (r.Oldest.IsZero() || r.Oldest.After(r.Since))
}

// Sum is how many there are of something.
type Sum struct {
	Name  string `json:"name"`
	Count int    `json:"count"`
}

// Group is what belongs together, and how its requests stand.
type Group struct {
	Name  string         `json:"name"`
	Count int            `json:"count"`
	By    map[string]int `json:"by"` // by standing
}

// Groups are the largest ones, and how many there are besides.
type Groups struct {
	Top  []Group `json:"top"`
	More int     `json:"more,omitempty"` // groups
}

// Timeline is when the requests came, in steps of equal length.
type Timeline struct {
	Hours int    `json:"hours"` // in a step
	Steps []Step `json:"steps"`
}

// Step is what came from then on until the next step.
type Step struct {
	At time.Time      `json:"at"`
	By map[string]int `json:"by"`
}

// Took is how long requests took from the time in their incident to the end of
// their console task. The first is told by this machine's clock, the second by
// KSC, so that it is off by as much as they differ.
type Took struct {
	Known   int           `json:"known"`
	Median  time.Duration `json:"median"`
	Slowest time.Duration `json:"slowest"`
	Of      *Request      `json:"of,omitempty"`  // the slowest
	Odd     int           `json:"odd,omitempty"` // ended before they began, by those clocks; not counted
}

// Request is one request in a list.
type Request struct {
	At       time.Time      `json:"at"`
	ID       string         `json:"id"`
	Standing string         `json:"standing"`
	Task     string         `json:"task"`
	Host     string         `json:"host"`
	Who      string         `json:"who"`
	Server   string         `json:"server,omitempty"`
	Incident int64          `json:"incident,omitempty,string"`
	Effects  string         `json:"effects,omitempty"`
	Reason   string         `json:"reason,omitempty"` // as the caller gave it
	CaseID   string         `json:"caseId,omitempty"`
	Code     string         `json:"code,omitempty"`
	Message  string         `json:"message,omitempty"`
	Took     *time.Duration `json:"took,omitempty"`
}
