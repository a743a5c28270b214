package plugin

import (
	"strings"

	"github.com/kes-respond/kes-respond/plugin/task"
	"github.com/kes-respond/kes-respond/shared"
)

// taskName is what the name of a console task says. The help page has it as
// [Response][<area>] <task> - <date> <time> - <id>; the forms of date, time and
// id are documented nowhere, and neither is how it is cut, so nothing rests on
// what follows the task.
type taskName struct {
	area, task string // in lower case
	readable   bool   // both are known, and nothing else can be meant
}

// readTaskName reads the name of a console task without regard to case. It is not
// ok where that was not made of an incident at all.
//
// Whoever adds an incident chooses its area, and so may try to write a name that
// means another task: "KUMA] deleteFile - …" as an area makes one. A name with one
// more bracket, or with anything behind the task but its dash, is not readable.
func readTaskName(name string) (n taskName, ok bool) {
	const prefix = "[response]["
	lower := strings.ToLower(name)
	rest, ok := strings.CutPrefix(lower, prefix)
	if !ok {
		return n, false
	}
	var closed bool
	n.area, rest, closed = strings.Cut(rest, "]")
	if !closed || shared.CheckArea(n.area) != nil || strings.ContainsAny(rest, "[]") {
		return taskName{}, true
	}
	word, after, dashed := strings.Cut(strings.TrimPrefix(rest, " "), " - ")
	if !dashed || strings.TrimSpace(after) == "" {
		return n, true
	}
	for _, t := range task.All() {
		if strings.EqualFold(t.Name, word) {
			n.task, n.readable = strings.ToLower(t.Name), true
		}
	}
	return n, true
}
