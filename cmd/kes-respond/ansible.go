package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/kes-respond/kes-respond/shared"
)

// ansibleReply is what a module prints: one object, read by Ansible.
type ansibleReply struct {
	Changed bool            `json:"changed"`
	Failed  bool            `json:"failed"`
	Message string          `json:"msg"`
	Outcome shared.Outcome  `json:"outcome,omitempty"`
	ID      shared.ID       `json:"id,omitempty"`
	Result  *shared.Result  `json:"result,omitempty"`
	Checked *shared.Checked `json:"checked,omitempty"`
	Diff    *ansibleDiff    `json:"diff,omitempty"`
}

type ansibleDiff struct {
	Before string `json:"before"`
	After  string `json:"after"`
}

// asAnsible is a binary module: Ansible starts it with the path of a file of
// arguments, and reads one JSON object. The file is the caller's alone, so a
// connection with its password may stand in it; nothing of it is printed.
func asAnsible(ctx context.Context, s surroundings, args []string) error {
	if len(args) != 1 {
		return usage("as ansible takes the path of the file of arguments, as Ansible names it")
	}
	var reply ansibleReply
	f, mode, err := ansibleForm(args[0])
	if err != nil {
		reply = ansibleReply{Failed: true, Message: err.Error()}
	} else {
		reply = mode.reply(carryOut(ctx, s, f, mode.config, silent))
	}
	if err := json.NewEncoder(s.out).Encode(reply); err != nil {
		return &exitError{shared.ExitFailed, err}
	}
	if reply.Failed {
		return &exitError{code: shared.ExitFailed}
	}
	return nil
}

// ansibleMode is what a playbook's run asks of every module.
type ansibleMode struct {
	check, diff bool
	config      string
}

// ansibleForm reads the file of arguments. The members of a request stand in it
// by their names; request says which type of request, config which configuration
// file, and what begins with _ansible_ is Ansible's own.
func ansibleForm(path string) (form, ansibleMode, error) {
	f := form{kind: shared.TypeRespond, members: map[string]json.RawMessage{}}
	var mode ansibleMode
	data, err := readFile(path, shared.MaxRequestBytes, nil)
	if err != nil {
		return f, mode, err
	}
	if found, err := shared.CheckJSON(data); err != nil || len(found) > 0 {
		return f, mode, fmt.Errorf("the file of arguments is not one that Ansible writes: %s", flaw(found, err))
	}
	if err := json.Unmarshal(data, &f.members); err != nil || f.members == nil {
		return f, mode, errors.New("the file of arguments is no JSON object")
	}
	for name, raw := range f.members {
		var to any
		switch {
		case name == "_ansible_check_mode":
			to = &mode.check
		case name == "_ansible_diff":
			to = &mode.diff
		case name == "config":
			to = &mode.config
		case name == "request":
			to = &f.kind
		case !strings.HasPrefix(name, "_ansible_"):
			continue
		}
		delete(f.members, name)
		if to != nil && !empty(raw) && json.Unmarshal(raw, to) != nil {
			return f, mode, fmt.Errorf("%s has a value of the wrong kind", name)
		}
	}
	switch f.kind {
	case shared.TypeRespond, shared.TypeStatus, shared.TypeCheck:
	default:
		return f, mode, fmt.Errorf("request must be one of %s, %s, %s", shared.TypeRespond, shared.TypeStatus, shared.TypeCheck)
	}
	if mode.check && f.kind == shared.TypeRespond {
		f.members["dryRun"] = json.RawMessage("true")
	}
	return f, mode, nil
}

// flaw is the first thing that is wrong with a document.
func flaw(found []shared.Violation, err error) string {
	if err != nil {
		return err.Error()
	}
	return found[0].Pointer + " " + found[0].Message
}

// reply says what Ansible wants to know. A dry run under --check is "changed"
// where the task would be sent. What is not known to have gone well is failed,
// so that a playbook does not go on as if it had; only status may find a request
// pending, which answers the question.
func (m ansibleMode) reply(a formAnswer) ansibleReply {
	r := ansibleReply{Message: a.said(), ID: a.request.ID, Outcome: a.result.Outcome, Failed: a.exit() != shared.ExitOK, Checked: a.checked}
	if a.checked != nil {
		return r
	}
	r.Result = &a.result
	if a.request.Type == shared.TypeStatus {
		r.Failed = r.Failed && a.result.Outcome != shared.Pending
		return r
	}
	switch a.result.Outcome {
	case shared.Submitted, shared.Succeeded, shared.Partial, shared.Pending, shared.Unknown:
		r.Changed = a.result.DuplicateOf == ""
	case shared.Planned:
		r.Changed = m.check
	}
	if m.diff {
		r.Diff = ansibleDifference(a.result)
	}
	return r
}

func ansibleDifference(r shared.Result) *ansibleDiff {
	text := fmt.Sprintf("%s of %s on %s\n", r.Outcome, r.Task, r.TargetHost)
	if p := r.Plan; p != nil {
		shown := p.Body
		if shown == "" {
			shown = "(not shown: sensitive or long) sha256 " + p.BodySHA256
		}
		text = "KSC would be sent:\n" + shown + "\n"
	}
	return &ansibleDiff{After: text}
}
