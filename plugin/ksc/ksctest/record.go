package ksctest

import (
	"encoding/json"
	"net/http"
	"time"
)

// keptCalls bounds Calls; the oldest go first. Options.Record has them all.
const keptCalls = 10_000

// Call is one request as it came and its answer as it went. Headers hold credentials as they were sent.
type Call struct {
	Time     time.Time   `json:"time"` // by the server's clock, skew included
	Conn     int         `json:"conn"` // 1, 2, 3 ... in order of arrival
	Method   string      `json:"method"`
	Path     string      `json:"path"`
	Headers  http.Header `json:"headers"` // in canonical form, with Host
	Body     string      `json:"body"`
	Status   int         `json:"status"`             // 0 when no answer was sent
	Response string      `json:"response"`           // uncompressed, as the server meant it when mischief garbled it on the way
	Mischief []string    `json:"mischief,omitempty"` // the knobs that had their way with it
	// Incomplete: the client left before its request or the answer was complete.
	Incomplete bool `json:"incomplete,omitempty"`
}

// note stores the call of an exchange and writes its line.
func (s *Server) note(x *exchange) {
	x.record.Mischief = x.deeds.names
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.calls) == keptCalls {
		s.calls = append(s.calls[:0:0], s.calls[1:]...)
	}
	s.calls = append(s.calls, x.record)
	if s.opts.Record == nil || s.recordErr != nil {
		return
	}
	line, err := json.Marshal(x.record)
	if err == nil {
		_, err = s.opts.Record.Write(append(line, '\n'))
	}
	s.recordErr = err
}

// Calls are the last 10 000 requests in the order in which their answers were settled.
func (s *Server) Calls() []Call {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]Call(nil), s.calls...)
}

// RecordErr is the first error of Options.Record, after which nothing more was written to it.
func (s *Server) RecordErr() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.recordErr
}
