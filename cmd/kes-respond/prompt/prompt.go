// Package prompt puts questions to a person at a terminal. Whoever interrupts is not
// made to answer first, and what is not answered is not taken for a yes.
package prompt

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/term"

	"github.com/kes-respond/kes-respond/cmd/kes-respond/exit"
	"github.com/kes-respond/kes-respond/cmd/kes-respond/printable"
	"github.com/kes-respond/kes-respond/shared"
)

// Prompt asks a person: a question is written to one stream and answered on another.
// What was read of that and not needed is lost to others.
type Prompt struct {
	keys io.Reader
	in   *bufio.Reader // of the keys
	out  io.Writer
}

// New asks on out, and takes what is typed for the answers.
func New(keys io.Reader, out io.Writer) *Prompt {
	return &Prompt{keys, bufio.NewReader(io.LimitReader(keys, 1<<20)), out}
}

// mostTries is how often a question is put before it is given up.
const mostTries = 3

// errNotAnswered ends what a person was asked for.
var errNotAnswered = errors.New("not answered: nothing was sent or written")

// Line asks for a line; an empty one means what is suggested. check says what is
// wrong with an answer.
func (q *Prompt) Line(ctx context.Context, question, suggested string, check func(string) error) (string, error) {
	if suggested != "" {
		question += " [" + suggested + "]"
	}
	for range mostTries {
		fmt.Fprintf(q.out, "%s: ", question)
		text, err := q.answer(ctx, func() (string, error) { return q.in.ReadString('\n') })
		if err != nil {
			return "", err
		}
		if text = strings.TrimSpace(text); text == "" {
			text = suggested
		}
		if err := check(text); err != nil {
			fmt.Fprintf(q.out, "  %s\n", printable.Text(err.Error()))
			continue
		}
		return text, nil
	}
	return "", exit.With(shared.ExitUsage, errNotAnswered)
}

// Yes asks for a yes; an empty line is a no. What is neither is asked again: it is no
// yes, and may not have been meant as a no.
func (q *Prompt) Yes(ctx context.Context, question string) (bool, error) {
	for range mostTries {
		fmt.Fprintf(q.out, "%s [y/N] ", question)
		text, err := q.answer(ctx, func() (string, error) { return q.in.ReadString('\n') })
		if err != nil {
			return false, err
		}
		switch strings.ToLower(strings.TrimSpace(text)) {
		case "y", "yes":
			return true, nil
		case "", "n", "no":
			return false, nil
		}
		fmt.Fprintf(q.out, "  answer y or n\n")
	}
	return false, exit.With(shared.ExitUsage, errNotAnswered)
}

// Secret asks for what is not shown as it is typed. check says what is wrong with
// an answer.
func (q *Prompt) Secret(ctx context.Context, question string, check func(string) error) (string, error) {
	f, is := q.keys.(*os.File)
	if !is {
		return "", errors.New("there is no terminal to read a password from")
	}
	for range mostTries {
		text, err := q.hidden(ctx, question, int(f.Fd()))
		if err != nil {
			return "", err
		}
		if err := check(text); err != nil {
			fmt.Fprintf(q.out, "  %s\n", printable.Text(err.Error()))
			continue
		}
		return text, nil
	}
	return "", exit.With(shared.ExitUsage, errNotAnswered)
}

// hidden reads one line of a terminal that does not show it.
func (q *Prompt) hidden(ctx context.Context, question string, terminal int) (string, error) {
	before, err := term.GetState(terminal)
	if err != nil {
		return "", err
	}
	fmt.Fprintf(q.out, "%s: ", question)
	text, err := q.answer(ctx, func() (string, error) {
		data, err := term.ReadPassword(terminal)
		return string(data), err
	})
	fmt.Fprintln(q.out)
	if ctx.Err() != nil {
		return "", errors.Join(err, term.Restore(terminal, before)) // else the shell would go on without showing what is typed
	}
	return text, err
}

// answer waits for what is read, or for ctx: who interrupts is not made to press
// Enter as well.
func (q *Prompt) answer(ctx context.Context, read func() (string, error)) (string, error) {
	type answer struct {
		text string
		err  error
	}
	got := make(chan answer, 1)
	go func() { // it may wait for ever; the program ends all the same
		text, err := read()
		got <- answer{text, err}
	}()
	select {
	case a := <-got:
		if a.err != nil && a.text == "" {
			return "", exit.With(shared.ExitCancelled, errNotAnswered)
		}
		return a.text, nil
	case <-ctx.Done():
		fmt.Fprintln(q.out)
		return "", exit.With(shared.ExitCancelled, errNotAnswered)
	}
}
