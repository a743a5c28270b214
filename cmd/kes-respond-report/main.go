// Command kes-respond-report draws the report that "kes-respond report --output
// json" makes as one web page: from standard input to standard output. It is a
// program of its own so that no start of kes-respond pays for what draws charts;
// "kes-respond report --html" runs it.
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/kes-respond/kes-respond/plugin/journal/report"
	"github.com/kes-respond/kes-respond/shared"
)

// version is set by the linker; see the Makefile.
var version = "unknown"

func main() { os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr)) }

// usageError is a command line that says nothing that can be done.
type usageError struct{ error }

// run draws one report; see the package comment.
func run(args []string, in io.Reader, out, complaints io.Writer) int {
	c := &cobra.Command{
		Use: "kes-respond-report", Version: version, SilenceUsage: true, SilenceErrors: true,
		Short:   "draw a report of kes-respond as a web page",
		Long:    "kes-respond-report reads a report from standard input, as JSON, and writes it to\nstandard output as one web page that needs no network and no script.",
		Example: "  kes-respond report --since 7d --output json | kes-respond-report > report.html",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usageError{fmt.Errorf("%q: it takes no arguments and reads standard input", args[0])}
			}
			return nil
		},
		RunE: func(*cobra.Command, []string) error {
			r, err := read(in)
			if err != nil {
				return err
			}
			return write(out, r)
		},
	}
	c.CompletionOptions.DisableDefaultCmd = true
	c.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usageError{err} })
	c.SetArgs(args)
	c.SetOut(out)
	c.SetErr(complaints)
	err := c.Execute()
	if err == nil {
		return shared.ExitOK
	}
	fmt.Fprintln(complaints, "kes-respond-report:", strings.ToValidUTF8(err.Error(), "\uFFFD"))
	if _, ok := errors.AsType[usageError](err); ok {
		return shared.ExitUsage
	}
	return shared.ExitFailed
}

// read takes one report of this version's form. One of another form may have
// what this program would leave out.
func read(in io.Reader) (report.Report, error) {
	var r report.Report
	d := json.NewDecoder(in)
	d.DisallowUnknownFields()
	if err := d.Decode(&r); err != nil {
		return r, fmt.Errorf("standard input is no report of this version of kes-respond: %w", err)
	}
	if r.Version != report.Version {
		return r, fmt.Errorf("the report has form %d and not %d: take kes-respond and kes-respond-report of the same version", r.Version, report.Version)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return r, errors.New("standard input has more than one report")
	}
	return r, nil
}
