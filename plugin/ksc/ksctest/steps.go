package ksctest

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"
)

// readArgument reads one argument of a step, and refuses what could never be carried out.
func (s *Server) readArgument(st *step, given map[string]json.RawMessage, name string) (err error) {
	switch name {
	case "host":
		if err = take(given, name, &st.host); err == nil {
			if _, unknown := s.host(st.host); unknown != nil {
				err = fmt.Errorf("there is no host %q", st.host)
			}
		}
	case "methods":
		if err = take(given, name, &st.methods); err == nil {
			err = s.checkMethods(st.methods)
		}
	case "incident":
		err = take(given, name, &st.of)
	case "state":
		if err = take(given, name, &st.state); err == nil && !isState(st.state) {
			err = fmt.Errorf("state %d is none of a console task", st.state)
		}
	case "id":
		err = take(given, name, &st.id)
	case "count":
		if err = take(given, name, &st.count); err == nil && st.count < 1 {
			err = fmt.Errorf("count %d is not above 0", st.count)
		}
	case "tasks":
		if err = takeObject(given, name, &st.tasks, "delay", "outcome", "limit", "kind", "after", "oddities", "findings"); err == nil {
			_, err = st.tasks.apply(s.course)
		}
	case "task":
		known := []string{"DisplayName", "KLHST_WKS_HOSTNAME", "TASK_NAME", "kind", "state_code", "incident"}
		if err = takeObject(given, name, &st.put, known...); err == nil {
			err = st.put.canBePut()
		}
	case "knobs":
		st.mischief, err = s.takeMischief(given, name)
	}
	return err
}

func (s *Server) takeMischief(given map[string]json.RawMessage, name string) ([]rule, error) {
	var text string
	if err := take(given, name, &text); err != nil || text == "" {
		return nil, err
	}
	knobs, err := ParseMischief(text)
	if err != nil {
		return nil, err
	}
	return s.rules(knobs)
}

func isState(n int64) bool { return n >= statePending && n <= statePaused && n&(n-1) == 0 }

// canBePut refuses what a console task cannot be.
func (t *ConsoleTask) canBePut() error {
	switch {
	case t.Name == "" || t.Host == "":
		return errors.New("task: DisplayName and KLHST_WKS_HOSTNAME are needed")
	case t.Kind != "" && t.Kind != kindGroup && t.Kind != kindGlobal && t.Kind != kindLocal:
		return fmt.Errorf("task: there is no kind %q", t.Kind)
	case t.State != 0 && !isState(t.State):
		return fmt.Errorf("task: state_code %d is none of a console task", t.State)
	}
	return nil
}

// play carries out the steps that are due by now, in the order of their times and, at one time, of the document. Each finds
// the server as it would have been at its time.
func (s *Server) play(now time.Time) {
	for {
		next := -1
		for i, st := range s.steps {
			if !st.due.IsZero() && !st.due.After(now) && (next < 0 || st.due.Before(s.steps[next].due)) {
				next = i
			}
		}
		if next < 0 {
			return
		}
		st := s.steps[next]
		s.steps = slices.Delete(s.steps, next, next+1)
		s.settle(st.due)
		s.perform(st)
	}
}

// stored counts an incident, and sets the time of the steps that wait for it. They come with the next call at the earliest.
func (s *Server) stored() {
	s.storings++
	for _, st := range s.steps {
		if st.incident == s.storings {
			st.due = s.now().Add(st.after)
		}
	}
}

// perform does what a step says. What it names and is not there by then is passed over.
func (s *Server) perform(st *step) {
	switch st.do {
	case doConsoleOff, doConsoleOn:
		s.setConsole(st.do == doConsoleOn)
	case doHostAway, doHostBack:
		s.setAlive(st.host, st.do == doHostBack, st.due) //nolint:errcheck // the host was there when the step was read
	case doDeny, doAllow:
		s.rights = append(s.rights, right{st.methods, st.do == doAllow})
	case doForge:
		s.forgeFor(st)
	case doDeleteTask:
		s.deleteByHand(st.id)
	case doRotate:
		s.rotate(max(0, s.responses()-st.count))
	case doSetTasks:
		if o, err := st.tasks.apply(s.course); err == nil {
			s.course = o
		}
	case doPutTask:
		s.put(st.put, st.due)
	case doEndSessions:
		s.endSessions()
	case doMischief:
		s.mischief = st.mischief
	}
}

func (s *Server) forgeFor(st *step) {
	id := st.of
	if id == 0 {
		id = s.lastID
	}
	n := s.incidents[id]
	if n == nil {
		return
	}
	if r, ok := readResponse(n.Body); ok {
		s.forge(n, r, st.state, st.due, s.course)
	}
}

// deleteByHand takes the console task with the id away, or without one the newest of a response.
func (s *Server) deleteByHand(id string) {
	for i, t := range slices.Backward(s.tasks) {
		if t.ID == id || id == "" && t.isResponse() {
			s.tasks = slices.Delete(s.tasks, i, i+1)
			return
		}
	}
}

func (s *Server) responses() (n int) {
	for _, t := range s.tasks {
		if t.isResponse() {
			n++
		}
	}
	return n
}
