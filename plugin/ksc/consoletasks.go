package ksc

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"
)

// MostTasks is how many console tasks of one host are looked at.
const MostTasks = 2000

// The bounds of KSC's texts that reach people, in bytes.
const (
	maxTaskName    = 256
	maxDescription = 1000
)

// ConsoleTask is a task as KSC's console shows it (KSCAPI a00120). Its texts
// are printable and cut; what KSC left out is zero.
type ConsoleTask struct {
	ID      string // decimal
	Name    string // the display name
	Type    string // TASK_NAME
	Product string
	Version string // of the product
	Created time.Time
}

// TasksOfHost gives the ids of the group and global console tasks that a host
// takes part in, each once; those of the host alone are LocalTasks. IsNotFound
// says that there is no such host. Where there are more than MostTasks the error
// is of KindTruncated and comes with those that were read. It is one call, and
// may be repeated.
func (c *Client) TasksOfHost(ctx context.Context, host string) ([]string, error) {
	const method = "Tasks.GetAllTasksOfHost"
	if reason := unnameable(host); reason != nil {
		return nil, noSuchHost(method, reason)
	}
	var answer struct {
		IDs taskIDs `json:"PxgRetVal"`
	}
	err := c.call(ctx, method, struct {
		Domain string `json:"strDomainName"`
		Host   string `json:"strHostName"`
	}{"", host}, &answer)
	switch ids := answer.IDs; {
	case err != nil:
		return nil, err
	case !ids.there:
		return nil, unusable(method, "KSC answered without a list")
	case ids.unread:
		return nil, unusable(method, "KSC answered with a console task whose id cannot be read")
	case ids.more:
		return ids.all, truncated(method, fmt.Sprintf("more than %d console tasks, which is all that is read", MostTasks))
	}
	return answer.IDs.all, nil
}

// taskIDs is a list of ids: texts, or numbers, bare or in an envelope. Null is
// a list of none.
type taskIDs struct {
	all    []string
	there  bool
	unread bool // one of them cannot be read
	more   bool // than MostTasks
}

// errEnough ends the reading of a list.
var errEnough = errors.New("enough")

// UnmarshalJSON reads the list, of which many may be the same.
func (t *taskIDs) UnmarshalJSON(data []byte) error {
	t.there = true
	if string(data) == "null" {
		return nil
	}
	seen := map[string]bool{}
	const longest = 4 * MostTasks
	n := 0
	err := elements(unwrap(data), longest+1, func(d *json.Decoder) error {
		var v value
		if err := d.Decode(&v); err != nil {
			return err
		}
		id := v.text()
		n++
		switch {
		case n > longest:
			t.more = true
		case unnameable(id) != nil:
			t.unread = true
		case seen[id]:
		case len(t.all) == MostTasks:
			t.more = true
			return errEnough
		default:
			seen[id] = true
			t.all = append(t.all, id)
		}
		return nil
	})
	if errors.Is(err, errEnough) {
		return nil
	}
	return err
}

// noSuchTask is an id that no console task can have, so nobody was asked.
func noSuchTask(method string, reason error) *Error {
	return &Error{Kind: KindNotFound, Method: method, Message: "no console task has such an id: it " + reason.Error(), Delivery: NotSent, Err: reason}
}

// ConsoleTask reads a group or global console task. IsNotFound says that there
// is none, or none any more: KES keeps only so many. It is one call, and may be
// repeated.
func (c *Client) ConsoleTask(ctx context.Context, id string) (ConsoleTask, error) {
	const method = "Tasks.GetTask"
	if reason := unnameable(id); reason != nil {
		return ConsoleTask{}, noSuchTask(method, reason)
	}
	var answer struct {
		Row row `json:"PxgRetVal"`
	}
	err := c.call(ctx, method, struct {
		ID string `json:"strTask"`
	}{id}, &answer)
	if err != nil {
		return ConsoleTask{}, err
	}
	if !answer.Row.hasAny(taskFields()) {
		return ConsoleTask{}, unusable(method, "KSC answered without anything of a console task")
	}
	t, err := consoleTaskOf(method, answer.Row)
	if err != nil {
		return ConsoleTask{}, err
	}
	if t.ID == "" {
		t.ID = id
	}
	if t.ID != id {
		return ConsoleTask{}, unusable(method, "KSC answered with another console task")
	}
	return t, nil
}

func taskFields() []string {
	return []string{"TASK_UNIQUE_ID", "DisplayName", "TASK_NAME", "TASKID_PRODUCT_NAME", "TASKID_VERSION", "PRTS_TASK_CREATION_DATE", "TASK_INFO_PARAMS"}
}

// consoleTaskOf reads a console task. Name and date stand in the record itself
// or in its TASK_INFO_PARAMS, by method (KSCAPI a00813, a00120); the record's
// own count first.
func consoleTaskOf(method string, r row) (ConsoleTask, error) {
	own := []row{r}
	if v, ok := r["TASK_INFO_PARAMS"]; ok {
		info, err := readRow(v.raw, taskFields())
		if err != nil {
			return ConsoleTask{}, unusable(method, "KSC answered with a console task whose settings cannot be read")
		}
		own = append(own, info)
	}
	first := func(name string) value {
		i := slices.IndexFunc(own, func(r row) bool { return r[name].text() != "" })
		return own[max(i, 0)][name]
	}
	text := func(v value) string { return printable(v.text(), maxTaskName, false) }
	id := r["TASK_UNIQUE_ID"]
	if _, there := r["TASK_UNIQUE_ID"]; there && unnameable(id.text()) != nil {
		return ConsoleTask{}, unusable(method, "KSC answered with a console task whose id cannot be read")
	}
	return ConsoleTask{
		ID: id.text(), Name: text(first("DisplayName")), Type: text(first("TASK_NAME")),
		Product: text(first("TASKID_PRODUCT_NAME")), Version: text(first("TASKID_VERSION")), Created: first("PRTS_TASK_CREATION_DATE").moment(),
	}, nil
}
