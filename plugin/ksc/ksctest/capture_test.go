package ksctest

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// recorded is one request of the vendor's Python client as it was seen on the wire, and the answer it accepted.
type recorded struct {
	Case, Method, Path, Proto string
	Headers                   [][2]string
	Body                      string
	Status                    int    `json:"response_status"`
	Response                  string `json:"response_body"`
}

// vendorHeaders are those of the vendor's client in their order; more come after "Connection".
func vendorHeaders(more ...string) [][2]string {
	h := [][2]string{
		{"Host", "127.0.0.1:13299"},
		{"User-Agent", "python-requests/2.34.2"},
		{"Accept-Encoding", "gzip, deflate"},
		{"Accept", "*/*"},
		{"Connection", "keep-alive"},
	}
	for i := 0; i < len(more); i += 2 {
		h = append(h, [2]string{more[i], more[i+1]})
	}
	return h
}

func vendorCall(name, method, body, response string) recorded {
	return recorded{
		Case: name, Method: "POST", Path: "/api/v1.0/" + method, Proto: "HTTP/1.1", Body: body, Status: 200, Response: response,
		Headers: vendorHeaders("Content-Type", "application/json", "Content-Length", fmt.Sprint(len(body))),
	}
}

func vendorLogin(name, authorization string) recorded {
	return recorded{
		Case: name, Method: "POST", Path: "/api/v1.0/login", Proto: "HTTP/1.1", Status: 200, Response: "{}",
		Headers: vendorHeaders("Authorization", authorization, "Content-Type", "application/json", "X-KSC-VServer", "", "Content-Length", "0"),
	}
}

// known are the facts of the captures that must hold also where no captures are at hand.
func known() []recorded {
	const (
		account  = `KSCBasic user="ZWRyLW9wZXJhdG9y", pass="cEBzcyAid8O2cmQi", domain="", internal="0"`
		internal = `KSCBasic user="0L7Qv9C10YDQsNGC0L7RgA==", pass="0L/QsNGA0L7Qu9GM", domain="", internal="1"`
		body     = `{"pData": {"KLINCDT_SEVERITY": 2, "KLINCDT_ADDED": {"type": "datetime", "value": "2026-11-23T08:18:04Z"}, ` +
			`"KLINCDT_BODY": "{\"targetHost\": \"` + someHost + `\", \"task\": \"getFile\", \"params\": {\"path\": \"C:\\\\Temp\\\\\\u00e9.txt\"}}", ` +
			`"KLHST_WKS_HOSTNAME": "` + someHost + `"}}`
		static = `{"PxgRetVal":{"KLADMSRV_SERVER_VERSION_ID":15,"KLADMSRV_PRODUCT_FULL_VERSION":"15.2.0.0"}}`
	)
	return []recorded{
		vendorLogin("add", account),
		vendorCall("add", "HostGroup.AddIncident", body, `{"PxgRetVal":6}`),
		vendorCall("add", "HostGroup.UpdateIncident", `{"nId": 6, "pData": {"KLINCDT_IS_HANDLED": false, "KLHST_WKS_HOSTNAME": "`+someHost+`"}}`, `{}`),
		vendorLogin("internal", internal),
		vendorCall("internal", "HostGroup.GetStaticInfo", `{"pValues": null}`, static),
		vendorLogin("token", "KSCT b25lLXRpbWUgdG9rZW4="),
		vendorCall("token", "HostGroup.GetStaticInfo", `{"pValues": null}`, static),
	}
}

func TestKnownRequestsOfTheVendorsClient(t *testing.T) { replayCases(t, known()) }

func TestCapturesOfTheVendorsClient(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "..", "..", "..", "shared", "captures", "klakoapi-wire.jsonl"))
	if err != nil {
		t.Skip("the captures are not at hand; TestKnownRequestsOfTheVendorsClient holds their facts")
	}
	var calls []recorded
	for line := range strings.Lines(string(text)) {
		var r recorded
		require.NoError(t, json.Unmarshal([]byte(line), &r))
		calls = append(calls, r)
	}
	require.Len(t, calls, 33, "nine tasks of three requests, three ways to log in of two")
	replayCases(t, calls)
}

// replayCases plays each case on one connection to a server of its own.
func replayCases(t *testing.T, calls []recorded) {
	for len(calls) > 0 {
		n := 1
		for n < len(calls) && calls[n].Case == calls[0].Case {
			n++
		}
		part := calls[:n]
		calls = calls[n:]
		t.Run(part[0].Case, func(t *testing.T) { replay(t, part) })
	}
}

func replay(t *testing.T, calls []recorded) {
	o := Options{User: user, Password: password, Tokens: []string{"b25lLXRpbWUgdG9rZW4="}, State: &State{}}
	for _, c := range calls {
		for _, h := range c.Headers {
			if rest, ok := strings.CutPrefix(h[1], `KSCBasic user="`); ok {
				parts := strings.Split(rest, `"`)
				name, err := base64.StdEncoding.DecodeString(parts[0])
				require.NoError(t, err)
				pass, err := base64.StdEncoding.DecodeString(parts[2])
				require.NoError(t, err)
				o.User, o.Password = string(name), string(pass)
			}
		}
		var added struct{ PxgRetVal int64 }
		if strings.HasSuffix(c.Path, ".AddIncident") { // so that the next id is the recorded one
			require.NoError(t, json.Unmarshal([]byte(c.Response), &added))
			if added.PxgRetVal > 1 {
				o.State.Incidents = []Incident{{ID: added.PxgRetVal - 1, Severity: 1, Added: "2026-11-23T08:18:00Z", Body: "earlier", Host: "other"}}
			}
		}
	}
	s := start(t, o)
	raw := dialRaw(t, s)
	for _, c := range calls {
		status, header, body := raw.send(c)
		require.Equal(t, c.Status, status, "%s: %s", c.Path, body)
		require.Equal(t, "application/json", header.Get("Content-Type"))
		requireShape(t, c, body)
		if strings.HasSuffix(c.Path, ".AddIncident") {
			requireStored(t, c, s)
		}
	}
	require.Len(t, s.Calls(), len(calls))
	for i, c := range s.Calls() {
		require.Equal(t, 1, c.Conn, "one connection")
		require.Equal(t, calls[i].Body, c.Body, "recorded as it was sent")
	}
}

// requireShape demands the same members at the top level, and below it every recorded member with its recorded value.
func requireShape(t *testing.T, c recorded, body string) {
	t.Helper()
	var want, have map[string]any
	require.NoError(t, json.Unmarshal([]byte(c.Response), &want))
	require.NoError(t, json.Unmarshal([]byte(body), &have), body)
	for name := range have {
		require.Contains(t, want, name, "%s answers a member that was not recorded", c.Path)
	}
	for name, v := range want {
		inner, ok := v.(map[string]any)
		if !ok {
			require.Equal(t, v, have[name], c.Path)
			continue
		}
		for k := range inner {
			require.Equal(t, inner[k], have[name].(map[string]any)[k], "%s: %s", c.Path, k)
		}
	}
}

// requireStored demands that what the request says is what the server then holds.
func requireStored(t *testing.T, c recorded, s *Server) {
	t.Helper()
	var sent struct {
		Data struct {
			Severity int64  `json:"KLINCDT_SEVERITY"`
			Body     string `json:"KLINCDT_BODY"`
			Host     string `json:"KLHST_WKS_HOSTNAME"`
			Added    struct{ Value string }
		} `json:"pData"`
	}
	fixed := bytes.Replace([]byte(c.Body), []byte("KLINCDT_ADDED"), []byte("Added"), 1)
	require.NoError(t, json.Unmarshal(fixed, &sent))
	all := s.Incidents()
	last := all[len(all)-1]
	require.Equal(t, Incident{
		ID: last.ID, Severity: sent.Data.Severity, Added: sent.Data.Added.Value, Body: sent.Data.Body, Host: sent.Data.Host,
	}, last)
	require.True(t, json.Valid([]byte(last.Body)))
}

// rawConn is a TLS connection on which a test writes requests byte by byte.
type rawConn struct {
	t *testing.T
	*tls.Conn
	r *bufio.Reader
}

func dialRaw(t *testing.T, s *Server) *rawConn {
	t.Helper()
	c, err := s.Dial(t.Context(), "tcp", "127.0.0.1:13299")
	require.NoError(t, err)
	pool := x509.NewCertPool()
	require.True(t, pool.AppendCertsFromPEM(s.CertificatePEM()))
	secure := tls.Client(c, &tls.Config{RootCAs: pool, ServerName: "127.0.0.1"})
	t.Cleanup(func() { secure.Close() })
	return &rawConn{t, secure, bufio.NewReader(secure)}
}

func (c *rawConn) send(r recorded) (int, http.Header, string) {
	c.t.Helper()
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s %s\r\n", r.Method, r.Path, r.Proto)
	for _, h := range r.Headers {
		fmt.Fprintf(&b, "%s: %s\r\n", h[0], h[1])
	}
	_, err := io.WriteString(c, b.String()+"\r\n"+r.Body)
	require.NoError(c.t, err)
	return c.receive()
}

func (c *rawConn) receive() (int, http.Header, string) {
	c.t.Helper()
	a, err := http.ReadResponse(c.r, nil)
	require.NoError(c.t, err)
	defer a.Body.Close()
	b, err := io.ReadAll(a.Body)
	require.NoError(c.t, err)
	return a.StatusCode, a.Header, string(decompress(c.t, a.Header.Get("Content-Encoding"), b))
}
