package ksctest

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const addMethod = "HostGroup.AddIncident"

// seen is what a knob did to one AddIncident of a plain net/http client, and to the server.
type seen struct {
	got
	stored int
	call   Call
	took   time.Duration
}

// suffer sets a knob for AddIncident and lets a client of 8 s patience, that reads at most 1 MiB, send one.
func suffer(t *testing.T, knob string) (s *Server, c *client, out seen) {
	t.Helper()
	s = start(t, Options{Mischief: map[string]float64{knob + "@" + addMethod: 1}, Seed: 1})
	c = newClient(t, s)
	c.http.Transport.(*http.Transport).DisableCompression = false // as a plain client is
	ctx, cancel := context.WithTimeout(t.Context(), 8*time.Second)
	defer cancel()
	began := time.Now()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, "https://ksc.example/api/v1.0/"+addMethod, strings.NewReader(incident))
	require.NoError(t, err)
	r.Header.Set("Authorization", basic(user, password))
	a, err := c.http.Do(r)
	out.err = err
	if err == nil {
		var b []byte
		b, out.err = io.ReadAll(io.LimitReader(a.Body, 1<<20))
		a.Body.Close()
		out.status, out.header, out.text = a.StatusCode, a.Header, string(b)
		json.Unmarshal(b, &out.json) //nolint:errcheck // not every answer is JSON here
	}
	out.took, out.stored = time.Since(began), len(s.Incidents())
	synctest.Wait()
	require.Len(t, s.Calls(), 1)
	out.call = s.Calls()[0]
	require.Equal(t, []string{knob}, out.call.Mischief)
	require.Equal(t, incident, out.call.Body)
	return s, c, out
}

// TestWhatEachKnobDoes shows every knob at work on a client. Each that is not here stands in TestKnobsThatNeedMore.
func TestWhatEachKnobDoes(t *testing.T) {
	const normal = `{"PxgRetVal":1}`
	refused := func(stored int, want string) func(*testing.T, seen) {
		return func(t *testing.T, o seen) {
			assert.Equal(t, want, pxg(t, o.got))
			assert.Equal(t, stored, o.stored)
		}
	}
	lost := func(stored int) func(*testing.T, seen) {
		return func(t *testing.T, o seen) {
			require.Error(t, o.err)
			assert.ErrorIs(t, o.err, io.EOF)
			assert.Zero(t, o.status)
			assert.Zero(t, o.call.Status)
			assert.Equal(t, stored, o.stored)
		}
	}
	for knob, check := range map[string]func(*testing.T, seen){
		knobDropBefore:  lost(0),
		knobDropAfter:   lost(1),
		knobStoreLate:   lost(0),
		knobStarting:    refused(0, "KLSTD 1195 1"),
		knobUnavailable: refused(0, "KLSTD 1195 2"),
		knobOverLimit:   refused(0, "KLSTD 1229 -1"),
		knobNoClient:    refused(0, "KLWAT 1445 0"),
		knobLogonFailed: refused(0, "KLWAT 1453 0"),
		knobWebToken:    refused(0, "KLWAT 1454 0"),
		knobUnknown:     refused(0, "KLOLA 2351 0"),
		knob503: func(t *testing.T, o seen) {
			require.NoError(t, o.err)
			assert.Equal(t, []any{503, "Service Unavailable", 0}, []any{o.status, o.text, o.stored})
		},
		knobNever: func(t *testing.T, o seen) {
			assert.ErrorIs(t, o.err, context.DeadlineExceeded)
			assert.Equal(t, []any{0, 1, 8 * time.Second}, []any{o.call.Status, o.stored, o.took})
		},
		knobHuge: func(t *testing.T, o seen) {
			require.NoError(t, o.err, "there is always more of it")
			assert.Equal(t, []any{200, 1 << 20, 1}, []any{o.status, len(o.text), o.stored})
			assert.Nil(t, o.json)
		},
		knobTruncate: func(t *testing.T, o seen) {
			assert.ErrorIs(t, o.err, io.ErrUnexpectedEOF)
			assert.Equal(t, []any{200, 1, normal}, []any{o.status, o.stored, o.call.Response})
		},
		knobHTML: func(t *testing.T, o seen) {
			require.NoError(t, o.err)
			assert.Equal(t, []any{200, "text/html; charset=utf-8", proxyPage, 1}, []any{o.status, o.header.Get("Content-Type"), o.text, o.stored})
		},
		knobEmpty: func(t *testing.T, o seen) {
			require.NoError(t, o.err)
			assert.Equal(t, []any{200, "", 1}, []any{o.status, o.text, o.stored})
		},
		knobGzip: func(t *testing.T, o seen) {
			require.Error(t, o.err)
			assert.Equal(t, []any{200, 1, normal}, []any{o.status, o.stored, o.call.Response})
		},
		knobWrongType: func(t *testing.T, o seen) {
			require.NoError(t, o.err)
			assert.Equal(t, []any{200, `{"PxgRetVal":"1"}`, 1}, []any{o.status, o.text, o.stored})
		},
		knobDelay: func(t *testing.T, o seen) {
			require.NoError(t, o.err)
			assert.Equal(t, []any{200, normal, 1, 5 * time.Second}, []any{o.status, o.text, o.stored, o.took})
		},
		knobChunked: func(t *testing.T, o seen) {
			require.NoError(t, o.err)
			assert.Equal(t, []any{200, normal, 1, ""}, []any{o.status, o.text, o.stored, o.header.Get("Content-Length")})
		},
		knobDropLater: func(t *testing.T, o seen) {
			require.NoError(t, o.err)
			assert.Equal(t, []any{200, normal, 1, ""}, []any{o.status, o.text, o.stored, o.header.Get("Connection")})
		},
	} {
		t.Run(knob, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				_, _, out := suffer(t, knob)
				check(t, out)
			})
		})
	}
}

// TestKnobsThatNeedMore are those which show only in a login, an error or a value of a type.
func TestKnobsThatNeedMore(t *testing.T) {
	for knob, check := range map[string]func(*testing.T, Options){
		knobEndSession: func(t *testing.T, o Options) {
			s := start(t, o)
			c := bare(t, s)
			c.post("login", "", "Authorization", basic(user, password)).ok(t)
			assert.Equal(t, 401, c.post("HostGroup.GroupIdGroups", "{}").status)
			id, _ := c.post("Session.StartSession", "{}", "Authorization", basic(user, password)).ok(t).(string)
			assert.Equal(t, 403, c.post("HostGroup.GroupIdGroups", "{}", "X-KSC-Session", id).status)
			c.post("HostGroup.GroupIdGroups", "{}", "Authorization", basic(user, password)).ok(t)
			var struck [][]string
			for _, call := range s.Calls() {
				struck = append(struck, call.Mischief)
			}
			assert.Equal(t, [][]string{{}, {knobEndSession}, {}, {knobEndSession}, {}}, struck, "recorded where a login was there to end")
		},
		knobNoSubcode: func(t *testing.T, o Options) {
			c := newClient(t, start(t, o))
			assert.JSONEq(t, `{"PxgError":{"code":1186,"module":"KLSTD","file":"emulator","line":1,"message":"Not found: incident"}}`,
				c.post("HostGroup.DeleteIncident", `{"nId":1}`).text)
		},
		knobLongString: func(t *testing.T, o Options) {
			o.Inventory = office
			c := newClient(t, start(t, o))
			assert.Equal(t, `{"PxgRetVal":{"KLHST_WKS_IP_LONG":{"type":"long","value":"167772172"}}}`,
				c.post("HostGroup.GetHostInfo", `{"strHostName":"id-1","pFields2Return":["KLHST_WKS_IP_LONG"]}`).text)
		},
		knobNoDate: func(t *testing.T, o Options) {
			c := newClient(t, start(t, o))
			assert.Equal(t, `{"PxgRetVal":{"KLHST_WKS_LAST_VISIBLE":{"type":"datetime","value":""}}}`,
				c.post("HostGroup.GetHostInfo", `{"strHostName":"a","pFields2Return":["KLHST_WKS_LAST_VISIBLE"]}`).text)
		},
		knobSwapCert: func(t *testing.T, o Options) {
			s := start(t, o)
			g := newClient(t, s).post("HostGroup.GroupIdGroups", "{}")
			var wrong *tls.CertificateVerificationError
			require.True(t, errors.As(g.err, &wrong), "%v", g.err)
			assert.NotEqual(t, s.CertificateDER(), wrong.UnverifiedCertificates[0].Raw)
			assert.Empty(t, s.Calls(), "no credential was sent")
			require.NoError(t, s.SetMischief(nil))
			newClient(t, s).post("HostGroup.GroupIdGroups", "{}").ok(t)
		},
	} {
		t.Run(knob, func(t *testing.T) { check(t, Options{Mischief: map[string]float64{knob: 1}, Seed: 1}) })
	}
}

// TestAStoreThatComesLate is found by who looks long enough.
func TestAStoreThatComesLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _, _ := suffer(t, knobStoreLate)
		time.Sleep(5*time.Second - time.Nanosecond)
		synctest.Wait()
		assert.Empty(t, s.Incidents())
		time.Sleep(time.Nanosecond)
		synctest.Wait()
		assert.Len(t, s.Incidents(), 1)
	})
}

// TestADroppedConnectionLosesItsLogin: the next call arrives on a new connection, which nobody has logged in.
func TestADroppedConnectionLosesItsLogin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := start(t, Options{Mischief: map[string]float64{"drop-after-answer@login": 1}})
		c := bare(t, s)
		c.post("login", "", "Authorization", basic(user, password)).ok(t)
		synctest.Wait()
		assert.Equal(t, 401, c.post("HostGroup.GroupIdGroups", "{}").status)
	})
}
