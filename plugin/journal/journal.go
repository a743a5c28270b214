// Package journal is the ledger of requests: what was decided, what was sent,
// and what became of it. A claim comes before anything is sent, and each step
// that leaves the process is recorded as it happens.
//
// A ledger is a directory that any number of processes of one machine share:
//
//	ledger-00000001.jsonl   the records, a line each, only ever appended to
//	lock                    who holds it may append
//	key                     the secret of the chain that binds the lines
//	suspended               there while nothing that changes a host is to be sent
//	live/                   a file per process, locked for as long as it lives
//	index                   where a key's record stands; made anew when lost
//	login/                  which logins were refused lately, so that nobody repeats them
//
// The lines are the truth. Each carries a number and an HMAC over itself and
// the line before, so that Verify finds what was cut, changed, swapped or
// dropped. The index is a cache: what it finds is proved by the line itself,
// its own damage shows by its checksums, and what it has not seen is read
// again from the lines, so that a process killed between any two steps leaves
// nothing behind that the next one has to guess at. It keeps look-ups as cheap
// on a million requests as on none.
//
// What lies in login/ is no record: it is not in the chain, and may be removed.
//
// The directory must be on a file system of this machine, where locks hold
// (no NFS). Without an anchor outside the directory the loss of the ledger's
// last lines cannot be seen, and who may read the key can forge the chain.
package journal

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/gofrs/flock"
)

// Options are all that a ledger depends on besides its directory.
type Options struct {
	Key      []byte    // the secret of the chain; nil: the file "key", made where the ledger is new
	User     string    // who runs this process, as the operating system says
	PID      int       // this process, for people who read the ledger
	Group    bool      // share it with the directory's group; else nobody but the owner may
	ReadOnly bool      // for Records and Verify; nothing is made, claimed or looked up
	Anchor   io.Writer // gets a line with the chain's head after each fsync, which waits for it; see Verify

	SegmentBytes    int64         // a file larger than this, or begun in another month, is followed by a new one; default 16 MiB
	MaxBytes        int64         // a ledger larger than this refuses claims; default 2 GiB
	KeepFor         time.Duration // how long a request, and with it its key, is remembered; default 400 days
	DuplicateWindow time.Duration // how long an equal request can answer for a new one without a key; default 5 minutes, negative never

	// Step is told of each step in the order taken, for tests that kill the
	// process there. It may be called from several goroutines, and holds up the
	// ledger while it runs. The steps, whose names stay as they are:
	//
	//	append    a line is about to be written
	//	appended  it is written, and the index does not know of it
	//	indexed   the index knows of it, and has not said how far it knows
	//	sync      lines are about to be flushed
	//	synced    they are on the disk
	//	sealed    a segment is whole on the disk, and the next one not there
	//	made      the next one is there, and empty
	//	install   a new index is about to take the place of the old one
	//	installed it has
	//	pruned    the ledger says that old segments are gone, and they are not
	//	removed   one of them is
	//	suspended sending is suspended, and the ledger has no line of it
	//	resumed   the ledger says that sending is resumed, and it is not
	Step func(string)
}

// The defaults of Options.
const (
	defaultSegmentBytes    = 16 << 20
	defaultMaxBytes        = 2 << 30
	defaultKeepFor         = 400 * 24 * time.Hour
	defaultDuplicateWindow = 5 * time.Minute
)

// Journal is the ledger. The zero Journal keeps nothing: it refuses no claim
// and forgets every record. One from Open may be used from several goroutines.
type Journal struct {
	options Options
	dir     string
	root    *os.Root    // nil: keeps nothing
	place   os.FileInfo // of root
	secret  []byte
	prover  prover // of secret; used in turns
	boot    string // this boot of the machine; "" where the system does not say

	self  string       // the name of this process in the ledger
	alive *flock.Flock // held until Close

	queue  queue         // of those who want something done in a turn
	turns  chan struct{} // held by the goroutine that has its turn at the ledger
	lock   *flock.Flock  // used by who holds turns
	away   *Error        // the ledger is not where it was; of this turn
	closed bool          // guarded by turns
	desk   *desk         // see index; used in turns
	kept   *index        // left open by the turn before; used in turns

	syncing chan struct{} // held while the file is flushed, or exchanged
	active  *os.File      // the segment that is written to; changed with turns and syncing
	segment uint32
	born    time.Time                     // when its first line was written
	synced  atomic.Uint64                 // the number of the last line known to be on the disk; changed with syncing
	flushed atomic.Pointer[chan struct{}] // closed when the next flush has ended
	anchor  error                         // the first failure of the anchor; guarded by syncing

	wrote  atomic.Pointer[mark]  // after the last line that this process wrote
	broken atomic.Pointer[Error] // set by a failed flush: what is on the disk is not known any more
}

// Open opens the ledger in a directory and makes one where there is none. It
// refuses a directory that others could read or change, and mends what a crash
// left behind. Its errors are *Error.
func Open(ctx context.Context, dir string, o Options) (*Journal, error) {
	o.SegmentBytes = or(o.SegmentBytes, defaultSegmentBytes)
	o.MaxBytes = or(o.MaxBytes, defaultMaxBytes)
	o.KeepFor = or(o.KeepFor, defaultKeepFor)
	o.DuplicateWindow = or(o.DuplicateWindow, defaultDuplicateWindow)
	if o.Step == nil {
		o.Step = func(string) {}
	}
	j := &Journal{
		options: o, dir: dir, boot: bootID(),
		turns: make(chan struct{}, 1), syncing: make(chan struct{}, 1),
		desk: new(desk),
	}
	flushed := make(chan struct{})
	j.flushed.Store(&flushed)
	var err error
	if j.root, err = openDirectory(dir, o); err != nil {
		return nil, err
	}
	if j.place, err = j.root.Stat("."); err != nil {
		return nil, errors.Join(j.placeError("it cannot be looked at", err), j.root.Close())
	}
	if err := j.enter(ctx); err != nil {
		return nil, errors.Join(err, j.leave())
	}
	return j, nil
}

func or[T int64 | time.Duration](v, otherwise T) T {
	if v == 0 {
		return otherwise
	}
	return v
}

// enter takes this process's place among those that share the ledger. Its file
// is made and locked under the ledger's lock, so that nobody who looks for dead
// processes sees it unlocked.
func (j *Journal) enter(ctx context.Context) error {
	if j.options.ReadOnly {
		return j.readKey(false)
	}
	if err := j.makeFile(lockFile); err != nil {
		return err
	}
	j.lock = flock.New(filepath.Join(j.dir, lockFile), flock.SetFlag(os.O_RDWR))
	free, err := j.take(ctx)
	if err != nil {
		return err
	}
	defer free()
	if err := j.begin(); err != nil {
		return err
	}
	t, err := j.turn()
	if err != nil {
		return err
	}
	defer t.close()
	if err := j.bury(); err != nil {
		return err
	}
	j.self = fmt.Sprintf("%d-%s", j.options.PID, nonce(6))
	if err := j.makeFile(liveName(j.self)); err != nil {
		return err
	}
	j.alive = flock.New(filepath.Join(j.dir, liveName(j.self)), flock.SetFlag(os.O_RDWR))
	if ok, err := j.alive.TryLock(); err != nil || !ok {
		return j.placeError("the lock of this process cannot be taken in "+liveFolder, err)
	}
	return nil
}

// begin reads the key, and makes a new ledger where there is none. It runs
// under the lock.
func (j *Journal) begin() error {
	for _, folder := range []string{liveFolder, loginFolder} {
		if err := makeFolder(j.root, folder, j.options); err != nil {
			return j.placeError("its folder "+folder+" cannot be made", err)
		}
	}
	_, last, err := j.segments()
	if err != nil {
		return err
	}
	if last == 0 {
		if _, err := j.root.Stat(indexFile); err == nil {
			return &Error{
				Kind: Damaged, Message: "the files of the ledger in " + j.dir + " are gone, but its index is there",
				Assistance: "Bring the files back from a backup. If they are lost, set the directory aside as evidence; a new one starts empty and knows no earlier request.",
			}
		}
	}
	if err := j.readKey(last == 0); err != nil {
		return err
	}
	j.prover = newProver(j.secret)
	if last == 0 {
		return j.makeSegment(1)
	}
	return nil
}

// Close ends this process's part in the ledger. Claims that have not ended are
// in doubt from here on. Its error also tells of an anchor that failed.
func (j *Journal) Close() error {
	if j.root == nil {
		return nil
	}
	j.turns <- struct{}{}
	defer func() { <-j.turns }()
	if j.closed {
		return nil
	}
	j.closed = true
	return j.leave()
}

func (j *Journal) leave() error {
	var errs []error
	j.syncing <- struct{}{}
	defer func() { <-j.syncing }()
	if j.active != nil {
		if j.options.Anchor != nil && j.broken.Load() == nil {
			errs = append(errs, j.flush())
		}
		errs = append(errs, j.active.Close())
	}
	if j.kept != nil {
		j.kept.close()
	}
	if j.anchor != nil {
		errs = append(errs, fmt.Errorf("the anchor did not take the head of the ledger: %w", j.anchor))
	}
	if j.alive != nil {
		// Gone is as dead as unlocked, so a crash between the two is no matter.
		errs = append(errs, j.alive.Close())
		_ = j.root.Remove(liveName(j.self))
	}
	return errors.Join(append(errs, j.root.Close())...)
}

// nonce is so many random bytes in hex.
func nonce(n int) string {
	b := make([]byte, n)
	rand.Read(b) // never fails: crypto/rand ends the program instead
	return hex.EncodeToString(b)
}
