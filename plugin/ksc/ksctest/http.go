package ksctest

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

const (
	prefix = "/api/v1.0/"
	// bodyLimit is the longest request body taken, in bytes. KSC's own limit is not documented.
	bodyLimit = 64 << 20
	// keptOfTooLong is how much of a longer one is recorded.
	keptOfTooLong = 4 << 10
)

// reply is an answer before compression and mischief: text, or an object.
type reply struct {
	status int
	header http.Header
	text   string
	object answer // sent as JSON when not nil
}

func textReply(status int, text string) *reply {
	return &reply{status: status, header: http.Header{"Content-Type": {"text/plain; charset=utf-8"}}, text: text}
}

func objectReply(a answer) *reply {
	return &reply{status: http.StatusOK, header: http.Header{"Content-Type": {"application/json"}}, object: a}
}

// fail answers an error: a fault in the vendor's way.
func (s *Server) fail(err error) *reply {
	var f *fault
	if errors.As(err, &f) {
		return objectReply(f.answer())
	}
	return textReply(http.StatusInternalServerError, err.Error())
}

func (p *reply) body() string {
	if p.object == nil {
		return p.text
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(p.object); err != nil {
		panic("ksctest: an answer that is no JSON: " + err.Error())
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// exchange is one request with its answer.
type exchange struct {
	w      http.ResponseWriter
	r      *http.Request
	conn   *connection
	body   []byte
	name   string // Class.Method, "login", or "" for a path that is neither
	record Call
	deeds  deeds
}

func (s *Server) handle(w http.ResponseWriter, r *http.Request) {
	x := &exchange{w: w, r: r, conn: r.Context().Value(connectionKey{}).(*connection), name: methodName(r.URL.Path)}
	x.record = Call{Time: s.now(), Conn: x.conn.id, Method: r.Method, Path: r.URL.RequestURI(), Headers: r.Header.Clone()}
	x.record.Headers.Set("Host", r.Host)
	var err error
	x.body, err = io.ReadAll(http.MaxBytesReader(w, r.Body, bodyLimit))
	var tooLong *http.MaxBytesError
	if errors.As(err, &tooLong) {
		x.body, x.record.Incomplete = x.body[:keptOfTooLong], true
	}
	x.record.Body = string(x.body)
	switch {
	case tooLong != nil:
		s.finish(x, textReply(http.StatusRequestEntityTooLarge, "The request is too long"))
		return
	case err != nil: // the client left in the middle of its request
		x.record.Incomplete = true
		s.note(x)
		panic(http.ErrAbortHandler)
	}
	s.mu.Lock()
	s.play(s.now())
	x.deeds = s.plot(x)
	s.mu.Unlock()
	s.carryOut(x)
}

// methodName reduces the path to Class.Method; the name of an instance in front of it makes no difference here.
func methodName(path string) string {
	name, ok := strings.CutPrefix(path, prefix)
	parts := strings.Split(name, ".")
	switch {
	case !ok:
		return ""
	case len(parts) == 3:
		return parts[1] + "." + parts[2]
	}
	return name
}

// answer is the whole of the server's behaviour without mischief. It holds the lock throughout.
func (s *Server) answer(x *exchange) *reply {
	s.mu.Lock()
	defer s.mu.Unlock()
	if refusal := transport(x.r); refusal != nil {
		return refusal
	}
	s.play(s.now())
	login := x.name == "login"
	who, refusal := s.identify(x.r, x.conn, login)
	if refusal != nil {
		return refusal
	}
	args, ok := object(x.body)
	if !ok && len(x.body) > 0 { // public clients send no body at all where a method takes no arguments
		return textReply(http.StatusBadRequest, "The request is not a JSON object")
	}
	if login {
		x.conn.user, x.conn.generation, x.conn.gate = true, s.generation, who.gate
		return objectReply(answer{}) // what KSC answers is not documented; its clients only need JSON
	}
	a, err := s.invoke(x.name, &call{Server: s, caller: who, conn: x.conn}, args)
	if err != nil {
		return s.fail(err)
	}
	return objectReply(a)
}

func (s *Server) invoke(name string, c *call, args map[string]any) (a answer, err error) {
	m, ok := s.table[name]
	if !ok || !c.reachable(name) {
		return nil, noCall(name)
	}
	if s.isDenied(name) {
		return nil, denied(name)
	}
	if c.args, err = bind(m, args); err != nil {
		return nil, err
	}
	return m.do(c)
}

// transport checks what comes before the method. Save for POST and the content type (KSCAPI main page) the answers are
// judgement.
func transport(r *http.Request) *reply {
	if r.Method != http.MethodPost {
		p := textReply(http.StatusMethodNotAllowed, "Only POST is allowed")
		p.header.Set("Allow", http.MethodPost)
		return p
	}
	if name := methodName(r.URL.Path); name == "" {
		return textReply(http.StatusNotFound, "Not found")
	}
	if t := r.Header.Get("Content-Type"); t != "" {
		if kind, _, err := mime.ParseMediaType(t); err != nil || kind != "application/json" {
			return textReply(http.StatusUnsupportedMediaType, "The content type must be application/json")
		}
	}
	return nil
}

// object reads one JSON object and nothing after it, in UTF-8. Numbers keep their digits.
func object(body []byte) (m map[string]any, ok bool) {
	if !utf8.Valid(body) || !json.Valid(body) {
		return nil, false
	}
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	return m, d.Decode(&m) == nil && m != nil
}

// finish records the answer, and only then sends it: whoever has an answer finds its call recorded.
func (s *Server) finish(x *exchange, p *reply) {
	body := p.body()
	if !x.deeds.has(knobDropAfter) && !x.deeds.has(knobNever) {
		x.record.Status = p.status
	}
	x.record.Response = body
	s.note(x)
	for name, values := range p.header {
		x.w.Header()[name] = values
	}
	x.w.Header().Set("Date", s.now().Format(http.TimeFormat))
	s.send(x, p.status, body)
}

// carryOut lets the request happen as far as mischief allows.
func (s *Server) carryOut(x *exchange) {
	if x.deeds.has(knobEndSession) {
		s.mu.Lock()
		if !s.dropLogin(x.r.Header.Get("X-KSC-Session"), x.conn) {
			x.deeds.names = slices.DeleteFunc(x.deeds.names, func(name string) bool { return name == knobEndSession })
		}
		s.mu.Unlock()
	}
	p := s.before(x)
	if p == nil {
		p = s.answer(x)
	}
	s.spoil(x, p)
	wait := s.opts.Latency
	if x.deeds.has(knobDelay) {
		wait += s.opts.MischiefDelay
	}
	if !s.pause(x.r.Context(), wait) {
		x.record.Incomplete = true
		s.note(x)
		panic(http.ErrAbortHandler)
	}
	s.finish(x, p)
}

// late carries a request out after its client has been cut off.
func (s *Server) late(x *exchange) {
	s.stores.Go(func() {
		t := time.NewTimer(s.opts.MischiefDelay)
		defer t.Stop()
		select {
		case <-t.C:
			s.answer(x)
		case <-s.done:
		}
	})
}
