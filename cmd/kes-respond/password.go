package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"
	"unicode/utf8"
)

// The bounds of a password, and of the helper that prints it.
const (
	maxPasswordBytes = 4096
	helperBound      = 10 * time.Second
	helperRest       = 5 * time.Second // between two runs: what it said holds so long
)

// sharedByACL are the rights that nobody else may have on a credential of
// systemd: it grants us reading by an access list, which shows as the group's.
const sharedByACL = 0o027

// secret finds the password as it is now: in the environment, in the file or
// from the command that was named, else where systemd puts it. No error quotes it, nor
// the name of a file that is not there: people put the password in its place.
func (c serverFile) secret(ctx context.Context, getenv func(string) string, server string) (string, error) {
	switch {
	case c.password != nil:
		password := c.password()
		return password, checkPassword("kscPassword", password)
	case c.PasswordFile != "":
		data, err := readTrusted(c.PasswordFile, readableByOthers)
		return passwordIn("kscPasswordFile", data, err)
	case len(c.PasswordCommand) > 0:
		data, err := printedBy(ctx, c.PasswordCommand, nil)
		return passwordIn("kscPasswordCommand", data, err)
	}
	if folder := getenv("CREDENTIALS_DIRECTORY"); folder != "" {
		name := "kscPassword"
		if server != defaultServer {
			name += "." + server // never that of another server
		}
		data, err := readTrusted(filepath.Join(folder, name), sharedByACL)
		if !errors.Is(err, fs.ErrNotExist) {
			return passwordIn("systemd credential "+name, data, err)
		}
	}
	if server != defaultServer {
		return "", errors.New("no password: set kscPasswordFile to a file that only its owner can read, or kscPasswordCommand, or hand over the systemd credential kscPassword." + server)
	}
	return "", errors.New("no password: set kscPassword in the environment, or kscPasswordFile to a file that only its owner can read, or kscPasswordCommand, or hand over the systemd credential kscPassword")
}

// asked is secret for a client, which asks before each login. A helper is not
// run for each of many requests that fail one after the other.
func (c serverFile) asked(getenv func(string) string, server string) func(context.Context) (string, error) {
	var mu sync.Mutex
	var password string
	var failure error
	var at time.Time
	ask := func(ctx context.Context) (string, error) { return c.secret(ctx, getenv, server) }
	if c.password != nil || c.PasswordFile != "" || len(c.PasswordCommand) == 0 {
		return ask
	}
	return func(ctx context.Context) (string, error) {
		mu.Lock()
		defer mu.Unlock()
		if at.IsZero() || time.Since(at) >= helperRest {
			p, err := ask(ctx)
			if err != nil && ctx.Err() != nil {
				return "", err // whoever asked had enough: that says nothing of the helper
			}
			password, failure, at = p, err, time.Now()
		}
		return password, failure
	}
}

// passwordIn takes the one line that a file or a program holds.
func passwordIn(from string, data []byte, err error) (string, error) {
	var path *fs.PathError
	if errors.As(err, &path) {
		err = path.Err
	}
	if err != nil {
		return "", fmt.Errorf("%s: %w", from, err)
	}
	line := strings.TrimSuffix(strings.TrimPrefix(string(data), "\ufeff"), "\n")
	line = strings.TrimSuffix(line, "\r")
	return line, checkPassword(from, line)
}

// checkPassword refuses what cannot be the password that was meant: a few
// wrong ones and KSC locks the account.
func checkPassword(from, password string) error {
	switch {
	case password == "":
		return fmt.Errorf("%s: the password is empty", from)
	case len(password) > maxPasswordBytes:
		return fmt.Errorf("%s: the password is longer than %d bytes", from, maxPasswordBytes)
	case !utf8.ValidString(password):
		return fmt.Errorf("%s: the password is not UTF-8", from)
	case strings.ContainsAny(password, "\x00\r\n"):
		return fmt.Errorf("%s: the password must be one line", from)
	}
	return nil
}

// printedBy runs a helper, without a shell, and returns what it prints. What
// it says on standard error may hold anything, so nobody hears it.
func printedBy(ctx context.Context, argv []string, in io.Reader) ([]byte, error) {
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
		return nil, fmt.Errorf("it printed more than %d bytes", maxPasswordBytes)
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
	if p.data.Len()+len(b) > maxPasswordBytes+len("\r\n") {
		p.over = true
		return 0, io.ErrShortWrite
	}
	return p.data.Write(b)
}
