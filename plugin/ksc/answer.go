package ksc

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
)

// The bounds of an answer, unpacked. Only records of incidents are long: one
// may carry an archive.
const (
	maxAnswerBytes  = 1 << 20
	maxRecordsBytes = 32 << 20
	maxHeaderBytes  = 256 << 10
)

// brokenError is an answer that arrived and cannot be unpacked.
type brokenError struct{ err error }

func (b *brokenError) Error() string { return b.err.Error() }
func (b *brokenError) Unwrap() error { return b.err }

var errTooLong = errors.New("it is longer than it may be")

func isBroken(err error) bool {
	var b *brokenError
	return errors.As(err, &b)
}

// unpackers are readers of gzip that nobody uses now: one takes 40 KB, and each
// answer needs one for a moment.
type unpackers struct{ free sync.Pool }

// take gives one that reads from r, and the way to give it back. What comes of a
// broken answer is not used again.
func (u *unpackers) take(r io.Reader) (z *gzip.Reader, free func(), err error) {
	z, _ = u.free.Get().(*gzip.Reader)
	if z == nil {
		z, err = gzip.NewReader(r)
	} else {
		err = z.Reset(r)
	}
	if err != nil {
		return nil, nil, err
	}
	return z, func() { u.free.Put(z) }, nil
}

// readAnswer unpacks the answer, up to its bound. With an error comes what
// could be read.
func (c *Client) readAnswer(resp *http.Response, most int) ([]byte, error) {
	var r io.Reader = resp.Body
	var err error
	switch strings.ToLower(resp.Header.Get("Content-Encoding")) {
	case "", "identity":
	case "gzip":
		var free func()
		if r, free, err = c.gzip.take(resp.Body); err == nil {
			defer free()
		}
	case "deflate":
		r, err = zlib.NewReader(resp.Body)
	default:
		err = errors.New("it is packed in a way that was not asked for")
	}
	if err != nil {
		return nil, broken(err)
	}
	data, err := io.ReadAll(io.LimitReader(r, int64(most)+1))
	if err == nil && len(data) > most {
		err = fmt.Errorf("%w: %d bytes", errTooLong, most)
	}
	return data, broken(err)
}

// broken keeps a time-out a time-out, also inside a packed answer.
func broken(err error) error {
	if err == nil || isTimeout(err) || errors.Is(err, context.Canceled) {
		return err
	}
	return &brokenError{err}
}

// understand makes an answer of what arrived: PxgError before all else, then
// the status, then the JSON.
func (x *exchange) understand(resp *http.Response, data []byte, answer any) error {
	var said struct {
		PxgError  *pxgError
		PxgRetVal json.RawMessage
	}
	isJSON := json.Unmarshal(data, &said) == nil && bytes.HasPrefix(bytes.TrimSpace(data), []byte("{"))
	if isJSON && said.PxgError != nil {
		if resp.StatusCode == http.StatusOK && !isEmpty(said.PxgRetVal) {
			return x.badAnswer(resp, data, "the answer holds an error and a value", nil)
		}
		return x.failed(resp, said.PxgError)
	}
	if e := x.refusedStatus(resp, data); e != nil {
		return e
	}
	if !isJSON {
		return x.badAnswer(resp, data, "the answer is not the JSON that KSC sends", nil)
	}
	if answer == nil {
		if !isVoid(data) {
			return x.badAnswer(resp, data, "the answer holds something where KSC's holds nothing", nil)
		}
		return nil
	}
	if err := json.Unmarshal(data, answer); err != nil {
		return x.badAnswer(resp, data, "the answer has not the form that KSC's has", err)
	}
	return nil
}

// isVoid says that an object is what a method without a value answers: {}
// (KSCAPI main page). A value written as null is as little.
func isVoid(data []byte) bool {
	return each(data, 1, func(name string, d *json.Decoder) error {
		var v any
		if err := d.Decode(&v); err != nil {
			return err
		}
		if name != "PxgRetVal" || v != nil {
			return errNotVoid
		}
		return nil
	}) == nil
}

var errNotVoid = errors.New("a value where there is none")

// isEmpty says that a value may stand beside an error without contradicting it.
func isEmpty(v json.RawMessage) bool {
	switch string(v) {
	case "", "null", "0", "false", `""`, "{}", "[]":
		return true
	}
	return false
}

// badAnswer is an answer that settles nothing.
func (x *exchange) badAnswer(resp *http.Response, data []byte, message string, err error) *Error {
	return &Error{
		Kind: KindBadAnswer, Method: x.method, Status: resp.StatusCode, Delivery: Unknown, Err: err,
		Message: message, Excerpt: x.excerpt(data, excerptBytes),
	}
}

// refusedStatus reads an HTTP status other than 200; its body is text for
// people. A 5xx may come from a proxy that has passed the call on, so it
// settles nothing. Neither does a 4xx to an order: which statuses KSC gives is
// not documented, an unknown method among them is a PxgError (KSCAPI a00337),
// and a proxy may hold back KSC's answer and put any status in its place.
func (x *exchange) refusedStatus(resp *http.Response, data []byte) *Error {
	if resp.StatusCode == http.StatusOK {
		return nil
	}
	e := &Error{Method: x.method, Status: resp.StatusCode, Delivery: Answered, Excerpt: x.excerpt(data, excerptBytes)}
	if said := resp.Header.Get("X-KSC-ErrorMsg"); said != "" {
		e.Excerpt = x.excerpt([]byte(said), excerptBytes)
	}
	entry, _ := knownStatus(resp.StatusCode, strings.Join(resp.Header.Values("WWW-Authenticate"), " "))
	switch e.Kind = entry.kind; e.Kind {
	case KindSecondFactor:
		e.Message = "the account demands a second factor"
	case KindSession:
		e.Message = "KSC does not recognise the session"
	case KindUnavailable:
		e.Message, e.Delivery = "the server, or something before it, could not answer", Unknown
	case KindRefused:
		e.Message = "KSC, or something before it, refused the call"
	default:
		e.Message, e.Delivery = "an answer that KSC does not give", Unknown
	}
	if x.ask.once {
		e.Delivery = Unknown
	}
	return e
}
