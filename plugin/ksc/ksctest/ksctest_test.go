package ksctest

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	user     = "edr-operator"
	password = `p@ss "wörd"`
	someHost = "e6a3c1d0-1f1e-4d0a-9a55-0a1b2c3d4e5f"
)

func basic(user, password string) string {
	b64 := base64.StdEncoding.EncodeToString
	return `KSCBasic user="` + b64([]byte(user)) + `", pass="` + b64([]byte(password)) + `", domain="", internal="0"`
}

// start makes a server with the usual account where o names none.
func start(t *testing.T, o Options) *Server {
	t.Helper()
	if o.User == "" {
		o.User, o.Password = user, password
	}
	s, err := New(o)
	require.NoError(t, err)
	t.Cleanup(s.Close)
	return s
}

// client is a plain HTTP client of the server, over memory, that trusts the server's certificate and nothing else.
type client struct {
	t       *testing.T
	http    *http.Client
	headers map[string]string // sent with every call; an empty value is not sent
}

func newClient(t *testing.T, s *Server) *client {
	t.Helper()
	pool := x509.NewCertPool()
	require.True(t, pool.AppendCertsFromPEM(s.CertificatePEM()))
	tr := &http.Transport{
		MaxConnsPerHost: 1, DisableCompression: true,
		TLSClientConfig: &tls.Config{RootCAs: pool},
		DialContext:     func(ctx context.Context, network, addr string) (net.Conn, error) { return s.Dial(ctx, network, addr) },
	}
	t.Cleanup(tr.CloseIdleConnections)
	return &client{t: t, http: &http.Client{Transport: tr}, headers: map[string]string{"Authorization": basic(user, password)}}
}

type got struct {
	status int
	header http.Header
	text   string
	json   map[string]any
	err    error
}

// post sends one call and reads its whole answer; headers are name, value, name, value ...
func (c *client) post(method, body string, headers ...string) (g got) {
	r, err := http.NewRequestWithContext(c.t.Context(), http.MethodPost, "https://ksc.example:13299/api/v1.0/"+method, strings.NewReader(body))
	require.NoError(c.t, err)
	for name, v := range c.headers {
		r.Header.Set(name, v)
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	a, err := c.http.Do(r)
	if err != nil {
		return got{err: err}
	}
	defer a.Body.Close()
	b, err := io.ReadAll(a.Body)
	g = got{status: a.StatusCode, header: a.Header, text: string(b), err: err}
	if json.Valid(b) {
		d := json.NewDecoder(bytes.NewReader(b))
		d.UseNumber()
		require.NoError(c.t, d.Decode(&g.json))
	}
	return g
}

// ok demands an answer without error and gives its return value.
func (g got) ok(t *testing.T) any {
	t.Helper()
	require.NoError(t, g.err)
	require.Equal(t, 200, g.status, g.text)
	require.NotNil(t, g.json, g.text)
	require.NotContains(t, g.json, "PxgError")
	return g.json["PxgRetVal"]
}

// pxg gives "module code subcode" of an answer that must be an error in the vendor's way.
func pxg(t *testing.T, g got) string {
	t.Helper()
	require.NoError(t, g.err)
	require.Equal(t, 200, g.status, g.text)
	e, ok := g.json["PxgError"].(map[string]any)
	require.True(t, ok, "no PxgError: %s", g.text)
	require.NotContains(t, g.json, "PxgRetVal")
	return fmt.Sprint(e["module"], " ", e["code"], " ", e["subcode"])
}

// rows runs a search and reads all it found through ChunkAccessor.
func (c *client) rows(t *testing.T, method, body string) []map[string]any {
	t.Helper()
	g := c.post(method, body)
	n := g.ok(t)
	accessor, err := json.Marshal(g.json["strAccessor"])
	require.NoError(t, err)
	g = c.post("ChunkAccessor.GetItemsChunk", fmt.Sprintf(`{"strAccessor":%s,"nStart":0,"nCount":%v}`, accessor, n))
	require.Equal(t, n, g.ok(t))
	out := []map[string]any{}
	for _, item := range g.json["pChunk"].(map[string]any)["KLCSP_ITERATOR_ARRAY"].([]any) {
		require.Equal(t, "params", item.(map[string]any)["type"])
		out = append(out, item.(map[string]any)["value"].(map[string]any))
	}
	return out
}

const incident = `{"pData":{"KLINCDT_SEVERITY":2,"KLINCDT_ADDED":{"type":"datetime","value":"2026-11-23T08:18:04Z"},` +
	`"KLINCDT_BODY":"{\"task\":\"getFile\"}","KLHST_WKS_HOSTNAME":"` + someHost + `"}}`

func TestAddIncidentIsStored(t *testing.T) {
	s := start(t, Options{})
	c := newClient(t, s)
	require.Equal(t, json.Number("1"), c.post("HostGroup.AddIncident", incident).ok(t))
	require.Equal(t, []Incident{{
		ID: 1, Severity: 2, Added: "2026-11-23T08:18:04Z", Body: `{"task":"getFile"}`, Host: someHost,
	}}, s.Incidents())
}
