package ksc_test

import (
	"encoding/json"
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kes-respond/kes-respond/plugin/ksc"
)

// live is what is on the heap and still reachable.
func live() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// steps answers a search of so many records, one a step, and gives the most
// that was live between two of them.
func steps(count int, record func(n int) string, most *uint64) func(seen, int) reply {
	return func(s seen, nth int) reply {
		if s.method != "ChunkAccessor.GetItemsChunk" {
			return found(fmt.Sprint(count))(s, nth)
		}
		return func(w io.Writer, until <-chan struct{}) bool {
			if most != nil {
				*most = max(*most, live())
			}
			return ok(`{"pChunk":{"KLCSP_ITERATOR_ARRAY":[`+record(nth)+`]}}`)(w, until)
		}
	}
}

// TestASearchKeepsOnlyWhatFits: neither hosts of other names nor attributes
// that nobody asked for stay in memory while the rest is read.
func TestASearchKeepsOnlyWhatFits(t *testing.T) {
	const count, long = 24, 150 << 10
	filler := strings.Repeat("x", long)
	for name, record := range map[string]func(n int) string{
		"not asked for": func(n int) string {
			return fmt.Sprintf(`{"KLHST_WKS_HOSTNAME":"id-%d","KLHST_WKS_DN":"pc-12","OTHER":"%s"}`, n, filler)
		},
		"of another name": func(n int) string {
			if n == 3 {
				return `{"KLHST_WKS_HOSTNAME":"id-3","KLHST_WKS_DN":"pc-12"}`
			}
			return fmt.Sprintf(`{"KLHST_WKS_HOSTNAME":"id-%d","KLHST_WKS_DN":"pc-13","KLHST_WKS_OS_NAME":"%s"}`, n, filler)
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var most uint64
				c := client(t, newRogue(t, steps(count, record, &most)).Dial)
				require.NoError(t, c.Open(t.Context()))
				before := live()
				hosts, err := c.FindHosts(t.Context(), ksc.ByAny, "PC-12", count)
				require.NoError(t, err)
				assert.Len(t, hosts, map[string]int{"not asked for": count, "of another name": 1}[name])
				assert.Less(t, int64(most)-int64(before), int64(2<<20), "of %d MiB read", count*long>>20)
			})
		})
	}
}

// TestASearchHasABudget: however little each step breaks a bound, the sum of
// them does.
func TestASearchHasABudget(t *testing.T) {
	filler := strings.Repeat("x", 900<<10)
	record := func(n int) string {
		return fmt.Sprintf(`{"KLHST_WKS_HOSTNAME":"id-%d","KLHST_WKS_DN":"pc-12","KLHST_WKS_OS_NAME":"%s"}`, n, filler)
	}
	synctest.Test(t, func(t *testing.T) {
		server := newRogue(t, steps(2000, record, nil))
		_, err := client(t, server.Dial).FindHosts(t.Context(), ksc.ByAny, "PC-12", 20)
		e := failed(t, err)
		assert.Equal(t, ksc.KindTruncated, e.Kind)
		assert.Contains(t, e.Message, "MiB")
		assert.Equal(t, 10, len(server.calls("ChunkAccessor.GetItemsChunk")))
		assert.Len(t, server.calls("ChunkAccessor.Release"), 1, "KSC need not keep it")
	})
	synctest.Test(t, func(t *testing.T) {
		const less = 64 << 10
		server := newRogue(t, func(s seen, nth int) reply {
			if s.method != "ChunkAccessor.GetItemsChunk" {
				return found("100")(s, nth)
			}
			return ok(fmt.Sprintf(`{"pChunk":{"KLCSP_ITERATOR_ARRAY":[{"KLINCDT_ID":%d,"KLHST_WKS_HOSTNAME":"h","KLINCDT_BODY":"%s"}]}}`, nth+1, strings.Repeat("x", less*3/4)))
		})
		c := client(t, server.Dial)
		c.LimitRecords(less)
		read, err := c.FindIncidents(t.Context(), "h", time.Now(), 100)
		assert.Equal(t, ksc.KindTruncated, failed(t, err).Kind)
		assert.Len(t, read, 5, "what was read is there")
		assert.Equal(t, 6, len(server.calls("ChunkAccessor.GetItemsChunk")))
	})
}

// TestAHostsRecordIsShort: a step of hosts is bounded like any other answer,
// and read in smaller ones where it is longer.
func TestAHostsRecordIsShort(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := newRogue(t, func(s seen, nth int) reply {
			if s.method != "ChunkAccessor.GetItemsChunk" {
				return found("8")(s, nth)
			}
			var args struct{ NStart, NCount int }
			assert.NoError(t, json.Unmarshal([]byte(s.body), &args))
			var rows []string
			for i := range args.NCount {
				rows = append(rows, fmt.Sprintf(`{"KLHST_WKS_HOSTNAME":"id-%d","KLHST_WKS_DN":"pc-12","OTHER":"%s"}`, args.NStart+i, strings.Repeat("x", 200<<10)))
			}
			return ok(`{"pChunk":{"KLCSP_ITERATOR_ARRAY":[` + strings.Join(rows, ",") + `]}}`)
		})
		hosts, err := client(t, server.Dial).FindHosts(t.Context(), ksc.ByAny, "pc-12", 20)
		require.NoError(t, err)
		assert.Len(t, hosts, 8)
		assert.Equal(t, 3, len(server.calls("ChunkAccessor.GetItemsChunk")), "8 at once are too long, 4 and 4 are not")
	})
}
