package ksc

import (
	"bytes"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Trust says which server certificate is the right one. The zero Trust means
// the system's roots and the name that was dialled.
type Trust struct {
	Roots    *x509.CertPool // nil: the system's, unless there are pins; chain and name are checked
	Pins     [][32]byte     // SHA-256 of the server certificate's DER; where one matches, neither chain nor name is checked
	Insecure bool           // no check at all: an explicit choice of a person
}

// ParseTrust reads certificates, PEM or DER. Each is a pin: a server that shows
// that very certificate is trusted under any name, for KSC makes a self-signed
// one whose name is seldom the one that is dialled. One that may sign others is
// a root as well: for a server whose certificate it signed, chain and name are
// checked.
func ParseTrust(data []byte) (Trust, error) {
	var t Trust
	var ders [][]byte
	rest := data
	for {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		if block.Type == "CERTIFICATE" {
			ders = append(ders, block.Bytes)
		}
	}
	if len(ders) == 0 && !bytes.Contains(data, []byte("-----BEGIN")) {
		ders = [][]byte{data}
	}
	for _, der := range ders {
		cert, err := x509.ParseCertificate(der)
		if err != nil {
			return Trust{}, fmt.Errorf("no readable certificate: %w", err)
		}
		if cert.IsCA {
			if t.Roots == nil {
				t.Roots = x509.NewCertPool()
			}
			t.Roots.AddCert(cert)
		}
		t.Pins = append(t.Pins, sha256.Sum256(cert.Raw))
	}
	if len(ders) == 0 {
		return Trust{}, errors.New("no certificate in it")
	}
	return t, nil
}

// ParsePins reads one SHA-256 or several with commas between, as ParsePin does
// each: the old certificate's and the new one's. It is false where any of them
// is none.
func ParsePins(s string) ([][32]byte, bool) {
	var pins [][32]byte
	for one := range strings.SplitSeq(s, ",") {
		pin, ok := ParsePin(strings.TrimSpace(one))
		if !ok {
			return nil, false
		}
		pins = append(pins, pin)
	}
	return pins, true
}

// ParsePin reads a SHA-256 in hexadecimal, with or without colons or the
// prefix "sha256:".
func ParsePin(s string) ([32]byte, bool) {
	var pin [32]byte
	if len(s) > len("sha256:") && strings.EqualFold(s[:len("sha256:")], "sha256:") {
		s = s[len("sha256:"):]
	}
	raw, err := hex.DecodeString(strings.ReplaceAll(s, ":", ""))
	if err != nil || len(raw) != len(pin) {
		return pin, false
	}
	copy(pin[:], raw)
	return pin, true
}

// config is the TLS configuration of this trust; m is told of what is trusted.
// TLS 1.2 is allowed: KSC documents nothing newer (KSCAPI main page).
func (t Trust) config(host string, m *met) *tls.Config {
	c := &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: t.Roots, ServerName: host}
	c.VerifyConnection = func(state tls.ConnectionState) error { // after the chain, where there are no pins
		m.note(state.PeerCertificates)
		return nil
	}
	if t.Insecure {
		c.InsecureSkipVerify = true
		return c
	}
	if len(t.Pins) == 0 {
		return c
	}
	c.InsecureSkipVerify = true // VerifyConnection below does it, on resumed sessions too
	c.VerifyConnection = func(state tls.ConnectionState) error {
		if err := t.verify(state.PeerCertificates, host); err != nil {
			return err
		}
		m.note(state.PeerCertificates)
		return nil
	}
	return c
}

// verify is the check where there are pins. Of a pinned certificate the dates
// are not looked at either: it was compared by a person, and KSC's own is often
// kept beyond its end.
func (t Trust) verify(shown []*x509.Certificate, host string) error {
	if len(shown) == 0 {
		return errors.New("the server showed no certificate")
	}
	leaf := shown[0]
	if slices.Contains(t.Pins, sha256.Sum256(leaf.Raw)) {
		return nil
	}
	if t.Roots == nil {
		return &strangerError{pins: t.Pins, shown: leaf}
	}
	if err := chain(shown, t.Roots, host); err != nil {
		return &strangerError{pins: t.Pins, shown: leaf, chain: err}
	}
	return nil
}

// chain checks that roots (nil: the system's) vouch for the first certificate
// under the name of host.
func chain(shown []*x509.Certificate, roots *x509.CertPool, host string) error {
	intermediates := x509.NewCertPool()
	for _, more := range shown[1:] {
		intermediates.AddCert(more)
	}
	_, err := shown[0].Verify(x509.VerifyOptions{Roots: roots, DNSName: host, Intermediates: intermediates})
	if err != nil {
		return &tls.CertificateVerificationError{UnverifiedCertificates: shown, Err: err}
	}
	return nil
}
