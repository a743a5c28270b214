// Package exit is how a command ends the program other than well: with a code of
// the contract's table, and with a text for standard error where there is one to
// say. Nothing here prints or ends anything; whoever runs the command does.
package exit

import (
	"fmt"

	"github.com/kes-respond/kes-respond/shared"
)

// Error ends the program with a code. Its text, where there is any, goes to
// standard error; a result that was printed needs none.
type Error struct {
	Code int
	Err  error // nil where all was said
}

// Error is the text for standard error.
func (e *Error) Error() string {
	if e.Err == nil {
		return fmt.Sprintf("exit code %d", e.Code)
	}
	return e.Err.Error()
}

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.Err }

// With ends the program with a code, and says why where err is not nil.
func With(code int, err error) error { return &Error{Code: code, Err: err} }

// Usage refuses what was typed: nothing was sent.
func Usage(format string, args ...any) error {
	return With(shared.ExitUsage, fmt.Errorf(format, args...))
}

// Unwritten ends the program whose result could not be written. What was sent must
// not pass for what did not happen, nor for what somebody has heard of.
func Unwritten(r shared.Result, err error) error {
	said, code := string(r.Outcome), r.Exit()
	if r.Incident != nil {
		said += ", incident " + r.Incident.ID + " on server " + r.Incident.Server
	}
	switch {
	case code == shared.ExitOK && r.Incident != nil:
		code = shared.ExitUnknown
	case code == shared.ExitOK:
		code = shared.ExitFailed
	}
	return With(code, fmt.Errorf("the result could not be written (%w); it was: %s", err, said))
}
