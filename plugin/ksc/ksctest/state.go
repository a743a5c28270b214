package ksctest

import (
	"fmt"
	"maps"
	"math"
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
		if n.ID <= 0 || n.ID > math.MaxInt32 || s.incidents[n.ID] != nil {
			return fmt.Errorf("state: incident id %d is outside 1 to %d or there twice", n.ID, math.MaxInt32)
		}
		if _, ok := parseTime(n.Added); !ok || n.Host == "" || n.Severity < 1 || n.Severity > 3 {
			return fmt.Errorf("state: incident %d needs a host, a severity from 1 to 3 and a date like %s", n.ID, timeForm)
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
