package ksctest

import (
	"maps"
	"time"
)

// SetTasks replaces what becomes of the incidents that the console learns of from now on; those that it knows of keep
// what they had. The limit alone is that of all console tasks, and holds from the next one that is made.
func (s *Server) SetTasks(o TaskOptions) error {
	if err := o.check(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.advance()
	s.course = o
	return nil
}

// SetConsole connects a service console or takes it away. One that goes forgets the incidents of which it has still to make
// console tasks, and one that comes learns of none from before, unless the call that it waits for comes again. Both are
// judgement. What was made goes on either way.
func (s *Server) SetConsole(on bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.advance()
	s.setConsole(on)
}

func (s *Server) setConsole(on bool) {
	s.consoleOff = !on
	if on {
		return
	}
	for _, p := range s.pending {
		delete(s.woken, p.incident)
	}
	s.pending = nil
}

// SetHostAlive switches a host on or off, as bit 8 of KLHST_WKS_STATUS tells (KSCAPI a00275). Console tasks of a host that
// goes stay where they are, and what was not running waits; when it comes back they go on from there, each step taking its
// delay. All this is judgement. An error is a host that the inventory does not have.
func (s *Server) SetHostAlive(id string, alive bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.advance()
	return s.setAlive(id, alive, s.now())
}

func (s *Server) setAlive(id string, alive bool, now time.Time) error {
	old, err := s.host(id)
	if err != nil {
		return err
	}
	status, _ := integer(old["KLHST_WKS_STATUS"])
	if was := status&agentAlive != 0; was == alive {
		return nil
	}
	host := maps.Clone(old) // for result sets may hold the old one
	host["KLHST_WKS_STATUS"] = status ^ agentAlive
	if alive {
		host["KLHST_WKS_LAST_VISIBLE"], host["KLHST_WKS_LAST_NAGENT_CONNECTED"] = wrapTime(now), wrapTime(now)
	}
	s.putHost(host)
	for _, t := range s.tasks {
		switch {
		case t.Host != id || len(t.course) == 0 || t.ended():
		case !alive:
			t.halt(now)
		case !t.stuck:
			t.proceed(now)
			t.settle(now)
		}
	}
	return nil
}

// putHost puts a host in the place of the one with its id. Without an inventory it is then one of those that stand out.
func (s *Server) putHost(host row) {
	for i, r := range s.hosts {
		if r["KLHST_WKS_HOSTNAME"] == host["KLHST_WKS_HOSTNAME"] {
			s.hosts[i] = host
			return
		}
	}
	s.hosts = append(s.hosts, host)
}
