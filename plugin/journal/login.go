package journal

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/gofrs/flock"

	"github.com/kes-respond/kes-respond/shared"
)

// RefusedFor is how long a refused login is remembered.
const RefusedFor = 10 * time.Minute

// loginPause is the time between two looks at a turn to log in, which another
// holds while it talks to a server.
const loginPause = 5 * time.Millisecond

// Login is the turn to log in to one server as one user. Until Leave, or the
// end of this process, nobody else who shares the ledger has it, so that of
// many who begin at once with a wrong password one is refused, and the others
// learn it here. It is used by one goroutine. The zero Login remembers nothing.
//
// What it remembers is no record: it is not in the chain, and what cannot be
// read of it, or was lost in a crash, counts as nothing.
type Login struct {
	j      *Journal
	name   string // of the file that is locked
	lock   *flock.Flock
	memory refusal
}

type refusal struct {
	At      time.Time   `json:"at"`
	Code    shared.Code `json:"code,omitempty"`
	Message string      `json:"message,omitempty"`
}

// Login waits for the turn until ctx ends. Who gets it asks Refused first, tries
// only where that says no, and reports what came of it with Remember or Forget.
func (j *Journal) Login(ctx context.Context, server, user string) (*Login, error) {
	if j.root == nil {
		return &Login{}, nil
	}
	if j.options.ReadOnly {
		return nil, j.readOnlyError()
	}
	l := &Login{j: j, name: loginFolder + "/" + j.keyed("login", server, user)[:32]}
	_, err := j.root.Stat(l.name)
	fresh := isMissing(err)
	err = l.enter(ctx)
	if errors.Is(err, fs.ErrClosed) {
		err = j.closedError()
	}
	if err != nil {
		l.Leave()
		return nil, err
	}
	l.memory = l.read()
	if fresh {
		j.tidyLogins()
	}
	return l, nil
}

// enter takes the lock, of a file that is made where there is none.
func (l *Login) enter(ctx context.Context) error {
	for {
		if err := l.j.makeFile(l.name); err != nil {
			return err
		}
		l.lock = flock.New(filepath.Join(l.j.dir, filepath.FromSlash(l.name)), flock.SetFlag(os.O_RDWR))
		ok, err := l.lock.TryLockContext(ctx, loginPause)
		if ok && err == nil {
			if ok, err = l.named(); ok {
				return nil
			}
		}
		l.Leave()
		switch {
		case ctx.Err() != nil:
			return &Error{Busy, "the time ran out in the wait for the turn to log in", "Another process is logging in as the same user. If none should, look for one that is stopped (state T in ps).", nil, ctx.Err()}
		case err != nil && !isMissing(err):
			return l.j.wrap("the turn to log in cannot be taken", err)
		}
	}
}

// named says whether the file that is locked is the one that others find under
// its name. Who tidied up may have removed it before it was locked; then the
// lock keeps nobody out.
func (l *Login) named() (bool, error) {
	held, err := l.lock.Stat()
	if err != nil {
		return false, err
	}
	there, err := l.j.root.Stat(l.name)
	return err == nil && os.SameFile(held, there), err
}

// Refused says why the last login was refused and until when nobody tries
// again; refused is false where one may try.
func (l *Login) Refused() (code shared.Code, message string, until time.Time, refused bool) {
	now := time.Now()
	m := l.memory
	until = m.At.Add(RefusedFor)
	if !now.Before(until) || m.At.After(now.Add(RefusedFor)) { // then the clock was set back
		return "", "", time.Time{}, false
	}
	return m.Code, m.Message, until, true
}

// Remember records that the login was refused: nobody tries until RefusedFor
// has passed. The message is what a person may read; a password is never part
// of it.
func (l *Login) Remember(code shared.Code, message string) error {
	if l.j == nil {
		return nil
	}
	if err := l.held(); err != nil {
		return err
	}
	m := refusal{time.Now().UTC().Truncate(time.Millisecond), code, shortened(message, maxMessage)}
	data, err := shared.ASCIIJSON(m)
	if err == nil {
		err = l.j.replace(l.name+memoryEnd, data)
	}
	if err != nil {
		return l.j.wrap("the refused login cannot be remembered", err)
	}
	l.memory = m
	l.j.tidyLogins()
	return nil
}

// Forget records that the login was accepted.
func (l *Login) Forget() error {
	if l.j == nil {
		return nil
	}
	if err := l.held(); err != nil {
		return err
	}
	if err := l.j.root.Remove(l.name + memoryEnd); err != nil && !isMissing(err) {
		return l.j.wrap("the refused login cannot be forgotten", err)
	}
	l.memory = refusal{}
	return nil
}

// Leave gives the turn up. To leave again does nothing.
func (l *Login) Leave() {
	if l.lock != nil {
		_ = l.lock.Close() // a lock that cannot be given up ends with the process
	}
}

func (l *Login) held() error {
	if !l.lock.Locked() {
		return errors.New("the turn to log in was given up already")
	}
	return nil
}

// read gives what the file says; nothing where that is not readable.
func (l *Login) read() (m refusal) {
	f, err := l.j.open(l.name+memoryEnd, os.O_RDONLY)
	if err != nil {
		return refusal{}
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxLine))
	if err != nil || json.Unmarshal(data, &m) != nil {
		return refusal{}
	}
	return m
}

// tidyAtMost bounds how many other logins are looked at for each that is
// refused, or that nobody has made before.
const tidyAtMost = 8

// tidyLogins removes the files of some logins that nothing has to be remembered
// of, so that whoever makes up users does not fill the disk. What it cannot
// remove is left to the next one.
func (j *Journal) tidyLogins() {
	dir, err := j.root.Open(loginFolder)
	if err != nil {
		return
	}
	defer dir.Close()
	names, err := dir.Readdirnames(-1)
	if err != nil {
		return
	}
	rand.Shuffle(len(names), func(a, b int) { names[a], names[b] = names[b], names[a] })
	for _, name := range names[:min(len(names), tidyAtMost)] {
		name, _, _ = strings.Cut(name, ".")
		if !strings.Contains(name, "-") { // else somebody is making it
			j.tidyLogin(&Login{j: j, name: loginFolder + "/" + name})
		}
	}
}

// tidyLogin removes the files of a login that nobody has the turn of. The lock
// is the last to go: who waits for it sees that it has no name any more.
func (j *Journal) tidyLogin(l *Login) {
	l.lock = flock.New(filepath.Join(j.dir, filepath.FromSlash(l.name)), flock.SetFlag(os.O_RDWR))
	if ok, err := l.lock.TryLock(); err != nil || !ok {
		return
	}
	defer l.Leave()
	if ok, err := l.named(); err != nil || !ok {
		return
	}
	l.memory = l.read()
	if _, _, _, refused := l.Refused(); refused {
		return
	}
	_ = j.root.Remove(l.name + memoryEnd + ".new")
	if err := j.root.Remove(l.name + memoryEnd); err == nil || isMissing(err) {
		_ = j.root.Remove(l.name)
	}
}
