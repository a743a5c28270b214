package ksc_test

import (
	"encoding/json"
	"fmt"
	escape "html"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kes-respond/kes-respond/plugin/ksc"
)

// orderWith is an incident of startProcess with these arguments.
func orderWith(t *testing.T, arguments string) ksc.Incident {
	body, err := json.Marshal(map[string]any{
		"targetHost": hostID, "task": "startProcess", "params": map[string]any{"executablePath": `C:\Windows\System32\cmd.exe`, "arguments": arguments},
	})
	require.NoError(t, err)
	in := incident(1)
	in.Body = string(body)
	return in
}

func inJSON(s string) string {
	b, err := json.Marshal(s)
	if err != nil {
		panic(err)
	}
	return strings.Trim(string(b), `"`)
}

// TestNoErrorQuotesAnOrder: its arguments may hold a password, whatever form
// a server or a page gives back, whole or in part.
func TestNoErrorQuotesAnOrder(t *testing.T) {
	const piece = "Zx9" // in every part of the secret words below
	words := []string{
		`/c net use Z: \\srv\c$ /user:Zx9adm Zx9-p@ss"w\rd`, `Zx9Zx9Zx9`, "Zx9Ж", "Zx9\tZx9\nZx9", `Zx9&<Zx9>'%41"`, "Zx9!", `--token=Zx9%2BZx9+Zx9==`,
	}
	quotes := map[string]func(s seen, arguments string) string{
		"all of it":  func(s seen, _ string) string { return "cannot read " + s.body },
		"its end":    func(s seen, _ string) string { return s.body[len(s.body)-170:] },
		"raw":        func(_ seen, a string) string { return "bad value " + a },
		"in JSON":    func(_ seen, a string) string { return "bad value " + inJSON(a) },
		"twice":      func(_ seen, a string) string { return "bad value " + inJSON(inJSON(a)) },
		"in HTML":    func(_ seen, a string) string { return "<p>bad value " + escape.EscapeString(a) + "</p>" },
		"in a URL":   func(_ seen, a string) string { return "<p>bad value " + url.QueryEscape(a) + "</p>" },
		"in a path":  func(_ seen, a string) string { return "<p>bad value " + url.PathEscape(a) + "</p>" },
		"upper case": func(_ seen, a string) string { return "BAD VALUE " + strings.ToUpper(a) },
		"a word": func(_ seen, a string) string {
			for _, w := range strings.Fields(a) {
				if strings.Contains(w, piece) {
					return "unexpected token '" + w + "'"
				}
			}
			return a
		},
		"its beginning": func(_ seen, a string) string { return "bad value: " + string([]rune(a)[:4]) },
		"cut by us":     func(_ seen, a string) string { return strings.Repeat("x", 195) + a },
		"further back":  func(_ seen, a string) string { return strings.Repeat("x", 120) + " " + a },
	}
	ways := map[string]func(text string) reply{
		"400":      func(text string) reply { return status(400, text) },
		"a header": func(text string) reply { return status(502, "", "X-KSC-ErrorMsg: "+strings.Map(oneLine, text)) },
		"a page":   ok,
		"broken":   func(text string) reply { return cut("HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n" + text) },
		"no HTTP":  func(text string) reply { return cut(strings.Map(oneLine, text) + "\r\n\r\n") },
		"message":  func(text string) reply { return pxg(`"message":"` + inJSON(text) + `"`) },
		"module":   func(text string) reply { return pxg(`"message":"no","module":"` + inJSON(text) + `"`) },
		"locdata": func(text string) reply {
			return pxg(`"message":"m","locdata":{"type":"params","value":{"format":"no: %1","args":["` + inJSON(text) + `"]}}`)
		},
		"a value": func(text string) reply { return ok(`{"PxgRetVal":"` + inJSON(text) + `"}`) },
		"both":    func(text string) reply { return ok(`{"PxgRetVal":"` + inJSON(text) + `","PxgError":{"code":1}}`) },
	}
	for how, quote := range quotes {
		synctest.Test(t, func(t *testing.T) {
			var arguments string
			var answer func(string) reply
			server := newRogue(t, func(s seen, nth int) reply {
				if s.method == addIncident {
					return answer(quote(s, arguments))
				}
				return wellBehaved(s, nth)
			})
			c := client(t, server.Dial)
			for way := range ways {
				for _, arguments = range words {
					answer = ways[way]
					_, err := c.AddIncident(t.Context(), orderWith(t, arguments))
					e := failed(t, err)
					all := strings.ToLower(e.Error() + e.Message + e.Excerpt + e.Module)
					assert.NotContains(t, all, strings.ToLower(piece), "%s, %s, of %s: %v", how, way, arguments, e)
				}
			}
		})
	}
}

func pxg(members string) reply { return ok(`{"PxgError":{"code":1125,` + members + `}}`) }

func oneLine(r rune) rune {
	if r < ' ' {
		return -1
	}
	return r
}

// TestWhatQuotesNothingIsShown: an error that tells no reason helps nobody.
func TestWhatQuotesNothingIsShown(t *testing.T) {
	for answer, want := range map[string]string{
		`{"PxgError":{"code":1184,"module":"KLSTD","message":"Access is denied"}}`:       "Access is denied (KLSTD 1184)",
		`{"PxgError":{"code":1186,"module":"KLSTD","message":"no host ` + hostID + `"}}`: "no host " + hostID,
		"<html>Sign in to continue</html>":                                               "Sign in to continue",
		`{"PxgError":{"code":1184,"module":"KLSTD","message":"not for hunter22"}}`:       "(KLSTD 1184)",
	} {
		synctest.Test(t, func(t *testing.T) {
			server := newRogue(t, except(addIncident, ok(answer)))
			_, err := client(t, server.Dial).AddIncident(t.Context(), orderWith(t, "-p hunter22 -u me"))
			e := failed(t, err)
			assert.Contains(t, e.Error(), want)
			assert.NotContains(t, e.Error(), "hunter22")
			assert.NotEmpty(t, e.Message)
		})
	}
}

// TestABodyThatIsNoJSONIsNotQuotedEither.
func TestABodyThatIsNoJSONIsNotQuotedEither(t *testing.T) {
	for _, body := range []string{"a secret text", `{"arguments":"secret text"`, `"a secret text"`, `["secret text"]`} {
		synctest.Test(t, func(t *testing.T) {
			server := newRogue(t, except(addIncident, status(400, "cannot take: a secret text")))
			in := incident(1)
			in.Body = body
			_, err := client(t, server.Dial).AddIncident(t.Context(), in)
			assert.NotContains(t, failed(t, err).Error(), "secret", body)
		})
	}
}

// TestNoErrorQuotesAnIncidentRead: its body is another request's, of which we
// know nothing.
func TestNoErrorQuotesAnIncidentRead(t *testing.T) {
	const secret = "hunter22"
	row := `{"pChunk":{"KLCSP_ITERATOR_ARRAY":[{"KLINCDT_BODY":"` + secret
	for name, answer := range map[string]reply{
		"broken off": cut("HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n" + row),
		"no JSON":    ok(row),
		"a status":   status(500, row),
		"a refusal":  status(400, row),
		"a header":   status(500, "", "X-KSC-ErrorMsg: "+row),
		"a message":  ok(`{"PxgError":{"code":1125,"module":"` + secret + `","message":"` + secret + `"}}`),
		"no HTTP":    cut(secret + "\r\n\r\n"),
		"wrong type": ok(`{"pChunk":"` + secret + `"}`),
		"no number":  ok(row + `"}]}}`),
	} {
		for _, one := range []bool{true, false} {
			synctest.Test(t, func(t *testing.T) {
				c := client(t, newRogue(t, except("ChunkAccessor.GetItemsChunk", answer)).Dial)
				_, err := c.FindIncidents(t.Context(), hostID, time.Now(), 5)
				if one {
					_, err = c.Incident(t.Context(), 4711)
				}
				e := failed(t, err)
				assert.NotContains(t, fmt.Sprintf("%v %q", e, []string{e.Message, e.Excerpt, e.Module}), secret, name)
				if name == "no JSON" || name == "a refusal" {
					assert.Contains(t, e.Excerpt, fmt.Sprintf("%d bytes, SHA-256 ", len(row)), name)
				}
			})
		}
	}
}
