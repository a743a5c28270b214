package ksctest

import (
	"strconv"
	"time"
)

// eventMethods give the history of console tasks and the events of all (KSCAPI a00783, a00134).
func eventMethods() map[string]method {
	id := arg{"strIteratorId", kindText, must}
	search := []arg{
		{"pFilter", kindParams, has},
		{"vecFieldsToReturn", kindNames, has},
		{"vecFieldsToOrder", kindArray, has},
		{"lifetimeSec", kindInt, must},
	}
	host := []arg{{"strHostName", kindText, must}, {"strProduct", kindText, has}, {"strVersion", kindText, has}}
	return map[string]method{
		"Tasks.GetTaskHistory": {[]arg{
			{"strTask", kindText, must},
			{"pFields2Return", kindNames, has},
			{"pSortFields", kindArray, has},
			{"strHostName", kindText, has},
			{"pFilter", kindParams, has},
		}, getTaskHistory},
		"EventProcessingFactory.CreateEventProcessing2":        {search, createEventProcessing},
		"EventProcessingFactory.CreateEventProcessingForHost2": {append(host, search...), createEventProcessing},
		"EventProcessing.GetRecordCount":                       {[]arg{id}, countSet(setEvents, "strIteratorId")},
		"EventProcessing.GetRecordRange":                       {append([]arg{id}, rangeArgs()...), getEventRange},
		"EventProcessing.ReleaseIterator":                      {[]arg{id}, releaseSet(setEvents, "strIteratorId")},
	}
}

const (
	eventState = "KLPRCI_TaskState"         // 1 running, 2 suspended, 3 failed, 4 completed, and 0 created of one host's own
	eventSync  = "KLEVP_GroupTaskSyncState" // 1 modified, 32 scheduled
	// longestEventName is where an event cuts a console task's name, in characters (KSCAPI a00134).
	longestEventName = 100
	longestEventText = 1000
	// eventsOfTask keeps the numbers of one console task's events apart from those of the next.
	eventsOfTask = 1000
)

// newState is where a console task stands in the numbers of task_new_state (KSCAPI a00301, a00029). A warning has none of
// its own there and counts as completed, which is not confirmed.
func (t *consoleTask) newState() int64 {
	switch t.state() {
	case stateRunning:
		return 1
	case statePaused:
		return 2
	case stateFailed:
		return 3
	case stateCompleted, stateWarning:
		return 4
	case stateScheduled:
		if t.Kind != kindLocal {
			return 32
		}
	}
	return 0
}

// events are what has happened to a console task so far. One of State without a course has none.
func (s *Server) events(t *consoleTask) (out []row) {
	now := s.now()
	for _, m := range t.course {
		if m.at.After(now) {
			break
		}
		if m.state == statePending || m.state == stateScheduled {
			if t.Kind == kindLocal && len(out) > 0 {
				continue // created once
			}
		}
		r := s.event(t, m)
		n, _ := strconv.ParseInt(t.ID, 10, 64)
		n = n*eventsOfTask + int64(len(out))
		r["event_id"], r["event_db_id"] = n, wrap("long", n)
		out = append(out, r)
	}
	return out
}

// event is one moment of a console task in the attributes of KSCAPI a00134.
func (s *Server) event(t *consoleTask, m moment) row {
	r := row{
		"hostname": t.Host, "product_name": taskProduct, "product_version": s.taskVersion(t.Host),
		"task_display_name": firstRunes(t.Name, longestEventName), "rise_time": wrapTime(m.at), "registration_time": wrapTime(m.at),
	}
	if host, err := s.host(t.Host); err == nil {
		r["hostdn"] = host["KLHST_WKS_DN"]
	}
	if m.finding > 0 {
		found(r, t, m.finding)
		return r
	}
	kind, severity, text := eventState, 1, ""
	at := consoleTask{ConsoleTask: ConsoleTask{Kind: t.Kind, State: m.state}}
	state := at.newState()
	if t.Kind != kindLocal && (m.state == statePending || m.state == stateScheduled) {
		kind = eventSync
		if m.state == statePending {
			state = 1 // "modified" is written as 1 there
		}
	}
	if reason := reasonOf(m.state); reason != "" {
		severity, text = 3, ": "+reason
	}
	r["event_type"], r["event_type_display_name"], r["task_new_state"] = kind, "Task state changed", state
	r["GNRL_EA_SEVERITY"], r["GNRL_EA_DESCRIPTION"] = severity, firstRunes(t.Name+text, longestEventText)
	return r
}

func getTaskHistory(c *call) (answer, error) {
	t, err := c.task("strTask")
	if err != nil {
		return nil, err
	}
	var rows []row
	if host := c.text("strHostName"); host == "" || host == t.Host {
		rows = c.events(t)
	}
	return c.keepEvents(rows, "pSortFields", "pFields2Return", longestLife)
}

// createEventProcessing knows the events of console tasks only.
func createEventProcessing(c *call) (answer, error) {
	c.advance()
	life, err := c.lifeOf("lifetimeSec")
	if err != nil {
		return nil, err
	}
	var rows []row
	for _, t := range c.tasks {
		if host := c.text("strHostName"); host != "" && host != t.Host {
			continue
		}
		for _, r := range c.events(t) {
			product, version := c.text("strProduct"), c.text("strVersion")
			if (product == "" || product == r["product_name"]) && (version == "" || version == r["product_version"]) {
				rows = append(rows, r)
			}
		}
	}
	return c.keepEvents(rows, "vecFieldsToOrder", "vecFieldsToReturn", life)
}

// keepEvents applies pFilter: a filter string, a number of days, and any attribute with the value that it must have.
func (c *call) keepEvents(rows []row, order, fields string, life int64) (answer, error) {
	var filter *node
	var kept []row
	given, _ := c.args["pFilter"].(row)
	since := time.Time{}
	for name, v := range given {
		_, bare := unwrap(v)
		var err error
		switch name {
		case "KLEVP_RFC2254_FILTER":
			text, _ := bare.(string)
			filter, err = parseFilter(text, c.now())
		case "KLEVP_EVENT_RISE_TIME_LAST_DAYS":
			days, ok := int32Value(bare)
			if !ok {
				err = badFormat("%s is no number", name)
			}
			since = c.now().AddDate(0, 0, -int(days))
		}
		if err != nil {
			return nil, err
		}
	}
	for _, r := range rows {
		if rise, _ := parseTime(r["rise_time"].(row)["value"].(string)); !rise.Before(since.Truncate(time.Second)) && hasAll(r, given) {
			kept = append(kept, r)
		}
	}
	sorted, err := c.order(order, nil)
	if err != nil {
		return nil, err
	}
	found, err := search(kept, filter, sorted, c.names(fields))
	if err != nil {
		return nil, err
	}
	return answer{"strIteratorId": c.keepAs(setEvents, found, life)}, nil
}

func hasAll(r, wanted row) bool {
	for name, v := range wanted {
		if name != "KLEVP_RFC2254_FILTER" && name != "KLEVP_EVENT_RISE_TIME_LAST_DAYS" && compareValues(r[name], v) != 0 {
			return false
		}
	}
	return true
}

func getEventRange(c *call) (answer, error) {
	set, err := c.set(setEvents, "strIteratorId")
	if err != nil {
		return nil, err
	}
	items, err := c.slice(set)
	if err != nil {
		return nil, err
	}
	return answer{"pParamsEvents": row{"KLEVP_EVENT_RANGE_ARRAY": items}}, nil
}
