package journal

import (
	"unicode/utf8"

	"github.com/kes-respond/kes-respond/shared"
)

// Baseline is what console tasks a host had before a request to it was sent:
// one that is among them carries out another request.
type Baseline struct {
	Tasks      []string `json:"tasks"` // the ids of group and global console tasks; nil: they were not read
	Local      []string `json:"local"` // of the host's own; means nothing where LocalRead is not set
	LocalRead  bool     `json:"localRead,omitempty"`
	ConsoleOff bool     `json:"consoleOff,omitempty"` // by KSC's word no service console was connected, which would make a console task
}

// maxBaseline is how many ids a Baseline may hold to be recorded. Each is as long
// as that of a console task may be.
const maxBaseline = 2000

// bounded says that the ids can be recorded as they are.
func (b *Baseline) bounded() bool {
	if len(b.Tasks)+len(b.Local) > maxBaseline {
		return false
	}
	for _, ids := range [][]string{b.Tasks, b.Local} {
		for _, id := range ids {
			if len(id) > maxTaskID || !utf8.ValidString(id) {
				return false
			}
		}
	}
	return true
}

// beside says that there is room for the ids in the line of a claim beside the
// rest of its entry.
func (b *Baseline) beside(e Entry) bool {
	const (
		small  = 8 << 10 // fits beside whatever the contract lets through
		around = 4 << 10 // the rest of the line: who claimed, places, MAC
	)
	most := 0
	for _, ids := range [][]string{b.Tasks, b.Local} {
		for _, id := range ids {
			most += 6*len(id) + len(`"",`) // the longest escape of a byte
		}
	}
	if most <= small {
		return true
	}
	e.Baseline = b
	text, err := shared.ASCIIJSON(e)
	return err == nil && len(text) <= maxLine-around
}
