package ksctest

import (
	"encoding/json"
	"net/http"
	"slices"
	"time"
)

// Bounds of Calls: in number, and in bytes of bodies and responses; the oldest go first. Options.Record has them all.
const (
	keptCalls = 10_000
	keptBytes = 64 << 20
)

// Call is one request as it came and its answer as it went. Headers hold credentials as they were sent.
type Call struct {
	Time     time.Time   `json:"time"` // by the server's clock, skew included
	Conn     int         `json:"conn"` // 1, 2, 3 ... in order of arrival
	Method   string      `json:"method"`
	Path     string      `json:"path"`
	Headers  http.Header `json:"headers"`  // in canonical form, with Host
	Body     string      `json:"body"`     // in a line of the record, bytes that are no UTF-8 become U+FFFD
	Status   int         `json:"status"`   // 0 when no answer was sent
	Response string      `json:"response"` // uncompressed, as the server meant it when mischief garbled it on the way
	Mischief []string    `json:"mischief"` // the knobs that had their way with it; never nil
	// Incomplete: the client left before its request or the answer was complete, or the request was too long to be kept.
	Incomplete bool `json:"incomplete,omitempty"`
}

func (c *Call) bytes() int { return len(c.Body) + len(c.Response) }

// callLog keeps the last calls within bounds, the very last one always.
type callLog struct {
	calls []Call // from first on
	first int
	bytes int
}

func (l *callLog) add(c Call) {
	l.calls = append(l.calls, c)
	l.bytes += c.bytes()
	for n := len(l.calls) - l.first; n > keptCalls || l.bytes > keptBytes && n > 1; n-- {
		l.bytes -= l.calls[l.first].bytes()
		l.calls[l.first] = Call{}
		l.first++
	}
	if l.first > keptCalls { // seldom, so that a call costs the same however many went before
		l.calls, l.first = slices.Clone(l.calls[l.first:]), 0
	}
}

// note stores the call of an exchange and writes its line.
func (s *Server) note(x *exchange) {
	x.record.Mischief = append([]string{}, x.deeds.names...)
	var line []byte
	var err error
	if s.opts.Record != nil {
		line, err = json.Marshal(x.record)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls.add(x.record)
	if s.opts.Record == nil || s.recordErr != nil {
		return
	}
	if err == nil {
		_, err = s.opts.Record.Write(append(line, '\n'))
	}
	s.recordErr = err
}

// Calls are the last requests in the order in which their answers were settled: at most 10 000, and of 64 MiB in all.
func (s *Server) Calls() []Call {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.calls.calls[s.calls.first:])
}

// RecordErr is the first error of Options.Record, after which nothing more was written to it.
func (s *Server) RecordErr() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.recordErr
}
