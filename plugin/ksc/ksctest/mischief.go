package ksctest

import (
	"bytes"
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
	return refusal(name) != nil || slices.Contains([]string{
		knobDropBefore, knobStoreLate, knob503, knobDropAfter, knobNever, knobHuge, knobTruncate, knobHTML, knobEmpty, knobGzip,
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
	}
	for _, name := range x.deeds.names {
		if f := refusal(name); f != nil {
			return s.fail(f)
		}
	}
	return nil
}

// refusal is the documented error that a knob answers instead of carrying the call out, or nil.
func refusal(knob string) error {
	switch knob {
	case knobStarting:
		return unavailable(1, "the server is starting or stopping")
	case knobUnavailable:
		return unavailable(2, "input and output are suspended")
	case knobOverLimit:
		return overLimit()
	case knobNoClient:
		return &fault{module: "KLWAT", code: 1445, message: "No such client"}
	case knobLogonFailed:
		return &fault{module: "KLWAT", code: 1453, message: "The logon failed"}
	case knobWebToken:
		return &fault{module: "KLWAT", code: 1454, message: "The web token was refused"}
	case knobUnknown:
		return &fault{module: "KLOLA", code: 2351, message: "An error tied to no method"}
	}
	return nil
}

// hangUp ends the connection without an answer.
func (s *Server) hangUp(x *exchange) {
	s.note(x)
	panic(http.ErrAbortHandler)
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
	data := s.packer.compress(encoding, body)
	if encoding != "" {
		x.w.Header().Set("Content-Encoding", encoding)
	}
	if x.deeds.has(knobGzip) {
		data[len(data)/2] ^= 0xff
		data[len(data)-5] ^= 0xff // in the checksum
	}
	if !x.deeds.has(knobChunked) {
		x.w.Header().Set("Content-Length", strconv.Itoa(len(data)))
	}
	x.w.WriteHeader(status)
	half := len(data) / 2
	x.w.Write(data[:half]) //nolint:errcheck // a client that left is its own affair, here and below
	if x.deeds.has(knobChunked) || x.deeds.has(knobTruncate) {
		http.NewResponseController(x.w).Flush() //nolint:errcheck
	}
	if x.deeds.has(knobTruncate) {
		panic(http.ErrAbortHandler)
	}
	x.w.Write(data[half:]) //nolint:errcheck
	if x.deeds.has(knobDropLater) {
		http.NewResponseController(x.w).Flush() //nolint:errcheck
		panic(http.ErrAbortHandler)
	}
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
