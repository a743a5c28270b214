package config

import (
	"context"
	"errors"
	"io/fs"
	"path/filepath"
	"sync"
	"time"

	"github.com/kes-respond/kes-respond/cmd/kes-respond/secret"
	"github.com/kes-respond/kes-respond/cmd/kes-respond/trusted"
)

// helperRest is the time between two runs of a helper: what it said holds so long.
const helperRest = 5 * time.Second

// sharedByACL are the rights that nobody else may have on a credential of
// systemd: it grants us reading by an access list, which shows as the group's.
const sharedByACL = 0o027

// Remember has the server's password be this one, as one of the environment is: it
// comes before all else.
func (c *Server) Remember(password string) { c.password = func() string { return password } }

// Remembered is a password that came from the environment or was remembered.
func (c Server) Remembered() (password string, is bool) {
	if c.password == nil {
		return "", false
	}
	return c.password(), true
}

// secret finds the password as it is now: in the environment, in the file or
// from the command that was named, else where systemd puts it. No error quotes it, nor
// the name of a file that is not there: people put the password in its place.
func (c Server) secret(ctx context.Context, getenv func(string) string, server string) (string, error) {
	switch {
	case c.password != nil:
		password := c.password()
		return password, secret.Check("kscPassword", password)
	case c.PasswordFile != "":
		data, err := trusted.Read(c.PasswordFile, trusted.Readable)
		return secret.In("kscPasswordFile", data, err)
	case len(c.PasswordCommand) > 0:
		data, err := secret.PrintedBy(ctx, c.PasswordCommand, nil)
		return secret.In("kscPasswordCommand", data, err)
	}
	if folder := getenv("CREDENTIALS_DIRECTORY"); folder != "" {
		name := "kscPassword"
		if server != DefaultServer {
			name += "." + server // never that of another server
		}
		data, err := trusted.Read(filepath.Join(folder, name), sharedByACL)
		if !errors.Is(err, fs.ErrNotExist) {
			return secret.In("systemd credential "+name, data, err)
		}
	}
	if server != DefaultServer {
		return "", errors.New("no password: set kscPasswordFile to a file that only its owner can read, or kscPasswordCommand, or hand over the systemd credential kscPassword." + server)
	}
	return "", errors.New("no password: set kscPassword in the environment, or kscPasswordFile to a file that only its owner can read, or kscPasswordCommand, or hand over the systemd credential kscPassword")
}

// asked is secret for a client, which asks before each login. A helper is not
// run for each of many requests that fail one after the other.
func (c Server) asked(getenv func(string) string, server string) func(context.Context) (string, error) {
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
