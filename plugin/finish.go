package plugin

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/kes-respond/kes-respond/plugin/ksc"
	"github.com/kes-respond/kes-respond/shared"
)

// The event type by which KSC tells a console task's state, and the states that
// are an end (KSCAPI a00029).
const (
	stateEvent     = "KLPRCI_TaskState"
	syncEvent      = "KLEVP_GroupTaskSyncState"
	eventFailed    = 3
	eventCompleted = 4
)

// finish ends the wait for a console task that has come to its end and is surely
// the request's own: its events are read once, for what they tell of that end and
// of what was found.
func (h *hostWatch) finish(ctx context.Context, l *round, one *wait) {
	s := one.now()
	if s.task == nil || !s.state.Final() || !one.settled || s.over() {
		return
	}
	var events []ksc.TaskEvent
	err := l.ask(ctx, h, []*wait{one}, stepEvents, 3, func(ctx context.Context, c *ksc.Client) (err error) {
		if isLocal(s.task.ID) {
			events, err = c.LocalEvents(ctx, h.id, s.task.Name, mostEvents)
		} else {
			events, err = c.TaskEvents(ctx, s.task.ID, h.id, mostEvents)
		}
		return err
	})
	if err != nil && !ksc.IsNotFound(err) && l.bar(h, stepEvents) == (bar{}) && !one.withoutEvents() {
		l.moved = true
		return // it is asked again
	}
	if warned, ok := warning(s.state, events); ok {
		one.tell(func(s *sight) {
			t := *s.task
			t.State, t.Description = ksc.StateWarning.String(), strings.TrimPrefix(strings.TrimPrefix(warned, t.Name), ": ")
			s.task, s.state = &t, ksc.StateWarning
		})
		s = one.now()
	}
	if contradicted(s.state, events) {
		one.tell(func(s *sight) {
			s.doubt = "KSC's list of hosts calls the console task " + s.state.String() + ", and its events say otherwise"
		})
		return
	}
	ended := slices.ContainsFunc(events, func(e ksc.TaskEvent) bool { return e.Type == stateEvent })
	one.tell(func(s *sight) { s.events, s.unheard, s.finished = inKinds(events), !ended, true })
}

// withoutEvents says that a console task's events cannot be read, whenever KSC is
// asked, and tells that: its end is not held back for them.
func (one *wait) withoutEvents() bool {
	failed := one.now().failed
	if e, ok := errors.AsType[*ksc.Error](failed); !ok || e.Kind != ksc.KindBadAnswer && e.Kind != ksc.KindRefused {
		return false
	}
	if one.misses++; one.misses < mostMisses {
		return false
	}
	one.tell(func(s *sight) {
		s.warnings = append(s.warnings, "the events of its console task cannot be read: "+fromKSC(failed).Message)
	})
	return true
}

// contradicted says that the last end among a console task's events is another
// one than the state that KSC lists. A warning has no number of its own there.
func contradicted(state ksc.TaskState, events []ksc.TaskEvent) bool {
	for _, e := range slices.Backward(events) {
		if e.Type != stateEvent || !e.StateKnown || e.NewState != eventFailed && e.NewState != eventCompleted {
			continue
		}
		return (e.NewState == eventFailed) != (state == ksc.StateFailed)
	}
	return false
}

// warning is what the event of a good end says where it is more than news. Of the
// console tasks of a host alone KSC lists no warnings before version 16, and what a
// severity above 1 means there is judgement.
func warning(state ksc.TaskState, events []ksc.TaskEvent) (text string, warns bool) {
	for _, e := range slices.Backward(events) {
		if e.Type == stateEvent && e.StateKnown && e.NewState == eventCompleted {
			return e.Description, state == ksc.StateCompleted && e.Severity > 1
		}
	}
	return "", false
}

// mostQuoted is how many descriptions of one kind of events a result has.
const mostQuoted = 5

// inKinds counts what KSC holds besides the states, and quotes some of each kind.
func inKinds(events []ksc.TaskEvent) []shared.HostEvents {
	var kinds []shared.HostEvents
	for _, e := range events {
		if e.Type == stateEvent || e.Type == syncEvent {
			continue
		}
		at := slices.IndexFunc(kinds, func(k shared.HostEvents) bool { return k.Type == e.Type })
		if at < 0 {
			at = len(kinds)
			kinds = append(kinds, shared.HostEvents{Type: e.Type})
		}
		k := &kinds[at]
		k.Count++
		if e.Description != "" && len(k.Descriptions) < mostQuoted && !slices.Contains(k.Descriptions, e.Description) {
			k.Descriptions = append(k.Descriptions, e.Description)
		}
	}
	return kinds
}

// found says for people what the events hold, and what KSC does not show.
func found(effects []shared.Effect, s sight) string {
	n := 0
	for _, k := range s.events {
		n += k.Count
	}
	has := func(e shared.Effect) bool { return slices.Contains(effects, e) }
	switch {
	case n == 0 && s.unheard && has(shared.Scans):
		return "; KSC gave no events of it, so whether something was found is not known here"
	case n > 0:
		return fmt.Sprintf("; KSC holds %d events of it besides its states", n)
	case has(shared.Scans):
		return "; KSC holds no event of something found"
	case has(shared.Reads), has(shared.Quarantines):
		return "; where the file is kept KSC's API does not show: look in the console's repositories"
	case has(shared.Isolates), has(shared.Releases):
		return "; whether the host is isolated now KSC's API does not show: look at its properties in the console"
	}
	return ""
}

// presence of a host, for people: since when it is not seen.
func away(h *ksc.Host) string {
	const alive = 8 // KSCAPI a00275: the Network Agent is
	if h == nil || !h.StatusKnown || h.Status&alive != 0 {
		return ""
	}
	text := "the Network Agent of the host is not there"
	if !h.LastVisible.IsZero() {
		text += ", last seen " + h.LastVisible.UTC().Format(time.RFC3339)
	}
	return text + "; the task runs when the host returns"
}
