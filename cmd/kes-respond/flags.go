package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// once is a flag that takes a value and may stand only once. Booleans too
// take their value: a bare "--isolateHost" that means yes in one tool and
// something else in the next has no place here, and a second --targetHost
// must not silently win over the first.
type once struct {
	value  string
	set    bool
	check  func(string) error
	kind   string
	again  bool     // a second value replaces the first: completion reads the flags twice
	values []string // all that it may be, where that is a short list; the shell completes them
}

// kindFile is the kind of a flag that names a file.
const kindFile = "file"

var _ pflag.Value = (*once)(nil)

func (o *once) String() string { return o.value }
func (o *once) Type() string   { return o.kind }

func (o *once) Set(value string) error {
	if o.set && !o.again {
		return errors.New("stands twice; give it once")
	}
	if o.check != nil {
		if err := o.check(value); err != nil {
			return err
		}
	}
	o.value, o.set = value, true
	return nil
}

func isBool(s string) error {
	if s != "true" && s != "false" {
		return fmt.Errorf("%q is neither true nor false; a boolean takes its value", s)
	}
	return nil
}

func stringFlag(f *pflag.FlagSet, name, help string) *once {
	o := &once{kind: "text"}
	f.Var(o, name, help)
	return o
}

func fileFlag(f *pflag.FlagSet, name, help string) *once {
	o := &once{kind: kindFile}
	f.Var(o, name, help)
	return o
}

func boolFlag(f *pflag.FlagSet, name, help string) *once {
	o := &once{kind: "boolean", check: isBool, values: []string{"true", "false"}}
	f.Var(o, name, help)
	return o
}

func choiceFlag(f *pflag.FlagSet, name, kind, help string, values ...string) *once {
	o := &once{kind: kind, values: values, check: func(s string) error {
		if !slices.Contains(values, s) {
			return fmt.Errorf("%q is none of %s", s, strings.Join(values, ", "))
		}
		return nil
	}}
	f.Var(o, name, help)
	return o
}

// completeFlags tells the shell's completion what flags may be. Only what asks
// for completion pays for it.
func completeFlags(c *cobra.Command) error {
	var errs []error
	c.Flags().VisitAll(func(f *pflag.Flag) {
		o, ok := f.Value.(*once)
		if !ok {
			return
		}
		o.again = true
		if o.kind == kindFile {
			return
		}
		errs = append(errs, c.RegisterFlagCompletionFunc(f.Name, cobra.FixedCompletions(o.values, cobra.ShellCompDirectiveNoFileComp)))
	})
	for _, sub := range c.Commands() {
		errs = append(errs, completeFlags(sub))
	}
	return errors.Join(errs...)
}
