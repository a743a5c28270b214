package ksctest

import (
	"fmt"
	"slices"
	"time"
)

// TaskOptions say what a console makes of the incidents that ask for a response. That it makes anything of them at all, when
// it does, and which kind the result is of are judgement, not confirmed against a live KSC.
type TaskOptions struct {
	// Delay passes from the incident to its console task, from there to its start, and from there to its end; 200 ms when zero.
	Delay time.Duration
	// Outcome is "ok", "warning", "fail", or "never": it is started and stays so. "ok" when empty.
	Outcome string
	// Limit is how many console tasks of responses there are at most; the oldest goes, finished or not. 100 when zero.
	Limit int
	// Kind is "group", "global" or "local". "group" when empty.
	Kind string
	// After is the call that the console waits for: "update", or "add". "update" when empty.
	After string
	// Oddities are names from TaskOddities.
	Oddities []string
	// Findings is how many events a scan (iocScan, onDemandScan) raises between its start and its end, each for an object that
	// it found; at most 900.
	Findings int
	// DelayOf gives the Delay of one incident's console task, for its host; nil, or a result that is not above 0, is Delay. It
	// is called once, while the server is locked, when the console learns of the incident. It must not call the server.
	DelayOf func(incident int64, host string) time.Duration
}

const (
	defaultTaskDelay = 200 * time.Millisecond
	defaultTaskLimit = 100
	mostFindings     = 900 // so that the numbers of events stay apart

	outcomeOK      = "ok"
	outcomeWarning = "warning"
	outcomeFail    = "fail"
	outcomeNever   = "never"

	kindGroup  = "group"
	kindGlobal = "global"
	kindLocal  = "local"

	afterAdd    = "add"
	afterUpdate = "update"

	oddUpper      = "upper-case"
	oddLower      = "lower-case"
	oddTruncated  = "truncated"
	oddMinute     = "minute"
	oddNoID       = "no-id"
	oddIncidentID = "incident-id"
	oddOffline    = "offline"
	oddForged     = "forged"
	oddLocalTime  = "local-time"
	oddHandled    = "handled"
)

// TaskOddities lists what may be odd about console tasks, each with the sin of a client that it brings to light.
func TaskOddities() []Knob {
	return []Knob{
		{oddUpper, "compares names with regard to case (names are in upper case)"},
		{oddLower, "compares names with regard to case (names are in lower case)"},
		{oddTruncated, "needs the whole name (names end after 40 characters)"},
		{oddMinute, "tells two of one minute apart by the time in their names (which has no seconds)"},
		{oddNoID, "tells two apart by the id in their names (there is none)"},
		{oddIncidentID, "takes the id in the name for the console task's own (it is the incident's)"},
		{oddOffline, "waits for ever for a host that is away (no host takes its console task)"},
		{oddForged, "takes any console task of the right name for its own (a console user makes another, completed, just before)"},
		{oddLocalTime, "reads the time in names as UTC (it is three hours ahead)"},
		{oddHandled, "takes KLINCDT_IS_HANDLED for a success (it is set when the console task is made, whatever comes of it)"},
	}
}

func (o *TaskOptions) check() error {
	for _, choice := range []struct {
		name  string
		value *string
		of    []string // the first is the default
	}{
		{"Outcome", &o.Outcome, []string{outcomeOK, outcomeWarning, outcomeFail, outcomeNever}},
		{"Kind", &o.Kind, []string{kindGroup, kindGlobal, kindLocal}},
		{"After", &o.After, []string{afterUpdate, afterAdd}},
	} {
		if *choice.value == "" {
			*choice.value = choice.of[0]
		}
		if !slices.Contains(choice.of, *choice.value) {
			return fmt.Errorf("ksctest: %s of console tasks is one of %v, not %q", choice.name, choice.of, *choice.value)
		}
	}
	for _, name := range o.Oddities {
		if !slices.ContainsFunc(TaskOddities(), func(k Knob) bool { return k.Name == name }) {
			return fmt.Errorf("ksctest: no oddity of console tasks is called %q", name)
		}
	}
	if o.Delay < 0 || o.Limit < 0 {
		return fmt.Errorf("ksctest: delay and limit of console tasks cannot be negative")
	}
	if o.Findings < 0 || o.Findings > mostFindings {
		return fmt.Errorf("ksctest: findings of console tasks are 0 to %d, not %d", mostFindings, o.Findings)
	}
	if o.Delay == 0 {
		o.Delay = defaultTaskDelay
	}
	if o.Limit == 0 {
		o.Limit = defaultTaskLimit
	}
	return nil
}

func (o *TaskOptions) odd(name string) bool { return slices.Contains(o.Oddities, name) }

func (o *TaskOptions) delayOf(incident int64, host string) time.Duration {
	if o.DelayOf != nil {
		if d := o.DelayOf(incident, host); d > 0 {
			return d
		}
	}
	return o.Delay
}

// end is the state that a console task ends in; 0 is none.
func (o *TaskOptions) end() int64 {
	return map[string]int64{outcomeOK: stateCompleted, outcomeWarning: stateWarning, outcomeFail: stateFailed}[o.Outcome]
}
