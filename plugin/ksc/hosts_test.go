package ksc_test

import (
	"fmt"
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
