package journal

import (
	"context"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/kes-respond/kes-respond/shared"
)

// The bounds, in bytes, of what KSC says of a console task.
const (
	maxTaskID          = 64
	maxTaskName        = 256
	maxTaskState       = 64
	maxTaskDescription = 512
)

// recordedTask is a console task as it stands in the ledger.
func recordedTask(t shared.ConsoleTask) *shared.ConsoleTask {
	t.Name, t.State = shortened(t.Name, maxTaskName), shortened(t.State, maxTaskState)
	t.Description = shortened(t.Description, maxTaskDescription)
	t.StartedAt, t.FinishedAt = recordedTime(t.StartedAt), recordedTime(t.FinishedAt)
	return &t
}

// recordedTime is a time of KSC's; nil where JSON has no form for it.
func recordedTime(at *time.Time) *time.Time {
	if at == nil {
		return nil
	}
	utc := at.UTC().Truncate(time.Millisecond)
	if utc.Year() < 1 || utc.Year() > 9999 {
		return nil
	}
	return &utc
}

// Finished says that it is known how the host carried the request out, or that
// KSC or the host would not.
func (r Record) Finished() bool {
	return progress{Outcome: r.Outcome, Incident: r.Incident}.finished()
}

// Matched records that a console task is a request's own. Of several requests to
// one server that claim it, in whatever process, the first gets it; the others
// get an error of kind Taken. For a request that has it already nothing is
// written.
//
// It is for a request whose claim has ended: KSC holds its incident, and it was
// left as submitted, pending or unknown. Else, and where it has another console
// task already, it is an error of kind Held that says why; so is an id that is
// empty, or longer than 64 bytes.
//
// It is not flushed: after a power failure the same evidence gives the same
// match. ctx bounds the wait for the ledger.
func (j *Journal) Matched(ctx context.Context, seq uint64, t shared.ConsoleTask) error {
	if j.root == nil {
		return nil
	}
	return j.exclusive(ctx, func(turn *turn) error {
		k, err := turn.followed(seq)
		if k.last.has(t.ID) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := turn.free(k, t.ID); err != nil {
			return err
		}
		p := k.last.progress
		p.ConsoleTask = recordedTask(t)
		_, err = turn.append(k.next(eventMatched, p))
		return err
	})
}

// Finished records how a request's console task ended: as succeeded, partial or
// failed, nothing else. The first record wins: where the request has finished
// nothing is written, and what is known of it is returned, whoever recorded it.
// It returns when the record is on the disk, if this process wrote it. From then
// on the request is not outstanding any more, and the host of an isolation that
// failed not isolated by it.
//
// Who may be finished, and with which console task, is as in Matched, which need
// not come before. A t without an id stands for the console task that was
// matched, or for none. ctx bounds the wait for the ledger.
func (j *Journal) Finished(ctx context.Context, seq uint64, o shared.Outcome, code shared.Code, message string, t shared.ConsoleTask) (Record, error) {
	switch o {
	case shared.Succeeded, shared.Partial, shared.Failed:
	default:
		return Record{}, notFollowed(seq, "a console task does not end as "+string(o))
	}
	if j.root == nil {
		r := Record{Seq: seq, Outcome: o, Code: code, Message: message}
		if t.ID != "" {
			r.ConsoleTask = &t
		}
		return r, nil
	}
	var r Record
	var last uint64
	err := j.exclusive(ctx, func(turn *turn) error {
		k, found, err := turn.byNumber(seq)
		if err == nil && found && j.record(k).Finished() {
			r, last = j.record(k), turn.x.covered.seq
			return nil
		}
		if k, err = turn.followed(seq); err != nil {
			return err
		}
		p := k.last.progress
		if t.ID != "" {
			if err := turn.free(k, t.ID); err != nil {
				return err
			}
			p.ConsoleTask = recordedTask(t)
		}
		p.Outcome, p.Code, p.Message = o, code, shortened(message, maxMessage)
		k.last = k.next(eventEnded, p)
		k.last.counted(k.claim)
		k.last.At = timeNow()
		_, err = turn.append(k.last)
		r, last = j.record(k), turn.x.covered.seq
		return err
	})
	if err == nil {
		err = j.sync(last)
	}
	if err != nil {
		return Record{}, err
	}
	return r, nil
}

// ByConsoleTask looks up the request that a console task was matched to. Which host
// it is seen on matters where its id begins with LocalTask.
func (j *Journal) ByConsoleTask(ctx context.Context, server, host, task string) (Record, bool, error) {
	return j.lookUp(ctx, func(t *turn) (known, bool, error) { return t.byTask(server, host, task) })
}

// LocalTask begins the id of a console task that is one host's alone: another host
// may have another one with the same id.
const LocalTask = "local:"

// hashOfTask is of what tells a console task from all others.
func (j *Journal) hashOfTask(server, host, task string) hash {
	if !strings.HasPrefix(task, LocalTask) {
		return j.hash(byTask, server, task)
	}
	return j.hash(byTask, server, task, strings.ToLower(host))
}

// Changed gives a number that rises when any process has written a line, without
// a turn at the ledger; sure is false when it cannot be told, for one while
// somebody writes. What a process wrote that was killed right then shows when
// the next one has its turn: it saves a look at the ledger, and does not stand
// for one.
func (j *Journal) Changed() (mark uint64, sure bool) {
	if j.root == nil {
		return 0, false
	}
	return j.peek()
}

func (t *turn) byTask(server, host, task string) (known, bool, error) {
	k, found, err := t.ask(t.j.hashOfTask(server, host, task), func(l line) bool {
		return l.Event == string(Claimed) && l.Server == server
	})
	return k, found && k.last.has(task), err
}

func (p progress) has(task string) bool { return p.ConsoleTask != nil && p.ConsoleTask.ID == task }

// next is a line about a request whose claim has ended.
func (k known) next(event string, p progress) line {
	return line{
		Event: event, Of: k.claim.Seq, Claim: k.at, By: k.last.By, Boot: k.last.Boot,
		Entry: Entry{Server: k.claim.Server, HostID: k.claim.HostID}, progress: p,
	}
}

// followed reads a request that KSC has, and that nobody else looks after.
func (t *turn) followed(seq uint64) (known, error) {
	k, found, err := t.byNumber(seq)
	switch {
	case err != nil:
		return k, err
	case !found:
		return k, notFollowed(seq, "the ledger does not have it, or not any more")
	case k.claim.Event != string(Claimed):
		return k, notFollowed(seq, "it was not sent: it was refused, or another one answered for it")
	case k.last.Incident == 0:
		return k, notFollowed(seq, "no incident of it is known")
	}
	switch k.last.Outcome {
	case shared.Submitted, shared.Pending, shared.Unknown:
		return k, nil
	case "":
		r, err := t.living(k)
		if err != nil {
			return k, err
		}
		if r.Running {
			return k, notFollowed(seq, "a process still has it")
		}
		return k, notFollowed(seq, "it is in doubt, and has to be settled first")
	}
	return k, notFollowed(seq, "it has ended as "+string(k.last.Outcome))
}

// free says that a request may have a console task.
func (t *turn) free(k known, task string) error {
	switch {
	case task == "" || len(task) > maxTaskID || !utf8.ValidString(task):
		return notFollowed(k.claim.Seq, "what was given as the id of its console task is none")
	case k.last.has(task):
		return nil
	case k.last.ConsoleTask != nil:
		return notFollowed(k.claim.Seq, "it has console task "+k.last.ConsoleTask.ID+" already")
	}
	other, found, err := t.byTask(k.claim.Server, k.claim.HostID, task)
	if err != nil || !found || other.claim.Seq == k.claim.Seq {
		return err
	}
	return &Error{
		Kind: Taken, Message: "console task " + task + " belongs to request " + other.claim.ID.Text(),
		Assistance: "Look on the console whether this request has a console task of its own.",
	}
}

func notFollowed(seq uint64, why string) *Error {
	return &Error{
		Kind: Held, Message: "request number " + decimal(seq) + " of the ledger cannot be followed: " + why,
		Assistance: "Look it up again.",
	}
}
