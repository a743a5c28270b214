// Package ksc is a client for the OpenAPI of Kaspersky Security Center (KSC),
// as far as response tasks need it: sessions, hosts, incidents, the console
// tasks that KSC makes of them, and what the server says of itself.
//
// Every call is a POST, so nothing is ever repeated because of its verb: a
// method that may be repeated says so. An Error tells whether KSC said no,
// whether the call never left, or whether nobody can tell.
//
// What KSC answers follows the vendor's public reference and has not been
// confirmed against a live server; answers are read tolerantly, orders are
// written exactly.
package ksc

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// The bounds of a call.
const (
	defaultConns       = 8
	defaultCallTimeout = 30 * time.Second
	dialTimeout        = 15 * time.Second
	endTimeout         = 5 * time.Second // of EndSession
	excerptBytes       = 200
)

// Config says where a server is and as whom to log in. It prints without its
// password.
type Config struct {
	Addr         string // "host:port"
	User         string
	Password     string
	AskPassword  func(context.Context) (string, error) // asked instead just before each login, so that a changed one is taken; its error quotes no password
	Domain       string                                // of a Windows account; sent as it is
	InternalUser bool                                  // the account lives in KSC itself
	VServer      string                                // virtual server; empty is the main one
	Trust        Trust
	Proxy        func(*url.URL) (*url.URL, error)                                  // nil: none
	Dial         func(ctx context.Context, network, addr string) (net.Conn, error) // nil: the network
	MaxConns     int                                                               // 0: 8
	CallTimeout  time.Duration                                                     // of one HTTP call; 0: 30s
	UserAgent    string
	Gate         Gate       // asked before each login; nil: none
	Heard        func(Call) // told of each call as it ends, by the goroutine that made it; nil: nobody is
}

// String names the server and the user, never the password.
func (c Config) String() string { return c.User + "@" + c.Addr }

// GoString is String.
func (c Config) GoString() string { return c.String() }

// Format prints String, whatever the verb.
func (c Config) Format(f fmt.State, _ rune) { fmt.Fprint(f, c.String()) }

// MarshalText is String: for logs, not for storing a Config.
func (c Config) MarshalText() ([]byte, error) { return []byte(c.String()), nil }

// Client talks to one server as one user. It may be used from several
// goroutines; they share up to MaxConns connections and one session. It prints
// as its Config does.
type Client struct {
	config    Config // without its password
	passwords *passwords
	http      *http.Client
	base      string
	session   *session
	host      string // of the address
	met       *met   // the certificate
	gzip      *unpackers

	// Of incidents: bytes of one step, and of a whole search. Less in tests.
	recordsBytes, searchBytes int
}

// New makes a client. It opens nothing. The error names what in the
// configuration cannot be sent.
func New(c Config) (*Client, error) {
	host, err := c.check()
	if err != nil {
		return nil, err
	}
	if c.MaxConns <= 0 {
		c.MaxConns = defaultConns
	}
	if c.CallTimeout <= 0 {
		c.CallTimeout = defaultCallTimeout
	}
	client := &Client{
		base:      "https://" + c.Addr + "/api/v1.0/",
		passwords: passwordsOf(c),
		session:   &session{turn: make(chan struct{}, 1)},
		host:      host,
		met:       new(met),
		gzip:      new(unpackers),

		recordsBytes: maxRecordsBytes, searchBytes: 2 * maxRecordsBytes,
	}
	client.http = c.connections(host, client.met)
	c.Password, c.AskPassword = "", nil
	client.config = c
	return client, nil
}

// connections makes a pool of them, empty; host is that of the address.
func (c Config) connections(host string, m *met) *http.Client {
	transport := &http.Transport{
		Proxy:                  proxyFunc(c.Proxy),
		DialContext:            c.Dial,
		TLSClientConfig:        c.Trust.config(host, m),
		TLSNextProto:           map[string]func(string, *tls.Conn) http.RoundTripper{}, // HTTP/1.1 only
		MaxConnsPerHost:        c.MaxConns,
		MaxIdleConns:           c.MaxConns,
		MaxIdleConnsPerHost:    c.MaxConns,
		IdleConnTimeout:        90 * time.Second,
		TLSHandshakeTimeout:    c.CallTimeout,
		MaxResponseHeaderBytes: maxHeaderBytes,
		DisableCompression:     true, // asked for and unpacked in call, so that its bound counts unpacked bytes
	}
	if transport.DialContext == nil {
		transport.DialContext = (&net.Dialer{Timeout: dialTimeout, KeepAlive: 30 * time.Second}).DialContext
	}
	return &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error {
		return http.ErrUseLastResponse // credentials go nowhere else
	}}
}

// check refuses what would be read as something else once it is part of a URL
// or a header. It gives the host of the address.
func (c Config) check() (host string, err error) {
	host, port, err := net.SplitHostPort(c.Addr)
	if n, notNumber := strconv.ParseUint(port, 10, 16); err != nil || host == "" || notNumber != nil || n == 0 {
		return "", errors.New("the address must be host:port")
	}
	if u, err := url.Parse("https://" + c.Addr + "/api"); err != nil || u.Host != c.Addr || u.User != nil || u.Path != "/api" {
		return "", errors.New("the address is no host name or IP address, and a port")
	}
	switch {
	case c.User == "":
		return "", errors.New("a user is needed")
	case !utf8.ValidString(c.User + c.Password + c.VServer):
		return "", errors.New("user, password or virtual server is not UTF-8")
	case strings.Contains(c.Domain, `"`), hasControl(c.Domain), !utf8.ValidString(c.Domain):
		return "", errors.New("the domain holds a quote or a control character, or is not UTF-8")
	case hasControl(c.UserAgent):
		return "", errors.New("the user agent holds a control character")
	}
	return host, nil
}

func proxyFunc(f func(*url.URL) (*url.URL, error)) func(*http.Request) (*url.URL, error) {
	if f == nil {
		return nil
	}
	return func(r *http.Request) (*url.URL, error) {
		u, err := f(r.URL)
		if err != nil {
			return nil, errors.New("the proxy's address cannot be read") // err may quote the proxy's password
		}
		if u != nil && !strings.EqualFold(u.Scheme, "http") {
			// The transport has one TLS configuration: a proxy with TLS of its
			// own would have to show KSC's certificate, and could pass for KSC.
			return nil, errors.New("only http:// proxies can be used")
		}
		return u, nil
	}
}

// String names the server and the user.
func (c *Client) String() string { return c.config.String() }

// GoString is String.
func (c *Client) GoString() string { return c.String() }

// Format prints String, whatever the verb.
func (c *Client) Format(f fmt.State, _ rune) { fmt.Fprint(f, c.String()) }

// MarshalText is String.
func (c *Client) MarshalText() ([]byte, error) { return []byte(c.String()), nil }

// Open makes sure that there is a session, so that later calls need not log in.
func (c *Client) Open(ctx context.Context) error {
	_, err := c.session.get(ctx, c, "")
	return err
}

// OpenAnew is Open that looks past a refusal which is remembered, here or by the
// gate, and tries the password once: for a person who has mended it. Refused
// again, it is remembered again. What other processes hold in memory stays.
func (c *Client) OpenAnew(ctx context.Context) error {
	_, err := c.session.open(ctx, c, "", true)
	return err
}

// Apart gives a client in the same session, as the same user, whose calls go
// over connections of their own: the first over a new one, none over one of
// c's. What has become of a lost call is asked so, for the connection that lost
// it may lose the question too. done closes the connections, at once or when
// the calls on them end; the session stays c's, which alone should be closed.
func (c *Client) Apart() (apart *Client, done func()) {
	other := *c
	other.http = c.config.connections(c.host, c.met)
	return &other, other.http.CloseIdleConnections
}

// Close ends the session at the server, if there is one, and the connections.
// That is tried for a few seconds even when ctx has ended: a session left open
// stays at the server, and KSC limits them. Calls still running end by
// themselves; no call starts a new session after Close.
func (c *Client) Close(ctx context.Context) error {
	defer c.http.CloseIdleConnections()
	return c.session.end(ctx, c)
}
