package ksctest

import (
	"fmt"
	"maps"
	"slices"
)

// State is what the server holds and a restart would keep.
type State struct {
	Incidents    []Incident    `json:"incidents"` // by rising id
	ConsoleTasks []ConsoleTask `json:"consoleTasks"`
}

// ConsoleTask is the object that a console makes of an incident. This build makes none; it keeps what State brought.
type ConsoleTask struct {
	ID   string `json:"TASK_UNIQUE_ID"`
	Name string `json:"DisplayName"`
	Host string `json:"KLHST_WKS_HOSTNAME"`
}

func (s *Server) loadState(st *State) error {
	if st == nil {
		return nil
	}
	for _, n := range st.Incidents {
		if n.ID <= 0 || s.incidents[n.ID] != nil {
			return fmt.Errorf("state: incident id %d is not positive or there twice", n.ID)
		}
		if _, ok := parseTime(n.Added); !ok || n.Host == "" {
			return fmt.Errorf("state: incident %d needs a host and a date like %s", n.ID, timeForm)
		}
		s.incidents[n.ID] = &n
		s.lastID = max(s.lastID, n.ID)
	}
	s.tasks = slices.Clone(st.ConsoleTasks)
	return nil
}

// State gives a copy of what the server holds now. Neither list is ever nil.
func (s *Server) State() State {
	s.mu.Lock()
	defer s.mu.Unlock()
	st := State{Incidents: []Incident{}, ConsoleTasks: append([]ConsoleTask{}, s.tasks...)}
	for _, id := range slices.Sorted(maps.Keys(s.incidents)) {
		st.Incidents = append(st.Incidents, *s.incidents[id])
	}
	return st
}

// Incidents are the stored incidents by rising id.
func (s *Server) Incidents() []Incident { return s.State().Incidents }
