package ksc

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// TaskState is where a console task stands on a host: one bit of KSCAPI
// a00181, or StateUnknown.
type TaskState int

// The states.
const (
	StateUnknown   TaskState = 0
	StatePending   TaskState = 1 // not distributed yet
	StateRunning   TaskState = 2
	StateCompleted TaskState = 4
	StateWarning   TaskState = 8 // completed with warning
	StateFailed    TaskState = 16
	StateScheduled TaskState = 32
	StatePaused    TaskState = 64
)

const everyState = 127 // as a mask

func states() []TaskState {
	return []TaskState{StatePending, StateRunning, StateCompleted, StateWarning, StateFailed, StateScheduled, StatePaused}
}

// String names the state.
func (s TaskState) String() string {
	names := []string{"pending", "running", "completed", "completed with warning", "failed", "scheduled", "paused"}
	if i := slices.Index(states(), s); i >= 0 {
		return names[i]
	}
	return "unknown"
}

// Final says that a host is done with the console task, for better or worse.
// That nothing follows is judgement: KSCAPI does not say so.
func (s TaskState) Final() bool {
	return s == StateCompleted || s == StateWarning || s == StateFailed
}

// stateOf is the state with this number. A number that is none of them, or
// several, is unknown.
func stateOf(v value) TaskState {
	if n, ok := v.integer(); ok && n <= everyState && slices.Contains(states(), TaskState(n)) {
		return TaskState(n)
	}
	return StateUnknown
}

// TaskStatus is how a console task stands on one host. Description is KSC's
// text, printable and cut; it says why, for a failure or a warning. Times that
// KSC left out are zero.
type TaskStatus struct {
	State             TaskState
	Description       string
	Percent           int // 0 to 100
	PercentKnown      bool
	Started, Finished time.Time
}

// mostStatuses is how many hosts of one console task are looked at. Those that
// follow a response have one.
const mostStatuses = 1000

// TaskStatus reads how a group or global console task stands on a host:
// StateUnknown where KSC has no record of the host. IsNotFound says that there
// is no such console task. Where it is of so many hosts that the host's record
// may not be among those read, or not the only one, the error is of
// KindTruncated. It is three calls, and may be repeated.
func (c *Client) TaskStatus(ctx context.Context, id, host string) (TaskStatus, error) {
	return c.taskStatus(ctx, "Tasks.ResetHostIteratorForTaskStatusEx", id, host, struct {
		ID       string   `json:"strTask"`
		Fields   []string `json:"pFields2Return"`
		Order    []string `json:"pFields2Order"`
		Mask     int      `json:"nHostStateMask"`
		Lifetime int      `json:"nLifetime"`
	}{id, statusFields(), []string{}, everyState, setLifetime})
}

// TaskStatusOlder is TaskStatus by the method that older versions of KSC have.
func (c *Client) TaskStatusOlder(ctx context.Context, id, host string) (TaskStatus, error) {
	return c.taskStatus(ctx, "Tasks.ResetHostIteratorForTaskStatus", id, host, struct {
		ID       string   `json:"strTask"`
		Fields   []string `json:"pFields2Return"`
		Mask     int      `json:"nHostStateMask"`
		Lifetime int      `json:"nLifetime"`
	}{id, statusFields(), everyState, setLifetime})
}

// statusFields are attributes of KSCAPI a00182.
func statusFields() []string {
	return []string{"hostname", "state_code", "state_descr", "completed_percent", "start_time", "finish_time"}
}

func (c *Client) taskStatus(ctx context.Context, open, id, host string, args any) (TaskStatus, error) {
	const read = "Tasks.GetHostStatusRecordRange"
	if reason := unnameable(id); reason != nil {
		return TaskStatus{}, noSuchTask(open, reason)
	}
	if reason := unnameable(host); reason != nil {
		return TaskStatus{}, noSuchHost(open, reason)
	}
	p, err := cursor{
		open: open, args: args, read: read, release: "Tasks.ReleaseHostStatusIterator",
		id: "strHostIteratorId", list: "pParHostStatus", member: "statuses", names: statusFields(), most: mostStatuses,
	}.run(ctx, c)
	if err != nil {
		return TaskStatus{}, err
	}
	var found []TaskStatus
	for _, r := range p.rows.all {
		switch name := r["hostname"].text(); {
		case name == "":
			return TaskStatus{}, unusable(read, "KSC answered with a state without its host, so none can be said to be the host's")
		case strings.EqualFold(name, host):
			found = append(found, statusOf(r))
		}
	}
	switch {
	case p.cutShort(mostStatuses):
		return TaskStatus{}, truncated(read, fmt.Sprintf("more states than the %d that were read", len(p.rows.all)))
	case len(found) == 0:
		return TaskStatus{}, nil
	case slices.ContainsFunc(found, func(s TaskStatus) bool { return s.State != found[0].State }):
		return TaskStatus{}, unusable(read, "KSC answered with several states of one host that contradict each other")
	}
	return found[0], nil
}

func statusOf(r row) TaskStatus {
	s := TaskStatus{
		State: stateOf(r["state_code"]), Description: printable(r["state_descr"].text(), maxDescription, false),
		Started: r["start_time"].moment(), Finished: r["finish_time"].moment(),
	}
	s.Percent, s.PercentKnown = percent(r["completed_percent"])
	return s
}

func percent(v value) (n int, known bool) {
	p, ok := v.integer()
	if !ok || p < 0 || p > 100 {
		return 0, false
	}
	return int(p), true
}

// TaskCounts reads how a group or global console task stands from the numbers
// of its hosts in each state (KSCAPI a00181): a TaskStatus without description
// and times, StateUnknown unless it is of exactly one host. That this is the
// host in question is the caller's to know. IsNotFound says that there is no
// such console task. It is one call, and may be repeated.
func (c *Client) TaskCounts(ctx context.Context, id string) (TaskStatus, error) {
	const method = "Tasks.GetTaskStatistics"
	if reason := unnameable(id); reason != nil {
		return TaskStatus{}, noSuchTask(method, reason)
	}
	var answer struct {
		Row row `json:"PxgRetVal"`
	}
	err := c.call(ctx, method, struct {
		ID string `json:"strTask"`
	}{id}, &answer)
	if err != nil {
		return TaskStatus{}, err
	}
	counted, hosts := StateUnknown, int64(0)
	known := false // a state was counted
	for name, v := range answer.Row {
		bit, err := strconv.ParseInt(name, 10, 64)
		if err != nil {
			continue // no state
		}
		known = true
		n, ok := v.integer()
		if !ok || n < 0 || n > 1 {
			return TaskStatus{}, nil
		}
		if hosts += n; n == 1 && slices.Contains(states(), TaskState(bit)) {
			counted = TaskState(bit)
		}
	}
	if !known {
		return TaskStatus{}, unusable(method, "KSC answered without the number of hosts in any state")
	}
	if hosts != 1 || counted == StateUnknown {
		return TaskStatus{}, nil
	}
	s := TaskStatus{State: counted}
	s.Percent, s.PercentKnown = percent(answer.Row["GNRL_COMPLETED_PERCENT"])
	return s, nil
}
