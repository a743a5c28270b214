package main

import (
	"errors"
	"fmt"

	"github.com/spf13/pflag"
)

// once is a flag that takes a value and may stand only once. Booleans too
// take their value: a bare "--isolateHost" that means yes in one tool and
// something else in the next has no place here, and a second --targetHost
// must not silently win over the first.
type once struct {
	value string
	set   bool
	check func(string) error
	kind  string
}

var _ pflag.Value = (*once)(nil)

func (o *once) String() string { return o.value }
func (o *once) Type() string   { return o.kind }

func (o *once) Set(value string) error {
	if o.set {
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

func oneOf(values ...string) func(string) error {
	return func(s string) error {
		for _, v := range values {
			if s == v {
				return nil
			}
		}
		return fmt.Errorf("%q is none of %v", s, values)
	}
}

func stringFlag(f *pflag.FlagSet, name, help string) *once {
	o := &once{kind: "text"}
	f.Var(o, name, help)
	return o
}

func checkedFlag(f *pflag.FlagSet, name, kind, help string, check func(string) error) *once {
	o := &once{kind: kind, check: check}
	f.Var(o, name, help)
	return o
}
