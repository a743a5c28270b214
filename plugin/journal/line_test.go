package journal

import (
	"bytes"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/kes-respond/kes-respond/shared"
)

// TestLinesReadBack: any text, one line, ASCII, as it was.
func TestLinesReadBack(t *testing.T) {
	secret := newProver([]byte("secret"))
	rapid.Check(t, func(t *rapid.T) {
		l := line{
			Seq: rapid.Uint64Min(1).Draw(t, "seq"), At: time.UnixMilli(rapid.Int64Range(0, 1<<41).Draw(t, "at")).UTC(), Event: string(Claimed),
			Claim: placeOf(rapid.Uint32Range(0, 1<<24-1).Draw(t, "segment"), rapid.Int64Range(0, 1<<40-1).Draw(t, "offset")),
			Entry: Entry{
				ID: shared.IDOf(rapid.StringN(1, 128, -1).Draw(t, "id")), Actor: rapid.String().Draw(t, "actor"), Reason: rapid.String().Draw(t, "reason"),
				Effects: []shared.Effect{shared.Deletes}, Allowed: rapid.Bool().Draw(t, "allowed"),
			},
			progress: progress{Incident: rapid.Int64().Draw(t, "incident")},
		}
		prev := mac{1, 2, 3}
		data, m, err := l.encode(secret, prev)
		require.NoError(t, err)
		require.Equal(t, len(data)-1, bytes.IndexByte(data, '\n'))
		require.Empty(t, bytes.Trim(data, string(printable())))
		back, n, err := decodeLine(data[:len(data)-1], secret, prev)
		require.NoError(t, err)
		require.Equal(t, m, n)
		require.Equal(t, l, back)
		_, _, err = decodeLine(data[:len(data)-1], secret, mac{1, 2, 4})
		require.ErrorIs(t, err, errForged)
		_, _, err = decodeLine(data[:len(data)-1], newProver([]byte("Secret")), prev)
		require.ErrorIs(t, err, errForged)
	})
}

func printable() (b []byte) {
	for c := byte(' '); c < 0x7f; c++ {
		b = append(b, c)
	}
	return append(b, '\n')
}

func TestALineThatIsTooLong(t *testing.T) {
	j := open(t, newDir(t))
	e := deletes("1")
	e.Reason = string(bytes.Repeat([]byte("x"), maxLine))
	_, _, err := j.Claim(t.Context(), e, nil)
	isKind(t, err, Disk)
	assert.Equal(t, 1, sound(t, j, nil).Lines)
}

// worst is a claim with every text at its bound, in the characters that take
// the most bytes: two escapes for each that has two UTF-16 units, one for DEL.
func worst() Entry {
	text := func(n int) string { return strings.Repeat("\U0001f512", n) }
	del := func(n int) string { return strings.Repeat("\x7f", n) }
	return Entry{
		ID: shared.IDOf(text(shared.MaxIDLength)), IdempotencyKey: text(128), AllowDuplicate: true, Past: math.MaxUint64,
		Server: text(128), Task: strings.Repeat("t", 32), Target: text(256), HostID: text(256), HostName: del(4 * maxName), Area: strings.Repeat("a", 32),
		Effects: []shared.Effect{
			shared.Isolates, shared.Releases, shared.Deletes, shared.Quarantines, shared.Executes, shared.Terminates, shared.Blocks, shared.Scans, shared.Reads,
		},
		Slot: strings.Repeat("s", 128), Value: strings.Repeat("v", 128), Digest: strings.Repeat("d", 64),
		Params: []byte(`"` + del(maxParams-2) + `"`), Nonce: strings.Repeat("n", 64),
		Rule: del(4 * maxName), Decision: del(4 * maxMessage), RefusalCode: shared.ApprovalRequired, Allowed: true,
		Actor: text(256), Reason: text(1024), CaseID: text(256),
	}
}

// TestTheWorstLegalEntryIsRecorded: whatever the contract lets through has its
// line, also after a claim, and reads back.
func TestTheWorstLegalEntryIsRecorded(t *testing.T) {
	j := open(t, newDir(t), func(o *Options) { o.User, o.PID = strings.Repeat("\U0001f512", 32), math.MaxInt32 })
	e := worst()
	for i := range 3 { // the second time it has places to look back to
		e.IdempotencyKey = string([]rune(e.IdempotencyKey)[1:]) + decimal(int64(i))
		c := j.mustClaim(t, e)
		require.NoError(t, c.Sending(t.Context(), added))
		require.NoError(t, c.Stored(t.Context(), math.MaxInt64, added))
		require.NoError(t, c.Ended(t.Context(), shared.Succeeded, shared.ApprovalRequired, strings.Repeat("\x7f", 4*maxMessage)))
		r, found, err := j.ByIncident(t.Context(), e.Server, math.MaxInt64)
		require.NoError(t, err)
		require.True(t, found)
		assert.Equal(t, e.Reason, r.Reason)
		assert.JSONEq(t, string(e.Params), string(r.Params))
		assert.Less(t, len(r.HostName)+len(r.Rule), 2*maxName+10)
	}
	longest := 0
	for raw := range bytes.Lines(readFile(t, j.dir, segmentName(1))) {
		longest = max(longest, len(raw))
	}
	assert.Greater(t, longest, 40<<10, "this was to be a long line")
	assert.LessOrEqual(t, longest, maxLine)
	t.Logf("the longest line has %d bytes", longest)
	assert.Len(t, all(t, j, Filter{}), 3)
	sound(t, j, nil)
	require.NoError(t, os.Remove(filepath.Join(j.dir, indexFile)))
	unsettled, err := j.Unsettled(t.Context())
	require.NoError(t, err)
	assert.Empty(t, unsettled)
}

// FuzzLine feeds the reader anything: it never takes a line that was not
// written, and never falls over.
func FuzzLine(f *testing.F) {
	secret := newProver([]byte("secret"))
	whole, _, err := line{Seq: 7, At: added, Event: string(Claimed), Entry: deletes("1"), EqualBefore: placeOf(1, 99)}.encode(secret, mac{})
	require.NoError(f, err)
	whole = whole[:len(whole)-1]
	f.Add(whole)
	f.Add(whole[:len(whole)-1])
	f.Add([]byte(`{"seq":1,"event":"x","claim":"1:2:3","mac":"` + string(bytes.Repeat([]byte("0"), 64)) + `"}`))
	f.Add([]byte(nil))
	f.Fuzz(func(t *testing.T, data []byte) {
		l, _, err := decodeLine(data, secret, mac{})
		if err == nil && !bytes.Equal(data, whole) {
			t.Fatalf("took a line that nobody wrote: %q as %+v", data, l)
		}
		_, _, _ = splitLine(data)
		_, _ = readLine(data)
	})
}

// FuzzIndexHeader: a header is taken only with its checksum.
func FuzzIndexHeader(f *testing.F) {
	good := newIndex(firstSizes()).page()
	f.Add(good)
	f.Add([]byte(nil))
	f.Fuzz(func(t *testing.T, data []byte) {
		if h, err := readHeader(data); err == nil {
			require.Equal(t, data[:pageSize], h.page())
		}
	})
}
