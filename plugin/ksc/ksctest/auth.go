package ksctest

import (
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// texts of a refusal: the first two are those that clients are known to meet, the rest is judgement.
const (
	textFailure    = "Authentication failure"
	textUnfinished = "Authentication not finished"
	textEnded      = "Forbidden"
	textNoServer   = "Virtual server not found"
)

const accountOwner = "account"

func connOwner(c *connection) string { return "connection " + strconv.Itoa(c.id) }
func sessionOwner(id string) string  { return "session " + id }

// caller is who makes a call.
type caller struct {
	owner string // who holds what the call makes: a session, a connection, or the account
	sid   string // the session id, when the call came by one
	gate  *gate  // to the Agent that the call is for; nil for the server
}

// identify finds out who calls: a session in the header, else credentials in the header, else a login of the connection.
// It gives the caller, or the refusal.
func (s *Server) identify(r *http.Request, c *connection, login bool) (who caller, refusal *reply) {
	if id := r.Header.Get("X-KSC-Session"); id != "" && !login {
		if !s.useSession(id) {
			return who, textReply(http.StatusForbidden, textEnded)
		}
		return caller{sessionOwner(id), id, s.sessions[id].gate}, nil
	}
	if h := r.Header.Get("Authorization"); h != "" {
		g, refusal := s.logon(r, c, h)
		return caller{owner: accountOwner, gate: g}, refusal
	}
	if c.user && c.generation == s.generation && !login && (c.gate == nil || !c.gate.closed) {
		return caller{owner: connOwner(c), gate: c.gate}, nil
	}
	return who, textReply(http.StatusUnauthorized, textFailure)
}

// logon checks an Authorization header. Its refusal is nil when that is good; the gate is that of a gateway's key.
func (s *Server) logon(r *http.Request, c *connection, header string) (g *gate, refusal *reply) {
	scheme, rest, _ := strings.Cut(header, " ")
	ok := false
	switch scheme {
	case "KSCBasic":
		if s.opts.Locked || s.opts.LockAfter > 0 && s.failures >= s.opts.LockAfter {
			return nil, s.fail(blocked())
		}
		if ok = s.basic(rest); ok {
			s.failures = 0
		} else {
			s.failures++
		}
		if ok && s.opts.SecondFactor != "" {
			c.factor = true
			return nil, challenge()
		}
	case "KSCMFA":
		m, err := parameters(rest)
		ok = err == nil && c.factor && same(m["totp"], s.opts.SecondFactor)
		c.factor = false
	case "KSCT", "KSCWT", "KSCGW":
		until, made := s.tokens[rest]
		ok = slices.Contains(s.opts.Tokens, rest) || made && time.Now().Before(until)
		if scheme == "KSCGW" && !ok {
			g = s.passGate(rest)
			ok = g != nil
		}
	}
	if !ok {
		return nil, textReply(http.StatusUnauthorized, textFailure)
	}
	if !s.virtualServer(r) {
		return nil, textReply(http.StatusUnauthorized, textNoServer)
	}
	return g, nil
}

// challenge asks for the second factor the way two unrelated clients expect it.
func challenge() *reply {
	p := textReply(http.StatusUnauthorized, textUnfinished)
	p.header.Set("WWW-Authenticate", "KSCMFA")
	return p
}

func same(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }

// basic checks user="<base64>", pass="<base64>", and where given domain and internal.
func (s *Server) basic(rest string) bool {
	m, err := parameters(rest)
	if err != nil {
		return false
	}
	user, err1 := base64.StdEncoding.Strict().DecodeString(m["user"])
	pass, err2 := base64.StdEncoding.Strict().DecodeString(m["pass"])
	internal, ok := map[string]bool{"": false, "0": false, "1": true, "false": false, "true": true}[m["internal"]]
	if err1 != nil || err2 != nil || !ok || !utf8.Valid(user) || !utf8.Valid(pass) {
		return false
	}
	if want := s.opts.Domain; want != nil && m["domain"] != *want && m["domain"] != base64.StdEncoding.EncodeToString([]byte(*want)) {
		return false
	}
	if want := s.opts.Internal; want != nil && internal != *want {
		return false
	}
	return same(string(user), s.opts.User) && same(string(pass), s.password)
}

// SetPassword gives the account another password, and ends all sessions.
func (s *Server) SetPassword(password string) {
	s.mu.Lock()
	s.password = password
	s.mu.Unlock()
	s.EndSessions()
}

// parameters reads name="value" pairs between commas; a value without blanks and commas may stand unquoted.
func parameters(text string) (map[string]string, error) {
	out := map[string]string{}
	for text = strings.Trim(text, " "); text != ""; {
		name, rest, ok := strings.Cut(text, "=")
		name = strings.Trim(name, " ")
		if _, twice := out[name]; !ok || twice || name == "" || strings.ContainsAny(name, ` ,"`) {
			return nil, errors.New("no name=value")
		}
		var value string
		if strings.HasPrefix(rest, `"`) {
			if value, rest, ok = strings.Cut(rest[1:], `"`); !ok {
				return nil, errors.New("a quote is open")
			}
		} else {
			end := strings.IndexAny(rest, " ,")
			if end < 0 {
				end = len(rest)
			}
			value, rest = rest[:end], rest[end:]
		}
		rest = strings.TrimLeft(rest, " ")
		if rest != "" && rest[0] != ',' {
			return nil, errors.New("no comma between parameters")
		}
		out[name] = value
		text = strings.TrimLeft(strings.TrimPrefix(rest, ","), " ")
	}
	return out, nil
}

// virtualServer accepts the main server (header absent, empty, or the "x" of an old client) and those of the options.
func (s *Server) virtualServer(r *http.Request) bool {
	name := r.Header.Get("X-KSC-VServer")
	if name == "" || name == "x" {
		return true
	}
	b, err := base64.StdEncoding.DecodeString(name)
	return err == nil && slices.Contains(s.opts.VServers, string(b))
}
