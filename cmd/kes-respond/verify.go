package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"

	"github.com/spf13/cobra"

	"github.com/kes-respond/kes-respond/cmd/kes-respond/display"
	"github.com/kes-respond/kes-respond/cmd/kes-respond/exit"
	"github.com/kes-respond/kes-respond/cmd/kes-respond/trusted"
	"github.com/kes-respond/kes-respond/plugin/journal"
	"github.com/kes-respond/kes-respond/shared"
)

// verified is the answer of journal verify.
type verified struct {
	Directory string `json:"directory"`
	Sound     bool   `json:"sound"`
	Anchor    string `json:"anchor,omitempty"` // the file that was compared
	journal.Proof
}

func verifyCommand(s surroundings) *cobra.Command {
	c := &cobra.Command{
		Use: "verify", Short: "prove that the ledger is as it was written", Args: noWords,
		Long: `verify reads the whole ledger, proves each line and its place in the chain, and
names each flaw: what was changed, cut out, added or swapped. It changes nothing.

That lines are missing at the end, or that all of it was written anew by who has
the key, shows only beside an anchor: the file that the configuration names, or
--anchor, which may be a file of the system's log.

Exit codes: 0 sound; 1 there are flaws, or it could not be read.`,
		Example: "  kes-respond journal verify --anchor /var/log/auth.log",
	}
	flags := c.Flags()
	flags.SortFlags = false
	named := fileFlag(flags, "anchor", "file with the heads of the chain (default: anchorFile of the configuration)")
	settings := settingsFlags{config: fileFlag(flags, "config", configHelp)}
	form := choiceFlag(flags, "output", "form", "json or text (default: text on a terminal)", "json", "text")
	c.RunE = func(c *cobra.Command, _ []string) error {
		l, dir, err := settings.ledger(s)
		if err != nil {
			return err
		}
		v := verified{Directory: dir, Anchor: l.file.AnchorFile}
		if named.set {
			v.Anchor = named.value
		}
		there, err := v.verify(c.Context(), l)
		if err != nil {
			return err
		}
		if !there {
			return sayNoLedger(s, dir)
		}
		return v.show(s, form.value == "json" || form.value == "" && !s.terminal)
	}
	return c
}

// verify reads ledger and anchor. there says whether there is a ledger.
func (v *verified) verify(ctx context.Context, l ledger) (there bool, err error) {
	var heads io.Reader
	if v.Anchor != "" {
		f, err := trusted.Open(v.Anchor)
		switch {
		case err == nil:
			defer f.Close()
			heads = f
		case !errors.Is(err, fs.ErrNotExist):
			return false, exit.With(shared.ExitFailed, fmt.Errorf("the anchor cannot be read: %w", err))
		}
	}
	if noLedger(v.Directory) {
		if holdsHead(heads) {
			v.flaw(v.Directory, "there is no ledger, and the anchor holds heads of one: it was taken away")
		}
		return len(v.Flaws) > 0, nil
	}
	j, err := l.read(ctx)
	if err != nil {
		return true, exit.Ledger(err)
	}
	defer j.Close()
	if v.Proof, err = j.Verify(ctx, heads); err != nil {
		return true, exit.Ledger(err)
	}
	if v.Anchor != "" && v.Heads == 0 {
		v.flaw(v.Anchor, "the anchor holds no head, or is not there: nothing was compared with it")
	}
	v.Sound = len(v.Flaws) == 0
	return true, nil
}

func (v *verified) flaw(file, what string) {
	v.Flaws = append(v.Flaws, journal.Flaw{File: file, What: what})
}

// holdsHead says whether a line has what the ledger tells its anchor. A file of
// the system's log has lines of others besides.
func holdsHead(r io.Reader) bool {
	if r == nil {
		return false
	}
	for lines := bufio.NewScanner(r); lines.Scan(); {
		if text := lines.Text(); strings.Contains(text, `"seq":`) && strings.Contains(text, `"mac":"`) {
			return true
		}
	}
	return false
}

// show prints the proof; its error is the exit code of a ledger with flaws.
func (v *verified) show(s surroundings, inJSON bool) error {
	var b strings.Builder
	if inJSON {
		line, err := shared.ASCIIJSON(v)
		if err != nil {
			return exit.With(shared.ExitFailed, err)
		}
		b.Write(append(line, '\n'))
	} else {
		v.text(&b)
	}
	if _, err := io.WriteString(s.out, b.String()); err != nil {
		return exit.With(shared.ExitFailed, fmt.Errorf("the proof could not be written: %w", err))
	}
	if !v.Sound {
		return exit.With(shared.ExitFailed, nil)
	}
	return nil
}

func (v *verified) text(b *strings.Builder) {
	if v.Sound {
		display.Line(b, "sound", fmt.Sprintf("each of the %d lines of the ledger in %s is as it was written", v.Lines, v.Directory))
	} else {
		display.Line(b, "not sound", fmt.Sprintf("the ledger in %s has flaws, %d of them", v.Directory, len(v.Flaws)))
	}
	for _, f := range v.Flaws {
		at := f.File
		if f.Line > 0 {
			at += fmt.Sprintf(" line %d byte %d", f.Line, f.Offset)
		}
		if f.Seq > 0 {
			at += fmt.Sprintf(" number %d", f.Seq)
		}
		display.Line(b, "  "+at, f.What)
	}
	if v.Lines == 0 {
		return
	}
	display.Line(b, "  head", fmt.Sprintf("number %d, %s", v.Last, v.Head))
	if v.Torn > 0 {
		display.Line(b, "  crashes", fmt.Sprintf("%d left an unfinished line, which was cut off and noted", v.Torn))
	}
	if v.Heads > 0 {
		display.Line(b, "  anchor", fmt.Sprintf("compared with %d heads in %s", v.Heads, v.Anchor))
	} else {
		display.Line(b, "  anchor", "none was compared: that lines are missing at the end cannot be seen without one")
	}
}
