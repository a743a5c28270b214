package ksctest

// hostTaskMethods find the console tasks of one host alone, and read the stored state of all hosts' (KSCAPI a00523, a00330).
func hostTaskMethods() map[string]method {
	object := arg{"strSrvObjId", kindText, must}
	view := arg{"wstrIteratorId", kindText, must}
	return map[string]method{
		"HostGroup.GetHostTasks":       {[]arg{{"strHostName", kindText, must}}, getHostTasks},
		"HostTasks.ResetTasksIterator": {append([]arg{object}, taskFilterArgs()...), resetHostTasks},
		"HostTasks.GetNextTask":        {[]arg{object}, getNextHostTask},
		"HostTasks.GetTaskData":        {[]arg{object, {"strTask", kindText, must}}, getHostTaskData},
		"SrvView.ResetIterator": {[]arg{
			{"wstrViewName", kindText, must},
			{"wstrFilter", kindText, has},
			{"vecFieldsToReturn", kindNames, has},
			{"vecFieldsToOrder", kindArray, has},
			{"pParams", kindParams, has},
			{"lifetimeSec", kindInt, must},
		}, resetView},
		"SrvView.GetRecordCount":  {[]arg{view}, countSet(setView, "wstrIteratorId")},
		"SrvView.GetRecordRange":  {append([]arg{view}, rangeArgs()...), getViewRange},
		"SrvView.ReleaseIterator": {[]arg{view}, releaseSet(setView, "wstrIteratorId")},
	}
}

func getHostTasks(c *call) (answer, error) {
	host := c.text("strHostName")
	if _, err := c.host(host); err != nil {
		return nil, err
	}
	id := c.keepAs(setHostTasks, nil, longestLife)
	c.results[id].host = host
	return answer{"PxgRetVal": id}, nil
}

func (c *call) localTasks(host string) (out []*consoleTask) {
	c.advance()
	for _, t := range c.tasks {
		if t.Kind == kindLocal && (host == "" || t.Host == host) {
			out = append(out, t)
		}
	}
	return out
}

func resetHostTasks(c *call) (answer, error) {
	set, err := c.set(setHostTasks, "strSrvObjId")
	if err != nil {
		return nil, err
	}
	set.rows, set.next = nil, 0
	for _, t := range c.localTasks(set.host) {
		if data := c.taskData(t); c.fits(data) {
			set.rows = append(set.rows, data)
		}
	}
	return answer{}, nil
}

func getNextHostTask(c *call) (answer, error) {
	set, err := c.set(setHostTasks, "strSrvObjId")
	if err != nil {
		return nil, err
	}
	return answer{"pTaskData": set.step()}, nil
}

func getHostTaskData(c *call) (answer, error) {
	set, err := c.set(setHostTasks, "strSrvObjId")
	if err != nil {
		return nil, err
	}
	for _, t := range c.localTasks(set.host) {
		if t.ID == c.text("strTask") {
			return answer{"PxgRetVal": c.taskData(t)}, nil
		}
	}
	return nil, notFound("task " + c.text("strTask"))
}

// hostTaskView is the one server view here.
const hostTaskView = "HostTasksSrvView"

// resetView lists the console tasks of all single hosts: which pParams choose a host is not documented, and they are passed
// over. That nState has the numbers of KLPRCI_TaskState is not confirmed.
func resetView(c *call) (answer, error) {
	if c.text("wstrViewName") != hostTaskView {
		return nil, notFound("view " + c.text("wstrViewName"))
	}
	filter, err := parseFilter(c.text("wstrFilter"), c.now())
	if err != nil {
		return nil, err
	}
	order, err := c.order("vecFieldsToOrder", nil)
	if err != nil {
		return nil, err
	}
	life, err := c.lifeOf("lifetimeSec")
	if err != nil {
		return nil, err
	}
	var rows []row
	for _, t := range c.localTasks("") {
		rows = append(rows, c.viewRow(t))
	}
	found, err := search(rows, filter, order, c.names("vecFieldsToReturn"))
	if err != nil {
		return nil, err
	}
	return answer{"wstrIteratorId": c.keepAs(setView, found, life)}, nil
}

// viewRow has the columns of the view; the last two came with KSC 16 (KSCAPI a00330).
func (s *Server) viewRow(t *consoleTask) row {
	r := row{
		"strTask": t.ID, "TASK_NAME": t.Type, "txtDisplayName": t.Name, "TASKID_PRODUCT_NAME": taskProduct,
		"TASKID_VERSION": s.taskVersion(t.Host), "bCannotBeDeleted": false, "bSystem": false, "nState": t.newState(),
	}
	if s.major() < 16 {
		return r
	}
	if t.reason() != "" {
		r["taskStateDescr"] = t.reason()
	}
	if at := t.finished(s.now()); !at.IsZero() {
		r["taskCompletionTime"] = wrapTime(at)
	}
	return r
}

func getViewRange(c *call) (answer, error) {
	set, err := c.set(setView, "wstrIteratorId")
	if err != nil {
		return nil, err
	}
	items, err := c.slice(set)
	if err != nil {
		return nil, err
	}
	return answer{"pRecords": row{"KLCSP_ITERATOR_ARRAY": items}}, nil
}
