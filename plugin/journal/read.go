package journal

import (
	"bytes"
	"context"
	"io"
	"iter"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/kes-respond/kes-respond/shared"
)

// Filter says which records are wanted. Its zero value wants all.
type Filter struct {
	Since   time.Time // claimed, refused or answered then or later
	Effect  shared.Effect
	Outcome shared.Outcome
	Host    string // its id, or in any case its name or how the caller wrote it
	Server  string
	Actor   string // as claimed, or the user of the operating system
}

// Wants says whether a record is one of those.
func (f Filter) Wants(r Record) bool {
	return !r.At.Before(f.Since) &&
		(f.Effect == "" || slices.Contains(r.Effects, f.Effect)) &&
		(f.Outcome == "" || f.Outcome == r.Outcome) &&
		(f.Host == "" || f.Host == r.HostID || strings.EqualFold(f.Host, r.HostName) || strings.EqualFold(f.Host, r.Target)) &&
		(f.Server == "" || f.Server == r.Server) &&
		(f.Actor == "" || f.Actor == r.Actor || f.Actor == r.User)
}

// Records walks through the requests from the newest to the oldest, without a
// turn at the ledger: what is written meanwhile may be missing. It holds no
// more in memory than what was going on at the same time. It proves nothing;
// Verify does. The walk ends with its first error.
func (j *Journal) Records(ctx context.Context, f Filter) iter.Seq2[Record, error] {
	return func(yield func(Record, error) bool) {
		if j.root == nil {
			return
		}
		first, last, err := j.segments()
		if err != nil {
			yield(Record{}, err)
			return
		}
		latest := map[uint64]line{} // the last line of claims that are yet to come
		for n := last; n >= first && n > 0; n-- {
			more, err := j.recordsOf(ctx, n, f, latest, yield)
			if err != nil {
				yield(Record{}, err)
				return
			}
			if !more {
				return
			}
		}
	}
}

// recordsOf walks through one segment. It wants no older one when the caller
// has enough, or all of this was too old.
func (j *Journal) recordsOf(ctx context.Context, n uint32, f Filter, latest map[uint64]line, yield func(Record, error) bool) (more bool, err error) {
	file, err := j.open(segmentName(n), os.O_RDONLY)
	if isMissing(err) {
		return false, nil // pruned meanwhile
	}
	if err != nil {
		return false, j.wrap(segmentName(n)+" cannot be opened", err)
	}
	defer file.Close()
	for l, err := range backward(file, n) {
		if err != nil {
			return false, j.wrap(segmentName(n)+" cannot be read", err)
		}
		if err := ctx.Err(); err != nil {
			return false, err
		}
		more = more || !l.At.Before(f.Since)
		k := known{claim: l, last: l}
		switch l.Event {
		case string(Claimed):
			if newer, ok := latest[l.Seq]; ok {
				k.last = newer
				delete(latest, l.Seq)
			}
		case eventRefused, eventAnswered:
		case eventOpened, eventTorn, eventPruned, eventSuspended, eventResumed:
			continue
		default:
			if _, ok := latest[l.Of]; !ok {
				latest[l.Of] = l
			}
			continue
		}
		if r := j.record(k); f.Wants(r) && !yield(r, nil) {
			return false, nil
		}
	}
	return more, nil
}

// backward reads the lines of a segment from its last to its first. An
// unfinished line at the end is not there yet. Lines are not proved; one that
// cannot be read ends the walk.
func backward(f *os.File, n uint32) iter.Seq2[line, error] {
	return func(yield func(line, error) bool) {
		info, err := f.Stat()
		if err != nil {
			yield(line{}, err)
			return
		}
		var tail []byte // the beginning of it belongs to the chunk before
		whole := false  // whether tail ends where a line does
		for end := info.Size(); end > 0; {
			start := max(0, end-maxLine)
			chunk := make([]byte, end-start, end-start+int64(len(tail)))
			if _, err := io.ReadFull(io.NewSectionReader(f, start, end-start), chunk); err != nil {
				yield(line{}, err)
				return
			}
			chunk = append(chunk, tail...)
			for {
				cut := bytes.LastIndexByte(chunk, '\n')
				if cut < 0 {
					break
				}
				raw := chunk[cut+1:]
				chunk = chunk[:cut]
				if whole && !yieldLine(raw, yield) {
					return
				}
				whole = true
			}
			tail, end = chunk, start
		}
		if whole && len(tail) > 0 {
			yieldLine(tail, yield)
		}
	}
}

func yieldLine(raw []byte, yield func(line, error) bool) bool {
	l, err := readLine(raw)
	return yield(l, err) && err == nil
}
