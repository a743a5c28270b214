package dialect

import (
	"context"
	"errors"
	"strings"

	"github.com/kes-respond/kes-respond/cmd/kes-respond/printable"
	"github.com/kes-respond/kes-respond/shared"
)

// formAnswer is what became of a form: a result, or what a check has found.
type formAnswer struct {
	request shared.Request
	result  shared.Result
	checked *shared.Checked
}

// exit is the exit code of the one-shot form.
func (a formAnswer) exit() int {
	if a.checked != nil {
		return a.checked.Exit()
	}
	return a.result.Exit()
}

// said is the answer as one text for people.
func (a formAnswer) said() string {
	if c := a.checked; c != nil {
		if c.Error != nil {
			return c.Error.Message + ". " + c.Error.Assistance
		}
		return "nothing is in the way of requests to server " + c.Server
	}
	text := a.result.Message
	if e := a.result.Error; e != nil {
		if text == "" {
			text = e.Message
		}
		for _, v := range e.Violations {
			if !strings.Contains(text, v.Message) {
				text += "; " + v.Pointer + " " + v.Message
			}
		}
		if e.Assistance != "" {
			text += ". " + e.Assistance
		}
	}
	return text
}

// carryOut does what a form asks for. Everything that goes wrong is in the
// answer, in the contract's words. No platform here wants to hear what happens on
// the way.
func carryOut(ctx context.Context, s Surroundings, f form) formAnswer {
	line, refusal := f.line()
	var a formAnswer
	if refusal == nil {
		a.request, refusal = shared.ParseRequest(line)
	}
	if refusal != nil {
		return a.refused(refusal)
	}
	set := Settings{Config: f.config, Getenv: f.getenv, Anew: a.request.Type == shared.TypeCheck}
	if set.Getenv == nil {
		set.Getenv = s.Getenv
	}
	err := s.With(ctx, set, func(r shared.Responder) error {
		switch a.request.Type {
		case shared.TypeCheck:
			return a.check(ctx, r)
		case shared.TypeStatus:
			a.result = r.Status(ctx, a.request, func(shared.Event) {})
		default:
			a.result = r.Respond(ctx, a.request, func(shared.Event) {})
		}
		return nil
	})
	if err != nil && a.result.Outcome == "" && a.checked == nil {
		return a.refused(&shared.Error{
			Code: shared.BadRequest, Message: printable.Lines(err) + "; nothing was sent", Assistance: "Mend the configuration.",
		})
	}
	return a
}

func (a formAnswer) refused(refusal *shared.Error) formAnswer {
	a.result = shared.Result{
		Outcome: shared.Refused, Task: a.request.Task, TargetHost: a.request.TargetHost, Error: refusal, Message: refusal.Message,
	}
	return a
}

func (a *formAnswer) check(ctx context.Context, r shared.Responder) error {
	bounded, cancel := context.WithTimeout(ctx, shared.DefaultSubmitTimeout)
	defer cancel()
	checked, err := r.Check(bounded, a.request)
	if refusal, ok := errors.AsType[*shared.Error](err); ok {
		*a = a.refused(refusal)
		return nil
	}
	if err != nil {
		return err
	}
	a.checked = &checked
	return nil
}
