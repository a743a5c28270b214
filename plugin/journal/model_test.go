package journal

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"pgregory.net/rapid"

	"github.com/kes-respond/kes-respond/shared"
)

// model is the rules in the plainest words, over a list in memory.
type model struct {
	requests []*modelled
	held     []*modelled // what isolates hosts
}

type modelled struct {
	Entry
	seq      uint64
	at       time.Time
	process  int // who has it; -1 when that one died
	outcome  shared.Outcome
	stage    Stage
	incident int64
	task     string // the console task that carries it out
	claim    *Claim
}

// answer is the request that answers for a new one; reused says that the key
// belongs to another.
func (m *model) answer(e Entry, window time.Duration) (prior *modelled, reused bool) {
	if e.IdempotencyKey != "" {
		for _, r := range m.requests {
			if r.IdempotencyKey == e.IdempotencyKey {
				same := r.Server == e.Server && r.Digest == e.Digest && r.HostID == e.HostID && r.Task == e.Task
				return r, !same
			}
		}
		return nil, false
	}
	if !e.Allowed || e.AllowDuplicate || e.Effects[0] == shared.Reads {
		return nil, false
	}
	for i, r := range slices.Backward(m.requests) {
		if r.seq <= e.Past || r.Server != e.Server || r.Digest != e.Digest || time.Since(r.at) >= window {
			continue
		}
		switch r.outcome {
		case "", shared.Submitted, shared.Pending:
		case shared.Succeeded, shared.Partial:
			if e.Slot == "" {
				continue
			}
		default:
			continue
		}
		if e.Slot == "" || !m.setOtherwise(e, m.requests[i+1:]) {
			return r, false
		}
	}
	return nil, false
}

func (m *model) setOtherwise(e Entry, newer []*modelled) bool {
	return slices.ContainsFunc(newer, func(r *modelled) bool {
		return r.Server == e.Server && r.HostID == e.HostID && r.Slot == e.Slot && r.Value != e.Value &&
			r.outcome != shared.Failed && r.outcome != shared.Cancelled
	})
}

// used counts the requests that fit and were not given up before they were sent.
func (m *model) used(fits func(*modelled) bool) (n int) {
	for _, r := range m.requests {
		unsent := r.incident == 0 && (r.outcome == shared.Failed || r.outcome == shared.Cancelled)
		if fits(r) && !unsent {
			n++
		}
	}
	return n
}

// holds keeps account of isolated hosts when something became of a request.
func (m *model) holds(r *modelled) {
	host, never := r.Server+" "+r.HostID, r.outcome == shared.Failed || r.outcome == shared.Cancelled && r.incident == 0
	switch {
	case r.Value == "on" && never:
		m.held = slices.DeleteFunc(m.held, func(q *modelled) bool { return q == r })
	case r.Value == "on" && r.outcome == "" && (r.stage == Claimed || r.stage == Stored):
		m.held = slices.DeleteFunc(m.held, func(q *modelled) bool {
			return q == r || r.stage == Stored && q.Server+" "+q.HostID == host && q.seq < r.seq
		})
		m.held = append(m.held, r)
	case r.Value == "off" && r.outcome == "" && r.stage == Stored:
		m.held = slices.DeleteFunc(m.held, func(q *modelled) bool { return q.Server+" "+q.HostID == host })
	}
}

// hosts are those that are isolated.
func (m *model) hosts() map[string]bool {
	hosts := map[string]bool{}
	for _, r := range m.held {
		hosts[r.Server+" "+r.HostID] = true
	}
	return hosts
}

// taken says that another request of the same server has the incident.
func (m *model) taken(r *modelled, incident int64) bool {
	return slices.ContainsFunc(m.requests, func(q *modelled) bool { return q != r && q.Server == r.Server && q.incident == incident })
}

// has says that another request of the same server has the console task, which
// may be one host's alone.
func (m *model) has(r *modelled, task string) bool {
	return slices.ContainsFunc(m.requests, func(q *modelled) bool {
		return q != r && q.Server == r.Server && q.task == task && (!strings.HasPrefix(task, LocalTask) || q.HostID == r.HostID)
	})
}

// finished says that a request ended and KSC has no more to do for it.
func (r *modelled) finished() bool {
	return r.outcome == shared.Succeeded || r.outcome == shared.Partial || r.outcome == shared.Failed && r.incident != 0
}

// isLeft says that a request was left to KSC.
func (r *modelled) isLeft() bool {
	return r.incident != 0 && (r.outcome == shared.Submitted || r.outcome == shared.Pending || r.outcome == shared.Unknown)
}

func drawEntry(t *rapid.T, n int) Entry {
	host := rapid.SampledFrom([]string{"h1", "h2"}).Draw(t, "host")
	e := Entry{ID: shared.IDOf(fmt.Sprint("r", n)), Server: rapid.SampledFrom([]string{"main", "second"}).Draw(t, "server"), HostID: host}
	switch rapid.SampledFrom([]string{"on", "off", "delete", "get"}).Draw(t, "task") {
	case "on":
		e.Task, e.Slot, e.Value, e.Effects = "isolateHost", "isolation", "on", []shared.Effect{shared.Isolates}
	case "off":
		e.Task, e.Slot, e.Value, e.Effects = "isolateHost", "isolation", "off", []shared.Effect{shared.Releases}
	case "delete":
		e.Task, e.Effects = "deleteFile", []shared.Effect{shared.Deletes}
	case "get":
		e.Task, e.Effects = "getFile", []shared.Effect{shared.Reads}
	}
	e.Digest = e.Task + e.Value + host
	e.Sensitive = e.Task == "deleteFile" && host == "h1"
	e.IdempotencyKey = rapid.SampledFrom([]string{"", "", "", "k1", "k2", "k3"}).Draw(t, "key")
	e.AllowDuplicate = rapid.IntRange(0, 5).Draw(t, "duplicate") == 0
	if rapid.Bool().Draw(t, "baseline") {
		e.Baseline, e.Marked = &Baseline{Tasks: []string{"1", "2"}, Local: []string{}, LocalRead: true}, true
	}
	e.Allowed = rapid.IntRange(0, 7).Draw(t, "refused") > 0
	return e
}
