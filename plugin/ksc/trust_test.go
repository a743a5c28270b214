package ksc_test

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"fmt"
	"net"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kes-respond/kes-respond/plugin/ksc"
	"github.com/kes-respond/kes-respond/plugin/ksc/ksctest"
)

func digest(c *tls.Certificate) string {
	sum := sha256.Sum256(c.Certificate[0])
	return hex.EncodeToString(sum[:])
}

func pinned(t *testing.T, text string) ksc.Trust {
	pin, ok := ksc.ParsePin(text)
	require.True(t, ok, text)
	return ksc.Trust{Pins: [][32]byte{pin}}
}

// TestWhoIsTrusted meets servers of every sort with trust of every sort. A
// refusal names the certificate's SHA-256, and the server's own record shows
// that it was told nothing.
func TestWhoIsTrusted(t *testing.T) {
	ca, otherCA := certificate{ca: true}.make(), certificate{ca: true}.make()
	names := []string{"ksc.example"}
	own := certificate{names: []string{"another.name"}}.make()                  // self-signed, as KSC makes it
	ownCA := certificate{ca: true, names: []string{"x.y"}}.make()               // self-signed, as openssl makes it
	other := certificate{names: names}.make()                                   // self-signed, not trusted
	signed := certificate{names: names, signer: ca}.make()                      //
	misnamed := certificate{names: []string{"another.name"}, signer: ca}.make() //
	expired := certificate{names: names, signer: ca, expired: true}.make()
	ownExpired := certificate{names: names, expired: true}.make()
	expiredBySystem := certificate{names: names, signer: systemCA(), expired: true}.make()
	bySystem := certificate{names: names, signer: systemCA()}.make()
	middle := certificate{ca: true, signer: ca}.make()
	chained := certificate{names: names, signer: middle}.make()
	chained.Certificate = append(chained.Certificate, middle.Certificate[0])

	for _, c := range []struct {
		name   string
		server *tls.Certificate
		trust  ksc.Trust
		refuse string // found in the message; "" is trusted
	}{
		{"CA: chain and name", signed, trustIn(t, ca), ""},
		{"CA: through an intermediate", chained, trustIn(t, ca), ""},
		{"two CAs", signed, trustIn(t, otherCA, ca), ""},
		{"CA: wrong name", misnamed, trustIn(t, ca), "not ksc.example"},
		{"CA: another's", signed, trustIn(t, otherCA), "unknown authority"},
		{"CA: expired", expired, trustIn(t, ca), "expired"},
		{"CA: self-signed", other, trustIn(t, ca), "unknown authority"},
		{"own: any name", own, trustIn(t, own), ""},
		{"own: any name, though it may sign", ownCA, trustIn(t, ownCA), ""},
		{"own: expired", ownExpired, trustIn(t, ownExpired), ""},
		{"own: another", other, trustIn(t, own), "not the pinned one"},
		{"own and CA: the one", own, trustIn(t, ca, own), ""},
		{"own and CA: the other", signed, trustIn(t, ca, own), ""},
		{"own and CA: neither", other, trustIn(t, ca, own), "unknown authority"},
		{"pin", own, pinned(t, digest(own)), ""},
		{"pin in capitals with colons", own, pinned(t, colons(strings.ToUpper(digest(own)))), ""},
		{"pin with its name", own, pinned(t, "SHA256:"+digest(own)), ""},
		{"several pins", own, ksc.Trust{Pins: append(pinned(t, digest(other)).Pins, pinned(t, digest(own)).Pins...)}, ""},
		{"wrong pin", other, pinned(t, digest(own)), "not the pinned one"},
		{"a pin is of the server, not of its CA", signed, pinned(t, digest(ca)), "not the pinned one"},
		{"pin: system's roots do not count", bySystem, pinned(t, digest(own)), "not the pinned one"},
		{"nothing: self-signed", other, ksc.Trust{}, "unknown authority"},
		{"system's roots: expired", expiredBySystem, ksc.Trust{}, "expired"},
		{"no check", other, ksc.Trust{Insecure: true}, ""},
		{"system's roots", bySystem, ksc.Trust{}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			if strings.HasPrefix(c.name, "system") && runtime.GOOS != "linux" {
				t.Skip("roots are put in place by SSL_CERT_FILE")
			}
			synctest.Test(t, func(t *testing.T) {
				server := newRogue(t, wellBehaved)
				server.tls.Certificates = []tls.Certificate{*c.server}
				client := client(t, server.Dial, func(config *ksc.Config) { config.Trust = c.trust })
				_, err := client.AddIncident(t.Context(), incident(1))
				if c.refuse == "" {
					require.NoError(t, err)
					assert.Len(t, server.calls("HostGroup.AddIncident"), 1)
					return
				}
				e := failed(t, err)
				assert.Equal(t, ksc.KindTLS, e.Kind, "%v", e)
				assert.Equal(t, ksc.NotSent, e.Delivery)
				assert.Contains(t, e.Message, c.refuse)
				assert.Contains(t, e.Message, digest(c.server))
				assert.Empty(t, server.calls(""), "no request, so no credential, has left")
			})
		})
	}
}

func colons(s string) string {
	var parts []string
	for ; s != ""; s = s[2:] {
		parts = append(parts, s[:2])
	}
	return strings.Join(parts, ":")
}

// TestTLSVersions: KSC documents up to TLS 1.2; what is older is refused.
func TestTLSVersions(t *testing.T) {
	for version, trusted := range map[uint16]bool{
		tls.VersionTLS10: false, tls.VersionTLS11: false, tls.VersionTLS12: true, tls.VersionTLS13: true,
	} {
		synctest.Test(t, func(t *testing.T) {
			server := newRogue(t, wellBehaved)
			server.tls.MinVersion, server.tls.MaxVersion = version, version
			c := client(t, server.Dial)
			err := c.Open(t.Context())
			if trusted {
				assert.NoError(t, err, tls.VersionName(version))
				return
			}
			e := failed(t, err)
			assert.Equal(t, ksc.KindTLS, e.Kind, "%v", e)
			assert.Contains(t, e.Message, "TLS 1.2 or newer is needed")
			assert.Empty(t, server.calls(""))
		})
	}
}

// TestOnlyHTTP11 is spoken, also to a server that would rather not.
func TestOnlyHTTP11(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := newRogue(t, wellBehaved)
		server.tls.MaxVersion = tls.VersionTLS13
		server.tls.NextProtos = []string{"h2", "http/1.1"}
		var offered []string
		server.tls.GetConfigForClient = func(h *tls.ClientHelloInfo) (*tls.Config, error) {
			offered = h.SupportedProtos
			assert.Equal(t, "ksc.example", h.ServerName)
			return nil, nil
		}
		assert.NoError(t, client(t, server.Dial).Open(t.Context()))
		assert.NotContains(t, offered, "h2")
	})
}

// TestNoTLS: what answers is another protocol, or nothing.
func TestNoTLS(t *testing.T) {
	for name, answer := range map[string]string{"plain HTTP": "HTTP/1.1 400 Bad Request\r\n\r\n", "SSH": "SSH-2.0-OpenSSH_9.6\r\n"} {
		synctest.Test(t, func(t *testing.T) {
			c := client(t, func(context.Context, string, string) (net.Conn, error) {
				near, far := net.Pipe()
				go func() {
					defer far.Close()
					_, err := far.Read(make([]byte, 4096))
					assert.NoError(t, err)
					_, err = far.Write([]byte(answer))
					assert.NoError(t, err)
				}()
				return near, nil
			})
			e := failed(t, c.Open(t.Context()))
			assert.Equal(t, ksc.KindTLS, e.Kind, "%s: %v", name, e)
		})
	}
	synctest.Test(t, func(t *testing.T) {
		c := client(t, func(context.Context, string, string) (net.Conn, error) {
			return nil, &net.OpError{Op: "dial", Net: "tcp", Err: fmt.Errorf("connection refused")}
		})
		e := failed(t, c.Open(t.Context()))
		assert.Equal(t, ksc.KindUnreachable, e.Kind)
		assert.Equal(t, ksc.NotSent, e.Delivery)
		assert.Contains(t, e.Message, kscAddr)
	})
}

// TestASwappedCertificateIsMet on the first new connection; calls on the old
// one go on, for that is still the server we know.
func TestASwappedCertificateIsMet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server, c := emulated(t, ksctest.Options{Latency: 1})
		_, err := c.AddIncident(t.Context(), incident(1))
		require.NoError(t, err)
		require.NoError(t, server.SetMischief(map[string]float64{"swap-cert": 1}))
		_, err = c.AddIncident(t.Context(), incident(2))
		require.NoError(t, err)
		before := len(server.Calls())
		refused := 0
		atOnce(2, func(n int) {
			if _, err := c.AddIncident(t.Context(), incident(n)); err != nil {
				e := failed(t, err)
				assert.Equal(t, ksc.KindTLS, e.Kind)
				assert.Equal(t, ksc.NotSent, e.Delivery)
				refused++
			}
		})
		assert.Equal(t, 1, refused)
		assert.Len(t, server.Calls(), before+1)
	})
}

func TestParseTrustRefuses(t *testing.T) {
	key := "-----BEGIN PRIVATE KEY-----\nMAA=\n-----END PRIVATE KEY-----\n"
	for name, data := range map[string]string{
		"nothing": "", "text": "False", "a key": key, "broken PEM": "-----BEGIN CERTIFICATE-----\nMAA=\n", "broken DER": "\x30\x82",
		"PEM that is no certificate": "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n",
	} {
		_, err := ksc.ParseTrust([]byte(data))
		assert.Error(t, err, name)
	}
	own := plainCert()
	for name, data := range map[string][]byte{
		"DER": own.Certificate[0], "PEM": pemOf(own.Certificate[0]), "beside a key": append([]byte(key), pemOf(own.Certificate[0])...),
		"CRLF": []byte(strings.ReplaceAll(string(pemOf(own.Certificate[0])), "\n", "\r\n")),
	} {
		trust, err := ksc.ParseTrust(data)
		require.NoError(t, err, name)
		assert.Equal(t, pinned(t, digest(own)), trust, name)
	}
}

func TestParsePinRefuses(t *testing.T) {
	good := digest(plainCert())
	for _, text := range []string{"", "sha256:", good[1:], good + "0", "0x" + good[2:], strings.Repeat("g", 64), "sha1:" + good[:40], "klserver.cer", " " + good} {
		_, ok := ksc.ParsePin(text)
		assert.False(t, ok, "%q", text)
	}
}
