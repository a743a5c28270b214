package journal

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"
)

// Kind says what is wrong with a ledger, or with a claim on it. After an error
// of any kind nothing may be sent.
type Kind string

// The kinds of Error.
const (
	Place   Kind = "place"   // the directory or a file in it cannot be used: rights, owner, links, read-only
	Disk    Kind = "disk"    // a line could not be written or flushed: no space, a broken disk
	Full    Kind = "full"    // the bound of its size is reached, and nothing in it is old enough to go
	Damaged Kind = "damaged" // its lines are not as they were written
	Format  Kind = "format"  // a newer version of this program wrote it
	Secret  Kind = "secret"  // the key of the chain is missing, unreadable or another one
	Reused  Kind = "reused"  // a used idempotency key with a different request
	Taken   Kind = "taken"   // the request that was to be adopted is not in doubt, or no more; or another one has the incident that was found, or the console task that was matched
	Held    Kind = "held"    // what was to be followed is not left to KSC: it was not sent, or somebody has it, or it has ended
	Busy    Kind = "busy"    // the wait for the ledger's lock ended with the context
	Closed  Kind = "closed"  // the Journal is closed, or open for reading only
)

// Error is how everything here fails.
type Error struct {
	Kind       Kind
	Message    string
	Assistance string // what the person can do
	Prior      *Prior // who has used the key; for Reused only
	Err        error
}

// Error gives the message and its cause.
func (e *Error) Error() string {
	if e.Err == nil {
		return e.Message
	}
	return fmt.Sprintf("%s: %v", e.Message, e.Err)
}

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.Err }

// placeError says why a directory or a file in it cannot be used.
func (j *Journal) placeError(message string, err error) error {
	return placeError(j.dir, message, err)
}

func placeError(dir, message string, err error) error {
	assistance := "Give this user a directory of its own for the ledger, on a disk of this machine, that it can write and others cannot (mode 0700)."
	switch {
	case errors.Is(err, syscall.EROFS):
		assistance = "The file system is read-only. Mount it for writing, or put the ledger elsewhere."
	case errors.Is(err, fs.ErrPermission):
		assistance = "This user (see id) has no right to it. Run as the user that owns the ledger, or give this one a directory of its own; a ledger for several users is a group-owned one."
	case noSpace(err):
		return &Error{Disk, "the ledger in " + dir + " cannot be written: " + message, makeRoom, nil, err}
	}
	return &Error{Place, "the ledger in " + dir + " cannot be used: " + message, assistance, nil, err}
}

const makeRoom = "Free space on the disk that holds the ledger, or raise the user's limit on it, then send the request again."

func noSpace(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) || errors.Is(err, syscall.EFBIG)
}

// diskError says that a line is not, or not surely, in the ledger.
func (j *Journal) diskError(what string, err error) error {
	assistance := "Look at the disk that holds the ledger (dmesg), then start this program again."
	if noSpace(err) {
		assistance = makeRoom
	}
	return &Error{Disk, "the ledger in " + j.dir + " " + what, assistance, nil, err}
}

// damaged says where lines are not what was written.
func (j *Journal) damaged(p place, what string, err error) error {
	return &Error{
		Damaged, fmt.Sprintf("the ledger in %s is damaged at byte %d of %s: %s", j.dir, p.offset(), segmentName(p.segment()), what),
		"Run kes-respond journal verify to see all of it. Then set the directory aside as evidence; a new one starts empty and knows no earlier request.", nil, err,
	}
}

func (j *Journal) readOnlyError() error {
	return &Error{Kind: Closed, Message: "the ledger in " + j.dir + " is open for reading only"}
}

func (j *Journal) closedError() error {
	return &Error{Kind: Closed, Message: "the ledger in " + j.dir + " is closed"}
}

func isMissing(err error) bool { return errors.Is(err, os.ErrNotExist) }
