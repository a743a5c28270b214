package plugin

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/kes-respond/kes-respond/plugin/ksc"
)

// list reads which console tasks the host has, and says that it did.
func (h *hostWatch) list(ctx context.Context, l *round, waits []*wait) bool {
	if l.barred(h, waits, stepList) {
		h.lists++
		h.listed = time.Now()
		h.ids = slices.Clone(h.local)
		return true
	}
	err := l.ask(ctx, h, waits, stepList, 1, func(ctx context.Context, c *ksc.Client) error {
		ids, err := c.TasksOfHost(ctx, h.id)
		if err == nil {
			h.ids = append(ids, h.local...)
			h.lists++
			h.listed = time.Now()
		}
		return err
	})
	if ksc.IsNotFound(err) {
		for _, one := range waits {
			one.tell(func(s *sight) { s.failed = err })
		}
	}
	return err == nil
}

// keep keeps in the list the console tasks whose end was read and that KSC has
// dropped since, as it does beyond a hundred: what was seen of them counts on.
func (h *hostWatch) keep(waits []*wait) {
	for _, one := range waits {
		if s := one.now(); s.task != nil && s.state.Final() && !slices.Contains(h.ids, s.task.ID) {
			h.ids = append(h.ids, s.task.ID)
		}
	}
}

// unread are the console tasks that may matter and were not read yet.
func (h *hostWatch) unread(waits []*wait) []string {
	var out []string
	for _, id := range h.ids {
		if _, done := h.names[id]; !done && (h.extra[id] || slices.ContainsFunc(waits, func(one *wait) bool { return h.matters(one, id) })) {
			out = append(out, id)
		}
	}
	return out
}

// matters says that a console task was not there before a request. Where nobody
// noted what was there, the newest are looked at, for what can be told.
func (h *hostWatch) matters(one *wait, id string) bool {
	t := sighted{id: id, local: isLocal(id)}
	if one.noted(t) {
		return !one.before(t)
	}
	return slices.Contains(newest(h.ids, mostNames), id)
}

// newest are those with the highest numbers. That later console tasks have higher
// ones is not confirmed; no outcome rests on it.
func newest(ids []string, most int) []string {
	number := func(id string) int64 {
		n, _ := strconv.ParseInt(strings.TrimPrefix(id, localPrefix), 10, 64)
		return n
	}
	sorted := slices.SortedFunc(slices.Values(ids), func(a, b string) int { return int(min(max(number(b)-number(a), -1), 1)) })
	return sorted[:min(most, len(sorted))]
}

// read reads one console task, and says that it did.
func (h *hostWatch) read(ctx context.Context, l *round, waits []*wait, id string) bool {
	if l.barred(h, waits, stepName) {
		h.names[id] = nil
		return true
	}
	err := l.ask(ctx, h, waits, stepName, 1, func(ctx context.Context, c *ksc.Client) error {
		t, err := c.ConsoleTask(ctx, id)
		if err == nil {
			h.names[id] = &t
		}
		return err
	})
	if ksc.IsNotFound(err) {
		h.names[id], err = nil, nil
	}
	if err == nil {
		l.moved = l.moved || h.response(id)
	}
	return err == nil
}
