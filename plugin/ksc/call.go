package ksc

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"strings"
	"sync/atomic"
)

// call posts one method in the session, renewing that once when KSC says that
// it has ended. 401 and 403 come before a method is looked at, so sending
// again is no second order.
func (c *Client) call(ctx context.Context, method string, args, answer any) error {
	id, err := c.session.get(ctx, c, "")
	if err != nil {
		return err
	}
	err = c.post(ctx, method, args, answer, header{"X-KSC-Session", id})
	if !sessionEnded(err) {
		return err
	}
	if id, err = c.session.get(ctx, c, id); err != nil {
		return err
	}
	return c.post(ctx, method, args, answer, header{"X-KSC-Session", id})
}

func sessionEnded(err error) bool {
	var e *Error
	return errors.As(err, &e) && e.Kind == KindSession
}

type header struct{ name, value string }

// post makes one HTTP call. Its errors are *Error, with Delivery as exact as
// can be known: a request of which the connection was never got, or whose
// writing failed, has not arrived whole.
func (c *Client) post(ctx context.Context, method string, args, answer any, headers ...header) error {
	body, err := asciiJSON(args)
	if err != nil {
		return &Error{Kind: KindRefused, Method: method, Message: "the arguments cannot be written: " + err.Error(), Err: err}
	}
	bound, cancel := context.WithTimeout(ctx, c.config.CallTimeout)
	defer cancel()
	var sent delivery
	traced := httptrace.WithClientTrace(bound, sent.trace())
	req, err := http.NewRequestWithContext(traced, http.MethodPost, c.base+method, bytes.NewReader(body))
	if err != nil {
		return &Error{Kind: KindRefused, Method: method, Message: err.Error(), Err: err}
	}
	req.GetBody = nil
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Accept-Encoding", "gzip")
	if c.config.UserAgent != "" {
		req.Header.Set("User-Agent", c.config.UserAgent)
	}
	for _, h := range headers {
		if h.value != "" {
			req.Header.Set(h.name, h.value)
		}
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return c.lost(ctx, method, err, sent.state())
	}
	defer resp.Body.Close()
	data, err := readAnswer(resp)
	if err != nil {
		if status := refusedStatus(method, resp, nil); status != nil {
			return status
		}
		e := c.lost(ctx, method, err, Unknown)
		e.Status, e.Excerpt = resp.StatusCode, excerpt(data, excerptBytes)
		return e
	}
	return understand(method, resp, data, answer)
}

// delivery watches how far a request got. The transport may still be writing
// when it has given up waiting, so all but a failed write counts as unknown
// once there is a connection.
type delivery struct {
	connected, broken atomic.Bool
}

func (d *delivery) trace() *httptrace.ClientTrace {
	return &httptrace.ClientTrace{
		GotConn:      func(httptrace.GotConnInfo) { d.connected.Store(true); d.broken.Store(false) },
		WroteRequest: func(i httptrace.WroteRequestInfo) { d.broken.Store(i.Err != nil) },
	}
}

func (d *delivery) state() Delivery {
	if !d.connected.Load() || d.broken.Load() {
		return NotSent
	}
	return Unknown
}

// lost names why there is no answer.
func (c *Client) lost(ctx context.Context, method string, err error, d Delivery) *Error {
	e := &Error{Kind: KindUnreachable, Method: method, Delivery: d, Err: err}
	var certErr *tls.CertificateVerificationError
	var pin *pinError
	var unknownCA x509.UnknownAuthorityError
	var name x509.HostnameError
	var invalid x509.CertificateInvalidError
	var record tls.RecordHeaderError
	var alert tls.AlertError
	switch {
	case errors.As(err, &pin):
		e.Kind, e.Message = KindTLS, pin.Error()
	case errors.As(err, &certErr), errors.As(err, &unknownCA), errors.As(err, &name), errors.As(err, &invalid), errors.As(err, &record), errors.As(err, &alert):
		e.Kind, e.Message = KindTLS, "the server's certificate is not trusted: "+cause(err)
		if certErr != nil && len(certErr.UnverifiedCertificates) > 0 {
			e.Message += "; its SHA-256 is " + fingerprint(certErr.UnverifiedCertificates[0])
		}
	case errors.Is(ctx.Err(), context.Canceled):
		e.Kind, e.Message = KindCanceled, "the call was given up"
	case errors.Is(err, context.DeadlineExceeded), isTimeout(err):
		e.Kind, e.Message = KindTimeout, fmt.Sprintf("no answer from %s in time", c.config.Addr)
	case isBroken(err):
		e.Kind, e.Message = KindBadAnswer, "the answer is broken: "+cause(err)
	case d == NotSent:
		e.Message = fmt.Sprintf("no connection to %s: %s", c.config.Addr, cause(err))
	default:
		e.Message = "the connection was lost before the answer: " + cause(err)
	}
	return e
}

func isTimeout(err error) bool {
	var t interface{ Timeout() bool }
	return errors.As(err, &t) && t.Timeout()
}

// cause is the innermost text of an error: the outer ones repeat the address.
func cause(err error) string {
	for {
		inner := errors.Unwrap(err)
		if inner == nil {
			return excerpt([]byte(err.Error()), 2*excerptBytes)
		}
		err = inner
	}
}

// brokenError is an answer that arrived and cannot be unpacked.
type brokenError struct{ err error }

func (b *brokenError) Error() string { return b.err.Error() }
func (b *brokenError) Unwrap() error { return b.err }

func isBroken(err error) bool {
	var b *brokenError
	return errors.As(err, &b)
}

// readAnswer unpacks the answer, up to its bound.
func readAnswer(resp *http.Response) ([]byte, error) {
	var r io.Reader = resp.Body
	packed := true
	switch strings.ToLower(resp.Header.Get("Content-Encoding")) {
	case "", "identity":
		packed = false
	case "gzip":
		z, err := gzip.NewReader(resp.Body)
		if err != nil {
			return nil, broken(err)
		}
		r = z
	case "deflate":
		z, err := zlib.NewReader(resp.Body)
		if err != nil {
			return nil, broken(err)
		}
		r = z
	default:
		return nil, &brokenError{errors.New("it is packed in a way that was not asked for")}
	}
	data, err := io.ReadAll(io.LimitReader(r, maxAnswerBytes+1))
	if err != nil && (packed || errors.Is(err, io.ErrUnexpectedEOF)) {
		err = broken(err)
	}
	if err == nil && len(data) > maxAnswerBytes {
		err = &brokenError{fmt.Errorf("it is longer than %d bytes", maxAnswerBytes)}
	}
	return data, err
}

// broken keeps a time-out a time-out, also inside a packed answer.
func broken(err error) error {
	if isTimeout(err) || errors.Is(err, context.Canceled) {
		return err
	}
	return &brokenError{err}
}

// understand makes an answer of what arrived: PxgError before all else, then
// the status, then the JSON.
func understand(method string, resp *http.Response, data []byte, answer any) error {
	var failed struct{ PxgError *pxgError }
	isJSON := json.Unmarshal(data, &failed) == nil && bytes.HasPrefix(bytes.TrimSpace(data), []byte("{"))
	if isJSON && failed.PxgError != nil {
		p := *failed.PxgError
		return &Error{
			Kind: p.kind(), Method: method, Status: resp.StatusCode, Module: p.Module, Code: p.Code, Subcode: p.Subcode,
			Message: p.text(), Delivery: Answered,
		}
	}
	if e := refusedStatus(method, resp, data); e != nil {
		return e
	}
	if !isJSON {
		return &Error{
			Kind: KindBadAnswer, Method: method, Status: resp.StatusCode, Delivery: Unknown,
			Message: "the answer is not the JSON that KSC sends", Excerpt: excerpt(data, excerptBytes),
		}
	}
	if answer == nil {
		return nil
	}
	if err := json.Unmarshal(data, answer); err != nil {
		return &Error{
			Kind: KindBadAnswer, Method: method, Status: resp.StatusCode, Delivery: Unknown, Err: err,
			Message: "the answer has not the form that KSC's has", Excerpt: excerpt(data, excerptBytes),
		}
	}
	return nil
}

// refusedStatus reads an HTTP status other than 200; its body is text for
// people. A 5xx may come from a proxy that has passed the call on, so it
// settles nothing.
func refusedStatus(method string, resp *http.Response, data []byte) *Error {
	e := &Error{Method: method, Status: resp.StatusCode, Delivery: Answered, Excerpt: excerpt(data, excerptBytes)}
	if said := resp.Header.Get("X-KSC-ErrorMsg"); said != "" {
		e.Excerpt = excerpt([]byte(said), excerptBytes)
	}
	switch {
	case resp.StatusCode == http.StatusOK:
		return nil
	case resp.StatusCode == http.StatusUnauthorized && strings.Contains(strings.Join(resp.Header.Values("WWW-Authenticate"), " "), "KSCMFA"):
		e.Kind, e.Message = KindSecondFactor, "the account demands a second factor"
	case resp.StatusCode == http.StatusUnauthorized, resp.StatusCode == http.StatusForbidden:
		e.Kind, e.Message = KindSession, "KSC does not recognise the session"
	case resp.StatusCode == http.StatusProxyAuthRequired:
		e.Kind, e.Message, e.Delivery = KindUnreachable, "a proxy demands a login", NotSent
	case resp.StatusCode >= 500:
		e.Kind, e.Message, e.Delivery = KindUnavailable, "the server, or something before it, could not answer", Unknown
	case resp.StatusCode >= 400:
		e.Kind, e.Message = KindRefused, "KSC refused the call"
	default:
		e.Kind, e.Message, e.Delivery = KindBadAnswer, "an answer that KSC does not give", Unknown
	}
	return e
}
