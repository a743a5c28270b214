package guard

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/kes-respond/kes-respond/shared"
)

// Cap bounds how many requests are sent in a span of time, by all who share a
// ledger. Zero bounds nothing.
type Cap struct {
	Name      string        `json:"name"`
	Reason    string        `json:"reason"` // quoted to the caller
	Effect    shared.Effect `json:"effect"` // empty: all requests but those that only release
	PerMinute Number        `json:"perMinute"`
	PerHour   Number        `json:"perHour"`
	PerDay    Number        `json:"perDay"`
}

// Number is a whole number, however JSON writes it.
type Number int

// UnmarshalJSON reads 10, and 10.0 and 1e1 as well, which are the same to a
// schema.
func (n *Number) UnmarshalJSON(data []byte) error {
	var f float64
	err := json.Unmarshal(data, &f)
	*n = Number(f)
	return err
}

// IsolatedHosts bounds how many different hosts are isolated at once. A host
// counts from a request that may isolate it until one that releases it was
// stored, or for CountedFor, a week where that is empty: that somebody else, or
// the host's own policy, has ended it is not seen.
type IsolatedHosts struct {
	Most       Number `json:"most"`
	CountedFor string `json:"countedFor"`
	Reason     string `json:"reason"`
	countedFor time.Duration
}

// How long an isolated host is counted.
const (
	defaultCountedFor = 7 * 24 * time.Hour
	leastCountedFor   = time.Hour
	mostCountedFor    = 400 * 24 * time.Hour
)

// The places that KSC has for console tasks: it drops the oldest beyond a hundred,
// finished or not. A request is outstanding until it is seen to have finished,
// for QuotaSpan at most.
const (
	QuotaPlaces  = 100
	QuotaWarning = 80 // from here on callers are warned, and with Enforce only isolation goes on
	QuotaSpan    = 30 * time.Minute
	Enforce      = "enforce"
)

// Counts is what was asked for lately, as the ledger counts it.
type Counts interface {
	// Used says how many requests with an effect there were within a span of at
	// most a day, and when there will be fewer than most.
	Used(effect shared.Effect, span time.Duration, most int) (used int, free time.Time)

	// Isolated says how many hosts were isolated within a span and not released,
	// whether this one is among them, and when there will be fewer than most though
	// none is released.
	Isolated(span time.Duration, most int) (hosts int, already bool, free time.Time)

	// Outstanding says how many requests to the same server were sent within a
	// span of at most an hour and have not finished, and when there will be fewer
	// than most.
	Outstanding(span time.Duration, most int) (many int, free time.Time)
}

// limits are what a policy says of numbers.
type limits struct {
	caps     []Cap
	isolated []IsolatedHosts
	enforce  bool
}

func (l limits) and(m limits) limits {
	return limits{
		append(slices.Clone(l.caps), m.caps...), append(slices.Clone(l.isolated), m.isolated...), l.enforce || m.enforce,
	}
}

// limitsOf reads the limits of a file, with what in them cannot be meant.
func limitsOf(f File) (l limits, found []shared.Violation) {
	l.caps, l.enforce = f.Caps, f.Quota == Enforce
	names := map[string]bool{}
	for i, c := range f.Caps {
		at := fmt.Sprintf("/caps/%d", i)
		if c.PerMinute == 0 && c.PerHour == 0 && c.PerDay == 0 {
			found = append(found, shared.Violation{Pointer: at, Message: "needs perMinute, perHour or perDay: say how many"})
		}
		if names[c.Name] {
			found = append(found, shared.Violation{Pointer: at + "/name", Message: "is the name of another cap"})
		}
		names[c.Name] = true
	}
	if f.IsolatedHosts == nil {
		return l, found
	}
	one := *f.IsolatedHosts
	one.countedFor = defaultCountedFor
	if one.CountedFor != "" {
		var err error
		if one.countedFor, err = time.ParseDuration(one.CountedFor); err != nil || one.countedFor < leastCountedFor || one.countedFor > mostCountedFor {
			found = append(found, shared.Violation{Pointer: "/isolatedHosts/countedFor", Message: "must be a time from 1h to 9600h, such as 168h"})
		}
	}
	l.isolated = []IsolatedHosts{one}
	return l, found
}

// limited is a limit that is reached, until a time.
type limited struct {
	rule, reason string
	code         shared.Code
	until        time.Time
}

// Limit says whether a request that no rule denies may be sent now. Where it may
// not, the reason names the time from which it will be possible again, should
// nothing else be sent meanwhile: of several limits that are reached it tells of
// the one that lasts longest.
func (p Policy) Limit(q Question, c Counts) Decision {
	var reached []limited
	for _, one := range p.limits.caps {
		reached = one.reached(reached, q, c)
	}
	for _, one := range p.limits.isolated {
		reached = one.reached(reached, q, c)
	}
	reached = p.limits.quota(reached, q, c)
	if len(reached) == 0 {
		return Decision{Allowed: true}
	}
	last := slices.MaxFunc(reached, func(a, b limited) int { return a.until.Compare(b.until) })
	return Decision{Rule: last.rule, Code: last.code, Reason: last.reason}
}

func (one Cap) reached(all []limited, q Question, c Counts) []limited {
	counted := slices.Contains(q.Effects, one.Effect) || one.Effect == "" && !onlyReleases(q.Effects)
	if !counted {
		return all
	}
	for _, span := range []struct {
		most Number
		time time.Duration
		name string
	}{{one.PerMinute, time.Minute, "a minute"}, {one.PerHour, time.Hour, "an hour"}, {one.PerDay, 24 * time.Hour, "a day"}} {
		if span.most == 0 {
			continue
		}
		if used, free := c.Used(one.Effect, span.time, int(span.most)); used >= int(span.most) {
			what := "of any kind"
			if one.Effect != "" {
				what = "whose effect is " + string(one.Effect)
			}
			all = append(all, limited{one.Name, fmt.Sprintf(
				"the policy's cap %q is reached: %d requests %s in %s, and %d are allowed: %s; the next is possible from %s",
				one.Name, used, what, span.name, span.most, one.Reason, from(free)), shared.Cap, free})
		}
	}
	return all
}

func (one IsolatedHosts) reached(all []limited, q Question, c Counts) []limited {
	if !slices.Contains(q.Effects, shared.Isolates) {
		return all
	}
	most := int(one.Most)
	hosts, already, free := c.Isolated(one.countedFor, most)
	if already || hosts < most {
		return all
	}
	released := "one of them is"
	if over := hosts - most + 1; over > 1 {
		released = fmt.Sprintf("%d of them are", over)
	}
	return append(all, limited{"isolatedHosts", fmt.Sprintf(
		"the policy allows %d hosts to be isolated at once, and %d are: %s; the next is possible when %s released, or from %s",
		most, hosts, one.Reason, released, from(free)), shared.Cap, free})
}

// quota keeps the last places at KSC for isolation, and any for its end.
func (l limits) quota(all []limited, q Question, c Counts) []limited {
	if !l.enforce || onlyReleases(q.Effects) {
		return all
	}
	most := QuotaWarning
	if slices.Contains(q.Effects, shared.Isolates) {
		most = QuotaPlaces
	}
	many, free := c.Outstanding(QuotaSpan, most)
	if many < most {
		return all
	}
	return append(all, limited{"quota", fmt.Sprintf(
		"%d requests to this server are not known to have finished, and KSC keeps %d console tasks: it would drop the oldest, finished or not. The last %d places are kept for isolation; the next is possible from %s, or when some have finished",
		many, QuotaPlaces, QuotaPlaces-QuotaWarning, from(free)), shared.Quota, free})
}

func onlyReleases(effects []shared.Effect) bool {
	return len(effects) > 0 && !slices.ContainsFunc(effects, func(e shared.Effect) bool { return e != shared.Releases })
}

// from is a time to a second, not earlier than it is.
func from(t time.Time) string {
	return t.Add(time.Second - time.Nanosecond).UTC().Truncate(time.Second).Format(time.RFC3339)
}
