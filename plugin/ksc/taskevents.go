package ksc

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"
)

// TaskEvent is what happened to a console task on a host (KSCAPI a00134). Its
// texts are printable and cut; what KSC left out is zero.
type TaskEvent struct {
	Type        string // event_type; what NewState means depends on it (KSCAPI a00301)
	DisplayName string // of the type
	Description string
	NewState    int // task_new_state: not the numbers of TaskState
	StateKnown  bool
	Severity    int       // 1 to 4, the worst is 4
	At          time.Time // rise_time
}

const maxEvents = 500

// TaskEvents gives the latest events of a group or global console task on a
// host, oldest first: at most so many, and no more than 500. That KSC sorts them
// is not confirmed; where it does not, they may be others than the latest. Where
// they are longer than an answer may be the error is of KindBadAnswer: ask for
// fewer.
// IsNotFound says that there is no such console task. It is three calls, and may
// be repeated.
func (c *Client) TaskEvents(ctx context.Context, id, host string, most int) ([]TaskEvent, error) {
	const method = "Tasks.GetTaskHistory"
	if reason := unnameable(id); reason != nil {
		return nil, noSuchTask(method, reason)
	}
	if reason := unnameable(host); reason != nil { // "" would be all hosts
		return nil, noSuchHost(method, reason)
	}
	most = min(max(most, 1), maxEvents)
	fields := []string{"event_type", "event_type_display_name", "task_new_state", "rise_time", "event_db_id", "hostname", "GNRL_EA_SEVERITY", "GNRL_EA_DESCRIPTION"}
	p, err := cursor{
		open: method, read: "EventProcessing.GetRecordRange", release: "EventProcessing.ReleaseIterator",
		args: struct {
			ID     string         `json:"strTask"`
			Fields []string       `json:"pFields2Return"`
			Order  []wrapped      `json:"pSortFields"`
			Host   string         `json:"strHostName"`
			Filter map[string]any `json:"pFilter"`
		}{id, fields, newestFirst(), host, map[string]any{}},
		id: "strIteratorId", list: "pParamsEvents", member: "KLEVP_EVENT_RANGE_ARRAY", names: fields, most: most,
	}.run(ctx, c)
	if err != nil {
		return nil, err
	}
	return latest(p.rows.all, fields, host, most), nil
}

func newestFirst() []wrapped {
	return []wrapped{wrapParams(map[string]any{"Name": "rise_time", "Asc": false})}
}

// latest are the last of a host's events, oldest first.
func latest(records []row, fields []string, host string, most int) []TaskEvent {
	records = slices.DeleteFunc(records, func(r row) bool {
		name := r["hostname"].text()
		return !r.hasAny(fields) || name != "" && !strings.EqualFold(name, host)
	})
	// Several may be of one second; by rising number they are in order, as far
	// as is known.
	slices.SortStableFunc(records, func(a, b row) int {
		m, _ := a["event_db_id"].integer()
		n, _ := b["event_db_id"].integer()
		return cmp.Or(a["rise_time"].moment().Compare(b["rise_time"].moment()), cmp.Compare(m, n))
	})
	var events []TaskEvent
	for _, r := range records[max(0, len(records)-most):] {
		events = append(events, eventOf(r))
	}
	return events
}

func eventOf(r row) TaskEvent {
	e := TaskEvent{
		Type: printable(r["event_type"].text(), maxTaskName, false), DisplayName: printable(r["event_type_display_name"].text(), maxTaskName, false),
		Description: printable(r["GNRL_EA_DESCRIPTION"].text(), maxDescription, false), At: r["rise_time"].moment(),
	}
	state, known := r["task_new_state"].integer()
	e.NewState, e.StateKnown = int(state), known
	severity, _ := r["GNRL_EA_SEVERITY"].integer()
	e.Severity = int(severity)
	return e
}
