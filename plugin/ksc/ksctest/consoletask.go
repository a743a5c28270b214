package ksctest

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// ConsoleTask is the object that a console makes of an incident, or that somebody made by hand.
type ConsoleTask struct {
	ID       string `json:"TASK_UNIQUE_ID"`
	Name     string `json:"DisplayName"`
	Host     string `json:"KLHST_WKS_HOSTNAME"`
	Type     string `json:"TASK_NAME,omitempty"` // the response's own name, which is judgement
	Kind     string `json:"kind,omitempty"`      // group, global or local; group when empty
	Created  string `json:"PRTS_TASK_CREATION_DATE,omitempty"`
	State    int64  `json:"state_code,omitempty"` // 1 pending, 2 running, 4 completed, 8 warning, 16 failed, 32 scheduled; 0 counts as 4
	Incident int64  `json:"incident,omitempty"`   // that it was made of; KSC tells no client
	Forged   bool   `json:"forged,omitempty"`     // by a console user, not by the console; KSC tells no client
}

// The states of a console task on a host, as the bits of a mask (KSCAPI a00181).
const (
	statePending   = 1
	stateRunning   = 2
	stateCompleted = 4
	stateWarning   = 8
	stateFailed    = 16
	stateScheduled = 32
	statePaused    = 64
)

// consoleTask is one with its course. Nothing runs: where it stands is worked out when somebody looks.
type consoleTask struct {
	ConsoleTask
	born                       time.Time // its age counts from here; zero where State tells none
	created, started, finished time.Time // zero: not in its future either
	outcome                    int64
}

// pendingTask is an incident that the console has still to act on.
type pendingTask struct {
	incident int64
	due      time.Time
}

// response is the document in an incident's body.
type response struct {
	Task     string `json:"task"`
	Response bool   `json:"responseEventIncident"`
	Area     string `json:"responseEventIncidentArea"`
}

func readResponse(body string) (r response, ok bool) {
	err := json.Unmarshal([]byte(body), &r)
	return r, err == nil && r.Response && r.Task != ""
}

// awaken tells the console, if there is one, of an incident, once.
func (s *Server) awaken(call string, n *Incident) {
	if s.opts.ConsoleOff || call != s.opts.Tasks.After || s.woken[n.ID] {
		return
	}
	r, ok := readResponse(n.Body)
	if !ok {
		return
	}
	s.woken[n.ID] = true
	s.advance() // what is older comes first
	now := s.now()
	if s.opts.Tasks.odd(oddForged) {
		s.tasks = append(s.tasks, &consoleTask{
			ConsoleTask: s.describe(n, r, now, true), born: now, created: now, started: now, finished: now, outcome: stateCompleted,
		})
		s.rotate()
	}
	s.pending = append(s.pending, pendingTask{n.ID, now.Add(s.opts.Tasks.Delay)})
}

// advance makes what is due and moves what was made. Whoever reads console tasks calls it first.
func (s *Server) advance() {
	now := s.now()
	for len(s.pending) > 0 && !s.pending[0].due.After(now) {
		s.make(s.pending[0])
		s.pending = s.pending[1:]
	}
	s.tasks = slices.DeleteFunc(s.tasks, func(t *consoleTask) bool {
		return t.isResponse() && !t.born.IsZero() && !now.Before(t.born.Add(taskLife))
	})
	for _, t := range s.tasks {
		if t.created.IsZero() {
			continue // of State: it stands where it stood
		}
		switch {
		case !t.finished.IsZero() && !t.finished.After(now):
			t.State = t.outcome
		case !t.started.IsZero() && !t.started.After(now):
			t.State = stateRunning
		}
	}
}

// make turns an incident into its console task; of one deleted in the meantime nothing is made, which is judgement.
func (s *Server) make(p pendingTask) {
	n := s.incidents[p.incident]
	if n == nil {
		return
	}
	r, ok := readResponse(n.Body)
	if !ok {
		return
	}
	o := s.opts.Tasks
	n.Handled = n.Handled || o.odd(oddHandled)
	t := &consoleTask{ConsoleTask: s.describe(n, r, p.due, false), born: p.due, created: p.due}
	if s.away(n.Host) {
		t.State = statePending
	} else {
		t.State, t.started = stateScheduled, p.due.Add(o.Delay)
		t.outcome = map[string]int64{outcomeOK: stateCompleted, outcomeWarning: stateWarning, outcomeFail: stateFailed}[o.Outcome]
		if o.Outcome != outcomeNever {
			t.finished = t.started.Add(o.Delay)
		}
	}
	s.tasks = append(s.tasks, t)
	s.rotate()
}

// taskLife is how long a response's console task is kept, finished or not (KUMA page 300229).
const taskLife = 30 * 24 * time.Hour

func (t *consoleTask) isResponse() bool {
	return strings.HasPrefix(strings.ToLower(t.Name), "[response]")
}

// rotate keeps the newest responses. Console tasks of other names are not counted.
func (s *Server) rotate() {
	count := 0
	for i := len(s.tasks) - 1; i >= 0; i-- {
		if !s.tasks[i].isResponse() {
			continue
		}
		if count++; count > s.opts.Tasks.Limit {
			s.tasks = slices.Delete(s.tasks, i, i+1)
		}
	}
}

// away: a host whose Agent is not alive (bit 8 of KLHST_WKS_STATUS, KSCAPI a00275) takes no console task.
func (s *Server) away(id string) bool {
	host, err := s.host(id)
	if err != nil || s.opts.Tasks.odd(oddOffline) {
		return true
	}
	status, _ := integer(host["KLHST_WKS_STATUS"])
	return status&8 == 0
}

func (s *Server) describe(n *Incident, r response, at time.Time, forged bool) ConsoleTask {
	s.lastTask++
	t := ConsoleTask{
		ID: strconv.FormatInt(s.lastTask, 10), Host: n.Host, Type: r.Task, Kind: s.opts.Tasks.Kind,
		Created: at.Format(timeForm), Incident: n.ID, Forged: forged,
	}
	t.Name = s.opts.Tasks.name(r, t, at)
	return t
}

// loadTasks takes the console tasks of a state over: they stand where they stood.
func (s *Server) loadTasks(tasks []ConsoleTask) error {
	seen := map[string]bool{}
	for _, t := range tasks {
		id, err := strconv.ParseInt(t.ID, 10, 64)
		if err != nil || id <= 0 || seen[t.ID] {
			return fmt.Errorf("state: console task id %q is no number above 0 or there twice", t.ID)
		}
		born, ok := parseTime(t.Created)
		if !ok && t.Created != "" {
			return fmt.Errorf("state: console task %s needs a date like %s, or none", t.ID, timeForm)
		}
		if t.Kind != "" && t.Kind != kindGroup && t.Kind != kindGlobal && t.Kind != kindLocal {
			return fmt.Errorf("state: console task %s is of no kind %q", t.ID, t.Kind)
		}
		seen[t.ID], s.woken[t.Incident] = true, true
		s.lastTask = max(s.lastTask, id)
		s.tasks = append(s.tasks, &consoleTask{ConsoleTask: t, born: born})
	}
	return nil
}

// PutConsoleTask adds one as a console user would, now, and gives its id: the next free one, whatever t says. It stays in the
// state that t says.
func (s *Server) PutConsoleTask(t ConsoleTask) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.advance()
	now := s.now()
	s.lastTask++
	t.ID, t.Created, t.Forged = strconv.FormatInt(s.lastTask, 10), now.Format(timeForm), true
	s.tasks = append(s.tasks, &consoleTask{ConsoleTask: t, born: now})
	s.rotate()
	return t.ID
}

// consoleTasks are copies, by age.
func (s *Server) consoleTasks() []ConsoleTask {
	s.advance()
	out := []ConsoleTask{}
	for _, t := range s.tasks {
		out = append(out, t.ConsoleTask)
	}
	return out
}
