// Package secret takes a password from where it is kept: one line of a file, or what
// a helper program prints. No error quotes it, nor what a helper says.
package secret

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os/exec"
	"strings"
	"time"
	"unicode/utf8"
)

// MaxBytes bounds a password.
const MaxBytes = 4096

// helperBound is how long a helper may take.
const helperBound = 10 * time.Second

// In takes the one line that a file or a program holds.
func In(from string, data []byte, err error) (string, error) {
	var path *fs.PathError
	if errors.As(err, &path) {
		err = path.Err
	}
	if err != nil {
		return "", fmt.Errorf("%s: %w", from, err)
	}
	line := strings.TrimSuffix(strings.TrimPrefix(string(data), "\ufeff"), "\n")
	line = strings.TrimSuffix(line, "\r")
	return line, Check(from, line)
}

// Check refuses what cannot be the password that was meant: a few
// wrong ones and KSC locks the account.
func Check(from, password string) error {
	switch {
	case password == "":
		return fmt.Errorf("%s: the password is empty", from)
	case len(password) > MaxBytes:
		return fmt.Errorf("%s: the password is longer than %d bytes", from, MaxBytes)
	case !utf8.ValidString(password):
		return fmt.Errorf("%s: the password is not UTF-8", from)
	case strings.ContainsAny(password, "\x00\r\n"):
		return fmt.Errorf("%s: the password must be one line", from)
	}
	return nil
}

// PrintedBy runs a helper, without a shell, and returns what it prints. What
// it says on standard error may hold anything, so nobody hears it.
func PrintedBy(ctx context.Context, argv []string, in io.Reader) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, helperBound)
	defer cancel()
	var out printed
	c := exec.CommandContext(ctx, argv[0], argv[1:]...)
	c.Stdin, c.Stdout = in, &out
	c.WaitDelay = time.Second // a grandchild may hold the pipe
	err := c.Run()
	var path *fs.PathError
	var start *exec.Error
	var exit *exec.ExitError
	switch {
	case out.over:
		return nil, fmt.Errorf("it printed more than %d bytes", MaxBytes)
	case ctx.Err() != nil:
		return nil, fmt.Errorf("it did not end within %s", helperBound)
	case errors.As(err, &path):
		return nil, fmt.Errorf("it cannot be run: %w", path.Err)
	case errors.As(err, &start):
		return nil, fmt.Errorf("it cannot be run: %w", start.Err)
	case errors.As(err, &exit):
		return nil, fmt.Errorf("it ended with %s; run it by hand to see why", exit)
	}
	return out.data.Bytes(), err
}

// printed keeps as much as a password may have, and a line end.
type printed struct {
	data bytes.Buffer
	over bool
}

// Write refuses what is too long, which ends the helper.
func (p *printed) Write(b []byte) (int, error) {
	if p.data.Len()+len(b) > MaxBytes+len("\r\n") {
		p.over = true
		return 0, io.ErrShortWrite
	}
	return p.data.Write(b)
}
