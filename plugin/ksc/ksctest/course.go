package ksctest

import (
	"slices"
	"time"
)

// moment is one step of a console task's course: from then on it is in that state. A finding leaves the state as it is.
type moment struct {
	at      time.Time
	state   int64
	finding int // 1, 2, 3 ... of what a scan found; 0 is a change of state
}

// proceed plans the way from a time to the end: scheduled, running, what is still to be found, the end, each step for the
// delay. One that was running goes on from there.
func (t *consoleTask) proceed(from time.Time) {
	if !t.has(stateRunning) {
		t.course = append(t.course, moment{at: from, state: stateScheduled})
		from = from.Add(t.delay)
		t.course = append(t.course, moment{at: from, state: stateRunning})
	}
	found := 0
	for _, m := range t.course {
		found = max(found, m.finding)
	}
	left := t.findings - found
	for i := 1; i <= left; i++ {
		at := from.Add(t.delay * time.Duration(i) / time.Duration(left+1))
		t.course = append(t.course, moment{at, stateRunning, found + i})
	}
	if t.outcome != 0 {
		t.course = append(t.course, moment{at: from.Add(t.delay), state: t.outcome})
	}
}

// halt takes back what a course has still to bring, as when the host is switched off. What was not running yet waits for it.
func (t *consoleTask) halt(now time.Time) {
	if len(t.course) == 0 || t.ended() {
		return
	}
	t.course = slices.DeleteFunc(t.course, func(m moment) bool { return m.at.After(now) })
	if !t.has(stateRunning) && t.State != statePending {
		t.course = append(t.course, moment{at: now, state: statePending})
		t.State = statePending
	}
}

// settle puts the console task where its course has it at a time. One without a course stands where it stood.
func (t *consoleTask) settle(now time.Time) {
	for _, m := range t.course {
		if m.at.After(now) {
			return
		}
		t.State = m.state
	}
}

func (t *consoleTask) has(state int64) bool {
	return slices.ContainsFunc(t.course, func(m moment) bool { return m.state == state })
}

// ended says whether it is at an end by now.
func (t *consoleTask) ended() bool { return isEnd(t.state()) }

func isEnd(state int64) bool {
	return state == stateCompleted || state == stateWarning || state == stateFailed
}

// started and finished are zero where it did not come to that until now, or nobody knows.
func (t *consoleTask) started(now time.Time) time.Time {
	return t.last(now, func(state int64) bool { return state == stateRunning })
}

func (t *consoleTask) finished(now time.Time) time.Time {
	if !t.ended() {
		return time.Time{} // not any more
	}
	return t.last(now, isEnd)
}

func (t *consoleTask) last(now time.Time, is func(int64) bool) (at time.Time) {
	for _, m := range t.course {
		if m.finding == 0 && is(m.state) && !m.at.After(now) {
			at = m.at
		}
	}
	return at
}
