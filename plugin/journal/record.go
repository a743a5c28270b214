package journal

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"strings"
	"time"

	"github.com/kes-respond/kes-respond/shared"
)

// Entry is what a claim records of a request.
type Entry struct {
	ID             shared.ID       `json:"id,omitempty"`
	IdempotencyKey string          `json:"idempotencyKey,omitempty"`
	AllowDuplicate bool            `json:"allowDuplicate,omitempty"`
	Past           uint64          `json:"past,omitempty"` // without a key: requests numbered up to it do not answer for this one; see Claim
	Server         string          `json:"server,omitempty"`
	Task           string          `json:"task,omitempty"`
	Target         string          `json:"targetHost,omitempty"` // the host as the caller wrote it
	Lookup         string          `json:"hostLookup,omitempty"` // and how it was looked up
	HostID         string          `json:"host,omitempty"`
	HostName       string          `json:"hostName,omitempty"` // for people; cut where it is long
	Area           string          `json:"area,omitempty"`     // responseEventIncidentArea
	Effects        []shared.Effect `json:"effects,omitempty"`
	Slot           string          `json:"slot,omitempty"` // the lasting condition it sets, and to what
	Value          string          `json:"value,omitempty"`
	Undo           *shared.Undo    `json:"undo,omitempty"`   // what takes it back, where there is such a request
	Digest         string          `json:"digest,omitempty"` // of what it means: task, params, host; not of its time. Two with the same are equal
	Params         json.RawMessage `json:"params,omitempty"` // recorded as they are where they are short and not sensitive, else as a digest
	Sensitive      bool            `json:"sensitive,omitempty"`
	Wait           string          `json:"wait,omitempty"`  // done: the caller asked for its end as well
	Nonce          string          `json:"nonce,omitempty"` // by which the incident is known to be ours
	Allowed        bool            `json:"allowed"`         // the decision; a refusal is recorded as well
	Rule           string          `json:"rule,omitempty"`
	Decision       string          `json:"decision,omitempty"` // the reason of the decision
	RefusalCode    shared.Code     `json:"refusalCode,omitempty"`
	Baseline       *Baseline       `json:"baseline,omitempty"` // the host's console tasks before the request was sent; nil: not read, or too many
	Marked         bool            `json:"marked,omitempty"`   // Area carries a marker that no other request has
	Actor          string          `json:"actor,omitempty"`    // as the caller claims
	Reason         string          `json:"reason,omitempty"`
	CaseID         string          `json:"caseId,omitempty"`
}

// maxParams is how long params may be to stand in the ledger as they are.
const maxParams = 2 << 10

// The bounds, in bytes, of texts that the contract does not bound.
const (
	maxMessage = 1 << 10 // of an outcome, or the reason of a decision
	maxName    = 256     // of a host or a rule
)

// recorded is the entry as it stands in the ledger. A digest of what is
// sensitive is keyed: a plain one of a short secret could be guessed. What the
// contract does not bound is cut, so that no line is too long to be written.
func (j *Journal) recorded(e Entry) Entry {
	e.HostName, e.Rule, e.Decision = shortened(e.HostName, maxName), shortened(e.Rule, maxName), shortened(e.Decision, maxMessage)
	switch {
	case e.Sensitive:
		if len(e.Params) > 0 {
			e.Params = json.RawMessage(`{"hmac":"` + j.keyed("params", string(e.Params)) + `"}`)
		}
		e.Digest = j.keyed("digest", e.Digest)
	case len(e.Params) > maxParams:
		sum := sha256.Sum256(e.Params)
		e.Params = json.RawMessage(`{"sha256":"` + hex.EncodeToString(sum[:]) + `","bytes":` + decimal(int64(len(e.Params))) + `}`)
	}
	if b := e.Baseline; b != nil && (!b.bounded() || !b.beside(e)) {
		e.Baseline = nil
	}
	return e
}

// SameDigest says whether a request in the ledger has that digest, which its
// Entry was given plain.
func (j *Journal) SameDigest(r Record, digest string) bool {
	if r.Sensitive {
		digest = j.keyed("digest", digest)
	}
	return r.Digest == digest
}

// Stage is how far a request got, each written before or right after what it
// names.
type Stage string

// The stages.
const (
	Claimed Stage = "claimed" // decided and claimed; nothing has left
	Sending Stage = "sending" // AddIncident may have left
	Stored  Stage = "stored"  // KSC has stored the incident
	Updated Stage = "updated" // and its second step is done
)

// Record is a request as the ledger knows it. It is written as JSON for people
// and their programs.
type Record struct {
	Seq uint64    `json:"seq"` // its number in the ledger
	At  time.Time `json:"at"`  // when it was claimed, refused or answered
	Entry
	User        string         `json:"user,omitempty"`    // of the operating system
	PID         int            `json:"pid,omitempty"`     // of the process that claimed it
	Process     string         `json:"process,omitempty"` // the ledger's name for who has it now
	DuplicateOf uint64         `json:"duplicateOf,omitempty"`
	Stage       Stage          `json:"stage,omitempty"`
	ChangedAt   time.Time      `json:"changedAt"`
	AddedAt     *time.Time     `json:"addedAt,omitempty"` // KLINCDT_ADDED, as it was or would be sent
	Incident    int64          `json:"incident,omitempty,string"`
	Outcome     shared.Outcome `json:"outcome,omitempty"` // empty while it has not ended
	Code        shared.Code    `json:"code,omitempty"`
	Message     string         `json:"message,omitempty"`

	// ConsoleTask carries the request out, once that is known; as it was when it
	// was recorded.
	ConsoleTask *shared.ConsoleTask `json:"consoleTask,omitempty"`

	// MayBeSent says that an incident may exist that the ledger has no number
	// of, also where the request was given up as unknown. Before the stage
	// Sending it has surely not left, unless the power failed since: what was
	// not flushed is forgotten then.
	MayBeSent bool `json:"mayBeSent,omitempty"`

	// Running says that the process that has the request lives. Only what is
	// looked up knows it, not what Records lists.
	Running bool `json:"running,omitempty"`
}

// InDoubt says that the request has no outcome and nobody is about to give it
// one.
func (r Record) InDoubt() bool {
	return r.Allowed && r.Outcome == "" && !r.Running && r.DuplicateOf == 0
}

// TakenByKSC says that the request was stored and its second step done, and that
// nothing is known to have gone wrong since.
func (r Record) TakenByKSC() bool {
	switch r.Outcome {
	case shared.Submitted, shared.Succeeded, shared.Partial:
		return r.DuplicateOf == 0
	case shared.Pending: // of one that was followed; else its second step is not done
		return r.DuplicateOf == 0 && r.Stage == Updated
	}
	return false
}

func (j *Journal) record(k known) Record {
	r := Record{
		Seq: k.claim.Seq, At: k.claim.At, Entry: k.claim.Entry, User: k.claim.User, PID: k.claim.PID,
		Process: k.last.By, ChangedAt: k.last.At,
		Stage: k.last.Stage, AddedAt: k.last.AddedAt, Incident: k.last.Incident,
		Outcome: k.last.Outcome, Code: k.last.Code, Message: k.last.Message, ConsoleTask: k.last.ConsoleTask,
	}
	switch k.claim.Event {
	case eventRefused:
		r.Outcome, r.Code, r.Message, r.Stage = shared.Refused, r.RefusalCode, r.Decision, ""
	case eventAnswered:
		r.DuplicateOf, r.Stage = k.claim.Of, ""
	default:
		settled := r.Outcome != "" && r.Outcome != shared.Unknown
		r.MayBeSent = !settled && r.Incident == 0 && (r.Stage != Claimed || j.otherBoot(k.last.Boot))
	}
	return r
}

// otherBoot says that the machine may have lost its power since a line was
// written.
func (j *Journal) otherBoot(boot string) bool { return boot == "" || boot != j.boot }

// living is a record that knows whether its process lives. It is made in a turn.
func (t *turn) living(k known) (Record, error) {
	r := t.j.record(k)
	if k.claim.Event != string(Claimed) || r.Outcome != "" {
		return r, nil
	}
	if t.j.otherBoot(k.last.Boot) && t.j.boot != "" {
		return r, nil
	}
	var err error
	r.Running, err = t.j.isAlive(k.last.By)
	return r, t.j.wrap("the lock of another process cannot be looked at", err)
}

// shortened is a text of at most so many bytes, and a mark where some are
// missing.
func shortened(s string, most int) string {
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "…"
}
