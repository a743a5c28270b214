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
	born     time.Time // its age counts from here; zero where State tells none
	course   []moment  // by rising time; empty for one of State or put by hand
	delay    time.Duration
	outcome  int64 // the state of its end; 0 has none
	findings int
	stuck    bool // no host takes it
}

// pendingTask is an incident that the console has still to act on, as it was told to when it learned of it.
type pendingTask struct {
	incident int64
	due      time.Time
	delay    time.Duration
	options  TaskOptions
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
	s.advance() // what is older comes first
	o := s.course
	if s.consoleOff || call != o.After || s.woken[n.ID] {
		return
	}
	r, ok := readResponse(n.Body)
	if !ok {
		return
	}
	s.woken[n.ID] = true
	now := s.now()
	if o.odd(oddForged) {
		s.forge(n, r, stateCompleted, now, o)
	}
	p := pendingTask{incident: n.ID, delay: o.delayOf(n.ID, n.Host), options: o}
	p.due = now.Add(p.delay)
	i, _ := slices.BinarySearchFunc(s.pending, p.due.Add(1), func(q pendingTask, due time.Time) int { return q.due.Compare(due) })
	s.pending = slices.Insert(s.pending, i, p) // behind those due at the same time
}

// forge makes a console task of the right name that is not the console's own, and is where it is at once.
func (s *Server) forge(n *Incident, r response, end int64, now time.Time, o TaskOptions) {
	t := &consoleTask{
		ConsoleTask: s.describe(n, r, now, true, o), born: now,
	}
	switch end {
	case statePending, stateScheduled:
	case stateRunning:
		t.course = []moment{{at: now, state: stateScheduled}}
	default:
		t.course = []moment{{at: now, state: stateScheduled}, {at: now, state: stateRunning}}
	}
	t.course = append(t.course, moment{at: now, state: end})
	t.settle(now)
	s.tasks = append(s.tasks, t)
	s.rotate(s.course.Limit)
}

// advance brings the server to the present. Every call comes through here first, and so does whoever looks by another way.
func (s *Server) advance() {
	now := s.now()
	s.play(now)
	s.settle(now)
}

// settle makes what is due by a time and moves what was made.
func (s *Server) settle(now time.Time) {
	for len(s.pending) > 0 && !s.pending[0].due.After(now) {
		s.make(s.pending[0])
		s.pending = s.pending[1:]
	}
	s.tasks = slices.DeleteFunc(s.tasks, func(t *consoleTask) bool {
		return t.isResponse() && !t.born.IsZero() && !now.Before(t.born.Add(taskLife))
	})
	for _, t := range s.tasks {
		t.settle(now)
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
	o := p.options
	n.Handled = n.Handled || o.odd(oddHandled)
	t := &consoleTask{ConsoleTask: s.describe(n, r, p.due, false, o), born: p.due, delay: p.delay, outcome: o.end(), stuck: o.odd(oddOffline)}
	if finds(t.Type) {
		t.findings = o.Findings
	}
	if s.away(n.Host) || t.stuck {
		t.course = []moment{{at: p.due, state: statePending}}
	} else {
		t.proceed(p.due)
	}
	t.settle(p.due)
	s.tasks = append(s.tasks, t)
	s.rotate(s.course.Limit)
}

// taskLife is how long a response's console task is kept, finished or not (KUMA page 300229).
const taskLife = 30 * 24 * time.Hour

func (t *consoleTask) isResponse() bool {
	return strings.HasPrefix(strings.ToLower(t.Name), "[response]")
}

// rotate keeps the newest responses. Console tasks of other names are not counted.
func (s *Server) rotate(limit int) {
	count := 0
	for i := len(s.tasks) - 1; i >= 0; i-- {
		if !s.tasks[i].isResponse() {
			continue
		}
		if count++; count > limit {
			s.tasks = slices.Delete(s.tasks, i, i+1)
		}
	}
}

// agentAlive is the bit of KLHST_WKS_STATUS of an Agent that answers.
const agentAlive = 8

// away: a host whose Agent is not alive (bit 8 of KLHST_WKS_STATUS, KSCAPI a00275) takes no console task.
func (s *Server) away(id string) bool {
	host, err := s.host(id)
	if err != nil {
		return true
	}
	status, _ := integer(host["KLHST_WKS_STATUS"])
	return status&agentAlive == 0
}

func (s *Server) describe(n *Incident, r response, at time.Time, forged bool, o TaskOptions) ConsoleTask {
	s.lastTask++
	t := ConsoleTask{
		ID: strconv.FormatInt(s.lastTask, 10), Host: n.Host, Type: r.Task, Kind: o.Kind,
		Created: at.Format(timeForm), Incident: n.ID, Forged: forged,
	}
	t.Name = o.name(r, t, at)
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
	return s.put(t, s.now())
}

func (s *Server) put(t ConsoleTask, now time.Time) string {
	s.lastTask++
	t.ID, t.Created, t.Forged = strconv.FormatInt(s.lastTask, 10), now.Format(timeForm), true
	s.tasks = append(s.tasks, &consoleTask{ConsoleTask: t, born: now})
	s.rotate(s.course.Limit)
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
