//go:build unix

package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/kes-respond/kes-respond/plugin/journal"
	"github.com/kes-respond/kes-respond/shared"
)

// check holds state, record, ledger and answers against each other.
func (c *chaos) check() *evidence {
	e := c.evidence()
	owners := map[string]string{}
	for key, r := range e.claims {
		owners[r.Nonce] = key
		e.known[string(r.Outcome)]++
		c.blame(e, key, c.wrongInLedger(e, r))
	}
	for mark, ids := range e.incidents {
		assert.NotEmpty(c.t, owners[mark], "the ledger knows nothing of incidents %v", ids)
	}
	for key, all := range c.said {
		e.asked += len(all)
		r, claimed := e.claims[key]
		for _, h := range all {
			if h.result == nil {
				continue
			}
			e.heard[string(h.result.Outcome)]++
			if wrong := wrongInAnswer(r, claimed, h); wrong != "" {
				c.blame(e, key, h.order.id+": "+wrong)
			}
		}
	}
	assert.Equal(c.t, c.asked, e.asked, "requests of which something is known")
	return e
}

// wrongInLedger says what is wrong with the record of a request: there is at
// most one incident for a key, and each outcome is as KSC's state and record
// bear it out.
func (c *chaos) wrongInLedger(e *evidence, r journal.Record) string {
	held := e.incidents[r.Nonce]
	if len(held) > 1 {
		return fmt.Sprintf("carried out %d times", len(held))
	}
	switch r.Outcome {
	case shared.Submitted:
		switch {
		case !slices.Equal(held, []int64{r.Incident}):
			return fmt.Sprintf("the ledger says incident %d, and KSC holds %v", r.Incident, held)
		case e.hosts[r.Incident] != r.HostID:
			return "the incident is another host's"
		case !slices.ContainsFunc(e.updates[r.Incident], func(u call) bool { return u.Response == "{}" }):
			return "submitted, and its second step was never carried out"
		}
	case shared.Failed, shared.Cancelled:
		if len(held) > 0 {
			return "said not to have happened, and KSC holds it"
		}
	case shared.Unknown:
		if len(held) > 0 {
			return "unknown, and KSC holds it: recover did not find it"
		}
		if !c.mayBeUnknown(e, r) {
			return "unknown, though its process lived and no answer was lost"
		}
	default:
		return fmt.Sprintf("without an end: %q", r.Outcome)
	}
	return ""
}

// mayBeUnknown says that an answer to the order was lost, that it was written
// to a connection which KSC had just dropped, or that a process that had it was
// killed or told to leave after it may have gone out.
func (c *chaos) mayBeUnknown(e *evidence, r journal.Record) bool {
	has := 0 // the process that has the request
	for _, l := range e.lines[r.Seq] {
		if l.By != "" {
			has = l.pid()
		}
		if l.Event != string(journal.Sending) {
			continue
		}
		if p := c.ended[has]; p != nil && (p.killed || p.left) {
			return true
		}
		if len(e.adds[r.Nonce]) == 0 && c.droppedAbout(e, l.At) {
			return true
		}
	}
	return slices.ContainsFunc(e.adds[r.Nonce], c.answerLost)
}

// droppedAbout says that KSC dropped connections about a time: what is written
// to one of those it does not read.
func (c *chaos) droppedAbout(e *evidence, at time.Time) bool {
	const about = 2 * time.Second
	near := func(t time.Time) bool { return t.Sub(at).Abs() < about }
	return slices.ContainsFunc(e.drops, near) || slices.ContainsFunc(c.ksc.stops, func(s outage) bool { return near(s.from) || near(s.to) })
}

// answerLost says that whoever made the call may not have read its answer, or
// none that is surely KSC's: a proxy can say 401 and 403 as well.
func (c *chaos) answerLost(one call) bool {
	harmless := []string{"delay", "chunked", "drop-after-answer", "no-subcode", "long-as-string", "empty-datetime", "end-session", "swap-cert"}
	spoils := func(name string) bool { return !slices.Contains(harmless, name) }
	return one.Incomplete || one.Status != http.StatusOK || slices.ContainsFunc(one.Mischief, spoils) || c.ksc.wasStopping(one.Time)
}

// wrongInAnswer says what is wrong with a result: what a caller heard is what
// the ledger has in the end, save that what was not known then may be known
// now. Whoever gave up in the wait for the ledger has sent nothing, whatever
// another then did under the same key.
func wrongInAnswer(r journal.Record, claimed bool, h heard) string {
	heard := h.result
	gaveUp := !h.accepted && heard.Error != nil && (heard.Error.Code == shared.Timeout || heard.Error.Code == shared.CancelledCode)
	if heard.Incident != nil && heard.Incident.ID != fmt.Sprint(r.Incident) {
		return "names another incident than the ledger"
	}
	if heard.DuplicateOf != "" && heard.DuplicateOf != r.ID.Text() {
		return "names another request than the ledger"
	}
	switch heard.Outcome {
	case shared.Submitted:
		if r.Outcome != shared.Submitted || heard.Incident == nil {
			return "submitted, and not so in the ledger"
		}
	case shared.Refused:
		if !gaveUp {
			return "refused for another reason than that the time was over: " + heard.Message
		}
	case shared.Pending:
		if heard.Incident == nil {
			return "pending, and no incident"
		}
	case shared.Failed, shared.Cancelled:
		if claimed && !gaveUp && r.Outcome != shared.Failed && r.Outcome != shared.Cancelled {
			return "said not to have happened, and not so in the ledger"
		}
	case shared.Unknown:
		if !claimed {
			return "unknown, and not in the ledger"
		}
	default:
		return "an outcome that has no place here"
	}
	return ""
}

// blame tells what is wrong with a request, and its whole story.
func (c *chaos) blame(e *evidence, key, wrong string) {
	if wrong == "" {
		return
	}
	const mostStories = 10
	if e.blamed++; e.blamed > mostStories {
		assert.Fail(c.t, key+": "+wrong)
		return
	}
	var b strings.Builder
	r := e.claims[key]
	fmt.Fprintf(&b, "%s: %s\nthe ledger:\n", key, wrong)
	for _, l := range e.lines[r.Seq] {
		fmt.Fprintf(&b, "  %s", l.raw)
	}
	fmt.Fprintf(&b, "KSC holds %v:\n", e.incidents[r.Nonce])
	for _, one := range slices.Concat(e.adds[r.Nonce], e.updates[r.Incident]) {
		fmt.Fprintf(&b, "  %s\n", one)
	}
	b.WriteString("its callers:\n")
	for _, h := range c.said[key] {
		result, _ := json.Marshal(h.result)
		p := c.ended[h.pid]
		fmt.Fprintf(&b, "  %s, timeout %s, process %d (killed %t, left %t), as %s, accepted %t: %s\n    %s\n",
			h.order.id, h.order.timeout, h.pid, p.killed, p.left, h.id, h.accepted, result, p.errs)
	}
	assert.Fail(c.t, b.String())
}
