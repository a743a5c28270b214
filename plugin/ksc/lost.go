package ksc

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
)

// lost names why there is no answer.
func (x *exchange) lost(ctx context.Context, err error, d Delivery) *Error {
	e := &Error{Kind: KindUnreachable, Method: x.method, Delivery: d, Err: err}
	addr := x.client.config.Addr
	why := cause(err)
	if !x.ask.foreign || !isOurs(err) {
		why = x.excerpt([]byte(why), 2*excerptBytes)
	}
	tlsMessage, isTLS := tlsFailure(err)
	switch {
	case isTLS:
		e.Kind, e.Message = KindTLS, tlsMessage
	case errors.Is(ctx.Err(), context.Canceled):
		e.Kind, e.Message = KindCanceled, "the call was given up"
	case isDial(err) && ctx.Err() == nil:
		e.Message = fmt.Sprintf("no connection to %s: %s", addr, why)
	case isTimeout(err):
		e.Kind, e.Message = KindTimeout, fmt.Sprintf("no answer from %s in time", addr)
	case isBroken(err), x.sent.answering.Load() && !isNetwork(err):
		e.Kind, e.Message = KindBadAnswer, "the answer is broken: "+why
	case d == NotSent:
		e.Message = fmt.Sprintf("no connection to %s: %s", addr, why)
	default:
		e.Message = "the connection was lost before the answer: " + why
	}
	return e
}

// tlsFailure says why a connection is not to the server we trust.
func tlsFailure(err error) (message string, is bool) {
	var certErr *tls.CertificateVerificationError
	var unknownCA x509.UnknownAuthorityError
	var name x509.HostnameError
	var invalid x509.CertificateInvalidError
	var record tls.RecordHeaderError
	var stranger *strangerError
	var op *net.OpError
	switch {
	case errors.As(err, &stranger):
		return stranger.Error(), true
	case errors.As(err, &certErr) && len(certErr.UnverifiedCertificates) > 0:
		return (&strangerError{shown: certErr.UnverifiedCertificates[0], chain: err}).Error(), true
	case errors.As(err, &unknownCA), errors.As(err, &name), errors.As(err, &invalid), errors.As(err, &certErr):
		return "the server's certificate is not trusted: " + cause(err), true
	case errors.As(err, &record), errors.Is(err, http.ErrSchemeMismatch):
		return "what answers speaks no TLS", true
	case errors.As(err, &op) && (op.Op == "remote error" || op.Op == "local error"), strings.HasPrefix(cause(err), "tls: "):
		// crypto/tls has no type for what fails a handshake.
		return "no TLS connection could be agreed on (TLS 1.2 or newer is needed): " + cause(err), true
	}
	return "", false
}

func isTimeout(err error) bool {
	var t interface{ Timeout() bool }
	return errors.Is(err, context.DeadlineExceeded) || errors.As(err, &t) && t.Timeout()
}

func isDial(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) && op.Op == "dial"
}

func isNetwork(err error) bool {
	var op *net.OpError
	return errors.As(err, &op)
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
