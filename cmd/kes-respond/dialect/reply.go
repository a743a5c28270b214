package dialect

import (
	"io"

	"github.com/kes-respond/kes-respond/cmd/kes-respond/exit"
	"github.com/kes-respond/kes-respond/shared"
)

// formReply is an answer as JSON, for platforms that read JSON and have no shape
// of their own for it.
type formReply struct {
	Exit    int             `json:"exit"` // as of the command line
	Message string          `json:"message"`
	ID      shared.ID       `json:"id,omitempty"`
	Outcome shared.Outcome  `json:"outcome,omitempty"`
	Result  *shared.Result  `json:"result,omitempty"`
	Checked *shared.Checked `json:"checked,omitempty"`
}

// notSent replies to what could not be made a request of.
func notSent(why string) formReply {
	return formReply{Exit: shared.ExitRefused, Message: why}
}

func replied(a formAnswer) formReply {
	r := formReply{Exit: a.exit(), Message: a.said(), ID: a.request.ID, Outcome: a.result.Outcome, Checked: a.checked}
	if a.checked == nil {
		r.Result = &a.result
	}
	return r
}

// printed writes the reply as the whole of standard output, and gives the exit
// code. It is ASCII: a platform's Python reads it in whatever locale it happens to
// run.
func (r formReply) printed(out io.Writer) error {
	line, err := shared.ASCIIJSON(r)
	if err == nil {
		_, err = out.Write(append(line, '\n'))
	}
	if err != nil {
		return unheard(r.Result, err)
	}
	return r.end()
}

// logged writes the reply as one line of a platform's log, and gives the exit
// code. It is ASCII, so that nothing in it moves a cursor or turns text around.
func (r formReply) logged(write func(line string) error) error {
	line, err := shared.ASCIIJSON(r)
	if err == nil {
		err = write(string(line))
	}
	if err != nil {
		return unheard(r.Result, err)
	}
	return r.end()
}

// unheard ends the program that could not write its answer; r is nil where that
// was none of a request.
func unheard(r *shared.Result, err error) error {
	if r == nil {
		return exit.With(shared.ExitFailed, err)
	}
	return exit.Unwritten(*r, err)
}

// end is the exit code, which says nothing more.
func (r formReply) end() error {
	if r.Exit == shared.ExitOK {
		return nil
	}
	return exit.With(r.Exit, nil)
}
