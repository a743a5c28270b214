package main

import (
	"bufio"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/kes-respond/kes-respond/cmd/kes-respond/exit"
	"github.com/kes-respond/kes-respond/plugin/ksc"
	"github.com/kes-respond/kes-respond/shared"
)

func errorsCommand(s surroundings) *cobra.Command {
	c := &cobra.Command{
		ValidArgsFunction: errorWords,
		Use:               "errors [MODULE] [CODE]", Short: "what KSC's own error codes mean, and what to do about them",
		Long: `errors explains the error codes by which Kaspersky Security Center (KSC) says no:
all of them, those of a module, or one. They stand in a result's error under
"upstream". It needs no KSC and no configuration.

The codes of kes-respond itself ("denied", "login") are explained in section 6 of
shared/PROTOCOL.md.

Exit codes: 0 explained, 64 what was typed is no code, 65 the code is not known.`,
		Example: `  kes-respond errors
  kes-respond errors KLSTD 1184`,
	}
	form := choiceFlag(c.Flags(), "output", "form", "text (default), json or markdown", "text", "json", "markdown")
	c.RunE = func(_ *cobra.Command, args []string) error {
		module, code, err := errorOf(args)
		if err != nil {
			return err
		}
		catalogue := ksc.Explain(module, code)
		if len(catalogue.Codes) == 0 {
			return exit.With(shared.ExitRefused, fmt.Errorf("no more is known here of %s than what KSC itself says: the message that came with it; \"kes-respond errors\" lists what is known",
				strings.Join(strings.Fields(strings.Join(args, " ")), " ")))
		}
		switch form.value {
		case "json":
			return printJSON(s, catalogue)
		case "markdown":
			_, err = io.WriteString(s.out, catalogue.Markdown())
		default:
			err = errorsText(s.out, catalogue)
		}
		if err != nil {
			return exit.With(shared.ExitFailed, err)
		}
		return nil
	}
	return c
}

// errorOf reads which code is asked for: a module, a number, or both, in one
// word too, as results have them: "KLSTD 1184".
func errorOf(args []string) (module string, code int, err error) {
	code = -1
	for i, word := range strings.Fields(strings.Join(args, " ")) {
		n, notNumber := strconv.ParseUint(word, 10, 31)
		switch {
		case notNumber == nil && code < 0:
			code = int(n)
		case notNumber != nil && i == 0 && isModule(word):
			module = word
		default:
			return "", 0, exit.Usage("errors takes a module and a code of KSC's, such as KLSTD 1184: %q is one word too many, or neither", word)
		}
	}
	return module, code, nil
}

// isModule says that a word can be the name of a module: letters, and digits
// after the first.
func isModule(word string) bool {
	for i, r := range word {
		letter := r >= 'A' && r <= 'Z' || r >= 'a' && r <= 'z' || r == '_'
		if !letter && (i == 0 || r < '0' || r > '9') {
			return false
		}
	}
	return true
}

// errorWords completes a module, then one of its codes.
func errorWords(_ *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
	var words []cobra.Completion
	switch len(args) {
	case 0:
		for _, e := range ksc.Explain("", -1).Codes {
			if !slices.Contains(words, e.Module) {
				words = append(words, e.Module)
			}
		}
	case 1:
		for _, e := range ksc.Explain(args[0], -1).Codes {
			words = append(words, cobra.CompletionWithDesc(strconv.Itoa(e.Code), e.Means))
		}
	}
	return words, cobra.ShellCompDirectiveNoFileComp
}

// errorsText writes the catalogue for people: what belongs to a code is
// indented below it.
func errorsText(w io.Writer, c ksc.Catalogue) error {
	out := bufio.NewWriter(w)
	for _, e := range c.Codes {
		title := e.Title()
		if e.Name != "" {
			title += " (" + e.Name + ")"
		}
		fmt.Fprintf(out, "%s: %s\n  what to do: %s\n", title, e.Means, e.Remedy)
		if e.Passes {
			fmt.Fprintln(out, "  it may pass by itself: what can be asked again is, while the request's time lasts")
		}
		if e.NotConfirmed != "" {
			fmt.Fprintf(out, "  not confirmed: %s\n", e.NotConfirmed)
		}
	}
	if len(c.Rights) > 0 {
		fmt.Fprintf(out, "\nWhich right may be missing, by the method that failed; not confirmed:\n")
	}
	for _, r := range c.Rights {
		fmt.Fprintf(out, "%s, %s\n  %s\n  because %s\n", strings.Join(r.Methods, ", "), r.Use, r.Right, r.Basis)
	}
	fmt.Fprintf(out, "\n%s\n", c.Standing)
	return out.Flush()
}
