package ksc

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"time"
)

// cursor is a search that KSC keeps and gives out by range, with methods of its
// own to open, read and release it: three calls. What opens it answers with its
// id, by the name under which the other two want it.
type cursor struct {
	open, read, release string
	args                any
	id                  string   // the name of the id
	list, member        string   // the records are list.member of an answer
	names               []string // the attributes asked for; of a record no other is kept
	most                int      // nEnd
}

// run gives the records from 0 to most. Whether nEnd is one of them is not
// documented, so there may be one more. The cursor is given back whatever became
// of the reading, also where nobody waits any more: for that the answer with its id
// is awaited two seconds longer, and to give it back takes two at most. One whose id
// got lost lives until its time or its session ends.
func (k cursor) run(ctx context.Context, c *Client) (page, error) {
	var opened row
	if err := c.opening(ctx, k.open, k.args, &opened); err != nil {
		return page{}, err
	}
	id := opened[k.id].text()
	if id == "" {
		return page{}, unusable(k.open, "KSC answered without its result set")
	}
	p := page{list: k.list, member: k.member}
	p.rows.names, p.rows.most = k.names, k.most+1
	err := c.repeatable(ctx, ask{method: k.read, answer: &p, foreign: true, args: map[string]any{
		k.id: id, "nStart": 0, "nEnd": k.most,
	}})
	c.giveBack(ctx, k.release, map[string]string{k.id: id}, err)
	count, counted := p.count.integer()
	switch {
	case err != nil:
		return page{}, gone(err)
	case !p.there && (!counted || count != 0):
		return page{}, unusable(k.read, "KSC answered without records")
	case len(p.rows.all) > k.most+1:
		return page{}, unusable(k.read, "KSC answered with more records than were asked for")
	}
	return p, nil
}

// opening calls what has KSC keep something for us. The answer says under which id
// it does, so it is awaited a little longer than anybody waits for what is kept.
func (c *Client) opening(ctx context.Context, method string, args, answer any) error {
	if ctx.Err() != nil {
		return c.call(ctx, method, args, answer) // which says so
	}
	longer, cancel := context.WithCancel(context.WithoutCancel(ctx))
	if end, ends := ctx.Deadline(); ends {
		cancel()
		longer, cancel = context.WithDeadline(context.WithoutCancel(ctx), end.Add(releaseTimeout))
	}
	defer cancel()
	defer context.AfterFunc(ctx, func() {
		if !errors.Is(ctx.Err(), context.Canceled) {
			return
		}
		select {
		case <-time.After(releaseTimeout):
			cancel()
		case <-longer.Done():
		}
	})()
	return c.call(longer, method, args, answer)
}

// giveBack releases what KSC keeps, unless it died with its session: then there is
// nothing to release, and no login to be tried for it.
func (c *Client) giveBack(ctx context.Context, method string, id map[string]string, err error) {
	dead := []Kind{KindNotFound, KindSession, KindLogin, KindLocked, KindSecondFactor, KindPassword, KindTLS}
	var e *Error
	if errors.As(err, &e) && slices.Contains(dead, e.Kind) {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), releaseTimeout)
	defer cancel()
	_ = c.call(ctx, method, id, nil)
}

// gone keeps KLSTD 1186 of a step from being read as the absence of what was
// asked about: the result set is what is gone, as where the session ended
// between two steps. Asked anew, KSC makes another.
func gone(err error) error {
	var e *Error
	if errors.As(err, &e) && e.Kind == KindNotFound {
		e.Kind = KindUnavailable
	}
	return err
}

// page is an answer with records.
type page struct {
	list, member string
	rows         rows
	count        value // how many KSC says they are
	there        bool  // the list was
}

// cutShort says that there may be records that the page does not hold: KSC
// counts more, or the range that was asked for is full.
func (p *page) cutShort(most int) bool {
	count, ok := p.count.integer()
	return len(p.rows.all) >= most || ok && count > int64(len(p.rows.all))
}

// UnmarshalJSON reads the records. A list that is null or has no such member
// holds none: KSC leaves out what has no value.
func (p *page) UnmarshalJSON(data []byte) error {
	return each(data, maxMembers, func(name string, d *json.Decoder) error {
		switch name {
		case "PxgRetVal":
			return d.Decode(&p.count)
		case p.list:
			p.there = true
			return d.Decode((*listed)(p))
		}
		return d.Decode(&passed{})
	})
}

// listed is the list of a page.
type listed page

// UnmarshalJSON reads it.
func (l *listed) UnmarshalJSON(data []byte) error {
	if string(data) == "null" {
		return nil
	}
	return each(unwrap(data), maxMembers, func(name string, d *json.Decoder) error {
		if name == l.member {
			return d.Decode(&l.rows)
		}
		return d.Decode(&passed{})
	})
}
