package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/spf13/cobra"

	"github.com/kes-respond/kes-respond/plugin/journal"
	"github.com/kes-respond/kes-respond/shared"
)

func verifyCommand(s surroundings) *cobra.Command {
	var config, anchorFile, form *once
	c := &cobra.Command{
		Use: "verify", Short: "prove that the ledger is as it was written", Args: noWords,
		Long: `verify reads the whole ledger and proves each line and its place in the chain: a
line that was changed, cut out, added or swapped is found while the key is what
it was. That lines are missing at the end only an anchor shows: a file, or the
system's log, that got the head of the chain with each flush.

Exit codes: 0 sound; 1 not.`,
		Example: "  kes-respond journal verify --anchor /var/log/kes-respond.anchor",
	}
	config = configFlag(c.Flags())
	anchorFile = fileFlag(c.Flags(), "anchor", "file with what the anchor got; a log with other lines will do (default: ledger.anchorFile)")
	form = choiceFlag(c.Flags(), "output", "form", "json or text (default: text on a terminal)", "json", "text")
	c.RunE = func(c *cobra.Command, _ []string) error {
		j, dir, err := openLedger(c.Context(), s, config, true)
		if j == nil {
			return noLedger(s, dir, err)
		}
		defer j.Close()
		anchor, err := anchorOf(s, config, anchorFile)
		if err != nil {
			return ledgerError(err)
		}
		return verify(c.Context(), s, j, anchor, dir, newOutput(s, form.value).json)
	}
	return c
}

// anchorOf opens the anchor that was named, or the configured one; nil where
// there is none.
func anchorOf(s surroundings, config, named *once) (*os.File, error) {
	path := named.value
	if !named.set {
		file, err := settingsFlags{config: config}.file(s)
		if err != nil {
			return nil, err
		}
		path = file.Ledger.AnchorFile
	}
	if path == "" {
		return nil, nil
	}
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("the anchor is gone: %w", err)
	}
	return f, err
}

func verify(ctx context.Context, s surroundings, j *journal.Journal, anchor *os.File, dir string, asJSON bool) error {
	var r io.Reader
	if anchor != nil {
		defer anchor.Close()
		r = anchor
	}
	proof, err := j.Verify(ctx, r)
	if err != nil {
		return ledgerError(err)
	}
	if asJSON {
		if err := printJSON(s, proof); err != nil {
			return err
		}
	} else {
		proofText(s.out, dir, proof, anchor != nil)
	}
	if len(proof.Flaws) > 0 {
		return &exitError{code: shared.ExitFailed}
	}
	return nil
}

func proofText(w io.Writer, dir string, p journal.Proof, anchored bool) {
	for _, f := range p.Flaws {
		fmt.Fprintf(w, "flaw: %s, line %d, byte %d: %s\n", printable(f.File), f.Line, f.Offset, printable(f.What))
	}
	verdict := "sound"
	if n := len(p.Flaws); n > 0 {
		verdict = fmt.Sprintf("NOT as it was written, %d flaws", n)
	}
	fmt.Fprintf(w, "%s: the ledger in %s, lines %d to %d\n", verdict, dir, p.First, p.Last)
	if p.Torn > 0 {
		fmt.Fprintf(w, "  crashes: %d left an unfinished line, which was cut off and noted\n", p.Torn)
	}
	fmt.Fprintf(w, "  head: %s\n", p.Head)
	if anchored {
		fmt.Fprintf(w, "  anchor: %d heads compared\n", p.Heads)
		return
	}
	fmt.Fprintln(w, "  anchor: none, so it cannot be seen whether lines are missing at the end")
}
