package journal

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kes-respond/kes-respond/shared"
)

func TestTheZeroJournalKeepsNothing(t *testing.T) {
	var j Journal
	for range 2 {
		c, p, err := j.Claim(t.Context(), keyed(deletes("1"), "k"), nil)
		require.NoError(t, err)
		require.Nil(t, p)
		require.NoError(t, c.Found(t.Context(), 7, added))
		require.NoError(t, carry(t.Context(), c, 7, shared.Submitted))
	}
	_, found, err := j.ByKey(t.Context(), "k")
	assert.NoError(t, err)
	assert.False(t, found)
	assert.Empty(t, all(t, &j, Filter{}))
	assert.NoError(t, j.Close())
}

// TestARequestsLife writes one request, step by step, and looks at it from
// another process's point of view after each.
func TestARequestsLife(t *testing.T) {
	dir := newDir(t)
	j, other := open(t, dir), open(t, dir)
	e := keyed(deletes("alert-1"), "key-1")
	e.Actor, e.Reason, e.CaseID, e.Nonce = "ann", "ransomware", "C-7", "n0"
	e.Target, e.HostName, e.Area = "wks-1", "wks-1.example.org", "KUMA"
	c := j.mustClaim(t, e)
	look := func() Record {
		t.Helper()
		r, found, err := other.ByKey(t.Context(), "key-1")
		require.NoError(t, err)
		require.True(t, found)
		return r
	}
	r := look()
	assert.Equal(t, Claimed, r.Stage)
	assert.True(t, r.Running)
	assert.False(t, r.MayBeSent)
	assert.Equal(t, []any{"ann", "ransomware", "C-7", "n0", "tester", os.Getpid()}, []any{r.Actor, r.Reason, r.CaseID, r.Nonce, r.User, r.PID})
	assert.Equal(t, []string{"wks-1", "host-1", "wks-1.example.org", "KUMA"}, []string{r.Target, r.HostID, r.HostName, r.Area})

	require.NoError(t, c.Sending(t.Context(), added))
	r = look()
	assert.Equal(t, Sending, r.Stage)
	assert.True(t, r.MayBeSent)
	assert.Equal(t, added, *r.AddedAt)

	require.NoError(t, c.Stored(t.Context(), 1<<60, added))
	r = look()
	assert.Equal(t, Stored, r.Stage)
	assert.False(t, r.MayBeSent)
	byIncident, found, err := other.ByIncident(t.Context(), "main", 1<<60)
	require.NoError(t, err)
	require.True(t, found)
	assert.Equal(t, r, byIncident)
	_, found, err = other.ByIncident(t.Context(), "other", 1<<60)
	require.NoError(t, err)
	assert.False(t, found)

	c.Updated()
	assert.Equal(t, Stored, look().Stage, "it is told with the end")
	unsettled, err := other.Unsettled(t.Context())
	require.NoError(t, err)
	assert.Len(t, unsettled, 1)

	require.NoError(t, c.Ended(t.Context(), shared.Succeeded, "", "deleted"))
	r = look()
	assert.Equal(t, shared.Succeeded, r.Outcome)
	assert.Equal(t, "deleted", r.Message)
	assert.Equal(t, Updated, r.Stage)
	assert.False(t, r.Running)
	byID, found, err := other.ByID(t.Context(), shared.IDOf("alert-1"))
	require.NoError(t, err)
	require.True(t, found)
	assert.Equal(t, r, byID)
	unsettled, err = other.Unsettled(t.Context())
	require.NoError(t, err)
	assert.Empty(t, unsettled)

	list := all(t, other, Filter{})
	require.Len(t, list, 1)
	assert.Equal(t, r, list[0])
	text, err := json.Marshal(r)
	require.NoError(t, err)
	assert.Contains(t, string(text), `"incident":"1152921504606846976"`)
	assert.Error(t, c.Ended(t.Context(), shared.Failed, "", ""), "a request ends once")
	assert.Equal(t, 5, sound(t, j, nil).Lines, "the head and four lines")
}

func TestARefusalIsRecordedAndClaimsNothing(t *testing.T) {
	j := open(t, newDir(t))
	e := keyed(isolates("1", "on"), "k")
	e.Allowed, e.RefusalCode, e.Decision = false, shared.Policy, "domain controllers are not isolated"
	c, p, err := j.Claim(t.Context(), e, nil)
	require.NoError(t, err)
	assert.Nil(t, c)
	assert.Nil(t, p)
	r, found, err := j.ByID(t.Context(), e.ID)
	require.NoError(t, err)
	require.True(t, found)
	assert.Equal(t, []any{shared.Refused, shared.Policy, e.Decision}, []any{r.Outcome, r.Code, r.Message})
	assert.Equal(t, []Record{r}, all(t, j, Filter{Outcome: shared.Refused}))
	_, found, err = j.ByKey(t.Context(), "k")
	require.NoError(t, err)
	assert.False(t, found, "a refusal does not use the key up")
	e.Allowed = true
	j.mustClaim(t, e)
}

// TestWhatIsSensitiveIsADigest also bounds what is long.
func TestWhatIsSensitiveIsADigest(t *testing.T) {
	dir := newDir(t)
	j := open(t, dir)
	e := deletes("1")
	e.Sensitive, e.Params = true, []byte(`{"arguments":"hunter2"}`)
	j.mustClaim(t, e)
	assert.Equal(t, e.ID, j.mustPrior(t, e).ID, "the keyed digest is the same for the same request")
	long := deletes("2")
	long.Digest, long.Params = "d-long", []byte(`"`+string(make([]byte, 1<<20))+`"`)
	j.mustClaim(t, long)
	data, err := os.ReadFile(filepath.Join(dir, segmentName(1)))
	require.NoError(t, err)
	assert.NotContains(t, string(data), "hunter2")
	assert.NotContains(t, string(data), "d-delete", "a plain digest of a short secret can be guessed")
	assert.Less(t, len(data), 4<<10)
	assert.Contains(t, string(data), `"bytes":1048578`)
}

func TestFilters(t *testing.T) {
	j := open(t, newDir(t))
	entries := []Entry{deletes("0"), isolates("1", "on"), deletes("2"), deletes("3")}
	entries[2].Server, entries[2].HostID, entries[2].Actor = "second", "host-2", "bob"
	entries[2].HostName, entries[2].Target = "Wks-2.example.org", "WKS-2"
	entries[3].AllowDuplicate = true
	for i, e := range entries {
		require.NoError(t, carry(t.Context(), j.mustClaim(t, e), int64(i), []shared.Outcome{shared.Succeeded, shared.Failed}[i%2]))
	}
	ids := func(f Filter) (list []string) {
		for _, r := range all(t, j, f) {
			list = append(list, r.ID.Text())
		}
		return list
	}
	assert.Equal(t, []string{"3", "2", "1", "0"}, ids(Filter{}))
	assert.Equal(t, []string{"1"}, ids(Filter{Effect: shared.Isolates}))
	assert.Equal(t, []string{"3", "1"}, ids(Filter{Outcome: shared.Failed}))
	assert.Equal(t, []string{"2"}, ids(Filter{Host: "host-2"}))
	assert.Equal(t, []string{"2"}, ids(Filter{Host: "wks-2.EXAMPLE.org"}), "its name")
	assert.Equal(t, []string{"2"}, ids(Filter{Host: "wks-2"}), "as the caller wrote it")
	assert.Empty(t, ids(Filter{Host: "HOST-2"}), "an id is compared as it is")
	assert.Equal(t, []string{"3", "1", "0"}, ids(Filter{Server: "main"}))
	assert.Equal(t, []string{"2"}, ids(Filter{Actor: "bob"}))
	assert.Len(t, ids(Filter{Actor: "tester"}), 4)
	assert.Empty(t, ids(Filter{Since: time.Now().Add(time.Hour)}))
	for range j.Records(t.Context(), Filter{}) {
		break // a caller may have enough
	}
}

func TestLongLinesAreReadBackwards(t *testing.T) {
	j := open(t, newDir(t))
	for i := range 200 {
		e := keyed(deletes(decimal(int64(i))), decimal(int64(i)))
		e.Params = []byte(`"` + string(make([]byte, 100+i*7%1500)) + `"`)
		for k := range e.Params[1 : len(e.Params)-1] {
			e.Params[k+1] = 'x'
		}
		c := j.mustClaim(t, e)
		require.NoError(t, c.Sending(t.Context(), added))
	}
	list := all(t, j, Filter{})
	require.Len(t, list, 200)
	for i, r := range list {
		assert.Equal(t, decimal(int64(199-i)), r.ID.Text())
		assert.Equal(t, Sending, r.Stage)
	}
}

func TestClosed(t *testing.T) {
	j := open(t, newDir(t))
	c := j.mustClaim(t, deletes("1"))
	require.NoError(t, j.Close())
	require.NoError(t, j.Close())
	isKind(t, c.Sending(t.Context(), added), Closed)
	_, _, err := j.Claim(t.Context(), deletes("2"), nil)
	isKind(t, err, Closed)
}

func TestReadOnly(t *testing.T) {
	dir := newDir(t)
	_, err := Open(t.Context(), dir, Options{ReadOnly: true})
	isKind(t, err, Place)
	j := open(t, dir)
	j.mustClaim(t, deletes("1"))
	r := open(t, dir, func(o *Options) { o.ReadOnly = true })
	assert.Len(t, all(t, r, Filter{}), 1)
	sound(t, r, nil)
	_, _, err = r.Claim(t.Context(), deletes("2"), nil)
	isKind(t, err, Closed)
}
