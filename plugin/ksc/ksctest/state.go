package ksctest

import (
	"fmt"
	"maps"
	"math"
	"slices"
)

// State is what the server holds and a restart would keep. Sessions and logins it would not.
type State struct {
	Incidents    []Incident    `json:"incidents"`    // by rising id
	ConsoleTasks []ConsoleTask `json:"consoleTasks"` // by age; what the console has still to make is lost at a restart, which is judgement
	// LastIncident is the highest id ever given, where its incident is deleted: no id is given twice, which is judgement.
	LastIncident int64 `json:"lastIncident,omitempty"`
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
	if st.LastIncident < 0 || st.LastIncident > math.MaxInt32 {
		return fmt.Errorf("state: the last incident's id %d is outside 0 to %d", st.LastIncident, math.MaxInt32)
	}
	s.lastID = max(s.lastID, st.LastIncident)
	return s.loadTasks(st.ConsoleTasks)
}

// State gives a copy of what the server holds now. Neither list is ever nil. After Close it holds every incident that was
// stored, whether or not its answer was still sent, and none of those that "store-late" had not stored yet.
func (s *Server) State() State {
	s.mu.Lock()
	defer s.mu.Unlock()
	st := State{Incidents: []Incident{}, ConsoleTasks: s.consoleTasks()} // which may handle an incident
	for _, id := range slices.Sorted(maps.Keys(s.incidents)) {
		st.Incidents = append(st.Incidents, *s.incidents[id])
	}
	if s.incidents[s.lastID] == nil {
		st.LastIncident = s.lastID
	}
	return st
}

// Incidents are the stored incidents by rising id.
func (s *Server) Incidents() []Incident { return s.State().Incidents }
