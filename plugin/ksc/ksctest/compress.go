package ksctest

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"io"
	"net/http"
	"strconv"
	"strings"
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

func compress(encoding, body string) []byte {
	var b bytes.Buffer
	var w io.WriteCloser
	switch encoding {
	case "gzip":
		w = gzip.NewWriter(&b)
	case "deflate":
		w = zlib.NewWriter(&b)
	default:
		return []byte(body)
	}
	io.WriteString(w, body) //nolint:errcheck // memory
	w.Close()               //nolint:errcheck
	return b.Bytes()
}
