package journal

import (
	"context"
	"errors"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/gofrs/flock"
)

// loginPause is the time between two looks at a turn to log in, which another
// holds while it talks to a server.
const loginPause = 5 * time.Millisecond

// Login is the turn to log in to one server as one user, with one password. Until Leave, or the
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
	sum    string    // of the password
	memory []refusal // of different passwords, the last one last
}

// Login waits for the turn until ctx ends. It is one turn for all passwords. Who
// gets it asks Refused first, tries only where that says no, and reports what
// came of it with Remember or Forget.
func (j *Journal) Login(ctx context.Context, server, user, password string) (*Login, error) {
	if j.root == nil {
		return &Login{}, nil
	}
	if j.options.ReadOnly {
		return nil, j.readOnlyError()
	}
	l := &Login{
		j: j, name: loginFolder + "/" + j.keyed("login", server, user)[:32],
		sum: j.keyed("refused password", server, user, password)[:sumDigits],
	}
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
		if away := l.j.look(); away != nil {
			return away
		}
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
	if len(l.others(time.Now(), "")) > 0 {
		return
	}
	_ = j.root.Remove(l.name + memoryEnd + ".new")
	if err := j.root.Remove(l.name + memoryEnd); err == nil || isMissing(err) {
		_ = j.root.Remove(l.name)
	}
}
