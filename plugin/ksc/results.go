package ksc

import (
	"context"
	"errors"
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

// read takes up to most records out of a result set and releases it. A set
// that gives fewer records than it was said to hold is an error: to miss a
// second host of one name is to take the first for the only one.
func (c *Client) read(ctx context.Context, method string, f found, most int, foreign bool) ([]row, error) {
	count, ok := f.Count.integer()
	if !ok || count < 0 || count > 0 && f.Accessor == "" {
		return nil, unusable(method, "KSC answered without a count or without its result set")
	}
	if f.Accessor == "" {
		return nil, nil
	}
	all, err := c.readAll(ctx, f.Accessor, int(min(count, int64(most))), foreign)
	var e *Error
	if err == nil || errors.As(err, &e) && e.Delivery == Answered {
		// Otherwise KSC does not answer, or nobody waits any more. A set that
		// is not released dies by itself within a minute.
		ctx, cancel := context.WithTimeout(ctx, releaseTimeout)
		defer cancel()
		_ = c.call(ctx, "ChunkAccessor.Release", map[string]string{"strAccessor": f.Accessor}, nil)
	}
	return all, err
}

// readAll reads records 0 to n. Steps become smaller where the records are too
// long for one answer.
func (c *Client) readAll(ctx context.Context, accessor string, n int, foreign bool) ([]row, error) {
	var all []row
	for step := chunkSize; len(all) < n; {
		var answer struct {
			Chunk struct {
				Rows rows `json:"KLCSP_ITERATOR_ARRAY"`
			} `json:"pChunk"`
		}
		want := min(step, n-len(all))
		err := c.repeatable(ctx, ask{method: getItemsChunk, answer: &answer, foreign: foreign, args: struct {
			Accessor string `json:"strAccessor"`
			Start    int    `json:"nStart"`
			Count    int    `json:"nCount"`
		}{accessor, len(all), want}})
		got := len(answer.Chunk.Rows)
		switch {
		case errors.Is(err, errTooLong) && want > 1:
			step = want / 2
			continue
		case err != nil:
			return nil, err
		case got > want:
			return nil, unusable(getItemsChunk, "KSC answered with more records than were asked for")
		case got == 0:
			return nil, unusable(getItemsChunk, "KSC answered with fewer records than its result set was said to hold")
		}
		all = append(all, answer.Chunk.Rows...)
	}
	return all, nil
}

// unusable is an answer in KSC's form whose content cannot be right.
func unusable(method, message string) *Error {
	return &Error{Kind: KindBadAnswer, Method: method, Status: http.StatusOK, Message: message, Delivery: Unknown}
}
