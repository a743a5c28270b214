package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strings"

	"github.com/spf13/cobra"

	"github.com/kes-respond/kes-respond/cmd/kes-respond/exit"
	"github.com/kes-respond/kes-respond/cmd/kes-respond/params"
	"github.com/kes-respond/kes-respond/cmd/kes-respond/trusted"
	"github.com/kes-respond/kes-respond/plugin"
	"github.com/kes-respond/kes-respond/plugin/task"
	"github.com/kes-respond/kes-respond/shared"
)

// taskFlags are the flags of one task command. Those of the parameters come
// from the task's schema, under the help page's names.
type taskFlags struct {
	task       *task.Task
	common     settingsFlags
	output     outputFlags
	targetHost *once
	params     *once
	members    []paramFlag
	texts      map[string]*once // envelope members that are text
	dryRun     *once

	allowDuplicate *once
	marker         *once
	bulk           bulkFlags
}

// paramFlag is one parameter's flag.
type paramFlag struct {
	param params.Param
	value *once
}

// taskCommand is the command of one task. Its flags are read from the schema,
// which costs more than all else at start: only the command that the arguments
// name has them, the others are there to be listed.
func taskCommand(s surroundings, t *task.Task) *cobra.Command {
	f := &taskFlags{task: t, texts: map[string]*once{}}
	c := &cobra.Command{
		Use: t.Name, Short: t.Summary, Long: t.Help, GroupID: "tasks", Args: noWords,
		RunE: func(c *cobra.Command, _ []string) error { return f.run(c.Context(), s) },
	}
	if !slices.Contains(s.args[1:], t.Name) {
		return c
	}
	help := c.HelpFunc()
	c.SetHelpFunc(func(c *cobra.Command, args []string) {
		c.Example = "  " + exampleLine(t, "--targetHost PC-12") + "\n  " + exampleLine(t, "--targets hosts.txt")
		help(c, args)
	})
	flags := c.Flags()
	flags.SortFlags = false
	f.targetHost = stringFlag(flags, "targetHost", "host: its KSC id, or a name to look up (required, or --targets)")
	f.bulk.targets = fileFlag(flags, "targets", "a file of hosts, a host a line or CSV with a column targetHost and columns for parameters; - is standard input")
	for _, p := range params.Of(t) {
		f.members = append(f.members, paramFlag{p, addParam(flags, p, t)})
	}
	f.params = stringFlag(flags, "params", "all parameters as JSON, instead of the flags above")
	f.texts["hostLookup"] = choiceFlag(flags, "hostLookup", "how", "auto, id, dns, fqdn, netbios, ip or never (default auto)",
		shared.LookupAuto, shared.LookupID, shared.LookupDNS, shared.LookupFQDN, shared.LookupNetBIOS, shared.LookupIP, shared.LookupNever)
	f.dryRun = boolFlag(flags, "dryRun", "true: do everything but the sending")
	f.texts["wait"] = choiceFlag(flags, "wait", "until", "submit: until KSC has stored the request (default); done: until its console task has come to an end on the host", shared.WaitSubmit, shared.WaitDone)
	f.texts["timeout"] = stringFlag(flags, "timeout", "time for the whole request, such as 90s (default 60s; 30m to wait for done)")
	area := stringFlag(flags, "responseEventIncidentArea", "name of the calling application, part of the console task's name (default KUMA)")
	flags.Var(area, "area", "short for --responseEventIncidentArea")
	f.texts["responseEventIncidentArea"] = area
	f.texts["idempotencyKey"] = stringFlag(flags, "idempotencyKey", "key that stands for this request: sent again under it, it is answered and not carried out twice")
	f.allowDuplicate = boolFlag(flags, "allowDuplicate", "true: send even though an equal request was sent a moment ago")
	f.marker = boolFlag(flags, "marker", "true: the area gets a short marker, by which the console task of this request is known from every other")
	f.texts["actor"] = stringFlag(flags, "actor", "who asks, for the ledger")
	f.texts["reason"] = stringFlag(flags, "reason", "why, for the ledger")
	f.texts["caseId"] = stringFlag(flags, "caseId", "for which case, for the ledger")
	f.bulk.add(flags)
	f.common.add(flags)
	f.output.add(flags)
	f.common.verbose = f.output.verbose
	return c
}

func (f *taskFlags) run(ctx context.Context, s surroundings) error {
	if err := f.output.fits(); err != nil {
		return err
	}
	if f.bulk.targets.set {
		return f.runBulk(ctx, s)
	}
	if err := f.bulk.alone(); err != nil {
		return err
	}
	line, err := f.request()
	if err != nil {
		return err
	}
	r, refusal := shared.ParseRequest(line)
	if refusal != nil {
		out := newOutput(s, f.output.form.value)
		out.Flags = !f.params.set
		return out.End(r, shared.Result{
			Outcome: shared.Refused, Task: f.task.Name, TargetHost: r.TargetHost, Error: refusal, Message: refusal.Message,
		})
	}
	return withPlugin(ctx, s, f.common, func(p *plugin.Plugin, _ settings) error {
		out := f.output.output(s, r.Task+" on "+r.TargetHost)
		out.Flags = !f.params.set
		return out.End(r, p.Respond(ctx, r, out.Emitter(r.ID)))
	})
}

// request writes the same line that a caller of serve would send, so that
// both are checked by the same code.
func (f *taskFlags) request() ([]byte, error) {
	if !f.targetHost.set {
		return nil, exit.Usage("%s: --targetHost is required, or --targets", f.task.Name)
	}
	params, err := f.paramsJSON(f.members)
	if err != nil {
		return nil, err
	}
	return json.Marshal(f.envelope(f.targetHost.value, params))
}

// envelope is the request for a host by its members.
func (f *taskFlags) envelope(host string, params json.RawMessage) map[string]any {
	members := map[string]any{"task": f.task.Name, "targetHost": host, "params": params}
	for name, o := range f.texts {
		if o.set {
			members[name] = o.value
		}
	}
	if f.common.server.set {
		members["server"] = f.common.server.value
	}
	for name, o := range map[string]*once{"dryRun": f.dryRun, "allowDuplicate": f.allowDuplicate, "marker": f.marker} {
		if o.set {
			members[name] = o.value == "true"
		}
	}
	return members
}

// paramsJSON are the parameters as the flags have them, or as --params does.
func (f *taskFlags) paramsJSON(members []paramFlag) (json.RawMessage, error) {
	given := map[string]json.RawMessage{}
	for _, m := range members {
		value, err := m.json(f.task)
		if err != nil {
			return nil, exit.Usage("--%s: %w", m.param.Name, err)
		}
		if value != nil {
			given[m.param.Name] = value
		}
	}
	if f.params.set {
		for _, m := range members {
			if m.value.set {
				return nil, exit.Usage("--params and --%s exclude each other", m.param.Name)
			}
		}
		if !json.Valid([]byte(f.params.value)) {
			return nil, exit.Usage("--params is no JSON")
		}
		return json.RawMessage(f.params.value), nil
	}
	var one any = given
	if params.IsList(f.task) {
		one = []any{given}
	}
	data, err := json.Marshal(one)
	return data, err
}

// json is the parameter's value as JSON, or nil where it is left out. A text
// that the schema allows to be empty may be left out on the command line.
func (m paramFlag) json(t *task.Task) (json.RawMessage, error) {
	switch {
	case m.value.set && m.param.Name == t.LoadMember():
		text, err := load(t, m.value.value)
		if err != nil {
			return nil, err
		}
		return json.Marshal(text)
	case m.value.set && m.param.Text():
		return json.Marshal(m.value.value)
	case m.value.set:
		return json.RawMessage(m.value.value), nil
	case m.param.Required && m.param.MayBeEmpty:
		return json.RawMessage(`""`), nil
	}
	return nil, nil
}

// load reads a file for a parameter that is base64 in a request: a ZIP, one
// .ioc or .xml file, or a folder of those.
func load(t *task.Task, path string) (string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return "", err
	}
	paths := []string{path}
	if info.IsDir() {
		if paths, err = indicators(path); err != nil {
			return "", err
		}
	}
	var files []task.File
	room := shared.MaxRequestBytes
	for _, p := range paths {
		data, err := trusted.ReadFile(p, room)
		if err != nil {
			return "", err
		}
		room -= len(data)
		files = append(files, task.File{Name: filepath.Base(p), Data: data})
	}
	return t.Load(files)
}

func indicators(folder string) ([]string, error) {
	entries, err := os.ReadDir(folder)
	if err != nil {
		return nil, err
	}
	var paths []string
	for _, e := range entries {
		if ext := strings.ToLower(filepath.Ext(e.Name())); ext == ".ioc" || ext == ".xml" {
			paths = append(paths, filepath.Join(folder, e.Name()))
		}
	}
	if len(paths) == 0 {
		return nil, fmt.Errorf("%s holds no .ioc or .xml file", folder)
	}
	sort.Strings(paths)
	return paths, nil
}
