package ksc

import (
	"bytes"
	"compress/flate"
	"compress/gzip"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestUnpackersKeepNothing unpacks one answer after the other with what unpacked
// the one before: a broken one spoils no later one, and none shows what stood in
// an earlier one.
func TestUnpackersKeepNothing(t *testing.T) {
	const secret = `{"PxgRetVal":"hunter22-hunter22-hunter22"}`
	c, err := New(Config{Addr: "h:1", User: "u", Password: "p"})
	require.NoError(t, err)
	read := func(packed []byte) (string, error) {
		resp := &http.Response{Header: http.Header{"Content-Encoding": {"gzip"}}, Body: io.NopCloser(bytes.NewReader(packed))}
		data, err := c.readAnswer(resp, maxAnswerBytes)
		return string(data), err
	}
	packed := func(text string, dict []byte) []byte {
		var b bytes.Buffer
		z := gzip.NewWriter(&b)
		_, err := io.WriteString(z, text)
		require.NoError(t, err)
		require.NoError(t, z.Close())
		if dict == nil {
			return b.Bytes()
		}
		out := bytes.NewBuffer(b.Bytes()[:10:10]) // the head; then a body that points to before its own beginning
		f, err := flate.NewWriterDict(out, flate.BestCompression, dict)
		require.NoError(t, err)
		_, err = io.WriteString(f, text)
		require.NoError(t, err)
		require.NoError(t, f.Close())
		return out.Bytes()
	}
	good := packed(secret, nil)
	for i, spoilt := range [][]byte{
		good[:len(good)-1], good[:len(good)/2], good[:5], nil, []byte("no gzip at all, but long enough"),
		append(bytes.Clone(good[:len(good)-8]), make([]byte, 8)...), packed(secret, []byte(secret)),
	} {
		for range 3 {
			data, err := read(good)
			require.NoError(t, err)
			require.Equal(t, secret, data)
		}
		data, err := read(spoilt)
		require.Error(t, err, i)
		require.True(t, strings.HasPrefix(secret, data), "%d: %q", i, data)
		if i == 6 {
			require.Empty(t, data)
		}
	}
}
