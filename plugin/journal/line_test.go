package journal

import (
	"bytes"
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
	_, _, err := j.Claim(t.Context(), e)
	isKind(t, err, Disk)
	assert.Equal(t, 1, sound(t, j, nil).Lines)
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
	good := newIndex(firstHashPages, firstOpenPages).page()
	f.Add(good)
	f.Add([]byte(nil))
	f.Fuzz(func(t *testing.T, data []byte) {
		if h, err := readHeader(data); err == nil {
			require.Equal(t, data[:pageSize], h.page())
		}
	})
}
