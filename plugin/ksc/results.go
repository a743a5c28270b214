package ksc

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"
)

// A result set is read in steps, and never past what the caller asked for,
// whatever count KSC gives.
const (
	getItemsChunk  = "ChunkAccessor.GetItemsChunk"
	chunkSize      = 100
	setLifetime    = 60 // seconds after its last use
	releaseTimeout = 2 * time.Second
)

// found is the answer of the Find methods.
type found struct {
	Accessor string `json:"strAccessor"`
	Count    value  `json:"PxgRetVal"`
}

// search is a Find method, and what is to be made of its records.
type search struct {
	method  string
	args    any
	names   []string // the attributes asked for; of a record no other is kept
	most    int      // records looked at; that there are more is an error
	step    int      // bytes of one step's answer
	budget  int      // bytes of all the records
	foreign bool     // records hold what others sent
	take    func(row) error
}

// run gives take up to most records of a search, one after the other, and
// releases the result set. It is an error, of KindTruncated where it is our
// own bound, when they are not all that the set was said to hold: to miss a
// second host of one name is to take the first for the only one.
func (s search) run(ctx context.Context, c *Client) error {
	var f found
	if err := c.opening(ctx, s.method, s.args, &f); err != nil {
		return notAbsent(err)
	}
	count, ok := f.Count.integer()
	if !ok || count < 0 || count > 0 && f.Accessor == "" {
		return unusable(s.method, "KSC answered without a count or without its result set")
	}
	if f.Accessor == "" {
		return nil
	}
	err := s.read(ctx, c, f.Accessor, int(min(count, int64(s.most))))
	if err == nil && count > int64(s.most) {
		err = truncated(s.method, fmt.Sprintf("%d records, of which no more than %d are read", count, s.most))
	}
	c.giveBack(ctx, "ChunkAccessor.Release", map[string]string{"strAccessor": f.Accessor}, err)
	return notAbsent(err)
}

// notAbsent keeps KLSTD 1186 of a search from being read as the absence of
// what was searched for: that is a search that finds none.
func notAbsent(err error) error {
	var e *Error
	if errors.As(err, &e) && e.Kind == KindNotFound {
		e.Kind = KindRefused
	}
	return err
}

// read takes records 0 to n. Steps become smaller where the records are too
// long for one answer.
func (s search) read(ctx context.Context, c *Client, accessor string, n int) error {
	taken, bytes := 0, 0
	for step := chunkSize; taken < n; {
		var answer struct {
			Chunk struct {
				Rows rows `json:"KLCSP_ITERATOR_ARRAY"`
			} `json:"pChunk"`
		}
		answer.Chunk.Rows.names = s.names
		want := min(step, n-taken)
		err := c.repeatable(ctx, ask{method: getItemsChunk, answer: &answer, foreign: s.foreign, longest: s.step, args: struct {
			Accessor string `json:"strAccessor"`
			Start    int    `json:"nStart"`
			Count    int    `json:"nCount"`
		}{accessor, taken, want}})
		got := answer.Chunk.Rows
		bytes += got.bytes
		switch {
		case errors.Is(err, errTooLong) && want > 1:
			step = want / 2
			continue
		case err != nil:
			return err
		case len(got.all) > want:
			return unusable(getItemsChunk, "KSC answered with more records than were asked for")
		case len(got.all) == 0:
			return unusable(getItemsChunk, "KSC answered with fewer records than its result set was said to hold")
		case bytes > s.budget:
			return truncated(s.method, fmt.Sprintf("more than %d MiB, which is all that is read", s.budget>>20))
		}
		for _, r := range got.all {
			if err := s.take(r); err != nil {
				return err
			}
		}
		taken += len(got.all)
	}
	return nil
}

// unusable is an answer in KSC's form whose content cannot be right.
func unusable(method, message string) *Error {
	return &Error{Kind: KindBadAnswer, Method: method, Status: http.StatusOK, Message: message, Delivery: Unknown}
}

// truncated is a search that was not read to its end. KSC did its part.
func truncated(method, found string) *Error {
	return &Error{
		Kind: KindTruncated, Method: method, Status: http.StatusOK, Delivery: Answered,
		Message: "the search found " + found + ": what was not seen may be there",
	}
}

func isTruncated(err error) bool {
	var e *Error
	return errors.As(err, &e) && e.Kind == KindTruncated
}
