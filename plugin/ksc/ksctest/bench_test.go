package ksctest

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// onLoopback makes a client go to a real listener.
func onLoopback(c *client, addr string) {
	c.http.Transport.(*http.Transport).DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "tcp", addr)
	}
}

// BenchmarkAddIncident is one AddIncident after another by a session, over memory and over loopback TCP, both with TLS.
func BenchmarkAddIncident(b *testing.B) {
	b.Run("pipe", func(b *testing.B) { benchmark(b, nil) })
	b.Run("loopback", func(b *testing.B) {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(b, err)
		benchmark(b, ln)
	})
}

func benchmark(b *testing.B, ln net.Listener) {
	s, err := New(Options{User: user, Password: password})
	require.NoError(b, err)
	b.Cleanup(s.Close)
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(s.CertificatePEM())
	tr := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}, DialContext: s.Dial}
	b.Cleanup(tr.CloseIdleConnections)
	if ln != nil {
		go s.Serve(b.Context(), ln) //nolint:errcheck // ends with the benchmark
		tr.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "tcp", ln.Addr().String())
		}
	}
	c := &http.Client{Transport: tr}
	for b.Loop() {
		r, err := http.NewRequestWithContext(b.Context(), http.MethodPost, "https://ksc.example/api/v1.0/"+addMethod, strings.NewReader(incident))
		require.NoError(b, err)
		r.Header.Set("Authorization", basic(user, password))
		a, err := c.Do(r)
		require.NoError(b, err)
		_, err = io.Copy(io.Discard, a.Body)
		require.NoError(b, err)
		require.NoError(b, a.Body.Close())
		require.Equal(b, http.StatusOK, a.StatusCode)
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "requests/s")
}
