// Package guard decides whether a request may be sent. Decide is a pure
// function from what is asked and what is known of the host to a decision
// with a reason, and so is Limit, from what is asked and what was sent lately;
// they read no clock, no file and no network, so that the same question has the
// same answer everywhere and a table can test it.
//
// A policy is a list of rules that deny. Without one all nine tasks are
// allowed, and two policies together allow no more than either. Rules speak of
// effects, so a scan that isolates is an isolation. What a rule has to look at
// and cannot see counts as forbidden.
package guard

import (
	"fmt"
	"net/netip"
	"slices"

	"github.com/kes-respond/kes-respond/shared"
)

// Rule denies what meets all of its conditions. A condition that is empty is
// met by everything; a list is met by any of its items.
type Rule struct {
	Name    string          `json:"name"`
	Reason  string          `json:"reason"` // quoted to the caller
	Tasks   []string        `json:"tasks,omitempty"`
	Effects []shared.Effect `json:"effects,omitempty"`
	Hosts   *Hosts          `json:"hosts,omitempty"`
	Folders []string        `json:"folders,omitempty"` // what lies in one of them, or would be searched there
	Outside []string        `json:"outside,omitempty"` // what does not surely lie in one of them
}

// Hosts are hosts by what KSC says of them; any of these is enough.
type Hosts struct {
	IDs       []string `json:"ids,omitempty"`
	Names     []string `json:"names,omitempty"`     // of any kind, without regard to case; '*' and '?' are wildcards
	Addresses []string `json:"addresses,omitempty"` // IPv4, one or a range such as 10.0.0.0/24
	Groups    []string `json:"groups,omitempty"`    // and the groups below
	Systems   []string `json:"systems,omitempty"`   // operating systems as KSC names them, as names
}

// Question is all that a decision may depend on.
type Question struct {
	Task    string
	Effects []shared.Effect
	Host    Host
	Paths   []Path
}

// Host is what is known of a host. What is empty is not known, and then a rule
// that has to look at it is met.
type Host struct {
	ID       string
	Names    []string // display name, DNS name, FQDN, NetBIOS name
	IPv4     netip.Addr
	Connects netip.Addr // the address that it connects from, which may be another
	Groups   []string   // its administration group and those above it, in any order
	System   string
}

// Path is a place on the host that a request touches; empty where it may be
// any place.
type Path struct {
	Path       string
	Effect     shared.Effect
	Subfolders bool // what lies below its folder is meant too
}

// Decision is the answer. Rule names what decided, Reason is quoted to the
// caller, and Code is set where Allowed is false.
type Decision struct {
	Allowed bool
	Rule    string
	Reason  string
	Code    shared.Code
}

// Policy is what an organisation allows. The zero Policy allows everything.
type Policy struct {
	rules  []rule
	limits limits
}

// File is what stands in a policy file.
type File struct {
	Deny          []Rule         `json:"deny"`
	Caps          []Cap          `json:"caps"`
	IsolatedHosts *IsolatedHosts `json:"isolatedHosts"`
	Quota         string         `json:"quota"` // Enforce, or empty
}

// rule is a Rule, made ready.
type rule struct {
	Rule
	hosts            *hosts
	folders, outside []folder
}

// New makes a policy of a file. The violations say what in it cannot be meant.
func New(f File) (Policy, []shared.Violation) {
	var p Policy
	var found []shared.Violation
	names := map[string]bool{}
	for i, r := range f.Deny {
		at := fmt.Sprintf("/deny/%d", i)
		one := rule{Rule: r}
		var flaws []shared.Violation
		if one.hosts, flaws = ready(r.Hosts); len(flaws) > 0 {
			found = append(found, below(at+"/hosts", flaws)...)
		}
		one.folders, flaws = foldersOf(r.Folders)
		found = append(found, below(at+"/folders", flaws)...)
		one.outside, flaws = foldersOf(r.Outside)
		found = append(found, below(at+"/outside", flaws)...)
		if len(r.Tasks) == 0 && len(r.Effects) == 0 {
			found = append(found, shared.Violation{Pointer: at, Message: "needs tasks or effects: say what it denies"})
		}
		if names[r.Name] {
			found = append(found, shared.Violation{Pointer: at + "/name", Message: "is the name of another rule"})
		}
		names[r.Name] = true
		p.rules = append(p.rules, one)
	}
	var flaws []shared.Violation
	p.limits, flaws = limitsOf(f)
	return p, append(found, flaws...)
}

func below(at string, flaws []shared.Violation) []shared.Violation {
	for i := range flaws {
		flaws[i].Pointer = at + flaws[i].Pointer
	}
	return flaws
}

// And gives a policy that denies what either denies.
func (p Policy) And(q Policy) Policy {
	return Policy{append(slices.Clone(p.rules), q.rules...), p.limits.and(q.limits)}
}

// LooksAtHosts says that some rule has to know more of a host than its id.
func (p Policy) LooksAtHosts() bool {
	return slices.ContainsFunc(p.rules, func(r rule) bool { return r.hosts.needsFacts() })
}

// Decide answers one question. The first rule that denies is the answer.
func (p Policy) Decide(q Question) Decision {
	for _, v := range p.Verdicts(q) {
		if v.Denies {
			return Decision{
				Rule: v.Rule, Code: shared.Policy,
				Reason: fmt.Sprintf("the policy's rule %q forbids it: %s (%s)", v.Rule, v.Reason, v.Because),
			}
		}
	}
	if len(p.rules) == 0 {
		return Decision{Allowed: true, Rule: "default", Reason: "no policy forbids it"}
	}
	return Decision{Allowed: true, Rule: "default", Reason: fmt.Sprintf("none of the policy's %d rules forbids it", len(p.rules))}
}

// Verdict is what one rule says of a question, and why.
type Verdict struct {
	Rule    string `json:"rule"`
	Denies  bool   `json:"denies"`
	Reason  string `json:"reason"`
	Because string `json:"because"`
}

// Verdicts is what each rule says, in the order of the policy.
func (p Policy) Verdicts(q Question) []Verdict {
	all := []Verdict{}
	for _, r := range p.rules {
		denies, because := r.meets(q)
		all = append(all, Verdict{r.Name, denies, r.Reason, because})
	}
	return all
}

// meets says whether all conditions of a rule are met, and what decided.
func (r rule) meets(q Question) (yes bool, because string) {
	if len(r.Tasks) > 0 && !slices.Contains(r.Tasks, q.Task) {
		return false, "it is about other tasks"
	}
	effect := ""
	if len(r.Effects) > 0 {
		i := slices.IndexFunc(q.Effects, func(e shared.Effect) bool { return slices.Contains(r.Effects, e) })
		if i < 0 {
			return false, "it is about other effects"
		}
		effect = "the request " + string(q.Effects[i])
	} else {
		effect = "the task is " + q.Task
	}
	if r.hosts != nil {
		met, why := r.hosts.meet(q.Host)
		if !met {
			return false, why
		}
		effect += ", " + why
	}
	if len(r.folders) == 0 && len(r.outside) == 0 {
		return true, effect
	}
	met, why := r.meetsPaths(q)
	if !met {
		return false, why
	}
	return true, effect + ", " + why
}
