package ksc_test

import (
	"encoding/json"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kes-respond/kes-respond/plugin/ksc"
	"github.com/kes-respond/kes-respond/plugin/ksc/ksctest"
)

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
		"many states":    {"Tasks.GetHostStatusRecordRange", `{"pParHostStatus":{"statuses":[` + many("{},{},{},") + `{}]}}`},
		"many events":    {"EventProcessing.GetRecordRange", `{"pParamsEvents":{"KLEVP_EVENT_RANGE_ARRAY":[` + many("{},{},{},") + `{}]}}`},
		"many ids":       {"Tasks.GetAllTasksOfHost", `{"PxgRetVal":[` + many("1,2,3,") + `4]}`},
		"many counts":    {"Tasks.GetTaskStatistics", `{"PxgRetVal":{` + many(`"1":0,`) + `"2":0}}`},
		"many settings":  {"Tasks.GetTask", `{"PxgRetVal":{"TASK_INFO_PARAMS":{` + many(`"a":1,`) + `"b":2}}}`},
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
