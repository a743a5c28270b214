package ksc

import (
	"context"
	"fmt"
)

// LocalTasks goes through the console tasks of one host alone. It is for one
// goroutine, and must be gone through within the session in which it was made.
// KSC has no call by which to give it back.
type LocalTasks struct {
	client *Client
	object string // KSC's name for the host's console tasks
	seen   map[string]bool
	done   bool
	err    error // what ended it
}

// LocalTasks begins to go through the console tasks of one host alone (KSCAPI
// a00523). IsNotFound says that there is no such host. It is two calls, and may
// be repeated.
func (c *Client) LocalTasks(ctx context.Context, host string) (*LocalTasks, error) {
	const method, reset = "HostGroup.GetHostTasks", "HostTasks.ResetTasksIterator"
	if reason := unnameable(host); reason != nil {
		return nil, noSuchHost(method, reason)
	}
	var answer struct {
		Object value `json:"PxgRetVal"`
	}
	err := c.call(ctx, method, struct {
		Host string `json:"strHostName"`
	}{host}, &answer)
	if err != nil {
		return nil, err
	}
	object := answer.Object.text()
	if object == "" {
		return nil, unusable(method, "KSC answered without the host's console tasks")
	}
	err = c.call(ctx, reset, struct {
		Object    string `json:"strSrvObjId"`
		Product   string `json:"strProductName"` // of these, "" is any
		Version   string `json:"strVersion"`
		Component string `json:"strComponentName"`
		Instance  string `json:"strInstanceId"`
		Type      string `json:"strTaskName"`
	}{Object: object}, nil)
	if err != nil {
		return nil, gone(err)
	}
	return &LocalTasks{client: c, object: object, seen: map[string]bool{}}, nil
}

// Next gives the next console task; more is false, and t empty, where there is
// none. After MostTasks of them the error is of KindTruncated. An error ends it
// for good, since KSC may have gone on by one that nobody saw: begin anew. It is
// one call.
func (l *LocalTasks) Next(ctx context.Context) (t ConsoleTask, more bool, err error) {
	if l.done || l.err != nil {
		return ConsoleTask{}, false, l.err
	}
	t, more, err = l.next(ctx)
	l.done, l.err = !more, err
	return t, more, err
}

func (l *LocalTasks) next(ctx context.Context) (t ConsoleTask, more bool, err error) {
	const method = "HostTasks.GetNextTask"
	var answer row
	err = l.client.call(ctx, method, map[string]string{"strSrvObjId": l.object}, &answer)
	if err != nil {
		return ConsoleTask{}, false, gone(err)
	}
	data, there := answer["pTaskData"]
	if !there && len(answer) > 0 {
		return ConsoleTask{}, false, unusable(method, "KSC answered without a console task")
	}
	var r row
	if there {
		if r, err = readRow(data.raw, nil); err != nil {
			return ConsoleTask{}, false, unusable(method, "KSC answered with a console task that cannot be read")
		}
	}
	if len(r) == 0 {
		return ConsoleTask{}, false, nil
	}
	t, err = consoleTaskOf(method, r)
	switch {
	case err != nil:
	case t.ID == "":
		err = unusable(method, "KSC answered with a console task without an id")
	case l.seen[t.ID]:
		err = unusable(method, "KSC answered twice with one console task, so its list need not end")
	case len(l.seen) == MostTasks:
		err = truncated(method, fmt.Sprintf("more than %d console tasks, which is all that is read", MostTasks))
	}
	if err != nil {
		return ConsoleTask{}, false, err
	}
	l.seen[t.ID] = true
	return t, true, nil
}

// mostViewed is how many console tasks with one id are looked at: those of
// different hosts may share it.
const mostViewed = 1000

// LocalStatus reads how a console task of one host alone stands, from what KSC
// has stored of it (KSCAPI a00330): that of exactly this id and name, as
// LocalTasks gave them. Which argument would choose the host is not documented,
// so it is StateUnknown where several have both, as where none has. It is three
// calls, and may be repeated.
func (c *Client) LocalStatus(ctx context.Context, id, name string) (TaskStatus, error) {
	const open, read = "SrvView.ResetIterator", "SrvView.GetRecordRange"
	filter, err := anyOf(id, "strTask")
	if err != nil {
		return TaskStatus{}, noSuchTask(open, err)
	}
	if name == "" { // nor would one without a name be told from another
		return TaskStatus{}, &Error{Kind: KindNotFound, Method: open, Message: "no console task has such a name: it is empty", Delivery: NotSent}
	}
	fields := []string{"strTask", "txtDisplayName", "nState", "taskStateDescr", "taskCompletionTime"}
	p, err := cursor{
		open: open, read: read, release: "SrvView.ReleaseIterator",
		args: struct {
			View     string         `json:"wstrViewName"`
			Filter   string         `json:"wstrFilter"`
			Fields   []string       `json:"vecFieldsToReturn"`
			Order    []string       `json:"vecFieldsToOrder"`
			Params   map[string]any `json:"pParams"`
			Lifetime int            `json:"lifetimeSec"`
		}{"HostTasksSrvView", filter, fields, []string{}, map[string]any{}, setLifetime},
		id: "wstrIteratorId", list: "pRecords", member: "KLCSP_ITERATOR_ARRAY", names: fields, most: mostViewed,
	}.run(ctx, c)
	if err != nil {
		return TaskStatus{}, notAbsent(err)
	}
	var found []row
	for _, r := range p.rows.all {
		said := r["txtDisplayName"].text()
		if r["strTask"].text() == id && (said == name || printable(said, maxTaskName, false) == name) {
			found = append(found, r)
		}
	}
	switch {
	case p.cutShort(mostViewed):
		return TaskStatus{}, truncated(read, fmt.Sprintf("more console tasks than the %d that were read", len(p.rows.all)))
	case len(found) != 1:
		return TaskStatus{}, nil
	}
	return localStatusOf(found[0]), nil
}

// localStatusOf reads the numbers of task_new_state (KSCAPI a00029). That nState
// has these is not confirmed. They know no warning; that a description makes one
// of a completed console task is judgement: where all is well, KSC has nothing
// to describe (KSCAPI a00182).
func localStatusOf(r row) TaskStatus {
	s := TaskStatus{
		Description: printable(r["taskStateDescr"].text(), maxDescription, false),
		Finished:    r["taskCompletionTime"].moment(),
	}
	number, ok := r["nState"].integer()
	if !ok {
		return s
	}
	switch number {
	case 0: // created
		s.State = StatePending
	case 1:
		s.State = StateRunning
	case 2: // suspended
		s.State = StatePaused
	case 3:
		s.State = StateFailed
	case 4:
		s.State = StateCompleted
		if s.Description != "" {
			s.State = StateWarning
		}
	}
	return s
}
