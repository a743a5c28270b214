package ksc

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net/http"
	"time"
)

// Certificate is what a server shows of itself before anything is said to it.
// Its texts are the server's own and printable.
type Certificate struct {
	Subject   string
	Issuer    string
	NotBefore time.Time
	NotAfter  time.Time
	SHA256    string // of its DER, in hex: what a pin is
	Problem   string // why Trust does not vouch for it; empty where it does, or where the check is off
}

var errPresented = errors.New("the certificate was read")

// Certificate reads the certificate that the server shows, and breaks off: no
// call is made, and no credential leaves. An error is that there is no route,
// or that what answers speaks no TLS.
func (c *Client) Certificate(ctx context.Context) (Certificate, error) {
	const method = "connect"
	ctx, cancel := context.WithTimeout(ctx, c.config.CallTimeout)
	defer cancel()
	var shown []*x509.Certificate
	ours := c.http.Transport.(*http.Transport)
	host := ours.TLSClientConfig.ServerName
	transport := &http.Transport{
		Proxy: ours.Proxy, DialContext: ours.DialContext, TLSNextProto: ours.TLSNextProto, TLSHandshakeTimeout: ours.TLSHandshakeTimeout,
		TLSClientConfig: &tls.Config{
			MinVersion: tls.VersionTLS12, ServerName: host, InsecureSkipVerify: true, // it is looked at, not trusted
			VerifyConnection: func(s tls.ConnectionState) error {
				shown = s.PeerCertificates
				return errPresented
			},
		},
	}
	defer transport.CloseIdleConnections()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.base, nil)
	if err != nil {
		return Certificate{}, &Error{Kind: KindRefused, Method: method, Message: err.Error(), Err: err}
	}
	resp, err := transport.RoundTrip(req)
	if err == nil {
		resp.Body.Close()
		return Certificate{}, &Error{Kind: KindBadAnswer, Method: method, Message: "an answer came without a certificate"}
	}
	if !errors.Is(err, errPresented) || len(shown) == 0 {
		return Certificate{}, (&exchange{client: c, method: method}).lost(ctx, err, NotSent)
	}
	leaf := shown[0]
	out := Certificate{
		Subject: excerpt([]byte(leaf.Subject.String()), excerptBytes), Issuer: excerpt([]byte(leaf.Issuer.String()), excerptBytes),
		NotBefore: leaf.NotBefore.UTC(), NotAfter: leaf.NotAfter.UTC(), SHA256: fingerprint(leaf),
	}
	if err := c.config.Trust.vouch(shown, host); err != nil {
		out.Problem = (&strangerError{pins: c.config.Trust.Pins, shown: leaf, chain: err}).why()
		if stranger, ok := errors.AsType[*strangerError](err); ok {
			out.Problem = stranger.why()
		}
	}
	return out, nil
}

// vouch is the check that a connection makes, whatever it rests on.
func (t Trust) vouch(shown []*x509.Certificate, host string) error {
	switch {
	case t.Insecure:
		return nil
	case len(t.Pins) > 0:
		return t.verify(shown, host)
	}
	return chain(shown, t.Roots, host)
}

// Insecure says that the certificate is not checked, by choice of a person.
func (c *Client) Insecure() bool { return c.config.Trust.Insecure }
