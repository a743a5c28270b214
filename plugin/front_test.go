package plugin_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/pem"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kes-respond/kes-respond/plugin"
	"github.com/kes-respond/kes-respond/plugin/ksc"
	"github.com/kes-respond/kes-respond/plugin/ksc/ksctest"
	"github.com/kes-respond/kes-respond/shared"
)

const (
	addMethod    = "HostGroup.AddIncident"
	updateMethod = "HostGroup.UpdateIncident"
)

func timed(line, timeout string) string {
	return strings.TrimSuffix(line, "}") + fmt.Sprintf(`,"timeout":%q}`, timeout)
}

// front is a proxy that ends TLS before KSC and may change what passes.
type front struct {
	cert  tls.Certificate
	trust string
	conns chan net.Conn
	gone  chan struct{}
	serve func(w http.ResponseWriter, method string, forward func() *http.Response) bool
}

func newFront() *front {
	s := httptest.NewTLSServer(nil)
	defer s.Close()
	return &front{cert: s.TLS.Certificates[0], trust: pemOf(s)}
}

func pemOf(s *httptest.Server) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw}))
}

func (f *front) Accept() (net.Conn, error) {
	select {
	case c := <-f.conns:
		return c, nil
	case <-f.gone:
		return nil, net.ErrClosed
	}
}
func (f *front) Close() error   { return nil }
func (f *front) Addr() net.Addr { return &net.TCPAddr{} }

func (f *front) start(t *testing.T, s *site) func(*plugin.Config) {
	f.conns, f.gone = make(chan net.Conn), make(chan struct{})
	upstream := &http.Transport{
		DialTLSContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
			c, err := s.ksc.Dial(ctx, network, addr)
			if err != nil {
				return nil, err
			}
			return tls.Client(c, &tls.Config{InsecureSkipVerify: true}), nil
		},
		DisableCompression: true,
	}
	server := &http.Server{TLSConfig: &tls.Config{Certificates: []tls.Certificate{f.cert}}, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		method := r.URL.Path[strings.LastIndex(r.URL.Path, "/")+1:]
		forward := func() *http.Response {
			out, err := http.NewRequestWithContext(context.WithoutCancel(r.Context()), r.Method, "https://ksc.example:13299"+r.URL.Path, bytes.NewReader(body))
			if err != nil {
				return nil
			}
			out.Header = r.Header.Clone()
			resp, err := upstream.RoundTrip(out)
			if err != nil {
				return nil
			}
			return resp
		}
		if f.serve(w, method, forward) {
			return
		}
		resp := forward()
		if resp == nil {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		defer resp.Body.Close()
		for k, v := range resp.Header {
			w.Header()[k] = v
		}
		w.WriteHeader(resp.StatusCode)
		io.Copy(w, resp.Body)
	})}
	go server.Serve(tls.NewListener(f, server.TLSConfig))
	t.Cleanup(func() { close(f.gone); server.Close(); upstream.CloseIdleConnections() })
	trust, err := ksc.ParseTrust([]byte(f.trust))
	require.NoError(t, err)
	return func(c *plugin.Config) {
		one := c.Servers["main"]
		one.Trust = trust
		one.Dial = func(ctx context.Context, _, _ string) (net.Conn, error) {
			a, b := net.Pipe()
			select {
			case f.conns <- b:
				return a, nil
			case <-ctx.Done():
				return nil, ctx.Err()
			}
		}
		c.Servers["main"] = one
	}
}

// TestAnOrderWhoseSessionIsInDoubtIsNotSentAgain: AddIncident was stored
// and its answer replaced by a bare 403; the old session is refused, and no new
// one is to be had for a while. The client says Delivery Unknown under the
// method StartSession, so isLost does not see it.
func TestAnOrderWhoseSessionIsInDoubtIsNotSentAgain(t *testing.T) {
	f, dir := newFront(), t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, dir, ksctest.Options{})
		var orders, bad atomic.Int64
		f.serve = func(w http.ResponseWriter, method string, forward func() *http.Response) bool {
			switch {
			case method == addMethod && orders.Add(1) == 1:
				if r := forward(); r != nil {
					r.Body.Close()
				}
				bad.Store(1)
				w.WriteHeader(403)
				return true
			case bad.Load() == 1 && method == "Session.Ping":
				w.WriteHeader(403)
				return true
			case bad.Load() == 1 && method == "Session.StartSession":
				bad.Store(2)
				w.WriteHeader(503)
				return true
			}
			return false
		}
		p := s.start(t, nil, f.start(t, s))
		_, r := p.send(t, keyed("1", "k"))
		t.Logf("%s: %s; orders %d", r.Outcome, r.Message, orders.Load())
		assert.EqualValues(t, 1, orders.Load(), "AddIncident left twice")
		require1(t, s, 1)
		assert.NotEqual(t, shared.Failed, r.Outcome)
	})
}

// TestAnOrderWhoseSessionIsInDoubtIsNotFailed is the same, with a login
// that is refused for good: the order is in KSC, and the caller hears failed.
func TestAnOrderWhoseSessionIsInDoubtIsNotFailed(t *testing.T) {
	f, dir := newFront(), t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, dir, ksctest.Options{})
		var bad atomic.Bool
		f.serve = func(w http.ResponseWriter, method string, forward func() *http.Response) bool {
			switch {
			case method == addMethod:
				if r := forward(); r != nil {
					r.Body.Close()
				}
				bad.Store(true)
				w.WriteHeader(403)
				return true
			case bad.Load():
				w.WriteHeader(401)
				return true
			}
			return false
		}
		p := s.start(t, nil, f.start(t, s))
		_, r := p.send(t, keyed("1", "k"))
		t.Logf("%s: %s", r.Outcome, r.Message)
		require1(t, s, 1)
		assert.Equal(t, shared.Unknown, r.Outcome)
		assert.True(t, s.records(t)[0].MayBeSent, "it is left in doubt: nobody could look")
	})
}

// TestAResentOrderIsNotFailed: the first AddIncident was lost, the second
// was refused; of the first nothing is known, so it is not failed.
func TestAResentOrderIsNotFailed(t *testing.T) {
	const reading = `{"md5hash":"","sha256hash":"","path":"C:\\a\\b.exe"}`
	for _, c := range []struct {
		task, params string
		change       func(*plugin.Config)
	}{
		{"getFile", reading, func(*plugin.Config) {}},
		{"isolateHost", `{"action":1}`, func(c *plugin.Config) { c.ResendAfterSearch = true }},
	} {
		t.Run(c.task, func(t *testing.T) {
			dir := t.TempDir()
			synctest.Test(t, func(t *testing.T) {
				s := newSite(t, dir, ksctest.Options{MischiefDelay: 100 * time.Second})
				p := s.start(t, nil, c.change)
				require.NoError(t, s.ksc.SetMischief(map[string]float64{"store-late@" + addMethod: 1}))
				time.AfterFunc(20*time.Second, func() { s.ksc.SetMischief(map[string]float64{"unavailable@" + addMethod: 1}) })
				_, r := p.send(t, timed(unkeyed("1", c.task, c.params), "70s"))
				t.Logf("%s: %s", r.Outcome, r.Message)
				time.Sleep(time.Minute)
				require1(t, s, 1)
				assert.Equal(t, shared.Unknown, r.Outcome)
				assert.Equal(t, shared.Unknown, s.records(t)[0].Outcome)
			})
		})
	}
}
