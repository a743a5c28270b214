package report

import (
	"cmp"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/kes-respond/kes-respond/plugin/journal"
	"github.com/kes-respond/kes-respond/shared"
)

// Collector makes a Report of records that it is given one after the other, the
// newest first. It keeps sums, and of requests as many as the Report lists.
type Collector struct {
	report                          Report
	living                          bool // Unsettled was called
	running                         map[uint64]bool
	outcomes                        map[string]int
	effects, tasks, people, reasons map[string]map[string]int
	hosts                           map[host]map[string]int
	names                           map[host]string // the newest
	hours                           map[int64]map[string]int
	took                            []time.Duration
}

// New begins a report on a period.
func New(since, until time.Time) *Collector {
	return &Collector{
		report:   Report{Version: Version, Since: since.UTC(), Until: until.UTC(), Open: []Request{}, List: []Request{}},
		running:  map[uint64]bool{},
		outcomes: map[string]int{},
		effects:  map[string]map[string]int{}, tasks: map[string]map[string]int{}, hosts: map[host]map[string]int{}, names: map[host]string{},
		people: map[string]map[string]int{}, reasons: map[string]map[string]int{},
		hours: map[int64]map[string]int{},
	}
}

// Unsettled takes what somebody has to look after, as journal.Unsettled gives
// it. It comes before any Add; without it a request that has no outcome is said
// to have not ended, and no more.
func (c *Collector) Unsettled(open []journal.Record) {
	c.living = true
	for _, r := range open {
		c.running[r.Seq] = r.Running
		c.addOpen(c.request(r))
	}
}

func (c *Collector) addOpen(r Request) {
	if len(c.report.Open) == MaxOpen {
		c.report.OpenMore++
		return
	}
	c.report.Open = append(c.report.Open, r)
}

// Add counts a record of the period. One that is older tells only how far back
// the ledger goes.
func (c *Collector) Add(r journal.Record) {
	if c.report.Oldest.IsZero() || r.At.Before(c.report.Oldest) {
		c.report.Oldest = r.At.UTC()
	}
	if r.At.Before(c.report.Since) {
		return
	}
	q := c.request(r)
	c.report.Requests++
	if r.At.After(c.report.Until) {
		c.report.Ahead++
	}
	c.outcomes[q.Standing]++
	for _, e := range r.Effects {
		count(c.effects, shown(string(e)), q.Standing)
	}
	count(c.tasks, q.Task, q.Standing)
	c.countHost(r, q)
	count(c.people, q.Who, q.Standing)
	if q.Standing == string(shared.Refused) {
		count(c.reasons, strings.Join(slices.DeleteFunc([]string{q.Code, shown(r.Rule), q.Message}, func(s string) bool { return s == "" }), ": "), q.Standing)
	}
	count(c.hours, r.At.Unix()/3600, q.Standing)
	if q.Took != nil {
		c.took = append(c.took, *q.Took)
		if c.report.Took.Of == nil || *q.Took > *c.report.Took.Of.Took {
			c.report.Took.Of = &q
		}
	}
	if d, ok := took(r); ok && d < 0 {
		c.report.Took.Odd++
	}
	if !c.living && slices.Contains([]string{NotEnded, string(shared.Pending), string(shared.Unknown)}, q.Standing) {
		c.addOpen(q)
	}
	if len(c.report.List) == MaxRequests {
		c.report.ListMore++
		return
	}
	c.report.List = append(c.report.List, q)
}

func count[K comparable](groups map[K]map[string]int, name K, standing string) {
	if groups[name] == nil {
		groups[name] = map[string]int{}
	}
	groups[name][standing]++
}

// Report is what came of all that was added. The Collector is used up.
func (c *Collector) Report() Report {
	r := c.report
	for _, s := range Standings() {
		if n := c.outcomes[s]; n > 0 {
			r.Outcomes = append(r.Outcomes, Sum{s, n})
		}
	}
	r.Effects, r.Tasks = ordered(groups(c.effects)), ordered(groups(c.tasks))
	r.Hosts, r.People, r.Reasons = top(ordered(c.hostGroups())), top(ordered(groups(c.people))), top(ordered(groups(c.reasons)))
	r.Over = timeline(c.hours, r.Since, r.Until)
	slices.Sort(c.took)
	if n := len(c.took); n > 0 {
		r.Took.Known, r.Took.Slowest = n, c.took[n-1]
		r.Took.Median = (c.took[(n-1)/2] + c.took[n/2]) / 2
	}
	if !c.living {
		slices.Reverse(r.Open)
	}
	return r
}

func groups(counts map[string]map[string]int) []Group {
	all := make([]Group, 0, len(counts))
	for name, by := range counts {
		all = append(all, Group{Name: name, By: by})
	}
	return all
}

// ordered are groups with their sums, the largest first.
func ordered(all []Group) []Group {
	for i := range all {
		for n := range maps.Values(all[i].By) {
			all[i].Count += n
		}
	}
	slices.SortFunc(all, func(a, b Group) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Name, b.Name))
	})
	return all
}

func top(all []Group) Groups {
	n := min(len(all), MaxGroups)
	return Groups{Top: all[:n], More: len(all) - n}
}

// request is a record as it is listed.
func (c *Collector) request(r journal.Record) Request {
	who := shown(r.User)
	if r.Actor != "" {
		who = shown(r.Actor) + " (" + who + ")"
	}
	q := Request{
		At: r.At.UTC(), ID: shown(r.ID.Text()), Standing: c.standing(r), Task: cmp.Or(shown(r.Task), "-"),
		Host: cmp.Or(shown(cmp.Or(r.HostName, r.Target, r.HostID)), "-"), Who: who, Server: shown(r.Server), Incident: r.Incident,
		Reason: shown(r.Reason), CaseID: shown(r.CaseID), Code: shown(string(r.Code)), Message: shown(r.Message),
	}
	for _, e := range r.Effects {
		q.Effects = strings.TrimPrefix(q.Effects+", "+shown(string(e)), ", ")
	}
	if r.DuplicateOf != 0 && q.Message == "" {
		q.Message = "number " + strconv.FormatUint(r.DuplicateOf, 10) + " of the ledger answered for it"
	}
	if d, ok := took(r); ok && d >= 0 {
		q.Took = &d
	}
	return q
}

// took is from the time in the incident to the end of the console task, by the
// clocks of both.
func took(r journal.Record) (time.Duration, bool) {
	t := r.ConsoleTask
	if t == nil || t.FinishedAt == nil || r.AddedAt == nil || r.DuplicateOf != 0 {
		return 0, false
	}
	return t.FinishedAt.Sub(*r.AddedAt), true
}

func (c *Collector) standing(r journal.Record) string {
	running, looked := c.running[r.Seq]
	switch {
	case r.DuplicateOf != 0:
		return Duplicate
	case r.Outcome != "":
		return string(r.Outcome)
	case !looked: // it came after they were looked at, or nobody could look
		return NotEnded
	case running:
		return Running
	}
	return InDoubt
}

// shown is text that somebody else wrote, without what could act on whoever
// looks at it, or what no image of XML may hold.
func shown(s string) string {
	return strings.Map(func(r rune) rune {
		if r == 0xFFFE || r == 0xFFFF || unicode.IsControl(r) || unicode.In(r, unicode.Cf, unicode.Zl, unicode.Zp) {
			return '\uFFFD'
		}
		return r
	}, s)
}
