package ksc_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kes-respond/kes-respond/plugin/ksc"
)

// packed is a text in gzip.
func packed(text string) string {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	io.WriteString(z, text) //nolint:errcheck // a buffer
	z.Close()               //nolint:errcheck // a buffer
	return b.String()
}

// endless writes a piece over and over until the client leaves.
func endless(head, piece string, pause time.Duration) reply {
	return func(w io.Writer, _ <-chan struct{}) bool {
		_, err := io.WriteString(w, head)
		for err == nil {
			time.Sleep(pause)
			_, err = io.WriteString(w, piece)
		}
		return false
	}
}

// bomb is what unpacks to far more than its size.
func bomb() string { return packed(`{"PxgRetVal":"` + strings.Repeat("A", 2*recordsBytes) + `"}`) }

const html = "<!DOCTYPE html>\n<html><body>Sign in to\x1b[31m continue</body></html>"

type badAnswer struct {
	name     string
	reply    reply
	kind     ksc.Kind
	delivery ksc.Delivery
	status   int
	excerpt  string        // found in it
	takes    time.Duration // at most
}

// badAnswers are what may come in place of an answer, and what is known then.
// The operations run under a limit of their own of one minute, so the bound of
// a call, 30 seconds, is what ends a wait.
func badAnswers() []badAnswer {
	const (
		refused, unreachable, badly, timeout, unavailable = ksc.KindRefused, ksc.KindUnreachable, ksc.KindBadAnswer, ksc.KindTimeout, ksc.KindUnavailable
		unknown, answered                                 = ksc.Unknown, ksc.Answered
	)
	pxg := func(members string) reply { return ok(`{"PxgError":{` + members + `}}`) }
	head := func(code int, lines ...string) string {
		return fmt.Sprintf("HTTP/1.1 %d X\r\n%s\r\n", code, strings.Join(append(lines, ""), "\r\n"))
	}
	return []badAnswer{
		{"html", ok(html), badly, unknown, 200, "Sign in to", 0},
		{"empty", ok(""), badly, unknown, 200, "", 0},
		{"blank", ok(" \n"), badly, unknown, 200, "", 0},
		{"bare number", ok("17"), badly, unknown, 200, "17", 0},
		{"array", ok("[]"), badly, unknown, 200, "[]", 0},
		{"null", ok("null"), badly, unknown, 200, "null", 0},
		{"two objects", ok(`{"PxgRetVal":1}{"PxgRetVal":2}`), badly, unknown, 200, "PxgRetVal", 0},
		{"not UTF-8", ok("\xff\xfe{}"), badly, unknown, 200, "{}", 0},
		{"half of it", cut(head(200, "Content-Length: 500") + `{"PxgRetVal":"47`), badly, unknown, 200, `{"PxgRetVal":"47`, 0},
		{"half a chunk", cut(head(200, "Transfer-Encoding: chunked") + "10\r\n{\"PxgRetVal\":\"47"), badly, unknown, 200, `{"PxgRetVal":"47`, 0},
		{"chunks that are none", cut(head(200, "Transfer-Encoding: chunked") + "zz\r\n{}"), badly, unknown, 200, "", 0},
		{"gzip that is none", status(200, `{"PxgRetVal":1}`, "Content-Encoding: gzip"), badly, unknown, 200, "", 0},
		{"half of a gzip", status(200, packed(`{"PxgRetVal":1}`)[:20], "Content-Encoding: gzip"), badly, unknown, 200, "", 0},
		{"gzip with a wrong sum", status(200, strings.Replace(packed(`{"PxgRetVal":1}`), packed(`{"PxgRetVal":1}`)[33:37], "abcd", 1), "Content-Encoding: gzip"), badly, unknown, 200, "PxgRetVal", 0},
		{"an unknown packing", status(200, "{}", "Content-Encoding: br"), badly, unknown, 200, "", 0},
		{"a bomb", status(200, bomb(), "Content-Encoding: gzip"), badly, unknown, 200, "PxgRetVal", 0},
		{"without an end", endless(head(200, "Transfer-Encoding: chunked"), "10000\r\n"+strings.Repeat("a", 0x10000)+"\r\n", 0), badly, unknown, 200, "aaaa", 0},
		{"never", never, timeout, unknown, 0, "", 30 * time.Second},
		{"only a head", then(head(200, "Content-Length: 500")), timeout, unknown, 200, "", 30 * time.Second},
		{"half a head", then("HTTP/1.1 200 OK\r\nContent-"), timeout, unknown, 0, "", 30 * time.Second},
		{"half of it, then never", then(head(200, "Content-Length: 500") + `{"Pxg`), timeout, unknown, 200, `{"Pxg`, 30 * time.Second},
		{"half a gzip, then never", then(head(200, "Content-Length: 500", "Content-Encoding: gzip") + packed("{}")[:5]), timeout, unknown, 200, "", 30 * time.Second},
		{"drip by drip", endless(head(200, "Transfer-Encoding: chunked"), "1\r\n \r\n", time.Second), timeout, unknown, 200, "", 30 * time.Second},
		{"headers drip by drip", endless("HTTP/1.1 200 OK\r\n", "A: b\r\n", time.Second), timeout, unknown, 0, "", 30 * time.Second},
		{"a flood of headers", endless("HTTP/1.1 200 OK\r\n", "A: "+strings.Repeat("b", 1000)+"\r\n", 0), badly, unknown, 0, "", 0},
		{"one header without an end", endless("HTTP/1.1 200 OK\r\nA: ", strings.Repeat("b", 1000), 0), badly, unknown, 0, "", 0},
		{"informational without an end", endless("", "HTTP/1.1 102 Processing\r\n\r\n", time.Second), timeout, unknown, 0, "", 30 * time.Second},
		{"dropped", cut(""), unreachable, unknown, 0, "", 0},
		{"no HTTP", cut("SSH-2.0-OpenSSH_9.6\r\n"), badly, unknown, 0, "", 0},
		{"101", then(head(101, "Connection: Upgrade", "Upgrade: websocket")), badly, unknown, 101, "", 0},
		{"201", status(201, `{"PxgRetVal":1}`), badly, unknown, 201, "PxgRetVal", 0},
		{"204", raw(head(204)), badly, unknown, 204, "", 0},
		{"206", status(206, `{"PxgRetVal":1}`), badly, unknown, 206, "PxgRetVal", 0},
		{"301", status(301, "moved", "Location: https://ksc.example:13299/elsewhere"), badly, unknown, 301, "moved", 0},
		{"307", status(307, "moved", "Location: https://elsewhere.example:13299/api/v1.0/HostGroup.AddIncident"), badly, unknown, 307, "moved", 0},
		{"400", status(400, "Bad request"), refused, answered, 400, "Bad request", 0},
		{"404", status(404, html), refused, answered, 404, "Sign in to", 0},
		{"407", status(407, "", "Proxy-Authenticate: Basic"), refused, answered, 407, "", 0},
		{"429", status(429, "slow down"), refused, answered, 429, "slow down", 0},
		{"500", status(500, "boom"), unavailable, unknown, 500, "boom", 0},
		{"502 in HTML", status(502, html), unavailable, unknown, 502, "Sign in to", 0},
		{"503", status(503, "", "X-KSC-ErrorMsg: starting"), unavailable, unknown, 503, "starting", 0},
		{"500, broken off", cut(head(500, "Content-Length: 99") + "boo"), unavailable, unknown, 500, "boo", 0},
		{"no right", pxg(`"code":1184,"subcode":0,"module":"KLSTD","message":"Access is denied"`), ksc.KindDenied, answered, 200, "", 0},
		{"an error without subcode", pxg(`"code":1125,"module":"KLPRSS","message":"A needed value is absent"`), refused, answered, 200, "", 0},
		{"an error in other types", pxg(`"code":"1229","subcode":"-1","module":"KLSTD","message":7,"locdata":{"type":"params","value":{"format":"%1 of %2","args":[1,null,{}]}}`), ksc.KindLimit, answered, 200, "", 0},
		{"an error without anything", pxg(``), refused, answered, 200, "", 0},
		{"an error that is a text", ok(`{"PxgError":"no"}`), badly, unknown, 200, "PxgError", 0},
		{"an error with an HTTP status", status(500, `{"PxgError":{"code":1195,"subcode":1,"module":"KLSTD","message":"starting"}}`), unavailable, answered, 500, "", 0},
		{"an error beside a value", ok(`{"PxgRetVal":4711,"PxgError":{"code":1184,"module":"KLSTD","message":"Access is denied"}}`), badly, unknown, 200, "PxgRetVal", 0},
		{"an error beside an empty value", ok(`{"PxgRetVal":0,"PxgError":{"code":1184,"module":"KLSTD","message":"Access is denied"}}`), ksc.KindDenied, answered, 200, "", 0},
	}
}

// TestBadAnswers spoils the answer to each method in each way: the error's
// kind, how far the call got, the status and an excerpt are kept, nothing
// waits past its bound, and nothing is sent twice.
func TestBadAnswers(t *testing.T) {
	answers := badAnswers()
	for _, o := range operations() {
		for _, bad := range answers {
			t.Run(o.method+"/"+bad.name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					server := newRogue(t, except(o.method, bad.reply))
					c := client(t, server.Dial)
					ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
					defer cancel()
					start := time.Now()
					e := failed(t, o.do(ctx, c))
					want := bad.delivery
					excerpt := bad.excerpt
					if o.method == addIncident && bad.status >= 400 && bad.status < 500 {
						want = ksc.Unknown // a status is not KSC's word
					}
					if strings.HasSuffix(o.method, ".GetRecordRange") || strings.HasSuffix(o.method, ".GetHostStatusRecordRange") {
						excerpt = "" // what others sent is not quoted
						if bad.excerpt != "" {
							assert.Contains(t, e.Excerpt, "[not shown: ")
						}
					}
					if o.method == "Session.StartSession" {
						if want == ksc.Unknown {
							want = ksc.NotSent // a login orders nothing
						}
						if strings.Contains(excerpt, "Pxg") {
							excerpt = "" // it may hold the session
						}
					}
					assert.Equal(t, bad.kind, e.Kind, "%v", e)
					assert.Equal(t, want, e.Delivery, "%v", e)
					assert.Equal(t, bad.status, e.Status, "%v", e)
					assert.Equal(t, o.method, e.Method)
					assert.Contains(t, e.Excerpt, excerpt)
					assert.NotEmpty(t, e.Message)
					assert.LessOrEqual(t, time.Since(start), bad.takes)
					assert.Len(t, server.calls(o.method), 1, "nothing is sent twice")
					for _, s := range server.calls("") {
						assert.Equal(t, "/api/v1.0/"+s.method, s.path, "nothing is followed elsewhere")
					}
				})
			})
		}
	}
}

// TestTheCallersTimeoutIsKept lets each method wait for ever under a short
// limit of the caller's.
func TestTheCallersTimeoutIsKept(t *testing.T) {
	for _, o := range operations() {
		for _, silent := range []string{o.method, ""} {
			synctest.Test(t, func(t *testing.T) {
				server := newRogue(t, func(s seen, nth int) reply {
					if s.method == silent || silent == "" && len(s.method) > 0 && s.method != "Session.StartSession" {
						return never
					}
					return wellBehaved(s, nth)
				})
				c := client(t, server.Dial)
				require.NoError(t, func() error {
					if o.method == "Session.StartSession" {
						return nil
					}
					return c.Open(t.Context())
				}())
				ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
				defer cancel()
				start := time.Now()
				err := o.do(ctx, c)
				if o.method == "Session.StartSession" && silent == "" {
					require.NoError(t, err)
					return
				}
				e := failed(t, err)
				assert.Equal(t, ksc.KindTimeout, e.Kind, "%v", e)
				if silent == "" { // what is called first may be another method
					assert.LessOrEqual(t, time.Since(start), 4*time.Second, o.method)
				} else {
					assert.Equal(t, 2*time.Second+o.longer(), time.Since(start), o.method)
				}
			})
		}
	}
}

// TestACancelIsNoTimeout: the caller gave up, and is told so.
func TestACancelIsNoTimeout(t *testing.T) {
	for _, o := range operations() {
		synctest.Test(t, func(t *testing.T) {
			server := newRogue(t, except(o.method, never))
			c := client(t, server.Dial)
			ctx, cancel := context.WithCancel(t.Context())
			time.AfterFunc(time.Second, cancel)
			start := time.Now()
			e := failed(t, o.do(ctx, c))
			assert.Equal(t, ksc.KindCanceled, e.Kind, "%v", e)
			assert.Equal(t, time.Second+o.longer(), time.Since(start), o.method)
			if o.method != "Session.StartSession" {
				assert.Equal(t, ksc.Unknown, e.Delivery)
			}
		})
	}
}

// TestAnAnswerThatEchoesIsScrubbed: an error page that shows the request's
// headers must not carry the credentials into a log.
func TestAnAnswerThatEchoesIsScrubbed(t *testing.T) {
	echo := func(s seen) string {
		all := strings.Repeat("x", 150) + s.header.Get("Authorization") + " " + s.header.Get("X-KSC-Session") + " " + password + " " + `p@ss \"wörd\" ` + `p@ss \"w\u00f6rd\"`
		return all + s.header.Get("X-KSC-Session") + strings.Repeat(" "+password, 20)
	}
	quote := func(s string) string { return strings.ReplaceAll(strings.ReplaceAll(s, `\`, `\\`), `"`, `\"`) }
	for _, o := range operations() {
		for name, answer := range map[string]func(s seen) reply{
			"page":   func(s seen) reply { return ok(echo(s)) },
			"status": func(s seen) reply { return status(400, echo(s)[100:]) },
			"header": func(s seen) reply { return status(503, "", "X-KSC-ErrorMsg: "+echo(s)[140:]) },
			"message": func(s seen) reply {
				return ok(`{"PxgError":{"code":1,"module":"X","message":"` + quote(echo(s)) + `"}}`)
			},
			"module":   func(s seen) reply { return ok(`{"PxgError":{"code":1,"module":"` + quote(echo(s)[150:]) + `"}}`) },
			"location": func(s seen) reply { return status(302, "", "Location: https://"+password+"/") },
			"half": func(s seen) reply {
				return cut("HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{\"PxgRetVal\":\"" + sessionID + "\"")
			},
			"in part": func(s seen) reply { return ok("{\"PxgRetVal\":[\"" + sessionID + "\"]}") },
			"locdata": func(s seen) reply {
				return ok(`{"PxgError":{"code":1,"module":"X","locdata":{"type":"params","value":{"format":"%1","args":["` + quote(echo(s)) + `"]}}}}`)
			},
			"cut": func(s seen) reply { return cut("HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n" + echo(s)) },
			"no HTTP": func(s seen) reply {
				return cut("HTTP/1.1 " + s.header.Get("X-KSC-Session") + password + "\r\n")
			},
			"wrong type": func(s seen) reply { return ok(`{"PxgRetVal":["` + quote(echo(s)[140:]) + `"],"strAccessor":[]}`) },
		} {
			synctest.Test(t, func(t *testing.T) {
				server := newRogue(t, func(s seen, nth int) reply {
					if s.method == o.method {
						return answer(s)
					}
					return wellBehaved(s, nth)
				})
				c := client(t, server.Dial)
				if err := o.do(t.Context(), c); err != nil {
					failed(t, err)
				} else {
					assert.Contains(t, []string{"wrong type", "in part"}, name, o.method)
				}
			})
		}
	}
}

// TestAStreamThatStaysOpenIsLeft: nothing of a refused or broken answer may
// be read as the answer to the next call.
func TestAStreamThatStaysOpenIsLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		smuggled := "HTTP/1.1 200 OK\r\nContent-Length: 18\r\n\r\n{\"PxgRetVal\": 666}"
		server := newRogue(t, func(s seen, nth int) reply {
			if s.method == "HostGroup.GetStaticInfo" {
				return raw("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}" + smuggled)
			}
			return wellBehaved(s, nth)
		})
		c := client(t, server.Dial)
		_, err := c.Server(t.Context())
		failed(t, err)
		synctest.Wait()
		id, err := c.AddIncident(t.Context(), ksc.Incident{Body: "{}", Host: hostID})
		require.NoError(t, err)
		assert.EqualValues(t, 4711, id)
	})
}

// TestNoAnswerIsFollowed counts what reaches another server.
func TestNoAnswerIsFollowed(t *testing.T) {
	for code := http.StatusMultipleChoices; code <= http.StatusPermanentRedirect; code++ {
		synctest.Test(t, func(t *testing.T) {
			server := newRogue(t, except("HostGroup.AddIncident", status(code, "", "Location: https://evil.example/api/v1.0/HostGroup.AddIncident")))
			c := client(t, server.Dial)
			_, err := c.AddIncident(t.Context(), ksc.Incident{Body: "{}", Host: hostID})
			assert.Equal(t, ksc.Unknown, failed(t, err).Delivery)
			assert.Len(t, server.calls(""), 2)
			assert.Equal(t, 1, server.dials)
		})
	}
}

// TestAnEndedContextSendsNothing, with and without a session.
func TestAnEndedContextSendsNothing(t *testing.T) {
	for _, open := range []bool{true, false} {
		for _, o := range operations() {
			synctest.Test(t, func(t *testing.T) {
				server := newRogue(t, wellBehaved)
				c := client(t, server.Dial)
				if open && o.method != "Session.StartSession" {
					require.NoError(t, c.Open(t.Context()))
				}
				before := len(server.calls(""))
				ctx, cancel := context.WithCancel(t.Context())
				cancel()
				e := failed(t, o.do(ctx, c))
				assert.Equal(t, ksc.KindCanceled, e.Kind, "%v", e)
				assert.Equal(t, ksc.NotSent, e.Delivery)
				assert.Len(t, server.calls(""), before)
			})
		}
	}
}
