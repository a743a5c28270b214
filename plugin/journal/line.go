package journal

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	stdhash "hash"
	"strconv"
	"strings"
	"time"

	"github.com/kes-respond/kes-respond/shared"
)

// formatVersion is the version of the lines that this program writes. A ledger
// with a greater one is not touched.
const formatVersion = 1

// maxLine bounds a line, with its newline.
const maxLine = 64 << 10

// The events besides the stages of a request.
const (
	eventOpened    = "opened"    // the first line of a segment
	eventRefused   = "refused"   // a request that the policy refused: it gets no claim
	eventAnswered  = "answered"  // a request that an earlier one answers
	eventAdopted   = "adopted"   // a request whose process died, taken over by another
	eventMatched   = "matched"   // a request that was left to KSC has its console task
	eventReleased  = "released"  // a request was given back without an end
	eventEnded     = "ended"     // a request has its outcome
	eventSuspended = "suspended" // nothing that changes a host is sent from here on
	eventResumed   = "resumed"   // or again
	eventTorn      = "torn"      // a line that a crash left unfinished was cut off
	eventPruned    = "pruned"    // segments that were too old are gone
)

// line is a record as it stands in a segment. Those of one request, after its
// claim, repeat what is known of it, so that its claim and its last line tell
// all.
type line struct {
	Seq   uint64    `json:"seq"`
	At    time.Time `json:"at"`
	Event string    `json:"event"`
	Of    uint64    `json:"of,omitempty"`    // the number of the claim it belongs to
	Claim place     `json:"claim,omitempty"` // where that claim stands

	By   string `json:"by,omitempty"` // the process whose request it is
	Boot string `json:"boot,omitempty"`
	User string `json:"user,omitempty"`
	PID  int    `json:"pid,omitempty"`

	Entry
	progress

	EqualBefore place `json:"equalBefore,omitempty"` // the last claim of an equal request before this
	SlotBefore  place `json:"slotBefore,omitempty"`  // the last claim on its slot before this

	// Of what is counted, at the end of a request: when it was claimed, and its
	// host, server and effects stand in the line as well.
	Began *time.Time `json:"claimedAt,omitempty"`

	Format  int    `json:"format,omitempty"`
	Segment uint32 `json:"segment,omitempty"`
	Prev    string `json:"prev,omitempty"`    // the MAC that the segment before ended with
	Secret  string `json:"secret,omitempty"`  // names the key, without telling it
	Through uint32 `json:"through,omitempty"` // the last segment that was pruned
	Cut     string `json:"cut,omitempty"`     // what was cut off, as far as it fits
	Bytes   int64  `json:"bytes,omitempty"`   // how much was cut off
}

// progress is what became of a request so far.
type progress struct {
	Stage    Stage          `json:"stage,omitempty"`
	AddedAt  *time.Time     `json:"addedAt,omitempty"`
	Incident int64          `json:"incident,omitempty,string"`
	Outcome  shared.Outcome `json:"outcome,omitempty"`
	Code     shared.Code    `json:"code,omitempty"`
	Message  string         `json:"message,omitempty"`

	ConsoleTask *shared.ConsoleTask `json:"consoleTask,omitempty"`
}

// open says that somebody still has to look after the request.
func (p progress) open() bool {
	return p.Outcome == "" || p.Outcome == shared.Pending || p.Outcome == shared.Unknown
}

// place is where a line stands: its segment, and the offset of its first byte.
// The zero place is none.
type place uint64

func placeOf(segment uint32, offset int64) place { return place(segment)<<40 | place(offset) }

func (p place) segment() uint32 { return uint32(p >> 40) }
func (p place) offset() int64   { return int64(p & (1<<40 - 1)) }

// MarshalText writes it as segment:offset.
func (p place) MarshalText() ([]byte, error) {
	return fmt.Appendf(nil, "%d:%d", p.segment(), p.offset()), nil
}

// UnmarshalText reads what MarshalText wrote.
func (p *place) UnmarshalText(text []byte) error {
	segment, offset, _ := strings.Cut(string(text), ":")
	s, err := strconv.ParseUint(segment, 10, 24)
	o, err2 := strconv.ParseUint(offset, 10, 40)
	*p = placeOf(uint32(s), int64(o))
	return errors.Join(err, err2)
}

// mac binds a line to the one before it.
type mac [sha256.Size]byte

// A line ends in its MAC, so that the bytes it covers are those before, as
// they stand.
const (
	macHead = `,"mac":"`
	macEnd  = `"}`
	macTail = len(macHead) + 2*sha256.Size + len(macEnd)
)

// prover makes MACs with one key. It is used by one goroutine at a time.
type prover struct{ stdhash.Hash }

func newProver(secret []byte) prover { return prover{hmac.New(sha256.New, secret)} }

// chain is the MAC of a line that follows the one that ended in prev.
func (p prover) chain(prev mac, signed []byte) (m mac) {
	p.Reset()
	p.Write(prev[:])
	p.Write(signed)
	p.Sum(m[:0])
	return m
}

// encode writes a line, with its newline, after the one that ended in prev.
func (l line) encode(p prover, prev mac) ([]byte, mac, error) {
	data, err := shared.ASCIIJSON(l)
	if err != nil {
		return nil, mac{}, err
	}
	data = data[:len(data)-1]
	m := p.chain(prev, data)
	data = append(data, macHead...)
	data = hex.AppendEncode(data, m[:])
	data = append(data, macEnd+"\n"...)
	if len(data) > maxLine {
		return nil, m, fmt.Errorf("the record has %d bytes; a line holds %d", len(data), maxLine)
	}
	return data, m, nil
}

// splitLine separates a line, without its newline, into the bytes that its MAC
// covers and the MAC. It does not prove it.
func splitLine(raw []byte) (signed []byte, m mac, err error) {
	n := len(raw) - macTail
	if n < 1 || raw[0] != '{' || !bytes.HasPrefix(raw[n:], []byte(macHead)) || !bytes.HasSuffix(raw, []byte(macEnd)) {
		return nil, m, errors.New("not a whole line")
	}
	m, err = parseMAC(raw[n+len(macHead) : len(raw)-len(macEnd)])
	return raw[:n], m, err
}

// parseMAC reads the one spelling that encode writes: lower case.
func parseMAC(text []byte) (m mac, err error) {
	if len(text) != 2*len(m) || len(bytes.Trim(text, "0123456789abcdef")) > 0 {
		return m, errors.New("its MAC is not readable")
	}
	_, err = hex.Decode(m[:], text)
	return m, err
}

var errForged = errors.New("its MAC does not fit: it, or the line before, was changed")

// decodeLine reads a line, without its newline, that follows the one that
// ended in prev.
func decodeLine(raw []byte, p prover, prev mac) (l line, m mac, err error) {
	signed, m, err := splitLine(raw)
	if err != nil {
		return l, m, err
	}
	if proof := p.chain(prev, signed); !hmac.Equal(proof[:], m[:]) {
		return l, m, errForged
	}
	l, err = readLine(raw)
	return l, m, err
}

// readLine reads a line without proving it.
func readLine(raw []byte) (l line, err error) {
	if err := json.Unmarshal(raw, &l); err != nil {
		return l, err
	}
	if l.Seq == 0 || l.Event == "" {
		return l, errors.New("a line without number or event")
	}
	return l, nil
}
