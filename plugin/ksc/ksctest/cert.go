package ksctest

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"math/big"
	"net"
	"sync"
	"time"
)

// builtin is made once a process, because an RSA key costs a tenth of a second; it never changes after that.
var builtin = sync.OnceValues(newCertificate)

// newCertificate makes a self-signed certificate like KSC's own (RSA 2048). It is valid from 1990 to 2090 where a real one
// has 397 days, because the clock of a synctest bubble starts at the year 2000.
func newCertificate() (tls.Certificate, error) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return tls.Certificate{}, err
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		return tls.Certificate{}, err
	}
	t := &x509.Certificate{
		SerialNumber:          serial,
		Subject:               pkix.Name{CommonName: "ksc.example"},
		NotBefore:             time.Date(1990, 1, 1, 0, 0, 0, 0, time.UTC),
		NotAfter:              time.Date(2090, 1, 1, 0, 0, 0, 0, time.UTC),
		KeyUsage:              x509.KeyUsageDigitalSignature | x509.KeyUsageKeyEncipherment,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		BasicConstraintsValid: true,
		SubjectKeyId:          serial.Bytes(),
		AuthorityKeyId:        serial.Bytes(),
		DNSNames:              []string{"localhost", "ksc.example"},
		IPAddresses:           []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback},
	}
	der, err := x509.CreateCertificate(rand.Reader, t, t, &key.PublicKey, key)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, err
}

// NewIdentity makes a certificate like the built-in one, with its key, as PEM: a server that is started anew with it, in
// Options.Certificate, is the same to its clients.
func NewIdentity() ([]byte, error) {
	c, err := newCertificate()
	if err != nil {
		return nil, err
	}
	key, err := x509.MarshalPKCS8PrivateKey(c.PrivateKey)
	if err != nil {
		return nil, err
	}
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Certificate[0]})
	return append(text, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key})...), nil
}

func (s *Server) loadCertificate() (err error) {
	if s.opts.Certificate == nil {
		s.cert, err = builtin()
		return err
	}
	if s.cert = *s.opts.Certificate; len(s.cert.Certificate) == 0 {
		err = errors.New("ksctest: the certificate is empty")
	}
	return err
}

// CertificateDER is the server's certificate, as a pin is computed from it.
func (s *Server) CertificateDER() []byte { return append([]byte(nil), s.cert.Certificate[0]...) }

// CertificatePEM is the server's certificate as a client trusts it; it is its own and only root.
func (s *Server) CertificatePEM() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.cert.Certificate[0]})
}

func (s *Server) tlsConfig(swapped bool) *tls.Config {
	highest := s.opts.MaxTLS
	if highest == 0 {
		highest = tls.VersionTLS12
	}
	return &tls.Config{
		MinVersion: tls.VersionTLS12, MaxVersion: highest, NextProtos: []string{"http/1.1"},
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
			if !swapped {
				return &s.cert, nil
			}
			other, err := s.swapped()
			return &other, err
		},
	}
}
