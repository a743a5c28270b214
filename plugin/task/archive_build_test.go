package task

import (
	"archive/zip"
	"bytes"
	"compress/flate"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"testing"

	"github.com/stretchr/testify/require"
)

// entry is one entry of an archive that a test builds. Where lie is set it
// changes the header after the data was packed, so that a header may promise
// what is not so.
type entry struct {
	name   string
	data   []byte
	method uint16 // Store where 0
	mode   fs.FileMode
	lie    func(h *zip.FileHeader)
}

func archive(t testing.TB, entries ...entry) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, e := range entries {
		packed := e.data
		if e.method == zip.Deflate {
			packed = deflated(t, e.data)
		}
		h := &zip.FileHeader{
			Name: e.name, Method: e.method, CRC32: crc32.ChecksumIEEE(e.data),
			CompressedSize64: uint64(len(packed)), UncompressedSize64: uint64(len(e.data)),
		}
		if e.mode != 0 {
			h.SetMode(e.mode)
		}
		if e.lie != nil {
			e.lie(h)
		}
		w, err := z.CreateRaw(h)
		require.NoError(t, err)
		_, err = w.Write(packed)
		require.NoError(t, err)
	}
	require.NoError(t, z.Close())
	return b.Bytes()
}

func deflated(t testing.TB, data []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := flate.NewWriter(&b, flate.BestSpeed)
	require.NoError(t, err)
	_, err = w.Write(data)
	require.NoError(t, err)
	require.NoError(t, w.Close())
	return b.Bytes()
}

// ioc is the smallest OpenIOC file with an id.
func ioc(id string) []byte {
	return fmt.Appendf(nil, `<?xml version="1.0" encoding="utf-8"?><ioc xmlns="http://schemas.mandiant.com/2010/ioc" id="%s"/>`, id)
}

// sized is an OpenIOC file of exactly n bytes.
func sized(t testing.TB, id string, n int) []byte {
	t.Helper()
	begin, end := fmt.Sprintf(`<ioc id="%s">`, id), "</ioc>"
	require.Greater(t, n, len(begin)+len(end))
	return []byte(begin + string(bytes.Repeat([]byte(" "), n-len(begin)-len(end))) + end)
}

// many are n files of one size, or n small ones, stored: a packer takes a
// megabyte to make.
func many(t testing.TB, n, size int) (all []entry) {
	for i := range n {
		id := fmt.Sprintf("id-%04d", i)
		e := entry{name: id + ".ioc", data: ioc(id)}
		if size > 0 {
			e.data, e.method = sized(t, id, size), zip.Deflate
		}
		all = append(all, e)
	}
	return all
}

// overlapping is a bomb without nesting: n directory entries that all share
// the packed bytes of one file.
func overlapping(t testing.TB, n, size int) []byte {
	t.Helper()
	whole := archive(t, entry{name: "0000.ioc", data: sized(t, "1", size), method: zip.Deflate})
	at := bytes.Index(whole, []byte(centralRecord))
	end := bytes.LastIndex(whole, []byte("PK\x05\x06"))
	require.True(t, at > 0 && end > at)
	out := bytes.Clone(whole[:at])
	for i := range n {
		record := bytes.Clone(whole[at:end])
		copy(record[46:50], fmt.Sprintf("%04d", i))
		out = append(out, record...)
	}
	directory := len(out) - at
	tail := bytes.Clone(whole[end:])
	binary.LittleEndian.PutUint16(tail[8:], uint16(n))
	binary.LittleEndian.PutUint16(tail[10:], uint16(n))
	binary.LittleEndian.PutUint32(tail[12:], uint32(directory))
	return append(out, tail...)
}

// keepsLimits unpacks an archive that was taken and counts for itself.
func keepsLimits(t testing.TB, data []byte) {
	t.Helper()
	z, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	require.NoError(t, err)
	require.LessOrEqual(t, len(z.File), maxIOCEntries)
	total, ids := 0, map[string]bool{}
	for _, f := range z.File {
		require.False(t, leadsOut(f.Name))
		if f.FileInfo().IsDir() {
			continue
		}
		require.True(t, isIndicator(f.Name))
		r, err := f.Open()
		require.NoError(t, err)
		unpacked, err := io.ReadAll(r)
		require.NoError(t, err)
		require.LessOrEqual(t, len(unpacked), maxIOCFile)
		total += len(unpacked)
		id, err := checkXML(unpacked)
		require.NoError(t, err)
		require.False(t, ids[id])
		ids[id] = true
	}
	require.NotEmpty(t, ids)
	require.LessOrEqual(t, total, maxIOCTotal)
}
