package ksc_test

import (
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kes-respond/kes-respond/plugin/ksc"
)

// TestAStrangerIsDescribed: whoever reads the refusal can compare what was
// expected with what was presented, and check says the same.
func TestAStrangerIsDescribed(t *testing.T) {
	ca := certificate{ca: true}.make()
	ownCA := certificate{ca: true, names: []string{"ksc.example"}}.make()
	old, older, now := certificate{}.make(), certificate{}.make(), certificate{names: []string{"ksc.example"}}.make()
	two := ksc.Trust{Pins: append(pinned(t, digest(old)).Pins, pinned(t, digest(older)).Pins...)}
	for name, want := range map[string]struct {
		trust ksc.Trust
		says  string
	}{
		"a pin":                      {pinned(t, digest(old)), "it is not the pinned one; expected SHA-256 " + digest(old) + "; "},
		"several pins":               {two, "not one of those that are pinned; expected SHA-256 " + digest(old) + " or " + digest(older) + "; "},
		"the server's own":           {trustIn(t, old), "it is not the pinned one; expected SHA-256 " + digest(old) + "; "},
		"the server's own, may sign": {trustIn(t, ownCA), "unknown authority; expected SHA-256 " + digest(ownCA) + " or one that a CA of kscCert has signed; "},
		"a CA":                       {trustIn(t, ca), "unknown authority; expected"},
		"the system's roots":         {ksc.Trust{}, "unknown authority; presented"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				server := newRogue(t, wellBehaved)
				server.tls.Certificates = []tls.Certificate{*now}
				c := client(t, server.Dial, func(config *ksc.Config) { config.Trust = want.trust })
				shown, err := c.Certificate(t.Context())
				require.NoError(t, err)
				e := failed(t, c.Open(t.Context()))
				presented := "presented SHA-256 " + digest(now) + " (" + shown.Subject + ", valid from 1990-01-01 until 2090-01-01)"
				for _, text := range []string{e.Message, shown.Problem} {
					assert.Contains(t, text, strings.TrimSpace(want.says))
					assert.True(t, strings.HasSuffix(text, presented), text)
				}
				assert.Empty(t, server.calls(""))
			})
		})
	}
}

// TestManyPinsAreListed up to a bound, for a bundle may hold hundreds.
func TestManyPinsAreListed(t *testing.T) {
	for n, more := range map[int]string{64: "; presented", 65: " or one of 1 more; presented"} {
		synctest.Test(t, func(t *testing.T) {
			server := newRogue(t, wellBehaved)
			c := client(t, server.Dial, func(config *ksc.Config) { config.Trust = ksc.Trust{Pins: make([][32]byte, n)} })
			var e *ksc.Error
			require.ErrorAs(t, c.Open(t.Context()), &e)
			assert.Contains(t, e.Message, strings.Repeat("00", 32)+more)
			assert.Equal(t, 64, strings.Count(e.Message, strings.Repeat("00", 32)))
		})
	}
}

// TestWhatAStrangerSaysIsPrintable: its subject is anybody's text.
func TestWhatAStrangerSaysIsPrintable(t *testing.T) {
	key := certificate{}.make()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotAfter: time.Date(2090, 1, 1, 0, 0, 0, 0, time.UTC),
		Subject: pkix.Name{CommonName: "ksc\x1b[2J\u202e\nSHA-256 is fine" + strings.Repeat("x", 300)},
	}
	leaf, err := x509.ParseCertificate(key.Certificate[0])
	require.NoError(t, err)
	der, err := x509.CreateCertificate(rand.Reader, template, template, leaf.PublicKey, key.PrivateKey)
	require.NoError(t, err)
	synctest.Test(t, func(t *testing.T) {
		server := newRogue(t, wellBehaved)
		server.tls.Certificates = []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key.PrivateKey}}
		c := client(t, server.Dial, func(config *ksc.Config) { config.Trust = pinned(t, digest(key)) })
		e := failed(t, c.Open(t.Context())) // looks for control characters
		assert.NotContains(t, e.Message, "\u202e")
		assert.Contains(t, e.Message, "…, valid from ")
	})
}

func TestTrustedUntil(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := newRogue(t, wellBehaved)
		for name, trust := range map[string]ksc.Trust{"own": trustIn(t, plainCert()), "pin": pinned(t, digest(plainCert())), "no check": {Insecure: true}} {
			c := client(t, server.Dial, func(config *ksc.Config) { config.Trust = trust })
			_, known := c.TrustedUntil()
			assert.False(t, known, name)
			require.NoError(t, c.Open(t.Context()), name)
			until, known := c.TrustedUntil()
			assert.Equal(t, name != "no check", known)
			if known {
				assert.Equal(t, time.Date(2090, 1, 1, 0, 0, 0, 0, time.UTC), until)
			}
		}
		server.tls.Certificates = []tls.Certificate{*certificate{names: []string{"ksc.example"}, signer: systemCA()}.make()}
		c := client(t, server.Dial, func(config *ksc.Config) { config.Trust = ksc.Trust{} })
		require.NoError(t, c.Open(t.Context()))
		_, known := c.TrustedUntil()
		assert.True(t, known, "the system's roots")
		c = client(t, server.Dial, func(config *ksc.Config) { config.Trust = pinned(t, digest(plainCert())) })
		require.Error(t, c.Open(t.Context()))
		_, known = c.TrustedUntil()
		assert.False(t, known, "a stranger's end says nothing")
	})
}

func TestParsePins(t *testing.T) {
	a, b := digest(plainCert()), digest(systemCA())
	pins, ok := ksc.ParsePins(a + ", sha256:" + colons(b))
	require.True(t, ok)
	assert.Equal(t, append(pinned(t, a).Pins, pinned(t, b).Pins...), pins)
	for _, text := range []string{"", ",", a + ",", a + ",klserver.cer", a + " " + b, "/a,b.pem"} {
		_, ok := ksc.ParsePins(text)
		assert.False(t, ok, "%q", text)
	}
}
