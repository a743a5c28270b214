package ksc_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/net/http/httpproxy"

	"github.com/kes-respond/kes-respond/plugin/ksc"
)

// proxy is an HTTP proxy that tunnels to a rogue, unless refuse says no.
type proxy struct {
	server *rogue
	refuse string // the whole answer

	mu      sync.Mutex
	dialled []string        // what the client connected to
	asked   []*http.Request // CONNECT requests
}

const proxyAddr = "proxy.example:3128"

func (p *proxy) Dial(ctx context.Context, network, addr string) (net.Conn, error) {
	p.mu.Lock()
	p.dialled = append(p.dialled, addr)
	p.mu.Unlock()
	if addr != proxyAddr {
		return p.server.Dial(ctx, network, addr)
	}
	near, far := net.Pipe()
	p.server.serving.Go(func() { p.tunnel(far) })
	return near, nil
}

func (p *proxy) tunnel(client net.Conn) {
	defer client.Close()
	in := bufio.NewReader(client)
	req, err := http.ReadRequest(in)
	if err != nil {
		return
	}
	p.mu.Lock()
	p.asked = append(p.asked, req)
	p.mu.Unlock()
	if p.refuse != "" {
		io.WriteString(client, p.refuse) //nolint:errcheck // the client may have left
		return
	}
	io.WriteString(client, "HTTP/1.1 200 Connection established\r\n\r\n") //nolint:errcheck // as above
	server, err := p.server.Dial(context.Background(), "tcp", req.Host)
	if err != nil {
		return
	}
	var both sync.WaitGroup
	both.Go(func() { defer server.Close(); io.Copy(server, in) })     //nolint:errcheck // ends with either side
	both.Go(func() { defer client.Close(); io.Copy(client, server) }) //nolint:errcheck // as above
	both.Wait()
}

// environment is a Config's Proxy as cmd makes it of HTTPS_PROXY and NO_PROXY.
func environment(httpsProxy, noProxy string) func(*ksc.Config) {
	return func(c *ksc.Config) {
		c.Proxy = (&httpproxy.Config{HTTPSProxy: httpsProxy, NoProxy: noProxy}).ProxyFunc()
	}
}

const proxyPassword = "pr0xy-Secret"

// TestAProxyIsATunnel: it learns whom we call and its own password, nothing else.
func TestAProxyIsATunnel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &proxy{server: newRogue(t, wellBehaved)}
		c := client(t, p.Dial, environment("http://me:"+proxyPassword+"@"+proxyAddr, "other.example"))
		_, err := c.AddIncident(t.Context(), incident(1))
		require.NoError(t, err)
		require.NoError(t, c.Close(t.Context()))
		assert.Equal(t, []string{proxyAddr}, p.dialled)
		require.Len(t, p.asked, 1)
		assert.Equal(t, http.MethodConnect, p.asked[0].Method)
		assert.Equal(t, kscAddr, p.asked[0].Host)
		assert.Empty(t, p.asked[0].Header.Get("Authorization"))
		assert.Equal(t, "Basic bWU6cHIweHktU2VjcmV0", p.asked[0].Header.Get("Proxy-Authorization"))
		for _, s := range p.server.calls("") {
			assert.Empty(t, s.header.Get("Proxy-Authorization"), "KSC does not learn the proxy's password")
		}
	})
}

// TestNoProxy is obeyed.
func TestNoProxy(t *testing.T) {
	for _, none := range []string{"ksc.example", ".example", "*", "ksc.example:13299"} {
		synctest.Test(t, func(t *testing.T) {
			p := &proxy{server: newRogue(t, wellBehaved)}
			c := client(t, p.Dial, environment("http://"+proxyAddr, none))
			require.NoError(t, c.Open(t.Context()))
			assert.Equal(t, []string{kscAddr}, p.dialled, none)
		})
	}
}

// TestAProxyThatRefuses is no answer of KSC's: nothing has left.
func TestAProxyThatRefuses(t *testing.T) {
	for refusal, kind := range map[string]ksc.Kind{
		"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n": ksc.KindUnreachable,
		"HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno":                   ksc.KindUnreachable,
		"HTTP/1.1 503 " + password + "\r\n\r\n":                                   ksc.KindUnreachable,
		"SSH-2.0\r\n":                                                             ksc.KindUnreachable,
	} {
		synctest.Test(t, func(t *testing.T) {
			p := &proxy{server: newRogue(t, wellBehaved), refuse: refusal}
			c := client(t, p.Dial, environment("http://me:"+proxyPassword+"@"+proxyAddr, ""))
			_, err := c.AddIncident(t.Context(), incident(1))
			e := failed(t, err)
			assert.Equal(t, kind, e.Kind, "%v", e)
			assert.Equal(t, ksc.NotSent, e.Delivery)
			assert.NotContains(t, e.Error(), proxyPassword)
		})
	}
}

// TestAProxyInTheMiddle shows a certificate of its own, and learns nothing.
func TestAProxyInTheMiddle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &proxy{server: newRogue(t, wellBehaved)}
		p.server.tls.Certificates = []tls.Certificate{*certificate{names: []string{"ksc.example"}}.make()}
		c := client(t, p.Dial, environment("http://"+proxyAddr, ""))
		assert.Equal(t, ksc.KindTLS, failed(t, c.Open(t.Context())).Kind)
		assert.Empty(t, p.server.calls(""))
	})
}

// TestAProxyWhoseAddressIsBroken must not put its password into an error.
func TestAProxyWhoseAddressIsBroken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &proxy{server: newRogue(t, wellBehaved)}
		c := client(t, p.Dial, func(c *ksc.Config) {
			c.Proxy = func(*url.URL) (*url.URL, error) {
				_, err := url.Parse(strings.Join([]string{"http://me:", proxyPassword, "@%zz"}, ""))
				return nil, err
			}
		})
		e := failed(t, c.Open(t.Context()))
		assert.Equal(t, ksc.KindUnreachable, e.Kind)
		assert.NotContains(t, e.Error(), proxyPassword)
		assert.Empty(t, p.dialled)
	})
}

// TestOnlyHTTPProxies: to one with TLS of its own the server's name and pins
// would be applied, and its certificate shown as KSC's.
func TestOnlyHTTPProxies(t *testing.T) {
	for _, scheme := range []string{"https", "HTTPS", "socks5", "socks5h", "ftp", ""} {
		synctest.Test(t, func(t *testing.T) {
			p := &proxy{server: newRogue(t, wellBehaved)}
			c := client(t, p.Dial, func(c *ksc.Config) {
				c.Proxy = func(*url.URL) (*url.URL, error) {
					return &url.URL{Scheme: scheme, Host: proxyAddr, User: url.UserPassword("me", proxyPassword)}, nil
				}
			})
			_, shown := c.Certificate(t.Context())
			_, sent := c.AddIncident(t.Context(), incident(1))
			for _, err := range []error{shown, sent, c.Open(t.Context())} {
				e := failed(t, err)
				assert.Equal(t, ksc.KindUnreachable, e.Kind, "%v", e)
				assert.Equal(t, ksc.NotSent, e.Delivery)
				assert.Contains(t, e.Message, "only http:// proxies can be used")
				assert.NotContains(t, e.Error(), proxyPassword)
			}
			assert.Empty(t, p.dialled)
		})
	}
	synctest.Test(t, func(t *testing.T) {
		p := &proxy{server: newRogue(t, wellBehaved)}
		c := client(t, p.Dial, environment("http://"+proxyAddr, ""))
		shown, err := c.Certificate(t.Context())
		require.NoError(t, err)
		assert.Empty(t, shown.Problem, "through the tunnel it is KSC's own")
		assert.Equal(t, []string{proxyAddr}, p.dialled)
	})
}
