package main

import (
	"encoding/json"
	"errors"
	"strings"

	"github.com/spf13/pflag"

	"github.com/kes-respond/kes-respond/cmd/kes-respond/params"
	"github.com/kes-respond/kes-respond/plugin/task"
)

func paramHelp(p params.Param, t *task.Task) string {
	help := p.Title
	if p.Name == t.LoadMember() {
		help = "a ZIP, an .ioc or .xml file, or a folder of those: read, checked and sent"
	}
	if len(p.Values) > 0 {
		help += ": " + strings.Join(p.Values, ", ")
	}
	if p.Required && !p.MayBeEmpty {
		help += " (required)"
	}
	return help
}

// addParam makes the flag of a parameter. What its value must be beyond its kind,
// the schema says when the request is checked.
func addParam(f *pflag.FlagSet, p params.Param, t *task.Task) *once {
	help := paramHelp(p, t)
	switch {
	case p.Kind == "boolean":
		return boolFlag(f, p.Name, help)
	case p.Name == t.LoadMember():
		return fileFlag(f, p.Name, help)
	case p.Text():
		return stringFlag(f, p.Name, help)
	}
	o := &once{kind: p.Kind, check: isNumber, values: p.Values}
	f.Var(o, p.Name, help)
	return o
}

func isNumber(s string) error {
	if !json.Valid([]byte(s)) || strings.ContainsAny(s, `"{[tfn`) {
		return errors.New("must be a number")
	}
	return nil
}

// exampleLine is a command that a person may type: the task's sample as flags.
func exampleLine(t *task.Task, target string) string {
	line := "kes-respond " + t.Name + " " + target
	if params.IsList(t) {
		return line + " --params '" + string(t.Sample()) + "' --dryRun true"
	}
	var sample map[string]json.RawMessage
	if json.Unmarshal(t.Sample(), &sample) != nil {
		return line
	}
	for _, p := range params.Of(t) {
		value, ok := sample[p.Name]
		var text string
		switch {
		case p.Name == t.LoadMember():
			text = "indicators.zip"
		case !ok:
			continue
		case json.Unmarshal(value, &text) != nil:
			text = string(value)
		case text == "":
			continue
		}
		if p.Text() {
			text = "'" + text + "'"
		}
		line += " --" + p.Name + " " + text
	}
	return line + " --dryRun true"
}
