package ksctest

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// What a step may do.
const (
	doConsoleOff  = "console-off"
	doConsoleOn   = "console-on"
	doHostAway    = "host-away"
	doHostBack    = "host-back"
	doDeny        = "deny"
	doAllow       = "allow"
	doForge       = "forge"
	doDeleteTask  = "delete-task"
	doRotate      = "rotate"
	doSetTasks    = "set-tasks"
	doPutTask     = "put-task"
	doEndSessions = "end-sessions"
	doMischief    = "mischief"
)

// StepKind is one thing that a step of a scenario may do. Names of arguments with a question mark may be left out.
type StepKind struct {
	Name string
	Args []string
	Does string
}

// StepKinds lists what a step of Options.Scenario may do.
func StepKinds() []StepKind {
	return []StepKind{
		{doConsoleOff, nil, "the service console goes, and forgets what it has still to make"},
		{doConsoleOn, nil, "a service console comes"},
		{doHostAway, []string{"host"}, "the host with this id is switched off, its console tasks stay where they are"},
		{doHostBack, []string{"host"}, "the host with this id is on again, and goes on with its console tasks"},
		{doDeny, []string{"methods"}, "a list of Class.Method or Class.* that the account has no right to"},
		{doAllow, []string{"methods"}, "the same list, with the right again"},
		{doForge, []string{"incident?", "state?"}, "a console user makes another console task of the right name for this incident id (the last), in this state (4)"},
		{doDeleteTask, []string{"id?"}, "somebody deletes the console task with this id (the newest response's)"},
		{doRotate, []string{"count?"}, "so many of the oldest responses' console tasks go (1)"},
		{doSetTasks, []string{"tasks"}, `what becomes of later incidents: {"delay","outcome","limit","kind","after","oddities","findings"}, absent ones stay`},
		{doPutTask, []string{"task"}, `a console user makes this one: {"DisplayName","KLHST_WKS_HOSTNAME","TASK_NAME","kind","state_code","incident"}`},
		{doEndSessions, nil, "every session and login ends"},
		{doMischief, []string{"knobs"}, `"name[@Class.Method][=probability],..." replaces all mischief, "" ends it`},
	}
}

// step is one step of a scenario, read and found possible.
type step struct {
	after     time.Duration
	incident  int // it follows the storing of so many incidents; 0 follows the start
	do        string
	host      string
	methods   []string
	of, state int64 // of forge
	id        string
	count     int
	tasks     taskChange
	put       ConsoleTask
	mischief  []rule
	due       time.Time // zero while its incident is not stored
}

// taskChange is the part of TaskOptions that a step names.
type taskChange struct {
	Delay    *string   `json:"delay"`
	Outcome  *string   `json:"outcome"`
	Limit    *int      `json:"limit"`
	Kind     *string   `json:"kind"`
	After    *string   `json:"after"`
	Oddities *[]string `json:"oddities"`
	Findings *int      `json:"findings"`
}

// apply gives the options with the change, where they can be.
func (c *taskChange) apply(o TaskOptions) (TaskOptions, error) {
	if c.Delay != nil {
		d, err := time.ParseDuration(*c.Delay)
		if err != nil || d <= 0 {
			return o, fmt.Errorf("delay %q is no duration above 0", *c.Delay)
		}
		o.Delay, o.DelayOf = d, nil
	}
	if c.Limit != nil {
		if *c.Limit <= 0 {
			return o, fmt.Errorf("limit %d is not above 0", *c.Limit)
		}
		o.Limit = *c.Limit
	}
	for _, word := range []struct{ from, to *string }{{c.Outcome, &o.Outcome}, {c.Kind, &o.Kind}, {c.After, &o.After}} {
		if word.from != nil {
			if *word.to = *word.from; *word.from == "" {
				return o, errors.New("outcome, kind and after cannot be empty")
			}
		}
	}
	if c.Oddities != nil {
		o.Oddities = *c.Oddities
	}
	if c.Findings != nil {
		o.Findings = *c.Findings
	}
	return o, o.check()
}

// loadScenario reads Options.Scenario; an error names the step by its number, from 1.
func (s *Server) loadScenario(text []byte) error {
	if text == nil {
		return nil
	}
	var list []json.RawMessage
	err := json.Unmarshal(text, &list)
	if err == nil && (list == nil || !utf8.Valid(text)) {
		err = errors.New("null, or no UTF-8")
	}
	if err != nil {
		return fmt.Errorf("scenario: a JSON list of steps is needed: %w", err)
	}
	for i, raw := range list {
		st, err := s.readStep(raw)
		if err != nil {
			return fmt.Errorf("scenario: step %d: %w", i+1, err)
		}
		if st.incident == 0 {
			st.due = s.now().Add(st.after)
		}
		s.steps = append(s.steps, st)
	}
	return nil
}

// readStep: every member is known, once there and no null, and what it names exists.
func (s *Server) readStep(raw []byte) (*step, error) {
	given, err := members(raw)
	if err != nil {
		return nil, err
	}
	st := &step{state: stateCompleted, count: 1}
	if err := take(given, "do", &st.do); err != nil {
		return nil, err
	}
	i := slices.IndexFunc(StepKinds(), func(k StepKind) bool { return k.Name == st.do })
	if i < 0 {
		return nil, fmt.Errorf("there is nothing to do called %q", st.do)
	}
	if err := st.readTime(given); err != nil {
		return nil, err
	}
	for _, name := range StepKinds()[i].Args {
		name, optional := strings.CutSuffix(name, "?")
		if _, there := given[name]; !there && optional {
			continue
		}
		if err := s.readArgument(st, given, name); err != nil {
			return nil, err
		}
	}
	for _, name := range slices.Sorted(maps.Keys(given)) {
		return nil, fmt.Errorf("%s takes no %q", st.do, name)
	}
	return st, nil
}

func (st *step) readTime(given map[string]json.RawMessage) error {
	_, first := given["after"]
	_, second := given["afterIncident"]
	if !first && !second {
		return errors.New("after or afterIncident is needed")
	}
	if first {
		var text string
		err := take(given, "after", &text)
		if err != nil {
			return err
		}
		if st.after, err = time.ParseDuration(text); err != nil || st.after < 0 {
			return fmt.Errorf("after %q is no duration of 0 or more, such as 10s", text)
		}
	}
	if second {
		if err := take(given, "afterIncident", &st.incident); err != nil {
			return err
		}
		if st.incident < 1 {
			return fmt.Errorf("afterIncident %d is not above 0", st.incident)
		}
	}
	return nil
}
