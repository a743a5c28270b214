package ksctest

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// What Close leaves behind is found by goleak, see TestMain.

// TestCloseWhileCallsAreRunning: calls that wait, in each way there is to wait, end with an error of the transport.
func TestCloseWhileCallsAreRunning(t *testing.T) {
	s := start(t, Options{Latency: time.Hour, MischiefDelay: time.Hour, Mischief: map[string]float64{
		"never@Session.Ping": 1, "huge@HostGroup.GroupIdSuper": 1, "store-late@HostGroup.AddIncident": 1,
	}})
	var calls sync.WaitGroup
	for i := range 12 {
		c := newClient(t, s)
		calls.Go(func() {
			method := []string{"HostGroup.GroupIdGroups", "Session.Ping", "HostGroup.GroupIdSuper", "HostGroup.AddIncident"}[i%4]
			assert.Error(t, c.post(method, incident).err)
		})
	}
	for _, part := range []string{"", "POST /api/v1.0/login HTTP/1.1\r\nHo", "POST /api/v1.0/login HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n{"} {
		raw := dialRaw(t, s)
		_, err := io.WriteString(raw, part)
		require.NoError(t, err)
	}
	silent, err := s.Dial(t.Context(), "tcp", "x") // connects, and never says a word of TLS
	require.NoError(t, err)
	require.Eventually(t, func() bool { return len(s.Calls()) >= 3 }, 10*time.Second, time.Millisecond, "the late ones are noted at once")
	s.Close()
	calls.Wait()
	assert.Empty(t, s.Incidents(), "what was to be stored late is discarded")
	_, err = io.ReadAll(silent)
	assert.NoError(t, err, "an orderly end")
	_, err = s.Dial(t.Context(), "tcp", "x")
	assert.ErrorContains(t, err, "connection refused")
	s.Close()
}

// TestServeEndsWithItsContext, over a real listener, and leaves open connections to Close.
func TestServeEndsWithItsContext(t *testing.T) {
	s := start(t, Options{})
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- s.Serve(ctx, ln) }()
	c := newClient(t, s)
	onLoopback(c, ln.Addr().String())
	c.post("Session.Ping", "{}").ok(t)
	cancel()
	require.NoError(t, <-done)
	c.post("Session.Ping", "{}").ok(t)
	_, err = net.Dial("tcp", ln.Addr().String())
	require.Error(t, err)

	ln, err = net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	go func() { done <- s.Serve(t.Context(), ln) }()
	s.Close()
	require.NoError(t, <-done, "Close ends it as well")

	ln, err = net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	ln.Close()
	require.Error(t, start(t, Options{}).Serve(t.Context(), ln), "a listener that failed by itself")
}

// TestManyClientsAtOnce: each incident once, each id once, on connections that come and go. Of use under -race.
func TestManyClientsAtOnce(t *testing.T) {
	const clients, each = 8, 25
	s := start(t, Options{Inventory: hosts(3), Mischief: map[string]float64{"delay": 0.01, "end-session": 0.1}, MischiefDelay: time.Millisecond})
	ids := make(chan string, clients*each)
	var all sync.WaitGroup
	for i := range clients {
		all.Go(func() {
			c := newClient(t, s)
			c.http.Transport.(*http.Transport).DisableCompression = i%2 == 0
			for j := range each {
				body := data(t, map[string]any{"KLHST_WKS_HOSTNAME": "host-00", "KLINCDT_BODY": fmt.Sprint(i, " ", j)})
				ids <- fmt.Sprint(c.post("HostGroup.AddIncident", body).json["PxgRetVal"])
				c.rows(t, "HostGroup.FindHosts", findAll)
				s.Calls()
				s.State()
			}
			assert.NoError(t, s.SetMischief(nil))
		})
	}
	all.Wait()
	close(ids)
	seen := map[string]bool{}
	for id := range ids {
		assert.False(t, seen[id], id)
		seen[id] = true
	}
	assert.Len(t, seen, clients*each)
	bodies := map[string]bool{}
	for _, n := range s.Incidents() {
		bodies[n.Body] = true
	}
	assert.Len(t, bodies, clients*each)
}

// TestABodyTooLong is refused with 413 and no more of it is read.
func TestABodyTooLong(t *testing.T) {
	s := start(t, Options{})
	raw := dialRaw(t, s)
	_, err := fmt.Fprintf(raw, "POST /api/v1.0/HostGroup.AddIncident HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n", bodyLimit+1)
	require.NoError(t, err)
	go io.Copy(raw, strings.NewReader(strings.Repeat("a", bodyLimit+1))) //nolint:errcheck // it ends when the server hangs up
	status, _, body := raw.receive()
	assert.Equal(t, 413, status)
	assert.Equal(t, "The request is too long", body)
	assert.Empty(t, s.Incidents())
	assert.LessOrEqual(t, len(s.Calls()[0].Body), 4<<10, "what was refused for its length is not kept")
}

// TestARequestHalfSent leaves a line in the record and nothing else.
func TestARequestHalfSent(t *testing.T) {
	s := start(t, Options{})
	raw := dialRaw(t, s)
	_, err := io.WriteString(raw, "POST /api/v1.0/HostGroup.AddIncident HTTP/1.1\r\nHost: x\r\nAuthorization: "+basic(user, password)+
		"\r\nContent-Length: 500\r\n\r\n"+incident[:20])
	require.NoError(t, err)
	require.NoError(t, raw.Close())
	require.Eventually(t, func() bool { return len(s.Calls()) == 1 }, 10*time.Second, time.Millisecond)
	call := s.Calls()[0]
	assert.True(t, call.Incomplete)
	assert.Equal(t, []any{incident[:20], 0}, []any{call.Body, call.Status})
	assert.Empty(t, s.Incidents())
}

// TestVersionsOfTLS: 1.2 is the highest, as KSC documents, unless told otherwise; HTTP/2 is never spoken.
func TestVersionsOfTLS(t *testing.T) {
	for highest, want := range map[uint16]uint16{0: tls.VersionTLS12, tls.VersionTLS12: tls.VersionTLS12, tls.VersionTLS13: tls.VersionTLS13} {
		s := start(t, Options{MaxTLS: highest})
		c, err := s.Dial(t.Context(), "tcp", "x")
		require.NoError(t, err)
		secure := tls.Client(c, &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"h2", "http/1.1"}})
		require.NoError(t, secure.Handshake())
		assert.Equal(t, []any{want, "http/1.1"}, []any{secure.ConnectionState().Version, secure.ConnectionState().NegotiatedProtocol})
		assert.Equal(t, s.CertificateDER(), secure.ConnectionState().PeerCertificates[0].Raw)
		secure.Close()
	}
}

func TestClockSkewIsSeen(t *testing.T) {
	c := newClient(t, start(t, Options{ClockSkew: -48 * time.Hour}))
	g := c.post("HostGroup.GetHostInfo", `{"strHostName":"a","pFields2Return":["KLHST_WKS_LAST_VISIBLE"]}`)
	value, err := json.Marshal(g.ok(t).(map[string]any)["KLHST_WKS_LAST_VISIBLE"].(map[string]any)["value"])
	require.NoError(t, err)
	var seen time.Time
	require.NoError(t, json.Unmarshal(value, &seen))
	date, err := time.Parse("Mon, 02 Jan 2006 15:04:05 GMT", g.header.Get("Date"))
	require.NoError(t, err)
	for _, at := range []time.Time{seen, date} {
		assert.InDelta(t, -48, time.Until(at).Hours(), 1)
	}
}
