package ksc_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kes-respond/kes-respond/plugin/ksc"
)

// certificate says what a test certificate is like.
type certificate struct {
	ca      bool
	names   []string
	expired bool
	signer  *tls.Certificate
}

// make makes it. The clock of a synctest bubble starts at the year 2000.
func (c certificate) make() *tls.Certificate {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	serial, err := rand.Int(rand.Reader, big.NewInt(1<<62))
	if err != nil {
		panic(err)
	}
	template := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: fmt.Sprint("test ", serial)}, DNSNames: c.names,
		NotBefore: time.Date(1990, 1, 1, 0, 0, 0, 0, time.UTC), NotAfter: time.Date(2090, 1, 1, 0, 0, 0, 0, time.UTC),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		BasicConstraintsValid: true, IsCA: c.ca,
	}
	if c.ca {
		template.KeyUsage |= x509.KeyUsageCertSign
	}
	if c.expired {
		template.NotAfter = time.Date(1999, 1, 1, 0, 0, 0, 0, time.UTC)
	}
	parent, signer := template, any(key)
	out := &tls.Certificate{PrivateKey: key}
	if c.signer != nil {
		if parent, err = x509.ParseCertificate(c.signer.Certificate[0]); err != nil {
			panic(err)
		}
		signer = c.signer.PrivateKey
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, signer)
	if err != nil {
		panic(err)
	}
	out.Certificate = [][]byte{der}
	return out
}

var (
	systemCA  = sync.OnceValue(certificate{ca: true}.make)
	plainCert = sync.OnceValue(certificate{names: []string{"ksc.example"}}.make)
)

func pemOf(der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

func trustIn(t testing.TB, certs ...*tls.Certificate) ksc.Trust {
	var all []byte
	for _, c := range certs {
		all = append(all, pemOf(c.Certificate[0])...)
	}
	trust, err := ksc.ParseTrust(all)
	require.NoError(t, err)
	return trust
}
