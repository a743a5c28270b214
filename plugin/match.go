package plugin

import (
	"slices"
	"strings"

	"github.com/kes-respond/kes-respond/plugin/journal"
	"github.com/kes-respond/kes-respond/shared"
)

// No page of KSC links an incident to the console task that is made of it, so
// the link is proved here: by names, by what was there before, and by counting.
// A console task is a request's own where in every way of giving each of the
// host's new response tasks an incident of its own that request gets this one.

// contender is an incident of which a console task may have been made.
type contender struct {
	incident int64
	task     string            // in lower case
	area     string            // in lower case
	marked   bool              // no other request has this area
	foreign  bool              // not of this ledger: which tasks were there before it nobody has noted
	hidden   bool              // any number of incidents that cannot be seen
	baseline *journal.Baseline // nil: not noted
}

// anyArea stands for the area of an incident of which it cannot be told what it
// asks for.
const anyArea = "]"

// sighted is a console task of a response that nobody is known to have yet.
type sighted struct {
	id    string
	local bool
	name  taskName
}

// localPrefix tells the host's own console tasks from those of groups: their ids
// may be the same numbers.
const localPrefix = journal.LocalTask

// may says that a console task can have been made of an incident.
func (c contender) may(t sighted) bool {
	switch {
	case c.hidden:
		return true
	case c.before(t):
		return false
	}
	if !t.name.readable {
		return !c.marked || t.name.area == "" || t.name.area == c.area
	}
	switch {
	case c.marked:
		return t.name.task == c.task && t.name.area == c.area
	case shared.CheckArea(c.area) != nil: // it may be written to look like anything; so is anyArea
		return true
	case c.foreign: // what becomes of another area in the name is not confirmed
		return t.name.task == c.task
	}
	return t.name.task == c.task && t.name.area == c.area
}

// before says that a console task was there when the request had not been sent.
func (c contender) before(t sighted) bool {
	switch {
	case c.baseline == nil:
		return false
	case t.local:
		return slices.Contains(c.baseline.Local, strings.TrimPrefix(t.id, localPrefix))
	}
	return slices.Contains(c.baseline.Tasks, t.id)
}

// noted says that it is known whether a console task was there before.
func (c contender) noted(t sighted) bool {
	if c.marked && t.name.area == c.area {
		return true
	}
	return c.baseline != nil && (c.baseline.LocalRead && t.local || c.baseline.Tasks != nil && !t.local)
}

// verdict is what can be said of a request's console task. The zero verdict is
// that none is there yet.
type verdict struct {
	task  string   // its own
	doubt string   // why none of those that may be is surely its own
	may   []string // those
}

// verdictOn finds the console task of the first contender among those seen. The
// others are all incidents that may have made one of these: who leaves one out
// may take its task for this one's.
func verdictOn(all []contender, tasks []sighted) verdict {
	ours := all[0]
	var v verdict
	for _, t := range tasks {
		if ours.may(t) {
			v.may = append(v.may, t.id)
		}
	}
	if len(v.may) == 0 {
		return v
	}
	// What none of these can have made takes nobody's place.
	tasks = slices.DeleteFunc(slices.Clone(tasks), func(t sighted) bool {
		return !slices.ContainsFunc(all, func(c contender) bool { return c.may(t) })
	})
	edges := make([][]int, len(tasks)) // from each task to the contenders that may have made it
	for i, t := range tasks {
		for n, c := range all {
			if c.may(t) {
				edges[i] = append(edges[i], n)
			}
		}
	}
	owner, whole := assigned(edges, -1, -1)
	if !whole {
		v.doubt = "there are more console tasks of its kind on the host than requests that can have made them, so one was made by hand or by another sender"
		return v
	}
	// What another way of giving them leaves to somebody else is not surely its own.
	if i, gets := owner[0]; gets {
		if _, otherwise := assigned(edges, i, 0); !otherwise {
			return ours.proved(tasks[i], v)
		}
	}
	v.doubt = "another request for the same task on the host was sent as well, and nothing tells which console task is whose"
	return v
}

// proved is the verdict on the one console task that only this contender can have
// made, as far as it can be read.
func (c contender) proved(t sighted, v verdict) verdict {
	switch {
	case !t.name.readable:
		v.doubt = "which task its name speaks of cannot be read"
	case !c.noted(t):
		v.doubt = "which console tasks the host had before the request was sent is not noted, so it may be older"
	default:
		return verdict{task: t.id}
	}
	return v
}

// assigned gives each task a contender of its own, where task without must do
// without contender except, and says whether that can be done. Who is free is taken
// first, else many of one kind would be moved about for each other.
func assigned(edges [][]int, without, except int) (owner map[int]int, whole bool) {
	owner = map[int]int{} // contender -> task
	var give func(t int, tried map[int]bool) bool
	give = func(t int, tried map[int]bool) bool {
		for _, free := range []bool{true, false} {
			for _, c := range edges[t] {
				other, taken := owner[c]
				if t == without && c == except || tried[c] || taken == free {
					continue
				}
				tried[c] = true
				if free || give(other, tried) {
					owner[c] = t
					return true
				}
			}
		}
		return false
	}
	for t := range edges {
		if !give(t, map[int]bool{}) {
			return nil, false
		}
	}
	return owner, true
}
