// Package targets reads a file of hosts, plain or CSV, and makes of its lines what
// is to be done where. All of a file is checked, and each line that is wrong is
// named: of one with such a line there are no targets. Its errors end the program as
// package exit has it.
package targets

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/kes-respond/kes-respond/cmd/kes-respond/exit"
	"github.com/kes-respond/kes-respond/cmd/kes-respond/trusted"
	"github.com/kes-respond/kes-respond/plugin/task"
	"github.com/kes-respond/kes-respond/shared"
)

// The bounds of a file of targets.
const (
	Max      = 100_000
	MaxBytes = 16 << 20
)

// Asked is what the command line asks of every line.
type Asked struct {
	Task  *task.Task
	Names []string // of its parameters: what columns may be called
	Given []string // those of them that the command line gives
	JSON  bool     // it gives all of them, as JSON

	// Params are the parameters, with those that a line's columns give among them;
	// an empty cell is as a flag that is left out. Its error ends the program, where
	// there is no column that may be wrong instead.
	Params func(columns, cells []string) (json.RawMessage, error)
}

// Target is one host of a file, and what is to be done there.
type Target struct {
	Line   int
	Host   string
	Params *Params
}

// Params are parameters that were checked. Lines that say the same share them.
type Params struct {
	Sent      json.RawMessage // as they stand in the request
	Checked   task.Params
	Signature string // two with the same ask for the same

	flaw  string // what is wrong with them; else empty
	slot  string // the lasting condition that they set, and to what
	value string
}

// Notes are lines that are passed over, and why: the first of them in the order of
// the file, and how many more there are.
type Notes struct {
	First []string
	More  int
}

// Read makes targets of a file, or of standard input for "-", each host and what is
// to be done there once; the notes say what is passed over. It does not wait for
// input that does not come when ctx has ended.
func Read(ctx context.Context, in io.Reader, path string, a Asked) ([]Target, Notes, error) {
	data, err := whole(ctx, in, path)
	switch {
	case ctx.Err() != nil && errors.Is(err, ctx.Err()):
		return nil, Notes{}, exit.EndedBefore()
	case err != nil:
		return nil, Notes{}, exit.Usage("--targets: %w", err)
	}
	if path == "-" {
		path = "standard input"
	}
	sh, err := parse(path, data)
	if err != nil {
		return nil, Notes{}, exit.With(shared.ExitRefused, fmt.Errorf("%w; nothing was sent", err))
	}
	return a.targets(sh)
}

// whole is the content of the file.
func whole(ctx context.Context, in io.Reader, path string) (data []byte, err error) {
	if path != "-" {
		return trusted.ReadFile(path, MaxBytes)
	}
	type input struct {
		data []byte
		err  error
	}
	got := make(chan input, 1)
	go func() { // it may wait for ever; the program ends all the same
		data, err := io.ReadAll(io.LimitReader(in, MaxBytes+1))
		got <- input{data, err}
	}()
	select {
	case in := <-got:
		data, err = in.data, in.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if err == nil && len(data) > MaxBytes {
		err = fmt.Errorf("standard input is too long: a list of targets may have %d bytes", MaxBytes)
	}
	return data, err
}
