package config

import (
	"time"

	"github.com/kes-respond/kes-respond/shared"
)

// Ledger is what the configuration says of the ledger.
type Ledger struct {
	Directory       string  `json:"directory"`
	Group           bool    `json:"group"`
	KeepFor         string  `json:"keepFor"`
	MaxMegabytes    float64 `json:"maxMegabytes"` // a whole number, however JSON writes it
	DuplicateWindow string  `json:"duplicateWindow"`
	AnchorFile      string  `json:"anchorFile"`
	AnchorSyslog    bool    `json:"anchorSyslog"`
}

// The bounds of what may be configured. A key that is forgotten within a day
// protects nobody; an answer older than a day is no duplicate's.
const (
	leastKept     = 24 * time.Hour
	longestWindow = 24 * time.Hour
)

// sense names what the schema cannot.
func (l Ledger) sense(system string) []shared.Violation {
	var found []shared.Violation
	add := func(name, message string) {
		found = append(found, shared.Violation{Pointer: shared.Pointer("ledger", name), Message: message})
	}
	if d, err := span(l.KeepFor); err != nil || l.KeepFor != "" && d < leastKept {
		add("keepFor", "must be a time of at least 24h that can be counted, such as 9600h")
	}
	if d, err := span(l.DuplicateWindow); err != nil || d > longestWindow {
		add("duplicateWindow", "must be a time of at most 24h, such as 5m; 0s is never")
	}
	if l.AnchorSyslog && system == "windows" {
		add("anchorSyslog", "cannot be had on Windows, which has no syslog; use anchorFile")
	}
	return found
}

// Times are keepFor and duplicateWindow, 0 where they are left out. Reading a
// configuration has refused those that are none.
func (l Ledger) Times() (keepFor, duplicateWindow time.Duration) {
	keepFor, _ = span(l.KeepFor)
	duplicateWindow, _ = span(l.DuplicateWindow)
	return keepFor, duplicateWindow
}

func span(text string) (time.Duration, error) {
	if text == "" {
		return 0, nil
	}
	return time.ParseDuration(text)
}
