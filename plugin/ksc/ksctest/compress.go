package ksctest

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
)

// accepted picks gzip or deflate where the client takes it.
func accepted(r *http.Request) string {
	takes := map[string]bool{}
	for _, entry := range strings.Split(strings.Join(r.Header.Values("Accept-Encoding"), ","), ",") {
		name, q, _ := strings.Cut(strings.TrimSpace(entry), ";")
		weight, err := strconv.ParseFloat(strings.TrimPrefix(strings.TrimSpace(q), "q="), 64)
		takes[strings.ToLower(strings.TrimSpace(name))] = err != nil || weight > 0
	}
	for _, name := range []string{"gzip", "deflate"} {
		if takes[name] {
			return name
		}
	}
	return ""
}

// compressor keeps writers for the next answer: a new one takes 800 KB.
type compressor struct{ gzip, deflate sync.Pool }

type resetter interface {
	io.WriteCloser
	Reset(io.Writer)
}

func (c *compressor) compress(encoding, body string) []byte {
	var b bytes.Buffer
	var w resetter
	pool := &c.gzip
	switch encoding {
	case "gzip":
		if w, _ = pool.Get().(resetter); w == nil {
			w = gzip.NewWriter(&b)
		}
	case "deflate":
		pool = &c.deflate
		if w, _ = pool.Get().(resetter); w == nil {
			w = zlib.NewWriter(&b)
		}
	default:
		return []byte(body)
	}
	w.Reset(&b)
	io.WriteString(w, body) //nolint:errcheck // memory
	w.Close()               //nolint:errcheck
	pool.Put(w)
	return b.Bytes()
}
