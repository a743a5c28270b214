package ksctest

import (
	"strconv"
	"time"
)

// taskStatusMethods tell how console tasks of groups and global ones stand. The layout of GetTaskStatistics2, which came with
// KSC 15, is not documented: that it is the one of GetTaskStatistics is judgement, not confirmed against a live KSC.
func taskStatusMethods() map[string]method {
	task := arg{"strTask", kindText, must}
	id := arg{"strHostIteratorId", kindText, must}
	fields := arg{"pFields2Return", kindNames, has}
	mask, life := arg{"nHostStateMask", kindInt, must}, arg{"nLifetime", kindInt, must}
	return map[string]method{ // KSCAPI a00813, a00622
		"Tasks.GetTaskStatistics":                {[]arg{task}, getTaskStatistics},
		"Tasks.GetTaskStatistics2":               {[]arg{task}, getTaskStatistics},
		"Tasks.ResetHostIteratorForTaskStatus":   {[]arg{task, fields, mask, life}, resetHostIterator},
		"Tasks.ResetHostIteratorForTaskStatusEx": {[]arg{task, fields, {"pFields2Order", kindArray, has}, mask, life}, resetHostIterator},
		"Tasks.GetHostStatusRecordsCount":        {[]arg{id}, countSet(setHostStatus, "strHostIteratorId")},
		"Tasks.GetHostStatusRecordRange":         {append([]arg{id}, rangeArgs()...), getHostStatusRecordRange},
		"Tasks.GetNextHostStatus":                {[]arg{id, {"nCount", kindInt, must}}, getNextHostStatus},
		"Tasks.ReleaseHostStatusIterator":        {[]arg{id}, releaseSet(setHostStatus, "strHostIteratorId")},
	}
}

// state is the console task's, where one of State that says none is completed.
func (t *consoleTask) state() int64 {
	if t.State == 0 {
		return stateCompleted
	}
	return t.State
}

// percent of the work done; that a running one is at half, and a failed one at its end, is judgement.
func (t *consoleTask) percent() int64 {
	switch t.state() {
	case stateCompleted, stateWarning, stateFailed:
		return 100
	case stateRunning:
		return 50
	}
	return 0
}

// reason is there for a failure and a warning only (KSCAPI a00182).
func (t *consoleTask) reason() string {
	return reasonOf(t.state())
}

func reasonOf(state int64) string {
	switch state {
	case stateWarning:
		return "The object will be processed after a restart"
	case stateFailed:
		return "The object was not found"
	}
	return ""
}

// getTaskStatistics counts hosts by state (KSCAPI a00181): these console tasks have one.
func getTaskStatistics(c *call) (answer, error) {
	t, err := c.task("strTask")
	if err != nil {
		return nil, err
	}
	out := row{"GNRL_COMPLETED_PERCENT": t.percent(), "KLTSK_NEED_RBT_CNT": 0}
	for bit := int64(statePending); bit <= statePaused; bit <<= 1 {
		n := 0
		if bit == t.state() {
			n = 1
		}
		out[strconv.FormatInt(bit, 10)] = n
	}
	return answer{"PxgRetVal": out}, nil
}

// hostStatus has the attributes of KSCAPI a00182.
func (s *Server) hostStatus(t *consoleTask) row {
	r := row{"hostname": t.Host, "state_code": t.state(), "state_descr": t.reason(), "completed_percent": t.percent(), "try_count": 1}
	if host, err := s.host(t.Host); err == nil {
		r["hostdn"] = host["KLHST_WKS_DN"]
	}
	now := s.now()
	for name, at := range map[string]time.Time{"start_time": t.started(now), "finish_time": t.finished(now)} {
		if !at.IsZero() {
			r[name] = wrapTime(at)
		}
	}
	return r
}

func resetHostIterator(c *call) (answer, error) {
	t, err := c.task("strTask")
	if err != nil {
		return nil, err
	}
	order, err := c.order("pFields2Order", nil)
	if err != nil {
		return nil, err
	}
	life, err := c.lifeOf("nLifetime")
	if err != nil {
		return nil, err
	}
	var rows []row
	if c.number("nHostStateMask")&t.state() != 0 {
		rows = append(rows, c.hostStatus(t))
	}
	found, err := search(rows, nil, order, c.names("pFields2Return"))
	if err != nil {
		return nil, err
	}
	return answer{"strHostIteratorId": c.keepAs(setHostStatus, found, life)}, nil
}

func getHostStatusRecordRange(c *call) (answer, error) {
	set, err := c.set(setHostStatus, "strHostIteratorId")
	if err != nil {
		return nil, err
	}
	items, err := c.slice(set)
	if err != nil {
		return nil, err
	}
	return answer{"PxgRetVal": len(items), "pParHostStatus": row{"statuses": items}}, nil
}

// getNextHostStatus: that pHostStatus has the layout of pParHostStatus is not confirmed.
func getNextHostStatus(c *call) (answer, error) {
	set, err := c.set(setHostStatus, "strHostIteratorId")
	if err != nil {
		return nil, err
	}
	items := []any{}
	for range min(c.number("nCount"), int64(len(set.rows)-set.next)) {
		items = append(items, wrap("params", set.step()))
	}
	return answer{"PxgRetVal": len(items), "nActual": len(items), "pHostStatus": row{"statuses": items}}, nil
}
