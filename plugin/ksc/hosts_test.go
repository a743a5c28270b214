package ksc_test

import (
	"encoding/json"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/kes-respond/kes-respond/plugin/ksc"
	"github.com/kes-respond/kes-respond/plugin/ksc/ksctest"
)

// TestOnlyTheNamedHostIsFound among hosts whose names are wildcards, quotes
// and halves of filters: by the emulator's reading of filters, which is not ours.
func TestOnlyTheNamedHostIsFound(t *testing.T) {
	name := rapid.Custom(func(t *rapid.T) string {
		return strings.Join(rapid.SliceOfN(rapid.OneOf(
			rapid.SampledFrom([]string{`"`, `*`, `?`, `[`, `]`, `[^`, `(`, `)`, `\`, `")(KLHST_WKS_DN="`, "Ж", "😀", "\u2028", "-", " "}),
			rapid.StringMatching(`[a-z0-9]{1,3}`), rapid.String(),
		), 1, 4).Draw(t, "pieces"), "")
	}).Filter(func(s string) bool {
		return s != "" && len(s) <= 1024 && utf8.ValidString(s) && !strings.ContainsFunc(s, unicode.IsControl)
	})
	rapid.Check(t, func(rt *rapid.T) {
		names := rapid.SliceOfNDistinct(name, 1, 6, func(s string) string { return s }).Draw(rt, "names")
		asked := rapid.OneOf(rapid.SampledFrom(names), name).Draw(rt, "asked")
		synctest.Test(t, func(t *testing.T) {
			var inventory []ksctest.Host
			var want []string
			for i, n := range append(names, "pc-1", "pc-12", "x") {
				id := fmt.Sprint("id-", i)
				inventory = append(inventory, ksctest.Host{ID: id, DN: n})
				if strings.EqualFold(n, asked) {
					want = append(want, id)
				}
			}
			_, c := emulated(t, ksctest.Options{Inventory: inventory})
			hosts, err := c.FindHosts(t.Context(), ksc.ByAny, asked, 20)
			require.NoError(rt, err)
			var got []string
			for _, h := range hosts {
				got = append(got, h.ID)
			}
			slices.Sort(got)
			require.Equal(rt, want, got)
		})
	})
}

// TestNamesThatNoHostHas are answered without asking anyone.
func TestNamesThatNoHostHas(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server, c := emulated(t, ksctest.Options{})
		for _, name := range []string{"", "a\x00", "a\nb", "\xff", strings.Repeat("x", 1025)} {
			_, err := c.FindHosts(t.Context(), ksc.ByAny, name, 20)
			e := failed(t, err)
			assert.True(t, ksc.IsNotFound(err), "%q", name)
			assert.Equal(t, ksc.NotSent, e.Delivery)
			_, err = c.Host(t.Context(), name)
			assert.True(t, ksc.IsNotFound(err), "%q", name)
			_, err = c.FindIncidents(t.Context(), name, time.Now(), 5)
			assert.True(t, ksc.IsNotFound(err), "%q", name)
		}
		_, err := c.AddIncident(t.Context(), ksc.Incident{Body: "\xff", Host: hostID})
		assert.Equal(t, ksc.NotSent, failed(t, err).Delivery)
		assert.Empty(t, server.Calls())
	})
}

// TestAnAddressThatIsNoneIsNoHosts: by address only IPv4 is looked up, and
// what is none is answered as a name that no host has.
func TestAnAddressThatIsNoneIsNoHosts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server, c := emulated(t, ksctest.Options{})
		for _, name := range []string{"", "PC-12", "10.0.0", "10.0.0.012", "10.0.0.12/32", "10.0.0.256", "0.0.0.0", "::1", "::ffff:10.0.0.12", "fe80::1%eth0", " 10.0.0.12", hostID} {
			_, err := c.FindHosts(t.Context(), ksc.ByIP, name, 20)
			e := failed(t, err)
			assert.True(t, ksc.IsNotFound(err), "%q", name)
			assert.Equal(t, ksc.NotSent, e.Delivery)
			assert.Contains(t, e.Message, "IPv4")
		}
		assert.Empty(t, server.Calls())
	})
}

// TestAnAddressThatContradictsItself: in which order KSC counts the bytes of
// KLHST_WKS_IP_LONG is documented nowhere, so a host whose other attribute
// reads the other way round may be another host.
func TestAnAddressThatContradictsItself(t *testing.T) {
	const long = `"KLHST_WKS_IP_LONG":{"type":"long","value":167903497}` // 10.2.1.9
	for other, fine := range map[string]bool{
		``:                                  true,
		`,"KLHST_WKS_IP":0`:                 true,
		`,"KLHST_WKS_IP":""`:                true,
		`,"KLHST_WKS_IP":151061002`:         true, // 10.2.1.9, the lowest byte first, as other clients read it
		`,"KLHST_WKS_IP":"10.2.1.9"`:        true,
		`,"KLHST_WKS_IP":167903497`:         false, // 9.1.2.10
		`,"KLHST_WKS_IP":"9.1.2.10"`:        false,
		`,"KLHST_WKS_IP":16777226`:          true, // 10.0.0.1: another address says nothing of the order
		`,"KLHST_WKS_IP":"10.0.0.1"`:        true,
		`,"KLHST_WKS_DNSNAME":"9.1.2.10"`:   false, // a host without a name is shown by its address
		`,"KLHST_WKS_DN":"9.1.2.10"`:        false,
		`,"KLHST_WKS_FQDN":"10.2.1.9"`:      true,
		`,"KLHST_WKS_WINHOSTNAME":"PC-1-9"`: true,
	} {
		synctest.Test(t, func(t *testing.T) {
			server := newRogue(t, found("1", `{"KLHST_WKS_HOSTNAME":"id-1",`+long+other+`}`))
			hosts, err := client(t, server.Dial).FindHosts(t.Context(), ksc.ByIP, "10.2.1.9", 20)
			if fine {
				require.NoError(t, err, other)
				assert.Len(t, hosts, 1, other)
				return
			}
			e := failed(t, err)
			assert.Equal(t, ksc.KindBadAnswer, e.Kind, other)
			assert.Contains(t, e.Message, "by its name or id")
		})
	}
	synctest.Test(t, func(t *testing.T) {
		server := newRogue(t, found("1", `{"KLHST_WKS_HOSTNAME":"id-1","KLHST_WKS_CONNECT_IP_LONG":167837953,"KLHST_WKS_DN":"1.1.1.10"}`))
		_, err := client(t, server.Dial).FindHosts(t.Context(), ksc.ByIP, "10.1.1.1", 20)
		assert.Equal(t, ksc.KindBadAnswer, failed(t, err).Kind, "the address of its connection counts as well")
	})
	synctest.Test(t, func(t *testing.T) {
		server := newRogue(t, found("1", `{"KLHST_WKS_HOSTNAME":"id-1","KLHST_WKS_IP_LONG":167837962,"KLHST_WKS_DN":"10.1.1.10"}`))
		hosts, err := client(t, server.Dial).FindHosts(t.Context(), ksc.ByIP, "10.1.1.10", 20)
		require.NoError(t, err, "read either way it is the same")
		assert.Len(t, hosts, 1)
	})
}

// TestASearchThatFailsIsNoAbsence: KLSTD 1186 of a search says that its result
// set or a server is gone, never that there is no such host or incident.
func TestASearchThatFailsIsNoAbsence(t *testing.T) {
	for _, method := range []string{"HostGroup.FindHosts", "HostGroup.FindIncidents", "ChunkAccessor.GetItemsChunk"} {
		synctest.Test(t, func(t *testing.T) {
			c := client(t, newRogue(t, except(method, ok(`{"PxgError":{"code":1186,"module":"KLSTD","message":"not found"}}`))).Dial)
			_, hosts := c.FindHosts(t.Context(), ksc.ByAny, "PC-12", 20)
			_, incident := c.Incident(t.Context(), 4711)
			_, incidents := c.FindIncidents(t.Context(), hostID, time.Now(), 5)
			for _, err := range []error{hosts, incident, incidents} {
				if err == nil {
					continue // of the other search
				}
				e := failed(t, err)
				assert.Equal(t, ksc.KindRefused, e.Kind, "%v", e)
				assert.Equal(t, 1186, e.Code)
				assert.False(t, ksc.IsNotFound(err))
			}
			assert.True(t, hosts != nil || incident != nil && incidents != nil)
		})
	}
}

// TestTwinsAreAllFound, over several steps of the result set, up to the limit
// and one more.
func TestTwinsAreAllFound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var inventory []ksctest.Host
		for i := range 250 {
			inventory = append(inventory, ksctest.Host{ID: fmt.Sprint("id-", i), DN: "Twin"})
		}
		server, c := emulated(t, ksctest.Options{Inventory: inventory})
		hosts, err := c.FindHosts(t.Context(), ksc.ByAny, "twin", 300)
		require.NoError(t, err)
		assert.Len(t, hosts, 250)
		assert.Equal(t, 3, called(server, "ChunkAccessor.GetItemsChunk"))
		assert.Equal(t, 1, called(server, "ChunkAccessor.Release"))
		hosts, err = c.FindHosts(t.Context(), ksc.ByAny, "twin", 20)
		require.NoError(t, err)
		assert.Len(t, hosts, 21)
	})
}

// found answers a search with so many records, given in these steps.
func found(count string, steps ...string) func(seen, int) reply {
	return func(s seen, nth int) reply {
		switch {
		case s.method == "HostGroup.FindHosts", s.method == "HostGroup.FindIncidents":
			return ok(`{"strAccessor":"a","PxgRetVal":` + count + `}`)
		case s.method == "ChunkAccessor.GetItemsChunk" && nth < len(steps):
			return ok(`{"pChunk":{"KLCSP_ITERATOR_ARRAY":[` + steps[nth] + `]}}`)
		}
		return wellBehaved(s, nth)
	}
}

// TestAShortResultIsNoResult: a second host of the name that KSC said it has
// and did not show must not make the first the only one.
func TestAShortResultIsNoResult(t *testing.T) {
	const one = `{"type":"params","value":{"KLHST_WKS_HOSTNAME":"id-1","KLHST_WKS_DN":"pc-12"}}`
	const two = `{"KLHST_WKS_HOSTNAME":"id-2","KLHST_WKS_DN":"PC-12"}`
	const noID = `{"type":"params","value":{"KLHST_WKS_DN":"pc-12"}}`
	for _, c := range []struct {
		name   string
		answer func(seen, int) reply
		hosts  int // -1: an error
	}{
		{"one", found("1", one), 1},
		{"two", found("2", one+","+two), 2},
		{"two, one at a time", found("2", one, two), 2},
		{"two, of which one comes", found("2", one, ""), -1},
		{"one, of which two come", found("1", one+","+two), -1},
		{"one, of which none comes", found("1", ""), -1},
		{"none", found("0"), 0},
		{"a count as text", found(`"1"`, one), 1},
		{"a count in an envelope", found(`{"type":"long","value":"1"}`, one), 1},
		{"no count", found("null", one), -1},
		{"a count below none", found("-1", one), -1},
		{"a count that is none", found(`"many"`, one), -1},
		{"a record that is none", found("2", one+",17"), -1},
		{"a record that is null", found("2", one+",null"), 1},
		{"one without an id", found("2", one+","+noID), -1},
		{"another's name, without an id", found("2", one+`,{"KLHST_WKS_DN":"pc-13"}`), 1},
		{"records that are none", func(s seen, nth int) reply {
			if s.method == "ChunkAccessor.GetItemsChunk" {
				return ok(`{"pChunk":{"KLCSP_ITERATOR_ARRAY":{}}}`)
			}
			return found("1")(s, nth)
		}, -1},
		{"no records", func(s seen, nth int) reply {
			if s.method == "ChunkAccessor.GetItemsChunk" {
				return ok(`{}`)
			}
			return found("1")(s, nth)
		}, -1},
		{"nothing", except("HostGroup.FindHosts", ok(`{}`)), -1},
		{"a count without a set", except("HostGroup.FindHosts", ok(`{"PxgRetVal":2}`)), -1},
		{"an empty set without an accessor", except("HostGroup.FindHosts", ok(`{"PxgRetVal":0,"strAccessor":""}`)), 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				client := client(t, newRogue(t, c.answer).Dial)
				hosts, err := client.FindHosts(t.Context(), ksc.ByAny, "PC-12", 20)
				if c.hosts < 0 {
					assert.Equal(t, ksc.KindBadAnswer, failed(t, err).Kind)
					return
				}
				require.NoError(t, err)
				assert.Len(t, hosts, c.hosts)
			})
		})
	}
}

// TestAHostIsWhatWasAskedFor: another host, or nothing, is no proof of one.
func TestAHostIsWhatWasAskedFor(t *testing.T) {
	for answer, id := range map[string]string{
		`{"PxgRetVal":{"KLHST_WKS_HOSTNAME":"` + hostID + `"}}`:                  hostID,
		`{"PxgRetVal":{"KLHST_WKS_HOSTNAME":"` + strings.ToUpper(hostID) + `"}}`: strings.ToUpper(hostID),
		`{"PxgRetVal":{"type":"params","value":{"KLHST_WKS_DN":"PC-12"}}}`:       hostID,
		`{"PxgRetVal":{"KLHST_WKS_HOSTNAME":"another"}}`:                         "",
		`{"PxgRetVal":{"other":1}}`:                                              "",
		`{"PxgRetVal":{}}`:                                                       "",
		`{"PxgRetVal":null}`:                                                     "",
		`{"PxgRetVal":"text"}`:                                                   "",
		`{"PxgRetVal":[]}`:                                                       "",
		`{}`:                                                                     "",
	} {
		synctest.Test(t, func(t *testing.T) {
			c := client(t, newRogue(t, except("HostGroup.GetHostInfo", ok(answer))).Dial)
			h, err := c.Host(t.Context(), hostID)
			if id == "" {
				assert.Equal(t, ksc.KindBadAnswer, failed(t, err).Kind, answer)
				return
			}
			require.NoError(t, err, answer)
			assert.Equal(t, id, h.ID)
		})
	}
}

// TestAnIncidentNumberIsExact, or it is none and the incident may exist.
func TestAnIncidentNumberIsExact(t *testing.T) {
	for answer, id := range map[string]int64{
		`{"PxgRetVal":4711}`:                                4711,
		`{"PxgRetVal":"4711"}`:                              4711,
		`{"PxgRetVal":{"type":"long","value":"4711"}}`:      4711,
		`{"PxgRetVal":{"value":4711,"type":"long"}}`:        4711,
		`{"PxgRetVal":9007199254740993}`:                    9007199254740993,
		`{"PxgRetVal":9223372036854775807,"new":{"a":[1]}}`: 9223372036854775807,
		`{"PxgRetVal":9223372036854775808}`:                 0,
		`{"PxgRetVal":0}`:                                   0,
		`{"PxgRetVal":-1}`:                                  0,
		`{"PxgRetVal":1.5}`:                                 0,
		`{"PxgRetVal":1e3}`:                                 0,
		`{"PxgRetVal":" 4711"}`:                             0,
		`{"PxgRetVal":""}`:                                  0,
		`{"PxgRetVal":null}`:                                0,
		`{"PxgRetVal":true}`:                                0,
		`{"PxgRetVal":[4711]}`:                              0,
		`{"PxgRetVal":{"type":"long"}}`:                     0,
		`{"nId":4711}`:                                      0,
		`{}`:                                                0,
	} {
		synctest.Test(t, func(t *testing.T) {
			server := newRogue(t, except("HostGroup.AddIncident", ok(answer)))
			got, err := client(t, server.Dial).AddIncident(t.Context(), incident(1))
			if id == 0 {
				e := failed(t, err)
				assert.Equal(t, ksc.KindBadAnswer, e.Kind, answer)
				assert.Equal(t, ksc.Unknown, e.Delivery, answer)
				return
			}
			require.NoError(t, err, answer)
			assert.Equal(t, id, got)
		})
	}
}

// TestLongRecordsAreReadInSmallerSteps: an incident may carry an archive, and
// looking for a lost one must not fail for that.
func TestLongRecordsAreReadInSmallerSteps(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		body := strings.Repeat("x", recordsBytes/10)
		server := newRogue(t, func(s seen, nth int) reply {
			if s.method != "ChunkAccessor.GetItemsChunk" {
				return found("30")(s, nth)
			}
			var args struct{ NStart, NCount int }
			assert.NoError(t, json.Unmarshal([]byte(s.body), &args))
			var rows []string
			for i := range args.NCount {
				rows = append(rows, fmt.Sprintf(`{"KLINCDT_ID":%d,"KLHST_WKS_HOSTNAME":"h","KLINCDT_BODY":"%s"}`, args.NStart+i+1, body))
			}
			return ok(`{"pChunk":{"KLCSP_ITERATOR_ARRAY":[` + strings.Join(rows, ",") + `]}}`)
		})
		incidents, err := client(t, server.Dial).FindIncidents(t.Context(), "h", time.Now(), 100)
		require.NoError(t, err)
		require.Len(t, incidents, 30)
		for i, in := range incidents {
			assert.EqualValues(t, i+1, in.ID)
			assert.Len(t, in.Body, len(body))
		}
		assert.Len(t, server.calls("ChunkAccessor.GetItemsChunk"), 7, "30, 15 and 7 at once; 7, 7, 7, 2 more")
	})
}

// TestNoAnswerGrows: what is short on the wire stays short in memory.
func TestNoAnswerGrows(t *testing.T) {
	const most = 16 << 20 // allocated in all, for an answer of up to 2 MiB
	many := func(s string) string { return strings.Repeat(s, 1<<17) }
	operate := map[string]operation{}
	for _, o := range operations() {
		operate[o.method] = o
	}
	for name, c := range map[string]struct{ method, answer string }{
		"arguments": {"HostGroup.AddIncident", `{"PxgError":{"code":1,"module":"X","locdata":{"type":"params","value":{"format":"` +
			strings.Repeat("%1", 100_000) + `","args":["` + strings.Repeat("a", 500_000) + `"]}}}}`},
		"many arguments": {"HostGroup.AddIncident", `{"PxgError":{"code":1,"module":"X","locdata":{"format":"%1","args":[` +
			strings.Repeat(`"",`, 200_000) + `""]}}}`},
		"a message":      {"HostGroup.AddIncident", `{"PxgError":{"code":1,"module":"` + strings.Repeat("M", 400_000) + `","message":"` + strings.Repeat("m", 400_000) + `"}}`},
		"empty records":  {"ChunkAccessor.GetItemsChunk", `{"pChunk":{"KLCSP_ITERATOR_ARRAY":[` + many("{},{},{},") + `{}]}}`},
		"many members":   {"ChunkAccessor.GetItemsChunk", `{"pChunk":{"KLCSP_ITERATOR_ARRAY":[{` + many(`"a":1,"b":2,`) + `"c":3}]}}`},
		"deep":           {"ChunkAccessor.GetItemsChunk", `{"pChunk":{"KLCSP_ITERATOR_ARRAY":` + many("[") + many("]") + `}}`},
		"deep envelopes": {"HostGroup.GetHostInfo", `{"PxgRetVal":` + strings.Repeat(`{"type":"params","value":`, 9000) + "1" + strings.Repeat("}", 9000) + `}`},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				client := client(t, newRogue(t, except(c.method, ok(c.answer))).Dial)
				require.NoError(t, client.Open(t.Context()))
				var before, after runtime.MemStats
				runtime.ReadMemStats(&before)
				err := operate[c.method].do(t.Context(), client)
				runtime.ReadMemStats(&after)
				failed(t, err)
				assert.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(most))
			})
		})
	}
}

// TestServiceConsole: no, and not known, are two answers.
func TestServiceConsole(t *testing.T) {
	for answer, want := range map[string][2]bool{
		`{"PxgRetVal":true}`:                         {true, true},
		`{"PxgRetVal":false}`:                        {false, true},
		`{"PxgRetVal":{"type":"bool","value":true}}`: {true, true},
		`{"PxgRetVal":"true"}`:                       {false, false},
		`{"PxgRetVal":null}`:                         {false, false},
		`{"PxgRetVal":1}`:                            {false, false},
		`{}`:                                         {false, false},
		`{"PxgError":{"code":1194,"module":"KLCONN"}}`:      {false, false},
		`{"PxgError":{"code":"1194","module":"KLCONN"}}`:    {false, false},
		`{"PxgError":{"code":1194,"module":"KLSTD"}}`:       {},
		`{"PxgError":{"code":1194,"module":"","other":[]}}`: {},
	} {
		synctest.Test(t, func(t *testing.T) {
			c := client(t, newRogue(t, except("ConEvents.IsAnyServiceConsoleAvailable", ok(answer))).Dial)
			is, known, err := c.ServiceConsole(t.Context())
			assert.Equal(t, want, [2]bool{is, known}, answer)
			if err != nil {
				assert.Contains(t, failed(t, err).Error(), "1194")
			}
			assert.Equal(t, strings.Contains(answer, "PxgError") && !strings.Contains(answer, "KLCONN"), err != nil, answer)
		})
	}
}

// TestAnErrorsText puts arguments into the format once each, and passes over
// what it cannot read.
func TestAnErrorsText(t *testing.T) {
	for members, want := range map[string]string{
		`"message":"plain"`:             "plain",
		`"message":"plain \u001b[31m"`:  "plain  [31m",
		`"message":""`:                  "KSC gave no reason",
		`"message":17`:                  "17",
		`"message":"m","locdata":null`:  "m",
		`"message":"m","locdata":"odd"`: "m",
		`"message":"m","locdata":{"type":"params","value":{"format":"%1 of %2","args":["a","b"]}}`:        "a of b",
		`"message":"m","locdata":{"format":"bare %1","args":["a"]}`:                                       "bare a",
		`"message":"m","locdata":{"type":"params","value":{"format":"%1 %2.","args":["a"]}}`:              "a .",
		`"message":"m","locdata":{"type":"params","value":{"format":"%1 %2","args":["%2","b"]}}`:          "%2 b",
		`"message":"m","locdata":{"type":"params","value":{"format":"%1 %2 %3","args":[1,null,{"a":1}]}}`: "1",
		`"message":"m","locdata":{"type":"params","value":{"format":"%1","args":"odd"}}`:                  "m",
		`"message":"m","locdata":{"type":"params","value":{"args":["a"]}}`:                                "m",
	} {
		synctest.Test(t, func(t *testing.T) {
			server := newRogue(t, except("HostGroup.AddIncident", ok(`{"PxgError":{"code":1125,"module":"KLPRSS",`+members+`}}`)))
			_, err := client(t, server.Dial).AddIncident(t.Context(), incident(1))
			e := failed(t, err)
			assert.Equal(t, want, e.Message, members)
			assert.Equal(t, "KLPRSS", e.Module)
			assert.Equal(t, 1125, e.Code)
		})
	}
}
