package main

import (
	"context"
	"errors"
	"io"

	"github.com/kes-respond/kes-respond/cmd/kes-respond/exit"
	"github.com/kes-respond/kes-respond/shared"
)

// formReply answers a form: what the thin Python files of some packages make
// their platform's answer from.
type formReply struct {
	Exit    int             `json:"exit"` // as of the command line
	Message string          `json:"message"`
	ID      shared.ID       `json:"id,omitempty"`
	Outcome shared.Outcome  `json:"outcome,omitempty"`
	Result  *shared.Result  `json:"result,omitempty"`
	Checked *shared.Checked `json:"checked,omitempty"`
}

// asForm reads one JSON object to the end of input, values as text where the
// caller knows nothing else, and answers with one. The password of a connection
// comes in by standard input, where no list of processes shows it.
func asForm(ctx context.Context, s surroundings, args []string) error {
	if len(args) != 0 {
		return usage("as form takes its document from standard input, and no argument")
	}
	reply := formReply{Exit: shared.ExitRefused}
	if f, err := formFrom(s.in); err != nil {
		reply.Message = err.Error()
	} else {
		reply = replied(carryOut(ctx, s, f, silent))
	}
	return printReply(s.out, reply)
}

// printReply is the whole of standard output, and the exit code. It is ASCII: a
// platform's Python reads it in whatever locale it happens to run.
func printReply(out io.Writer, reply formReply) error {
	line, err := shared.ASCIIJSON(reply)
	if err == nil {
		_, err = out.Write(append(line, '\n'))
	}
	if err != nil {
		return exit.With(shared.ExitFailed, err)
	}
	if reply.Exit != shared.ExitOK {
		return exit.With(reply.Exit, nil)
	}
	return nil
}

func formFrom(in io.Reader) (form, error) {
	data, err := document(in)
	if err != nil {
		return form{}, err
	}
	f, _, err := documentForm(data, "")
	return f, err
}

// document reads what a platform hands over, to the end of its input.
func document(in io.Reader) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(in, shared.MaxRequestBytes+1))
	if err == nil && len(data) > shared.MaxRequestBytes {
		err = errors.New("what was handed over is too long")
	}
	return data, err
}

func replied(a formAnswer) formReply {
	r := formReply{Exit: a.exit(), Message: a.said(), ID: a.request.ID, Outcome: a.result.Outcome, Checked: a.checked}
	if a.checked == nil {
		r.Result = &a.result
	}
	return r
}
