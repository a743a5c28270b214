package ksctest

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func decompress(t *testing.T, encoding string, b []byte) []byte {
	t.Helper()
	var r io.Reader
	var err error
	switch encoding {
	case "":
		return b
	case "gzip":
		r, err = gzip.NewReader(bytes.NewReader(b))
	case "deflate":
		r, err = zlib.NewReader(bytes.NewReader(b))
	default:
		t.Fatalf("unknown encoding %q", encoding)
	}
	require.NoError(t, err)
	out, err := io.ReadAll(r)
	require.NoError(t, err)
	return out
}

// TestAnswersAreCompressedForWhoAsks: KSCAPI main page. Without Accept-Encoding nothing is compressed.
func TestAnswersAreCompressedForWhoAsks(t *testing.T) {
	c := newClient(t, start(t, Options{}))
	for accept, want := range map[string]string{
		"": "", "identity": "", "gzip": "gzip", "deflate": "deflate", "gzip, deflate": "gzip", "deflate, gzip;q=0": "deflate",
		"GZIP": "gzip", "br, zstd": "", "gzip;q=0.5": "gzip",
	} {
		g := c.post("HostGroup.GetStaticInfo", `{"pValues":["KLADMSRV_VSID"]}`, "Accept-Encoding", accept)
		require.NoError(t, g.err)
		assert.Equal(t, want, g.header.Get("Content-Encoding"), "Accept-Encoding: %s", accept)
		assert.Equal(t, `{"PxgRetVal":{"KLADMSRV_VSID":0}}`, string(decompress(t, g.header.Get("Content-Encoding"), []byte(g.text))))
	}
	g := c.post("login", "", "Authorization", "KSCBasic x", "Accept-Encoding", "gzip")
	assert.Equal(t, "Authentication failure", string(decompress(t, "gzip", []byte(g.text))), "a refusal is compressed as well")
}

func TestAcceptEncodingOnSeveralLines(t *testing.T) {
	raw := dialRaw(t, start(t, Options{}))
	r := vendorCall("", "HostGroup.GroupIdGroups", "{}", "")
	r.Headers = [][2]string{
		{"Host", "ksc.example"},
		{"Accept-Encoding", "br"},
		{"Accept-Encoding", "deflate"},
		{"Authorization", basic(user, password)},
		{"Content-Length", "2"},
	}
	status, header, body := raw.send(r)
	assert.Equal(t, 200, status, body)
	assert.Equal(t, "deflate", header.Get("Content-Encoding"))
}

// TestWhatIsNoCall holds the answers below the methods: KSCAPI main page for POST and the content type, else judgement.
func TestWhatIsNoCall(t *testing.T) {
	s := start(t, Options{})
	c := newClient(t, s)
	for name, g := range map[string]got{
		"400 no JSON":        c.post("HostGroup.GroupIdGroups", `{"a":`),
		"400 a list":         c.post("HostGroup.GroupIdGroups", `[]`),
		"400 null":           c.post("HostGroup.GroupIdGroups", `null`),
		"400 two objects":    c.post("HostGroup.GroupIdGroups", `{} {}`),
		"400 invalid UTF-8":  c.post("HostGroup.AddIncident", strings.Replace(incident, "getFile", "\xff", 1)),
		"400 login, no JSON": c.post("login", `user=x`),
		"404 no method":      c.post("", `{}`),
		"415 a form":         c.post("HostGroup.GroupIdGroups", `{}`, "Content-Type", "application/x-www-form-urlencoded"),
		"200 a charset":      c.post("HostGroup.GroupIdGroups", `{}`, "Content-Type", "application/json; charset=utf-8"),
		"200 no type":        c.post("HostGroup.GroupIdGroups", `{}`),
		"200 a request id":   c.post("HostGroup.GroupIdGroups", `{}`, "X-KSC-RequestId", "0123456789abcdef_0123456789abcdef"),
	} {
		require.NoError(t, g.err)
		assert.Equal(t, name[:3], itoa(g.status), "%s: %s", name, g.text)
		assert.Equal(t, g.status == 200, g.json != nil, "%s: text for people, unless it is an answer", name)
	}
	for _, other := range []struct {
		method, path string
		status       int
	}{{"GET", "/api/v1.0/HostGroup.GroupIdGroups", 405}, {"PUT", "/api/v1.0/login", 405}, {"POST", "/api/v2.0/login", 404}, {"POST", "/", 404}} {
		r, err := http.NewRequestWithContext(t.Context(), other.method, "https://ksc.example"+other.path, nil)
		require.NoError(t, err)
		a, err := c.http.Do(r)
		require.NoError(t, err)
		a.Body.Close()
		assert.Equal(t, other.status, a.StatusCode, "%s %s", other.method, other.path)
		assert.Equal(t, other.status == 405, a.Header.Get("Allow") == "POST")
	}
	assert.Empty(t, s.Incidents())
}

func itoa(n int) string { b, _ := json.Marshal(n); return string(b) }

// TestMethodsWithoutArgumentsTakeAnEmptyBody: two public clients, XSOAR's and go-ksc, send no body at all to such methods.
func TestMethodsWithoutArgumentsTakeAnEmptyBody(t *testing.T) {
	c := newClient(t, start(t, Options{}))
	for _, method := range []string{
		"login", "Session.StartSession", "Session.Ping", "HostGroup.GroupIdGroups", "HostGroup.GetStaticInfo",
		"ConEvents.IsAnyServiceConsoleAvailable",
	} {
		g := c.post(method, "")
		assert.Equal(t, 200, g.status, "%s: %s", method, g.text)
		assert.NotContains(t, g.json, "PxgError", method)
	}
	assert.Equal(t, "KLPRSS 1125 0", pxg(t, c.post("HostGroup.AddIncident", "")))
}

func TestPathsMayNameAnInstance(t *testing.T) {
	c := newClient(t, start(t, Options{}))
	assert.Equal(t, json.Number("0"), c.post("anInstance.HostGroup.GroupIdGroups", "{}").ok(t))
	assert.Equal(t, "KLCONN 1194 0", pxg(t, c.post("a.b.HostGroup.GroupIdGroups", "{}")))
	assert.Equal(t, "KLCONN 1194 0", pxg(t, c.post("hostgroup.groupidgroups", "{}")), "names are case-sensitive")
	assert.Equal(t, "KLCONN 1194 0", pxg(t, c.post("GroupIdGroups", "{}")))
}

// TestTextOfAnyKindIsStoredAsItIs: ASCII with escapes and bare UTF-8 are the same JSON.
func TestTextOfAnyKindIsStoredAsItIs(t *testing.T) {
	s := start(t, Options{})
	c := newClient(t, s)
	text := "Привет \"q\" \\back\t\u2028 𝄞 <&> é \x00 \x7f"
	ascii := `"\u041f\u0440\u0438\u0432\u0435\u0442 \"q\" \\back\t\u2028 \ud834\udd1e <&> \u00e9 \u0000 \u007f"`
	utf8, err := json.Marshal(text)
	require.NoError(t, err)
	for _, literal := range []string{ascii, string(utf8)} {
		c.post("HostGroup.AddIncident", strings.Replace(incident, `"{\"task\":\"getFile\"}"`, literal, 1)).ok(t)
	}
	require.Len(t, s.Incidents(), 2)
	for _, n := range s.Incidents() {
		assert.Equal(t, text, n.Body)
		found := c.rows(t, "HostGroup.FindIncidents", `{"strFilter":"KLINCDT_ID=1","pFieldsToReturn":["KLINCDT_BODY"],"lMaxLifeTime":60}`)
		assert.Equal(t, []map[string]any{{"KLINCDT_BODY": text}}, found)
	}
}

// TestOneConnectionAnswersInTurn: two requests sent at once are answered one after the other (KSCAPI main page: a connection
// is strictly synchronous).
func TestOneConnectionAnswersInTurn(t *testing.T) {
	s := start(t, Options{})
	raw := dialRaw(t, s)
	one := "POST /api/v1.0/HostGroup.AddIncident HTTP/1.1\r\nHost: x\r\nAuthorization: " + basic(user, password) + "\r\nContent-Length: " +
		itoa(len(incident)) + "\r\n\r\n" + incident
	_, err := io.WriteString(raw, one+one)
	require.NoError(t, err)
	for _, want := range []string{`{"PxgRetVal":1}`, `{"PxgRetVal":2}`} {
		_, _, body := raw.receive()
		assert.Equal(t, want, body)
	}
}

// TestABodyInChunks is one without Content-Length (KSCAPI main page).
func TestABodyInChunks(t *testing.T) {
	s := start(t, Options{})
	c := newClient(t, s)
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "https://ksc.example/api/v1.0/HostGroup.AddIncident", io.MultiReader(strings.NewReader(incident)))
	require.NoError(t, err)
	r.Header.Set("Authorization", basic(user, password))
	a, err := c.http.Do(r)
	require.NoError(t, err)
	a.Body.Close()
	assert.Equal(t, 200, a.StatusCode)
	assert.Len(t, s.Incidents(), 1)
}

func quote(t *testing.T, text string) string {
	t.Helper()
	b, err := json.Marshal(text)
	require.NoError(t, err)
	return string(b)
}
