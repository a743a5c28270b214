package ksc_test

import (
	"bufio"
	"encoding/base64"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kes-respond/kes-respond/plugin/ksc"
)

// flow is what a client of KSC was seen to send for one incident, and what it
// was answered.
type flow struct {
	name          string
	authorization string
	add, update   string // bodies
	id            int64
	addAnswer     string
}

// writtenFlows are the facts of the wire, for where no recording is at hand.
func writtenFlows() []flow {
	return []flow{
		{
			"plain", `KSCBasic user="ZWRyLW9wZXJhdG9y", pass="cEBzcyAid8O2cmQi", domain="", internal="0"`,
			`{"pData": {"KLINCDT_SEVERITY": 2, "KLINCDT_ADDED": {"type": "datetime", "value": "2026-11-25T09:00:00Z"}, ` +
				`"KLINCDT_BODY": "{\"task\": \"isolateHost\"}", "KLHST_WKS_HOSTNAME": "host-1"}}`,
			`{"nId": 4711, "pData": {"KLINCDT_IS_HANDLED": false, "KLHST_WKS_HOSTNAME": "host-1"}}`, 4711, `{"PxgRetVal":4711}`,
		},
		{
			"text beyond ASCII, an id beyond 2^53", `KSCBasic user="0L7Qv9C10YDQsNGC0L7RgA==", pass="0L/QsNGA0L7Qu9GM", domain="", internal="1"`,
			`{"pData": {"KLINCDT_SEVERITY": 3, "KLINCDT_ADDED": {"type": "datetime", "value": "2026-02-28T23:59:59Z"}, ` +
				`"KLINCDT_BODY": "\u0416 \ud83d\ude00 \u2028 \\\" < & > \\\\ \t", "KLHST_WKS_HOSTNAME": "\u0416-1"}}`,
			`{"nId": 9007199254740993, "pData": {"KLINCDT_IS_HANDLED": false, "KLHST_WKS_HOSTNAME": "\u0416-1"}}`, 9007199254740993,
			`{"PxgRetVal":{"type":"long","value":"9007199254740993"}}`,
		},
	}
}

// record is one line of a recording.
type record struct {
	Case, Method, Path, Body string
	Headers                  [][2]string
	Response                 string `json:"response_body"`
}

func (r record) header(name string) string {
	for _, h := range r.Headers {
		if h[0] == name {
			return h[1]
		}
	}
	return ""
}

func recording(t *testing.T) []record {
	f, err := os.Open(filepath.Join("..", "..", "..", "shared", "captures", "klakoapi-wire.jsonl"))
	if err != nil {
		t.Log("no recorded traffic at hand; the written facts alone are compared")
		return nil
	}
	defer f.Close()
	var all []record
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var r record
		require.NoError(t, json.Unmarshal(lines.Bytes(), &r))
		all = append(all, r)
	}
	require.NoError(t, lines.Err())
	return all
}

func recordedFlows(t *testing.T) []flow {
	var all []flow
	byCase := map[string]*flow{}
	for _, r := range recording(t) {
		f := byCase[r.Case]
		if f == nil {
			f = &flow{name: r.Case}
			byCase[r.Case] = f
		}
		switch {
		case strings.HasSuffix(r.Path, "/login"):
			f.authorization = r.header("Authorization")
		case strings.HasSuffix(r.Path, "AddIncident"):
			f.add, f.addAnswer = r.Body, r.Response
		case strings.HasSuffix(r.Path, "UpdateIncident"):
			f.update = r.Body
			var id struct{ NID int64 }
			require.NoError(t, json.Unmarshal([]byte(r.Body), &id))
			f.id = id.NID
			all = append(all, *f)
		}
	}
	return all
}

// TestTheWireIsTheVendors drives the client with what the vendor's client was
// driven with, answers as it was answered, and compares what is sent: paths,
// headers, and bodies as JSON. Only the login differs: ours is by session.
func TestTheWireIsTheVendors(t *testing.T) {
	flows := append(writtenFlows(), recordedFlows(t)...)
	for _, f := range flows {
		t.Run(f.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				server := newRogue(t, func(s seen, nth int) reply {
					if s.method == "HostGroup.AddIncident" {
						return ok(f.addAnswer)
					}
					return wellBehaved(s, nth)
				})
				c := client(t, server.Dial, credentials(t, f.authorization))
				in := incidentOf(t, f.add)
				id, err := c.AddIncident(t.Context(), in)
				require.NoError(t, err)
				assert.Equal(t, f.id, id)
				require.NoError(t, c.UpdateIncident(t.Context(), id, in.Host, false))
				require.NoError(t, c.Close(t.Context()))

				calls := server.calls("")
				require.Len(t, calls, 4)
				login, add, update, end := calls[0], calls[1], calls[2], calls[3]
				assert.Equal(t, "/api/v1.0/Session.StartSession", login.path)
				assert.Equal(t, f.authorization, login.header.Get("Authorization"))
				assert.Empty(t, login.header.Get("X-KSC-VServer"), "the main server is named by nothing")
				assert.Equal(t, "/api/v1.0/HostGroup.AddIncident", add.path)
				assert.JSONEq(t, f.add, add.body)
				assert.Equal(t, "/api/v1.0/HostGroup.UpdateIncident", update.path)
				assert.JSONEq(t, f.update, update.body)
				assert.Contains(t, strings.Join(strings.Fields(update.body), ""), `"nId":`+jsonOf(t, f.id)+`,`, "digit by digit: JSONEq compares floats")
				assert.Equal(t, "/api/v1.0/Session.EndSession", end.path)
				for _, s := range calls {
					assert.Equal(t, "application/json", s.header.Get("Content-Type"))
					assert.Regexp(t, `^[\x20-\x7e]*$`, s.body, "ASCII only, one line")
					assert.True(t, json.Valid([]byte(s.body)))
					assert.Equal(t, 1, s.conn, "one connection serves them all")
				}
				for _, s := range calls[1:] {
					assert.Empty(t, s.header.Get("Authorization"), "only the login carries the password")
					assert.Equal(t, sessionID, s.header.Get("X-KSC-Session"))
				}
			})
		})
	}
	if n := len(flows) - len(writtenFlows()); n > 0 {
		assert.Equal(t, 9, n, "each of the nine tasks was recorded once")
	}
}

func jsonOf(t *testing.T, v any) string {
	b, err := json.Marshal(v)
	require.NoError(t, err)
	return string(b)
}

// incidentOf is the incident that was stored by a recorded AddIncident.
func incidentOf(t *testing.T, body string) ksc.Incident {
	var sent struct {
		PData struct {
			Severity int                          `json:"KLINCDT_SEVERITY"`
			Added    struct{ Type, Value string } `json:"KLINCDT_ADDED"`
			Body     string                       `json:"KLINCDT_BODY"`
			Host     string                       `json:"KLHST_WKS_HOSTNAME"`
		} `json:"pData"`
	}
	require.NoError(t, json.Unmarshal([]byte(body), &sent))
	added, err := time.Parse(time.RFC3339, sent.PData.Added.Value)
	require.NoError(t, err)
	// Given in another zone, and finer than KSC takes it: the wire has neither.
	added = added.Add(999 * time.Millisecond).In(time.FixedZone("", 5*3600))
	return ksc.Incident{Severity: sent.PData.Severity, Added: added, Body: sent.PData.Body, Host: sent.PData.Host}
}

// credentials makes a client log in as a recorded one did.
func credentials(t *testing.T, header string) func(*ksc.Config) {
	parts := strings.Split(header, `"`)
	require.Len(t, parts, 9, header)
	plain := func(s string) string {
		b, err := base64.StdEncoding.DecodeString(s)
		require.NoError(t, err)
		return string(b)
	}
	return func(c *ksc.Config) {
		c.User, c.Password, c.Domain, c.InternalUser = plain(parts[1]), plain(parts[3]), parts[5], parts[7] == "1"
	}
}

// TestTheLoginHeader compares the header for accounts of every sort with the
// recorded form, whose rule is written down here: base64 of UTF-8 for user and
// password, the domain as it is, internal 0 or 1.
func TestTheLoginHeader(t *testing.T) {
	type login struct {
		user, password, domain, vserver string
		internal                        bool
		header, virtual                 string
	}
	logins := []login{
		{"edr-operator", `p@ss "wörd"`, "", "", false, `KSCBasic user="ZWRyLW9wZXJhdG9y", pass="cEBzcyAid8O2cmQi", domain="", internal="0"`, ""},
		{"оператор", "пароль", "", "", true, `KSCBasic user="0L7Qv9C10YDQsNGC0L7RgA==", pass="0L/QsNGA0L7Qu9GM", domain="", internal="1"`, ""},
		{"a:b", ":", "CORP", "", false, `KSCBasic user="YTpi", pass="Og==", domain="CORP", internal="0"`, ""},
		{`CORP\svc`, "", "corp.example", "vksc2", false, `KSCBasic user="Q09SUFxzdmM=", pass="", domain="corp.example", internal="0"`, "dmtzYzI="},
		{"a", "\x00\n\"", "ДОМЕН", "сервер", true, `KSCBasic user="YQ==", pass="AAoi", domain="ДОМЕН", internal="1"`, "0YHQtdGA0LLQtdGA"},
	}
	for _, r := range recording(t) {
		if h := r.header("Authorization"); strings.HasPrefix(h, "KSCBasic ") && strings.HasPrefix(r.Case, "auth/") {
			assert.True(t, slices.ContainsFunc(logins, func(l login) bool { return l.header == h }), "%s is recorded, and not tried here", h)
		}
	}
	for _, l := range logins {
		synctest.Test(t, func(t *testing.T) {
			server := newRogue(t, wellBehaved)
			c := client(t, server.Dial, func(c *ksc.Config) {
				c.User, c.Password, c.Domain, c.VServer, c.InternalUser = l.user, l.password, l.domain, l.vserver, l.internal
			})
			require.NoError(t, c.Open(t.Context()))
			sent := server.calls("Session.StartSession")
			require.Len(t, sent, 1)
			assert.Equal(t, l.header, sent[0].header.Get("Authorization"))
			assert.Equal(t, l.virtual, sent[0].header.Get("X-KSC-VServer"))
			assert.Equal(t, "{}", sent[0].body)
		})
	}
}

// TestWhatTheReadsSend pins the arguments of the methods that no recording
// holds, as the reference names them.
func TestWhatTheReadsSend(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := newRogue(t, wellBehaved)
		c := client(t, server.Dial)
		ctx := t.Context()
		hosts, err := c.FindHosts(ctx, ksc.ByAny, "pc-12", 20)
		require.NoError(t, err)
		require.Len(t, hosts, 1)
		assert.Equal(t, hostID, hosts[0].ID)
		_, err = c.FindHosts(ctx, ksc.ByIP, "192.0.2.1", 20)
		require.NoError(t, err)
		_, err = c.Host(ctx, hostID)
		require.NoError(t, err)
		_, err = c.Server(ctx)
		require.NoError(t, err)
		_, err = c.Incident(ctx, 4711)
		require.NoError(t, err)
		_, err = c.FindIncidents(ctx, hostID, time.Date(2026, 11, 25, 9, 0, 0, 0, time.FixedZone("", 3600)), 5)
		require.NoError(t, err)
		_, _, err = c.ServiceConsole(ctx)
		require.NoError(t, err)

		find := server.calls("HostGroup.FindHosts")
		var args map[string]any
		require.NoError(t, json.Unmarshal([]byte(find[0].body), &args))
		assert.Equal(t, `(|(KLHST_WKS_DN="pc-12")(KLHST_WKS_FQDN="pc-12")(KLHST_WKS_DNSNAME="pc-12")(KLHST_WKS_WINHOSTNAME="pc-12"))`, args["wstrFilter"])
		assert.Equal(t, []any{}, args["vecFieldsToOrder"])
		assert.Equal(t, map[string]any{"KLGRP_FIND_FROM_CUR_VS_ONLY": true}, args["pParams"])
		assert.EqualValues(t, 60, args["lMaxLifeTime"])
		assert.Len(t, args, 5)
		assert.Contains(t, find[1].body, `"(|(KLHST_WKS_IP_LONG=3221225985)(KLHST_WKS_CONNECT_IP_LONG=3221225985))"`)
		assert.Contains(t, find[1].body, `"KLHST_WKS_IP"`)
		assert.NotContains(t, find[0].body, `"KLHST_WKS_IP"`, "asked for only where an address was asked for")
		chunk := server.calls("ChunkAccessor.GetItemsChunk")
		assert.JSONEq(t, `{"strAccessor":"ua1eizhXcYqZUuv64j8yB1","nStart":0,"nCount":1}`, chunk[0].body)
		assert.JSONEq(t, `{"strAccessor":"ua1eizhXcYqZUuv64j8yB1"}`, server.calls("ChunkAccessor.Release")[0].body)
		assert.Len(t, server.calls("ChunkAccessor.Release"), 4, "each result set is released")
		assert.Contains(t, server.calls("HostGroup.GetHostInfo")[0].body, `"strHostName":"`+hostID+`"`)
		_, err = c.FindIncidentsAfter(ctx, hostID, 4710, time.Date(2026, 11, 25, 9, 0, 0, 0, time.FixedZone("", 3600)), 5)
		require.NoError(t, err)
		incidents := server.calls("HostGroup.FindIncidents")
		assert.Contains(t, incidents[0].body, `"strFilter":"(KLINCDT_ID=4711)"`)
		assert.Contains(t, incidents[0].body, `"pFieldsToOrder":[{"type":"params","value":{"Asc":true,"Name":"KLINCDT_ID"}}]`)
		assert.Contains(t, incidents[1].body, `(&(KLHST_WKS_HOSTNAME=\"`+hostID+`\")(KLINCDT_ADDED>=T\"2026-11-25 08:00:00\"))`, "in UTC")
		assert.Contains(t, incidents[2].body, `(&(KLHST_WKS_HOSTNAME=\"`+hostID+`\")(KLINCDT_ID<>4710)(|(KLINCDT_ID>4710)(KLINCDT_ADDED>=T\"2026-11-25 08:00:00\")))`)
		assert.JSONEq(t, `{}`, server.calls("ConEvents.IsAnyServiceConsoleAvailable")[0].body)
	})
}
