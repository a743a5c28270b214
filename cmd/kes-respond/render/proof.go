package render

import (
	"fmt"
	"io"
	"time"

	"github.com/kes-respond/kes-respond/plugin/journal/report"
)

// Unproved is what a report has to say of a ledger that is not sound.
func Unproved(p report.Proof) string {
	if p.Error != "" {
		return "whether the ledger is as it was written could not be proved: " + p.Error
	}
	return fmt.Sprintf("the ledger is not as it was written, so the report may be wrong; flaws: %d, the first one: %s (kes-respond journal verify names all)", p.Flaws, p.First)
}

// proof says how far the rest can be trusted.
func proof(out io.Writer, r report.Report) {
	switch p := r.Proof; {
	case !p.Sound:
		fmt.Fprintf(out, "NOT PROVED: %s\n", Unproved(p))
	case p.Heads > 0:
		fmt.Fprintf(out, "Proved: each of the ledger's %d lines is as it was written, %d by the anchor\n", p.Lines, p.Heads)
	default:
		fmt.Fprintf(out, "Proved: each of the ledger's %d lines is as it was written; that some are missing at the end no anchor rules out\n", p.Lines)
	}
	if r.Partial() {
		oldest := "it has none left"
		if !r.Oldest.IsZero() {
			oldest = "the oldest that it has is of " + r.Oldest.Format(time.RFC3339)
		}
		fmt.Fprintf(out, "NOT WHOLE: the ledger has dropped old requests (keepFor); %s\n", oldest)
	}
	if r.Ahead > 0 {
		fmt.Fprintf(out, "Of these, %d have a time that is still to come: a clock was set back\n", r.Ahead)
	}
}
