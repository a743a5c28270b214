package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"math/big"
	"net/url"
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
		_, err := readConfig(path)
		assert.Equal(t, checkHost(host) == nil, err == nil, "%q: %v", host, err)
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
	got, err := certs{aFile, bFile, ownFile, strings.Repeat("0F", 32)}.trust()
	require.NoError(t, err)
	assert.True(t, pool.Equal(got.Roots), "the CAs of all files count")
	var pin [32]byte
	for i := range pin {
		pin[i] = 0x0f
	}
	assert.Equal(t, [][32]byte{sha256.Sum256(a), sha256.Sum256(b), sha256.Sum256(own), pin}, got.Pins, "a server may show any of these under any name")
	assert.False(t, got.Insecure)

	sum := sha256.Sum256(own)
	got, err = certs{hex.EncodeToString(sum[:])}.trust()
	require.NoError(t, err)
	assert.Equal(t, ksc.Trust{Pins: [][32]byte{sum}}, got)

	got, err = certs(nil).trust()
	require.NoError(t, err)
	assert.Equal(t, ksc.Trust{}, got)

	_, err = certs{file(t, filepath.Join(dir, "key.pem"), "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", 0o644)}.trust()
	assert.ErrorContains(t, err, "no certificate in it")
}

// TestFalseIsExplicitAndWarns: only these four, from the file or the
// environment, switch the check off, and each time somebody is told.
func TestFalseIsExplicitAndWarns(t *testing.T) {
	const base = "kscHost: a\nkscUser: u\n"
	const warning = "kes-respond: warning: kscCert is False for server default: the server's certificate is not checked, and whoever stands between can read the password\n"
	for _, off := range []string{"false", "False", "FALSE", "'False'", "'false'", `"FALSE"`} {
		set, said, err := together(t, base+"kscCert: "+off+"\n", "", "kscPassword", "p")
		require.NoError(t, err, off)
		assert.True(t, set.plugin.Servers["default"].Trust.Insecure, off)
		assert.Equal(t, warning, said, off)
	}
	for _, off := range []string{"False", "false", "FALSE"} {
		set, said, err := together(t, base, "", "kscPassword", "p", "kscCert", off)
		require.NoError(t, err, off)
		assert.True(t, set.plugin.Servers["default"].Trust.Insecure, off)
		assert.Equal(t, warning, said, off)
	}
	for _, other := range []string{"no", "off", "0", "None", "fAlse", " False"} {
		_, _, err := together(t, base, "", "kscPassword", "p", "kscCert", other)
		assert.True(t, errors.Is(err, os.ErrNotExist), "%q is a file that is not there: %v", other, err)
	}
	set, said, err := together(t, base+"kscCert: False\n", "", "kscPassword", "p", "kscCert", strings.Repeat("ab", 32))
	require.NoError(t, err)
	assert.False(t, set.plugin.Servers["default"].Trust.Insecure, "the environment comes first")
	assert.Empty(t, said)
	set, _, err = together(t, base, "", "kscPassword", "p", "kscCert", "")
	require.NoError(t, err)
	assert.Equal(t, ksc.Trust{}, set.plugin.Servers["default"].Trust)
}

func TestProxy(t *testing.T) {
	set, _, err := together(t, "kscHost: ksc.example\nkscUser: u\n", "", "kscPassword", "p", "https_proxy", "http://proxy.example:3128", "NO_PROXY", "direct.example")
	require.NoError(t, err)
	to := func(raw string) string {
		u, err := set.plugin.Servers["default"].Proxy(mustURL(t, raw))
		require.NoError(t, err)
		if u == nil {
			return ""
		}
		return u.String()
	}
	assert.Equal(t, "http://proxy.example:3128", to("https://ksc.example:13299/"))
	assert.Empty(t, to("https://direct.example:13299/"))
	assert.Empty(t, to("https://127.0.0.1:13299/"))
}

// TestAProxyThatCannotBeReadIsNotGonePast: whoever named one did not mean the direct
// way. What was named may have a password in it.
func TestAProxyThatCannotBeReadIsNotGonePast(t *testing.T) {
	for _, named := range []string{"http://user:S3cr3t%zz@proxy.example:3128", "::S3cr3t", "http://", "http://proxy.example:S3cr3t", "/S3cr3t"} {
		set, _, err := together(t, "kscHost: ksc.example\nkscUser: u\n", "", "kscPassword", "p", "HTTPS_PROXY", named, "NO_PROXY", "direct.example")
		require.NoError(t, err)
		via := set.plugin.Servers["default"].Proxy
		_, err = via(mustURL(t, "https://ksc.example:13299/"))
		assert.EqualError(t, err, "HTTPS_PROXY cannot be read as the address of a proxy", named)
		for _, direct := range []string{"https://direct.example:13299/", "https://127.0.0.1:13299/"} {
			to, err := via(mustURL(t, direct))
			assert.NoError(t, err, named)
			assert.Nil(t, to, named)
		}
	}
	for _, named := range []string{"proxy.example:3128", "proxy.example", "http://u:p@proxy.example:3128"} {
		set, _, err := together(t, "kscHost: ksc.example\nkscUser: u\n", "", "kscPassword", "p", "HTTPS_PROXY", named)
		require.NoError(t, err)
		to, err := set.plugin.Servers["default"].Proxy(mustURL(t, "https://ksc.example:13299/"))
		require.NoError(t, err)
		assert.Equal(t, "http", to.Scheme)
	}
}

func mustURL(t *testing.T, raw string) *url.URL {
	t.Helper()
	u, err := url.Parse(raw)
	require.NoError(t, err)
	return u
}

// TestSeveralPinsInTheEnvironment: the old certificate's and the new one's, as
// the file has them in a list. A path may hold a comma.
func TestSeveralPinsInTheEnvironment(t *testing.T) {
	a, b := strings.Repeat("ab", 32), strings.Repeat("cd", 32)
	const base = "kscHost: ksc.example\nkscUser: edr\n"
	fromFile, _, err := together(t, base+"kscCert: ["+a+", "+b+"]\n", "", "kscPassword", "p")
	require.NoError(t, err)
	for _, value := range []string{a + "," + b, " " + a + " , sha256:" + b + " "} {
		set, _, err := together(t, base, "", "kscPassword", "p", "kscCert", value)
		require.NoError(t, err)
		assert.Equal(t, fromFile.plugin.Servers["default"].Trust, set.plugin.Servers["default"].Trust, value)
	}
	_, _, err = together(t, base, "", "kscPassword", "p", "kscCert", a+",b.pem")
	assert.ErrorContains(t, err, "no such file")
	path := filepath.Join(t.TempDir(), "a,b.pem")
	require.NoError(t, os.WriteFile(path, certificate(t, "own", false), 0o600))
	set, _, err := together(t, base, "", "kscPassword", "p", "kscCert", path)
	require.NoError(t, err)
	assert.Len(t, set.plugin.Servers["default"].Trust.Pins, 1)
}
