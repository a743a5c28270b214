package main

import (
	"errors"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/kes-respond/kes-respond/cmd/kes-respond/exit"
	"github.com/kes-respond/kes-respond/plugin/task"
)

// nearest are the names that a misspelt word may have meant, as cobra finds them
// for commands.
func nearest(word string, names ...string) []string {
	probe := &cobra.Command{SuggestionsMinimumDistance: 3}
	for _, name := range names {
		probe.AddCommand(&cobra.Command{Use: name, Run: func(*cobra.Command, []string) {}})
	}
	return probe.SuggestionsFor(word)
}

// didYouMean is the end of an error about a misspelt word; empty where nothing is
// near.
func didYouMean(word, before string, names ...string) string {
	near := nearest(word, names...)
	if len(near) == 0 {
		return ""
	}
	return "; did you mean " + before + strings.Join(near, " or "+before) + "?"
}

// meantFlag names the flags that are near one that is not there.
func meantFlag(c *cobra.Command, err error) string {
	unknown, is := errors.AsType[*pflag.NotExistError](err)
	if !is {
		return ""
	}
	var names []string
	c.Flags().VisitAll(func(f *pflag.Flag) { names = append(names, f.Name) })
	return didYouMean(unknown.GetSpecifiedName(), "--", names...)
}

// noCommand refuses a word that names no command, with the nearest names.
func noCommand(parent *cobra.Command, word string) error {
	var names []string
	for _, c := range parent.Commands() {
		names = append(names, c.Name())
	}
	return exit.Usage("%q is no command%s", word, didYouMean(word, "", names...))
}

// noTask refuses a word that names no task, with the nearest names.
func noTask(word string) error {
	var names []string
	for _, t := range task.All() {
		names = append(names, t.Name)
	}
	return exit.Usage("%q is no task; \"kes-respond describe\" lists them%s", word, didYouMean(word, "", names...))
}

// noWords refuses stray words: after a task's flags they are a value that lost its
// flag, after a command that has others below it a misspelt one.
func noWords(c *cobra.Command, args []string) error {
	switch {
	case len(args) == 0:
		return nil
	case c.HasSubCommands():
		return noCommand(c, args[0])
	}
	return exit.Usage("%s: %q is one word too many", c.Name(), args[0])
}
