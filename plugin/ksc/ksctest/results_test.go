package ksctest

import (
	"encoding/json"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const findAll = `{"wstrFilter":"","vecFieldsToReturn":["KLHST_WKS_HOSTNAME"],"lMaxLifeTime":60}`

func hosts(n int) []Host {
	out := make([]Host, n)
	for i := range out {
		out[i].ID = fmt.Sprintf("host-%02d", i)
	}
	return out
}

func (c *client) find(t *testing.T, headers ...string) string {
	t.Helper()
	g := c.post("HostGroup.FindHosts", findAll, headers...)
	g.ok(t)
	id, _ := g.json["strAccessor"].(string)
	require.NotEmpty(t, id)
	return id
}

func chunk(id string, first, count int) string {
	b, _ := json.Marshal(map[string]any{"strAccessor": id, "nStart": first, "nCount": count})
	return string(b)
}

func accessor(id string) string {
	b, _ := json.Marshal(map[string]any{"strAccessor": id})
	return string(b)
}

func TestChunksToTheirEdges(t *testing.T) {
	c := newClient(t, start(t, Options{Inventory: hosts(5)}))
	id := c.find(t)
	assert.Equal(t, json.Number("5"), c.post("ChunkAccessor.GetItemsCount", accessor(id)).ok(t))
	for _, e := range []struct{ first, count, from, n int }{
		{0, 5, 0, 5},
		{0, 2, 0, 2},
		{2, 2, 2, 2},
		{4, 2, 4, 1},
		{4, 1, 4, 1},
		{5, 1, 0, 0},
		{9, 9, 0, 0},
		{0, 0, 0, 0},
		{0, 2147483647, 0, 5},
		{2147483647, 2147483647, 0, 0},
		{0, 100, 0, 5},
	} {
		g := c.post("ChunkAccessor.GetItemsChunk", chunk(id, e.first, e.count))
		assert.Equal(t, json.Number(itoa(e.n)), g.ok(t), "%+v", e)
		items := g.json["pChunk"].(map[string]any)["KLCSP_ITERATOR_ARRAY"].([]any)
		require.Len(t, items, e.n)
		for i, item := range items {
			want := map[string]any{"type": "params", "value": map[string]any{"KLHST_WKS_HOSTNAME": fmt.Sprintf("host-%02d", e.from+i)}}
			assert.Equal(t, want, item)
		}
	}
	for _, e := range [][2]int{{-1, 1}, {0, -1}} {
		assert.Equal(t, "KLSTD 1192 0", pxg(t, c.post("ChunkAccessor.GetItemsChunk", chunk(id, e[0], e[1]))))
	}
	assert.Equal(t, "KLPRSS 1125 0", pxg(t, c.post("ChunkAccessor.GetItemsChunk", accessor(id))))
	assert.Equal(t, `{"PxgRetVal":0,"pChunk":{"KLCSP_ITERATOR_ARRAY":[]}}`, c.post("ChunkAccessor.GetItemsChunk", chunk(id, 5, 1)).text, "an empty list is a list")

	assert.Equal(t, "{}", c.post("ChunkAccessor.Release", accessor(id)).text)
	for _, method := range []string{"GetItemsCount", "Release"} {
		assert.Equal(t, "KLSTD 1186 0", pxg(t, c.post("ChunkAccessor."+method, accessor(id))))
	}
}

func TestResultsDieAfterTheirLife(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newClient(t, start(t, Options{Inventory: hosts(1)}))
		id := c.find(t)
		for range 3 {
			time.Sleep(59 * time.Second)
			c.post("ChunkAccessor.GetItemsCount", accessor(id)).ok(t) // each use starts the time anew
		}
		time.Sleep(61 * time.Second)
		assert.Equal(t, "KLSTD 1186 0", pxg(t, c.post("ChunkAccessor.GetItemsCount", accessor(id))))
	})
}

// TestResultsGoWithTheirOwner: with the session or the connection that made them.
func TestResultsGoWithTheirOwner(t *testing.T) {
	s := start(t, Options{Inventory: hosts(1)})
	c, account := bare(t, s), newClient(t, s)
	session := func() string {
		id, _ := account.post("Session.StartSession", "{}").ok(t).(string)
		return id
	}
	mine, other := session(), session()
	id := c.find(t, "X-KSC-Session", mine)
	assert.Equal(t, "KLSTD 1186 0", pxg(t, c.post("ChunkAccessor.GetItemsCount", accessor(id), "X-KSC-Session", other)))
	assert.Equal(t, json.Number("1"), c.post("ChunkAccessor.GetItemsCount", accessor(id), "X-KSC-Session", mine).ok(t))
	c.post("Session.EndSession", "{}", "X-KSC-Session", mine).ok(t)
	assert.Equal(t, 0, held(s))

	c.post("login", "", "Authorization", basic(user, password)).ok(t)
	id = c.find(t)
	assert.Equal(t, "KLSTD 1186 0", pxg(t, account.post("ChunkAccessor.GetItemsCount", accessor(id))), "another connection")
	assert.Equal(t, 1, held(s))
	c.http.CloseIdleConnections()
	require.Eventually(t, func() bool { return held(s) == 0 }, 10*time.Second, time.Millisecond)

	id = account.find(t)
	assert.Equal(t, json.Number("1"), newClient(t, s).post("ChunkAccessor.GetItemsCount", accessor(id)).ok(t), "the account's, on whatever connection")
}

// held counts what the server keeps for later calls.
func held(s *Server) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.results) + len(s.actions)
}

// TestNothingForgottenIsKeptForEver: what nobody asks for again makes room when its time is over.
func TestNothingForgottenIsKeptForEver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := start(t, Options{Inventory: hosts(1), SessionIdle: time.Minute})
		c := newClient(t, s)
		for range 10 {
			c.find(t)
			c.post("HostGroup.FindHostsAsync", findAll).ok(t)
			c.post("Session.StartSession", "{}").ok(t)
			c.post("Session.CreateToken", "{}").ok(t)
		}
		time.Sleep(2 * time.Hour)
		c.find(t)
		c.post("HostGroup.FindHostsAsync", findAll).ok(t)
		c.post("Session.StartSession", "{}").ok(t)
		c.post("Session.CreateToken", "{}").ok(t)
		assert.Equal(t, 2, held(s))
		s.mu.Lock()
		defer s.mu.Unlock()
		assert.Len(t, s.sessions, 1)
		assert.Len(t, s.tokens, 1)
	})
}
