package display

import (
	"strings"

	"github.com/kes-respond/kes-respond/shared"
)

// Outcome is the line of an end: what became of it first, in colour where that is
// wanted.
func Outcome(o shared.Outcome, text string, paint bool) string {
	said := lineText(string(o), text)
	if paint {
		said = strings.Replace(said, string(o), coloured(o), 1)
	}
	return said
}

// coloured is an outcome that can be told from others at a glance.
func coloured(o shared.Outcome) string {
	code := "31" // red
	switch o {
	case shared.Succeeded, shared.Submitted, shared.Planned:
		code = "32" // green
	case shared.Pending, shared.Partial, shared.Cancelled:
		code = "33" // yellow
	}
	return "\x1b[" + code + "m" + string(o) + "\x1b[0m"
}
