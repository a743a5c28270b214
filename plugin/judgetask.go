package plugin

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/kes-respond/kes-respond/plugin/journal"
	"github.com/kes-respond/kes-respond/plugin/ksc"
	"github.com/kes-respond/kes-respond/shared"
)

// longAgo is how much older, by the dates that their senders wrote, an incident is
// of which no console task is awaited any more: the days are there for clocks that
// are wrong by one. Numbers do not tell it, for KSC counts the incidents of all hosts
// together.
const longAgo = 3 * 24 * time.Hour

// judge tells whose the console tasks are that may be this request's. It says no
// where it has to look once more for that.
func (h *hostWatch) judge(ctx context.Context, l *round, waits []*wait, one *wait, listed bool) bool {
	tasks := h.sighted()
	if !slices.ContainsFunc(tasks, one.may) {
		return true
	}
	if !h.contenders(ctx, l, waits, tasks) {
		return false
	}
	if len(h.unread(waits)) > 0 { // others' baselines ask for more names
		l.moved = true
		return false
	}
	free, taken, err := h.free(ctx, l.w.server.name, one, tasks)
	if one.mute++; err != nil && one.mute < mostMisses {
		l.moved = true
		return false
	}
	if err != nil {
		one.tell(func(s *sight) { s.doubt = "the ledger does not say whose the host's console tasks are: " + err.Error() })
		return true
	}
	one.mute = 0
	v := verdictOn(append([]contender{one.contender}, h.rivals(one, taken)...), free)
	s := one.now()
	switch {
	case v.doubt != "":
		h.doubt(one, v)
	case v.task != "" && s.task != nil && s.task.ID != v.task:
		h.doubt(one, verdict{may: []string{s.task.ID, v.task}, doubt: "what looked like its own console task at first turned out to be another request's"})
	case v.task != "" && one.baseline != nil && one.baseline.ConsoleOff && l.w.server.off():
		h.doubt(one, verdict{may: []string{v.task}, doubt: "no service console was connected when it was sent, and none is now, so a console task that looks like its own was likely made by hand"})
	case v.task != "" && s.task == nil:
		one.since = time.Now()
		one.tell(func(s *sight) { s.task, s.whole = h.consoleTask(v.task), false })
		l.moved = true
		return false // how it stands is still to be read
	case v.task != "" && listed && time.Since(one.since) >= settleFor && (isLocal(v.task) || h.checked(l, one.since)):
		h.settle(ctx, one, s.task)
	}
	return true
}

// doubt ends a search that more looks would not bring to a better end.
func (h *hostWatch) doubt(one *wait, v verdict) {
	one.tell(func(s *sight) {
		s.doubt, s.task = fmt.Sprintf("%s (%s)", v.doubt, h.named(v.may)), nil
		if len(v.may) == 1 {
			s.task = h.consoleTask(v.may[0])
		}
	})
}

// named are console tasks by id and name.
func (h *hostWatch) named(ids []string) string {
	const most = 5
	var out []string
	for _, id := range ids[:min(len(ids), most)] {
		out = append(out, id+" "+strconv.Quote(h.consoleTask(id).Name))
	}
	if len(ids) > most {
		out = append(out, fmt.Sprintf("and %d more", len(ids)-most))
	}
	return strings.Join(out, ", ")
}

func (h *hostWatch) consoleTask(id string) *shared.ConsoleTask {
	t := &shared.ConsoleTask{ID: id}
	if known := h.names[id]; known != nil {
		t.Name = known.Name
	}
	return t
}

// settle has the ledger take down whose a console task is.
func (h *hostWatch) settle(ctx context.Context, one *wait, t *shared.ConsoleTask) {
	if one.seq != 0 {
		err := one.journal.Matched(ctx, one.seq, *t)
		if isTaken(err) {
			h.doubt(one, verdict{may: []string{t.ID}, doubt: err.Error()})
			return
		}
		// What the ledger cannot write now it can be told again with the end.
	}
	one.settled = true
}

// contenders reads which incidents may have made the console tasks that are there
// now: once for each new one among those, and for who asks further back.
func (h *hostWatch) contenders(ctx context.Context, l *round, waits []*wait, tasks []sighted) bool {
	var ids []string
	for _, t := range tasks {
		ids = append(ids, t.id)
	}
	now := strings.Join(ids, " ")
	first, since := waits[0].contender, waits[0].added
	for _, one := range waits[1:] {
		if one.incident < first.incident {
			first = one.contender
		}
		if one.added.Before(since) {
			since = one.added
		}
	}
	if h.asked == now && h.first <= first.incident && !since.Before(h.since) {
		return true
	}
	from := since.Add(-longAgo)
	if epoch := time.Unix(0, 0); from.Before(epoch) { // when it was added is not known
		from = epoch
	}
	var found []ksc.Incident
	err := l.ask(ctx, h, waits, stepOthers, 3, func(ctx context.Context, c *ksc.Client) (err error) {
		found, err = c.FindIncidentsAfter(ctx, h.id, first.incident, from, mostIncidents)
		return err
	})
	if err != nil && l.bar(h, stepOthers) == (bar{}) {
		return false
	}
	h.asked, h.first, h.since, h.others = now, first.incident, since, []contender{first}
	if err != nil {
		h.others = []contender{{hidden: true}}
		return true
	}
	for _, in := range found {
		if c, ok := h.contender(ctx, l.w.server.name, waits[0].journal, in); ok {
			h.others = append(h.others, c)
		}
	}
	h.before(waits)
	return true
}

// before marks console tasks from before these requests that are to be read all
// the same: others of this ledger may have made them, and then no newer one.
func (h *hostWatch) before(waits []*wait) {
	for _, id := range newest(h.ids, mostNames) {
		t := sighted{id: id, local: isLocal(id)}
		for _, c := range h.others {
			own := slices.ContainsFunc(waits, func(one *wait) bool { return one.incident == c.incident })
			if !c.foreign && !c.hidden && !own && c.baseline != nil && !c.before(t) {
				h.extra[id] = true
			}
		}
	}
}

// free are the console tasks that no other request is known to have; taken are the
// incidents of those that have one.
func (h *hostWatch) free(ctx context.Context, server string, one *wait, tasks []sighted) (free []sighted, taken []int64, err error) {
	for _, t := range tasks {
		switch owner, err := h.owner(ctx, one.journal, server, t.id); {
		case err != nil:
			return nil, nil, err
		case owner != 0 && owner != one.incident:
			taken = append(taken, owner)
		default:
			free = append(free, t)
		}
	}
	return free, taken, nil
}

// owner is the incident of the request that the ledger has a console task for, or
// 0. The ledger is asked once for all who wait, until somebody writes to it.
func (h *hostWatch) owner(ctx context.Context, j *journal.Journal, server, id string) (int64, error) {
	if mark, sure := j.Changed(); h.owners == nil || !sure || mark != h.mark {
		h.owners, h.mark = map[string]int64{}, mark
	}
	if owner, known := h.owners[id]; known {
		return owner, nil
	}
	r, found, err := j.ByConsoleTask(ctx, server, h.id, id)
	if err != nil {
		return 0, err
	}
	if !found {
		r.Incident = 0
	}
	h.owners[id] = r.Incident
	return r.Incident, nil
}

// rivals are the others that may have made the same console tasks.
func (h *hostWatch) rivals(one *wait, taken []int64) []contender {
	return slices.DeleteFunc(slices.Clone(h.others), func(c contender) bool {
		return c.incident == one.incident && !c.hidden || c.hidden && one.marked || slices.Contains(taken, c.incident)
	})
}

// contender is what an incident may have made; not ok where it asks for no
// response, or where it is known what became of it.
func (h *hostWatch) contender(ctx context.Context, server string, j *journal.Journal, in ksc.Incident) (c contender, ok bool) {
	asks, ok := readBody(in.Body)
	switch r, ours, err := j.ByIncident(ctx, server, in.ID); {
	case err == nil && ours && (!ok || strings.EqualFold(r.Task, asks.Task)): // else KSC has counted anew
		return contender{
			incident: in.ID, task: strings.ToLower(r.Task), area: strings.ToLower(r.Area), marked: r.Marked, baseline: r.Baseline,
		}, !r.Finished() && r.ConsoleTask == nil
	case equivocal(in.Body):
		return contender{incident: in.ID, area: anyArea, foreign: true}, true
	}
	return contender{incident: in.ID, task: strings.ToLower(asks.Task), area: strings.ToLower(asks.Area), foreign: true}, ok
}

// equivocal says that an incident's body speaks of a response, and that others may
// read it in another way than readBody does: members that stand twice, also in
// another case, of another type, or behind what is no JSON here.
func equivocal(body string) bool {
	const sign = "responseeventincident"
	if !strings.Contains(strings.ToLower(body), sign) {
		return false
	}
	flaws, err := shared.CheckJSON([]byte(body))
	if err != nil || len(flaws) > 0 {
		return true
	}
	var members map[string]json.RawMessage
	if json.Unmarshal([]byte(body), &members) != nil {
		return true
	}
	for name := range members {
		for _, known := range []string{"task", "responseEventIncident", "responseEventIncidentArea"} {
			if name != known && strings.EqualFold(name, known) {
				return true
			}
		}
	}
	return json.Unmarshal([]byte(body), &asked{}) != nil
}
