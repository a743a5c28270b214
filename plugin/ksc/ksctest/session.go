package ksctest

import (
	"encoding/base64"
	"encoding/binary"
	"maps"
	"time"
)

// tokenLife is how long a token of Session.CreateToken is good: the documented default. That it may be used more than
// once in that time is judgement.
const tokenLife = 3 * time.Minute

// session is a live session; ended ones are not kept, so an ended id and an invented one both get 403.
type session struct {
	used time.Time
	gate *gate // to the Agent that it is with; nil for the server
}

func sessionMethods() map[string]method {
	return map[string]method{ // KSCAPI a00608
		"Session.StartSession": {nil, startSession},
		"Session.EndSession":   {nil, endSession},
		"Session.Ping":         {nil, func(*call) (answer, error) { return answer{}, nil }},
		"Session.CreateToken":  {nil, createToken},
	}
}

// newID makes an opaque id in the form of the published samples. It comes from the seed: nothing here guards a secret.
func (s *Server) newID() string {
	b := binary.LittleEndian.AppendUint64(nil, s.random.Uint64())
	b = binary.LittleEndian.AppendUint64(b, s.random.Uint64())
	return base64.StdEncoding.EncodeToString(b)
}

func startSession(c *call) (answer, error) {
	c.sweep()
	id := c.newID()
	c.sessions[id] = &session{used: time.Now(), gate: c.gate}
	return answer{"PxgRetVal": id}, nil
}

// endSession ends the session of the header; without one it ends the login of the connection, which is judgement.
func endSession(c *call) (answer, error) {
	c.dropLogin(c.sid, c.conn)
	return answer{}, nil
}

// dropLogin ends the session, or without an id the login of the connection, and says whether there was one.
func (s *Server) dropLogin(sid string, conn *connection) bool {
	if sid == "" {
		live := conn.user && conn.generation == s.generation
		conn.user = false
		s.forget(connOwner(conn))
		return live
	}
	live := s.sessions[sid] != nil
	delete(s.sessions, sid)
	s.forget(sessionOwner(sid))
	maps.DeleteFunc(s.actions, func(_ string, a *action) bool { return a.owner == sessionOwner(sid) })
	return live
}

func createToken(c *call) (answer, error) {
	c.sweep()
	token := c.newID()
	c.tokens[token] = time.Now().Add(tokenLife)
	return answer{"PxgRetVal": token}, nil
}

// useSession says whether the session lives, and counts this as a use of it.
func (s *Server) useSession(id string) bool {
	live := s.sessions[id]
	if live == nil {
		return false
	}
	if live.gate != nil && live.gate.closed {
		s.dropLogin(id, nil)
		return false
	}
	if s.opts.SessionIdle > 0 && time.Since(live.used) > s.opts.SessionIdle {
		s.dropLogin(id, nil)
		return false
	}
	live.used = time.Now()
	return true
}

// EndSessions ends every session and every login of a connection, as a restart of the server does; connections stay.
func (s *Server) EndSessions() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.advance()
	s.endSessions()
}

func (s *Server) endSessions() {
	clear(s.sessions)
	clear(s.results)
	clear(s.actions)
	clear(s.listeners)
	clear(s.gatewayKeys)
	for owner := range s.gates {
		s.closeGates(owner)
	}
	s.generation++
}
