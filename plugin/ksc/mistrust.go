package ksc

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"fmt"
	"strings"
	"sync/atomic"
	"time"
)

// strangerError is a server that showed a certificate which Trust does not
// vouch for, with all that a person needs to compare it.
type strangerError struct {
	pins  [][32]byte
	shown *x509.Certificate
	chain error // why its chain is no good; nil where only pins count
}

// Error says which certificates were expected and which was presented. What the
// server says of itself is printable in it.
func (e *strangerError) Error() string { return "the server's certificate is not trusted: " + e.why() }

func (e *strangerError) why() string {
	why := "it is not the pinned one"
	if len(e.pins) > 1 {
		why = "it is not one of those that are pinned"
	}
	expected := "; expected SHA-256 " + fingerprints(e.pins)
	switch {
	case e.chain != nil && len(e.pins) == 0:
		why, expected = cause(e.chain), ""
	case e.chain != nil:
		why, expected = cause(e.chain), expected+" or one that a CA of kscCert has signed"
	}
	return why + expected + "; presented SHA-256 " + described(e.shown)
}

// described is a certificate in words: SHA-256, subject and validity.
func described(c *x509.Certificate) string {
	return fingerprint(c) + " (" + excerpt([]byte(c.Subject.String()), excerptBytes) +
		", valid from " + c.NotBefore.UTC().Format(time.DateOnly) + " until " + c.NotAfter.UTC().Format(time.DateOnly) + ")"
}

// mostPins is how many pins an error lists: a file may hold a whole bundle.
const mostPins = 64

func fingerprints(pins [][32]byte) string {
	var all []string
	for _, pin := range pins[:min(len(pins), mostPins)] {
		all = append(all, hex.EncodeToString(pin[:]))
	}
	more := ""
	if len(pins) > mostPins {
		more = fmt.Sprintf(" or one of %d more", len(pins)-mostPins)
	}
	return strings.Join(all, " or ") + more
}

func fingerprint(c *x509.Certificate) string {
	sum := sha256.Sum256(c.Raw)
	return hex.EncodeToString(sum[:])
}

// met remembers how long the certificate is valid that was last met on a new
// connection and trusted.
type met struct{ until atomic.Int64 }

func (m *met) note(shown []*x509.Certificate) {
	if len(shown) > 0 {
		m.until.Store(shown[0].NotAfter.Unix())
	}
}

// TrustedUntil says until when the certificate is valid that the server showed
// on the last new connection. It is not known before the first connection, and
// nothing is said of one that is not checked.
func (c *Client) TrustedUntil() (until time.Time, known bool) {
	at := c.met.until.Load()
	if at == 0 || c.config.Trust.Insecure {
		return time.Time{}, false
	}
	return time.Unix(at, 0).UTC(), true
}

// Pinned says that certificates are trusted by their SHA-256: a new one has to
// be added here before the server gets it.
func (c *Client) Pinned() bool { return len(c.config.Trust.Pins) > 0 }
