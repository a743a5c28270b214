package ksctest

import (
	"maps"
	"slices"
)

// taskMethods find console tasks of groups and global ones. Those of a single host are HostTasks' alone: to this class they
// are unknown, which is judgement.
func taskMethods() map[string]method {
	task := []arg{{"strTask", kindText, must}}
	iterator := []arg{{"strTaskIteratorId", kindText, must}}
	reset := append([]arg{{"nGroupId", kindInt, has}, {"bGroupIdSignificant", kindBool, must}}, taskFilterArgs()...)
	return map[string]method{ // KSCAPI a00813
		"Tasks.ResetTasksIterator":   {append(reset, arg{"bIncludeSupergroups", kindBool, has}), resetTasksIterator},
		"Tasks.GetNextTask":          {iterator, getNextTask},
		"Tasks.ReleaseTasksIterator": {iterator, releaseSet(setTasks, "strTaskIteratorId")},
		"Tasks.GetAllTasksOfHost":    {[]arg{{"strDomainName", kindText, has}, {"strHostName", kindText, must}}, getAllTasksOfHost},
		"Tasks.GetTask":              {task, getTask},
		"Tasks.GetTaskData":          {task, getTaskData},
		"Tasks.GetTaskGroup":         {[]arg{{"strTaskId", kindText, must}}, getTaskGroup},
		"Tasks.ResolveTaskId":        {[]arg{{"strPrtsTaskId", kindText, must}}, resolveTaskID},
		"Tasks.DeleteTask":           {task, deleteTask},
		"Tasks.RunTask":              {task, acceptTask},
		"Tasks.CancelTask":           {task, acceptTask},
		"Tasks.SuspendTask":          {task, acceptTask},
		"Tasks.ResumeTask":           {task, acceptTask},
	}
}

// taskFilterArgs are null or "" for "any". Component and instance of these console tasks are not known, so nothing is left
// out for them.
func taskFilterArgs() []arg {
	return []arg{
		{"strProductName", kindText, has},
		{"strVersion", kindText, has},
		{"strComponentName", kindText, has},
		{"strInstanceId", kindText, has},
		{"strTaskName", kindText, has},
	}
}

const taskProduct = "KES"

// taskVersion is the version of KES on the host, as far as the inventory knows it; of several the one that sorts last.
func (s *Server) taskVersion(host string) string {
	if kes, ok := s.products[host][taskProduct]; ok {
		_, versions := unwrap(kes)
		if m, ok := versions.(row); ok && len(m) > 0 {
			return slices.Max(slices.Collect(maps.Keys(m)))
		}
	}
	return "12.9.0.0"
}

// taskData is a console task as lists give it: the display name is one level down (KSCAPI a00120).
func (s *Server) taskData(t *consoleTask) row {
	info := row{"DisplayName": t.Name}
	r := row{
		"TASK_UNIQUE_ID": t.ID, "TASKID_PRODUCT_NAME": taskProduct, "TASKID_VERSION": s.taskVersion(t.Host),
		"TASK_NAME": t.Type, "TASK_INFO_PARAMS": wrap("params", info),
	}
	if t.Created != "" {
		info["PRTS_TASK_CREATION_DATE"] = wrap("datetime", t.Created)
	}
	return r
}

// fits applies strTaskName to the type name and not to the display name, which is judgement.
func (c *call) fits(data row) bool {
	for argument, attribute := range map[string]string{
		"strProductName": "TASKID_PRODUCT_NAME", "strVersion": "TASKID_VERSION", "strTaskName": "TASK_NAME",
	} {
		if want := c.text(argument); want != "" && want != data[attribute] {
			return false
		}
	}
	return true
}

func (s *Server) taskGroup(t *consoleTask) (int64, bool) {
	if t.Kind == kindGlobal {
		return 0, false
	}
	host, err := s.host(t.Host)
	if err != nil {
		return 0, true
	}
	group, _ := integer(host["KLHST_WKS_GROUPID"])
	return group, true
}

// resetTasksIterator: a significant group keeps global console tasks out, and of the groups above it the tree here knows
// only the root, 0. Both are judgement.
func resetTasksIterator(c *call) (answer, error) {
	c.advance()
	significant, _ := c.args["bGroupIdSignificant"].(bool)
	above, _ := c.args["bIncludeSupergroups"].(bool)
	var rows []row
	for _, t := range c.tasks {
		group, grouped := c.taskGroup(t)
		within := grouped && (group == c.number("nGroupId") || above && group == 0)
		data := c.taskData(t)
		if t.Kind != kindLocal && (!significant || within) && c.fits(data) {
			rows = append(rows, data)
		}
	}
	return answer{"strTaskIteratorId": c.keepAs(setTasks, rows, longestLife)}, nil
}

func getNextTask(c *call) (answer, error) {
	set, err := c.set(setTasks, "strTaskIteratorId")
	if err != nil {
		return nil, err
	}
	return answer{"pTaskData": set.step()}, nil
}

func getAllTasksOfHost(c *call) (answer, error) {
	c.advance()
	if _, err := c.host(c.text("strHostName")); err != nil {
		return nil, err
	}
	ids := []any{}
	for _, t := range c.tasks {
		if t.Host == c.text("strHostName") && t.Kind != kindLocal {
			ids = append(ids, t.ID)
		}
	}
	return answer{"PxgRetVal": ids}, nil
}

// task looks a console task up by the id in an argument.
func (c *call) task(argument string) (*consoleTask, error) {
	c.advance()
	for _, t := range c.tasks {
		if t.ID == c.text(argument) && t.Kind != kindLocal {
			return t, nil
		}
	}
	return nil, notFound("task " + c.text(argument))
}

func getTask(c *call) (answer, error) {
	t, err := c.task("strTask")
	if err != nil {
		return nil, err
	}
	r := row{
		"TASK_UNIQUE_ID": t.ID, "TASK_NAME": t.Type, "DisplayName": t.Name, "TASKID_PRODUCT_NAME": taskProduct,
		"TASKID_VERSION": c.taskVersion(t.Host),
	}
	if t.Created != "" {
		r["PRTS_TASK_CREATION_DATE"] = wrap("datetime", t.Created)
	}
	return answer{"PxgRetVal": r}, nil
}

func getTaskData(c *call) (answer, error) {
	t, err := c.task("strTask")
	if err != nil {
		return nil, err
	}
	return answer{"PxgRetVal": c.taskData(t)}, nil
}

// getTaskGroup knows no group of a global console task; what KSC answers there is not confirmed.
func getTaskGroup(c *call) (answer, error) {
	t, err := c.task("strTaskId")
	if err != nil {
		return nil, err
	}
	group, ok := c.taskGroup(t)
	if !ok {
		return nil, notFound("group of task " + t.ID)
	}
	return answer{"PxgRetVal": group}, nil
}

// resolveTaskID gives the id back: that the two ids are one here is judgement.
func resolveTaskID(c *call) (answer, error) {
	t, err := c.task("strPrtsTaskId")
	if err != nil {
		return nil, err
	}
	return answer{"PxgRetVal": t.ID}, nil
}

func deleteTask(c *call) (answer, error) {
	t, err := c.task("strTask")
	if err != nil {
		return nil, err
	}
	c.tasks = slices.DeleteFunc(c.tasks, func(other *consoleTask) bool { return other == t })
	return answer{}, nil
}

// acceptTask answers an order to a console task, which then goes on as before.
func acceptTask(c *call) (answer, error) {
	if _, err := c.task("strTask"); err != nil {
		return nil, err
	}
	return answer{}, nil
}
