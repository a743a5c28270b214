package ksctest

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// deeds are the knobs that hit one request.
type deeds struct{ names []string }

func (d deeds) has(name string) bool { return slices.Contains(d.names, name) }

// replacing are the knobs of which one request meets one at most: each decides alone what the client sees.
func replacing(name string) bool {
	return slices.Contains([]string{
		knobDropBefore, knobStoreLate, knob503, knobStarting, knobUnavailable, knobOverLimit,
		knobDropAfter, knobNever, knobHuge, knobTruncate, knobHTML, knobEmpty, knobGzip,
	}, name)
}

// strikes rolls for a knob. Every rule that could apply is rolled, so the sequence depends on the requests alone.
func (s *Server) strikes(name, method string) bool {
	hit := false
	for _, r := range s.mischief {
		if r.knob == name && (r.method == "" || r.method == method) && s.random.Float64() < r.chance {
			hit = true
		}
	}
	return hit
}

// plot decides what will happen to a request.
func (s *Server) plot(x *exchange) (d deeds) {
	taken := false
	for _, k := range Knobs() {
		hit := x.conn.swapped
		if k.Name != knobSwapCert {
			hit = s.strikes(k.Name, x.name)
		}
		if hit && !(taken && replacing(k.Name)) {
			d.names = append(d.names, k.Name)
			taken = taken || replacing(k.Name)
		}
	}
	return d
}

// before is the mischief instead of which nothing is carried out, or not yet. nil means: go on.
func (s *Server) before(x *exchange) *reply {
	switch {
	case x.deeds.has(knobStoreLate):
		s.late(x)
		s.hangUp(x)
	case x.deeds.has(knobDropBefore):
		s.hangUp(x)
	case x.deeds.has(knob503):
		return textReply(http.StatusServiceUnavailable, "Service Unavailable")
	case x.deeds.has(knobStarting):
		return s.fail(unavailable(1, "the server is starting or stopping"))
	case x.deeds.has(knobUnavailable):
		return s.fail(unavailable(2, "input and output are suspended"))
	case x.deeds.has(knobOverLimit):
		return s.fail(overLimit())
	}
	return nil
}

// hangUp ends the connection without an answer.
func (s *Server) hangUp(x *exchange) {
	s.note(x)
	panic(http.ErrAbortHandler)
}

// spoil changes an answer's content; what does not apply to it is struck off the deeds.
func (s *Server) spoil(x *exchange, p *reply) {
	x.deeds.names = slices.DeleteFunc(x.deeds.names, func(name string) bool {
		change, content := map[string]func(answer) (answer, bool){
			knobWrongType: wrongType, knobNoSubcode: noSubcode,
			knobLongString: func(a answer) (answer, bool) {
				return retype(a, "long", func(v any) any { return fmt.Sprint(v) })
			},
			knobNoDate: func(a answer) (answer, bool) {
				return retype(a, "datetime", func(any) any { return "" })
			},
		}[name]
		if !content {
			return false
		}
		changed, did := change(p.object)
		if did {
			p.object = changed
		}
		return !did
	})
}

func wrongType(a answer) (answer, bool) {
	v, ok := a["PxgRetVal"]
	if !ok {
		return a, false
	}
	out := answer{}
	for name := range a {
		out[name] = a[name]
	}
	switch v.(type) {
	case string:
		out["PxgRetVal"] = 7
	case row, []any:
		out["PxgRetVal"] = true
	default:
		b, _ := json.Marshal(v)
		out["PxgRetVal"] = string(b)
	}
	return out, true
}

func noSubcode(a answer) (answer, bool) {
	e, ok := a["PxgError"].(row)
	if ok {
		delete(e, "subcode") // a fault's answer is made afresh each time
		delete(e, "locdata")
	}
	return a, ok
}

// retype copies an answer with the values of one wrapped type changed.
func retype(a answer, kind string, change func(any) any) (answer, bool) {
	did := false
	var walk func(any) any
	walk = func(v any) any {
		switch t := v.(type) {
		case []any:
			out := make([]any, len(t))
			for i := range t {
				out[i] = walk(t[i])
			}
			return out
		case row:
			if k, bare := unwrap(t); k == kind {
				did = true
				return wrap(kind, change(bare))
			}
			out := row{}
			for name := range t {
				out[name] = walk(t[name])
			}
			return out
		}
		return v
	}
	out, _ := walk(row(a)).(row)
	return answer(out), did
}

const proxyPage = "<!DOCTYPE html>\n<html><head><title>Sign in</title></head><body><h1>Sign in to continue</h1></body></html>\n"

// send puts the answer on the wire, compressed where the client asked for it (KSCAPI main page), as mischief will have it.
func (s *Server) send(x *exchange, status int, body string) {
	switch {
	case x.deeds.has(knobDropAfter):
		panic(http.ErrAbortHandler)
	case x.deeds.has(knobNever):
		select {
		case <-x.r.Context().Done():
		case <-s.done:
		}
		panic(http.ErrAbortHandler)
	case x.deeds.has(knobHuge):
		endless(x.w)
	case x.deeds.has(knobHTML):
		x.w.Header().Set("Content-Type", "text/html; charset=utf-8")
		status, body = http.StatusOK, proxyPage
	case x.deeds.has(knobEmpty):
		status, body = http.StatusOK, ""
	}
	encoding := accepted(x.r)
	if x.deeds.has(knobGzip) {
		encoding = "gzip"
	}
	data := compress(encoding, body)
	if encoding != "" {
		x.w.Header().Set("Content-Encoding", encoding)
	}
	if x.deeds.has(knobGzip) {
		data[len(data)/2] ^= 0xff
		data[len(data)-5] ^= 0xff // in the checksum
	}
	x.w.Header().Set("Content-Length", strconv.Itoa(len(data)))
	x.w.WriteHeader(status)
	if x.deeds.has(knobTruncate) {
		x.w.Write(data[:len(data)/2])           //nolint:errcheck // the connection ends here anyway
		http.NewResponseController(x.w).Flush() //nolint:errcheck
		panic(http.ErrAbortHandler)
	}
	x.w.Write(data) //nolint:errcheck // a client that left is its own affair
}

// endless sends a JSON string that does not end, until the client or the server gives up.
func endless(w http.ResponseWriter) {
	piece := []byte(`{"PxgRetVal":"` + strings.Repeat("A", 32<<10))
	for {
		if _, err := w.Write(piece); err != nil {
			panic(http.ErrAbortHandler)
		}
		piece = bytes.Repeat([]byte("A"), 32<<10)
	}
}

// accepted picks gzip or deflate where the client takes it.
func accepted(r *http.Request) string {
	takes := map[string]bool{}
	for _, entry := range strings.Split(r.Header.Get("Accept-Encoding"), ",") {
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
