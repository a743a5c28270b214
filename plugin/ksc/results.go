package ksc

import (
	"context"
	"time"
)

// A result set is read in steps, and never past what the caller asked for,
// whatever count KSC gives.
const (
	chunkSize      = 100
	setLifetime    = 60 // seconds after its last use
	releaseTimeout = 5 * time.Second
)

// found is the answer of the Find methods.
type found struct {
	Accessor string `json:"strAccessor"`
	Count    value  `json:"PxgRetVal"`
}

// read takes up to most records out of a result set and releases it, also
// when ctx has ended: what is left open stays on the server.
func (c *Client) read(ctx context.Context, f found, most int) ([]row, error) {
	if f.Accessor == "" {
		return nil, nil
	}
	defer func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), releaseTimeout)
		defer cancel()
		// A set that cannot be released dies by itself within a minute.
		_ = c.call(ctx, "ChunkAccessor.Release", map[string]string{"strAccessor": f.Accessor}, nil)
	}()
	if n, ok := f.Count.integer(); ok && n == 0 {
		return nil, nil
	}
	var all []row
	for len(all) < most {
		var answer struct {
			Chunk struct {
				Rows []row `json:"KLCSP_ITERATOR_ARRAY"`
			} `json:"pChunk"`
		}
		want := min(chunkSize, most-len(all))
		err := c.call(ctx, "ChunkAccessor.GetItemsChunk", struct {
			Accessor string `json:"strAccessor"`
			Start    int    `json:"nStart"`
			Count    int    `json:"nCount"`
		}{f.Accessor, len(all), want}, &answer)
		if err != nil {
			return nil, err
		}
		if len(answer.Chunk.Rows) > want {
			return nil, &Error{Kind: KindBadAnswer, Method: "ChunkAccessor.GetItemsChunk", Delivery: Answered, Message: "KSC answered with more records than were asked for"}
		}
		all = append(all, answer.Chunk.Rows...)
		if len(answer.Chunk.Rows) < want {
			break
		}
	}
	return all, nil
}
