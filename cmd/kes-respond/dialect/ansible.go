package dialect

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/kes-respond/kes-respond/cmd/kes-respond/exit"
	"github.com/kes-respond/kes-respond/shared"
)

var _ = register(Dialect{
	Platform: "ansible", Names: []string{"kes_respond", "AnsiballZ_kes_respond"}, Takes: "ARGS-FILE", answer: asAnsible,
})

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
func asAnsible(ctx context.Context, s Surroundings, args []string) error {
	if len(args) != 1 {
		return exit.Usage("as ansible takes the path of the file of arguments, as Ansible names it")
	}
	var reply ansibleReply
	f, mode, err := ansibleForm(s, args[0])
	if err != nil {
		reply = ansibleReply{Failed: true, Message: err.Error()}
	} else {
		reply = mode.reply(carryOut(ctx, s, f))
	}
	if err := json.NewEncoder(s.Out).Encode(reply); err != nil {
		return unheard(reply.Result, err)
	}
	if reply.Failed {
		return exit.With(shared.ExitFailed, nil)
	}
	return nil
}

// ansibleMode is what a playbook's run asks of every module.
type ansibleMode struct {
	check, diff bool
}

// ansibleForm reads the file of arguments; what begins with _ansible_ in it is
// Ansible's own.
func ansibleForm(s Surroundings, path string) (form, ansibleMode, error) {
	var mode ansibleMode
	data, err := s.ReadFile(path, shared.MaxRequestBytes)
	if err != nil {
		return form{}, mode, err
	}
	f, own, err := documentForm(data, "_ansible_")
	if err != nil {
		return form{}, mode, err
	}
	for name, to := range map[string]*bool{"_ansible_check_mode": &mode.check, "_ansible_diff": &mode.diff} {
		if raw := own[name]; !empty(raw) && json.Unmarshal(raw, to) != nil {
			return form{}, mode, fmt.Errorf("%s has a value of the wrong kind", name)
		}
	}
	if mode.check && f.kind == shared.TypeRespond {
		f.members["dryRun"] = json.RawMessage("true")
	}
	return f, mode, nil
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
	case shared.Failed: // by the host, where KSC has stored it
		r.Changed = a.result.Incident != nil && a.result.DuplicateOf == ""
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
