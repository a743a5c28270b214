package shared

import (
	"encoding/json"
	"fmt"
	"time"
)

// Event is one line to the caller. Exactly one of the pointers is set; it
// gives the event its type. Time, ID and Seq are set by the carrier.
type Event struct {
	Time time.Time
	ID   ID    // empty for hello and for a Problem that belongs to no request
	Seq  int64 // 0, 1, 2 … per ID; written only where ID is set

	Hello     *Hello
	Accepted  *Accepted
	Progress  *Progress
	Result    *Result
	Described *Description
	Checked   *Checked
	Problem   *Problem
}

// Hello is the first line of a stream of events.
type Hello struct {
	Protocol int      `json:"protocol"`
	Name     string   `json:"name"`
	Version  string   `json:"version"`
	Tasks    []string `json:"tasks"`
	Limits   Limits   `json:"limits"`
}

// Limits are the bounds a caller has to keep or may count on, in bytes save
// Depth and Values.
type Limits struct {
	RequestBytes int `json:"requestBytes"`
	EventBytes   int `json:"eventBytes"`
	Depth        int `json:"depth"`
	Values       int `json:"values"` // members and items in a request, those of every level together
}

// Accepted says that a request was decided and claimed.
type Accepted struct {
	Host Host `json:"host"`
}

// Host is an endpoint as KSC knows it. Name is empty where it was not looked up.
type Host struct {
	ID   string `json:"id"`
	Name string `json:"name,omitempty"`
}

// The stages of progress events of this version. More may come: a caller
// shows or ignores a stage it does not know.
const (
	StageSubmitted = "submitted" // KSC has stored the incident
	StageTaken     = "taken"     // KSC has made a console task of it; Message says where it stands
	StageRunning   = "running"   // that runs on the host; Percent where KSC tells it
	StageWarning   = "warning"   // something the person should know; Message says it
)

// Progress tells what happens on the way. With all progress removed the
// stream keeps its meaning.
type Progress struct {
	Stage       string       `json:"stage"`
	Message     string       `json:"message,omitempty"`
	Incident    *Incident    `json:"incident,omitempty"`
	ConsoleTask *ConsoleTask `json:"consoleTask,omitempty"`
	Percent     *int         `json:"percent,omitempty"`
}

// Incident names the KSC record of a request. ID is decimal text: numbers
// above 2^53 lose digits in some JSON readers.
type Incident struct {
	Server  string     `json:"server,omitempty"`
	ID      string     `json:"id"`
	AddedAt *time.Time `json:"addedAt,omitempty"`
}

// ConsoleTask is the object that KSC makes from an incident.
type ConsoleTask struct {
	ID          string     `json:"id"`
	Name        string     `json:"name,omitempty"`
	State       string     `json:"state,omitempty"`
	Description string     `json:"description,omitempty"`
	StartedAt   *time.Time `json:"startedAt,omitempty"`
	FinishedAt  *time.Time `json:"finishedAt,omitempty"`
}

// HostEvents are events of one kind that KSC holds of a console task on its
// host, besides those that tell its state: what a scan has found, for one.
type HostEvents struct {
	Type         string   `json:"type"`                   // KSC's name of the kind
	Count        int      `json:"count"`                  // of those that were read
	Descriptions []string `json:"descriptions,omitempty"` // of the first of them, no text twice
}

// Result is the one end of a request.
type Result struct {
	Outcome     Outcome      `json:"outcome"`
	Task        string       `json:"task,omitempty"`
	TargetHost  string       `json:"targetHost,omitempty"` // as the caller wrote it
	Host        *Host        `json:"host,omitempty"`
	Incident    *Incident    `json:"incident,omitempty"`
	ConsoleTask *ConsoleTask `json:"consoleTask,omitempty"`
	HostEvents  []HostEvents `json:"hostEvents,omitempty"`
	Message     string       `json:"message,omitempty"`
	Error       *Error       `json:"error,omitempty"`
	Undo        *Undo        `json:"undo,omitempty"`
	DuplicateOf string       `json:"duplicateOf,omitempty"`
	Plan        *Plan        `json:"plan,omitempty"`
}

// Undo is the request that takes an effect back, where one exists.
type Undo struct {
	Task   string          `json:"task"`
	Params json.RawMessage `json:"params"`
}

// Plan is what a dry run would have sent.
type Plan struct {
	BodySHA256 string   `json:"bodySha256"`
	BodyBytes  int      `json:"bodyBytes"`
	Body       string   `json:"body,omitempty"` // left out when it does not fit, or holds a sensitive member
	Decision   string   `json:"decision"`
	Warnings   []string `json:"warnings,omitempty"`
}

// Problem answers a line that is no request (event type "error").
type Problem struct {
	Code        Code   `json:"code"`
	Message     string `json:"message"`
	Assistance  string `json:"assistance,omitempty"`
	Line        int64  `json:"line,omitempty"`        // counted from 1
	DuplicateID ID     `json:"duplicateId,omitempty"` // the id that is in flight already
}

// Exit is the exit code of the one-shot form for this result.
func (r Result) Exit() int {
	if r.Error == nil {
		return Exit(r.Outcome, "")
	}
	return Exit(r.Outcome, r.Error.Code)
}

// Type names the event's kind as it stands in its "type" member.
func (e Event) Type() string {
	t, _ := e.body()
	return t
}

func (e Event) body() (string, any) {
	switch {
	case e.Hello != nil:
		return "hello", e.Hello
	case e.Accepted != nil:
		return "accepted", e.Accepted
	case e.Progress != nil:
		return "progress", e.Progress
	case e.Result != nil:
		return "result", e.Result
	case e.Described != nil:
		return "described", e.Described
	case e.Checked != nil:
		return "checked", e.Checked
	case e.Problem != nil:
		return "error", e.Problem
	}
	return "", nil
}

type eventHead struct {
	Type string    `json:"type"`
	Time time.Time `json:"time"`
	ID   *ID       `json:"id,omitempty"`
	Seq  *int64    `json:"seq,omitempty"`
}

// MarshalJSON writes the event flat: type, time, id and seq, then the members
// of its kind. An error event has id null.
func (e Event) MarshalJSON() ([]byte, error) {
	kind, body := e.body()
	if body == nil {
		return nil, fmt.Errorf("an event without a kind")
	}
	head := eventHead{Type: kind, Time: e.Time.UTC()}
	if e.ID != "" {
		head.ID, head.Seq = &e.ID, &e.Seq
	} else if e.Problem != nil {
		null := ID("")
		head.ID = &null
	}
	front, err := marshal(head)
	if err != nil {
		return nil, err
	}
	back, err := marshal(body)
	if err != nil {
		return nil, err
	}
	return append(append(front[:len(front)-1], ','), back[1:]...), nil
}

// UnmarshalJSON reads an event of this protocol, ignoring members it does not
// know. An unknown type is an error that the caller may skip over.
func (e *Event) UnmarshalJSON(data []byte) error {
	var head eventHead
	if err := json.Unmarshal(data, &head); err != nil {
		return err
	}
	*e = Event{Time: head.Time}
	if head.ID != nil {
		e.ID = *head.ID
	}
	if head.Seq != nil {
		e.Seq = *head.Seq
	}
	switch head.Type {
	case "hello":
		e.Hello = new(Hello)
	case "accepted":
		e.Accepted = new(Accepted)
	case "progress":
		e.Progress = new(Progress)
	case "result":
		e.Result = new(Result)
	case "described":
		e.Described = new(Description)
	case "checked":
		e.Checked = new(Checked)
	case "error":
		e.Problem = new(Problem)
	}
	_, body := e.body()
	if body == nil {
		return fmt.Errorf("unknown event type %q", head.Type)
	}
	return json.Unmarshal(data, body)
}
