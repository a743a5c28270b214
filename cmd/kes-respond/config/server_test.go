package config

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kes-respond/kes-respond/plugin/ksc"
)

// TestSchemaHostsAreHosts: what the file takes for a host the environment
// takes, and the other way round, save addresses that only look like some.
func TestSchemaHostsAreHosts(t *testing.T) {
	for _, host := range []string{
		"ksc", "ksc.example", "KSC_1", "10.0.0.1", "::1", "fe80::1%eth0", "2001:db8::13", "::ffff:10.0.0.1", "кск.example",
		"", "a:1", "https://a", "a/b", "user@a", "[::1]", "[::1]:13299", "a b", "a\tb", " a", "a\n",
	} {
		path := configured(t, "{kscHost: "+quoted(host)+"}")
		_, err := Read(path)
		assert.Equal(t, CheckHost(host) == nil, err == nil, "%q: %v", host, err)
	}
}

func quoted(s string) string {
	return `"` + strings.NewReplacer("\t", `\t`, "\n", `\n`).Replace(s) + `"`
}

// certificate makes a CA or a server's own certificate.
func certificate(t *testing.T, name string, ca bool) (der []byte) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	one := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotAfter: time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC), IsCA: ca, BasicConstraintsValid: true,
	}
	der, err = x509.CreateCertificate(rand.Reader, one, one, key.Public(), key)
	require.NoError(t, err)
	return der
}

func TestCert(t *testing.T) {
	dir := t.TempDir()
	a, b, own := certificate(t, "a", true), certificate(t, "b", true), certificate(t, "own", false)
	asPEM := func(der []byte) string {
		return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
	}
	aFile := file(t, filepath.Join(dir, "a.pem"), strings.TrimSpace(asPEM(a)), 0o644) // without a line end
	bFile := file(t, filepath.Join(dir, "b.der"), string(b), 0o644)
	ownFile := file(t, filepath.Join(dir, "own.pem"), asPEM(own), 0o644)
	pool := x509.NewCertPool()
	for _, der := range [][]byte{a, b} {
		c, err := x509.ParseCertificate(der)
		require.NoError(t, err)
		pool.AddCert(c)
	}
	got, err := Certs{aFile, bFile, ownFile, strings.Repeat("0F", 32)}.Trust()
	require.NoError(t, err)
	assert.True(t, pool.Equal(got.Roots), "the CAs of all files count")
	var pin [32]byte
	for i := range pin {
		pin[i] = 0x0f
	}
	assert.Equal(t, [][32]byte{sha256.Sum256(a), sha256.Sum256(b), sha256.Sum256(own), pin}, got.Pins, "a server may show any of these under any name")
	assert.False(t, got.Insecure)

	sum := sha256.Sum256(own)
	got, err = Certs{hex.EncodeToString(sum[:])}.Trust()
	require.NoError(t, err)
	assert.Equal(t, ksc.Trust{Pins: [][32]byte{sum}}, got)

	got, err = Certs(nil).Trust()
	require.NoError(t, err)
	assert.Equal(t, ksc.Trust{}, got)

	_, err = Certs{file(t, filepath.Join(dir, "key.pem"), "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", 0o644)}.Trust()
	assert.ErrorContains(t, err, "no certificate in it")
}

// TestSeveralPinsInTheEnvironment: the old certificate's and the new one's, as
// the file has them in a list. A path may hold a comma.
func TestSeveralPinsInTheEnvironment(t *testing.T) {
	a, b := strings.Repeat("ab", 32), strings.Repeat("cd", 32)
	file, err := Read(configured(t, "kscHost: ksc.example\nkscUser: edr\nkscCert: ["+a+", "+b+"]\n"))
	require.NoError(t, err)
	fromFile, err := file.Cert.Trust()
	require.NoError(t, err)
	require.Len(t, fromFile.Pins, 2)
	trusted := func(value string) (ksc.Trust, error) {
		var c Server
		_, err := c.Environment(environ("kscCert", value))
		require.NoError(t, err)
		return c.Cert.Trust()
	}
	for _, value := range []string{a + "," + b, " " + a + " , sha256:" + b + " "} {
		got, err := trusted(value)
		require.NoError(t, err)
		assert.Equal(t, fromFile, got, value)
	}
	_, err = trusted(a + ",b.pem")
	require.ErrorContains(t, err, "no such file")
	path := filepath.Join(t.TempDir(), "a,b.pem")
	require.NoError(t, os.WriteFile(path, certificate(t, "own", false), 0o600))
	got, err := trusted(path)
	require.NoError(t, err)
	assert.Len(t, got.Pins, 1)
}
