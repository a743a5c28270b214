package guard

import (
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strings"

	"github.com/kes-respond/kes-respond/shared"
)

// hosts are Hosts, made ready.
type hosts struct {
	Hosts
	names, systems []*regexp.Regexp
	addresses      []netip.Prefix
}

func ready(h *Hosts) (*hosts, []shared.Violation) {
	if h == nil {
		return nil, nil
	}
	out := &hosts{Hosts: *h}
	var found []shared.Violation
	for i, a := range h.Addresses {
		prefix, err := netip.ParsePrefix(a)
		if one, err2 := netip.ParseAddr(a); err2 == nil {
			prefix, err = netip.PrefixFrom(one, one.BitLen()), nil
		}
		if err != nil || !prefix.Addr().Is4() {
			found = append(found, shared.Violation{Pointer: fmt.Sprintf("/addresses/%d", i), Message: "must be an IPv4 address, or a range such as 10.0.0.0/24"})
			continue
		}
		out.addresses = append(out.addresses, prefix.Masked())
	}
	for _, n := range h.Names {
		out.names = append(out.names, wildcards(n))
	}
	for _, s := range h.Systems {
		out.systems = append(out.systems, wildcards(s))
	}
	if len(h.IDs)+len(h.Names)+len(h.Addresses)+len(h.Groups)+len(h.Systems) == 0 {
		found = append(found, shared.Violation{Message: "names no host: leave it out where every host is meant"})
	}
	return out, found
}

// wildcards matches a whole text without regard to case.
func wildcards(pattern string) *regexp.Regexp {
	text := regexp.QuoteMeta(pattern)
	text = strings.NewReplacer(`\*`, `.*`, `\?`, `.`).Replace(text)
	return regexp.MustCompile(`(?is)^` + text + `$`)
}

func (h *hosts) needsFacts() bool {
	return h != nil && len(h.Names)+len(h.Addresses)+len(h.Groups)+len(h.Systems) > 0
}

// meet says whether a host is one of those, and why.
func (h *hosts) meet(host Host) (bool, string) {
	if slices.ContainsFunc(h.IDs, func(id string) bool { return strings.EqualFold(id, host.ID) || alike(id) == alike(host.ID) }) {
		return true, "the host is named by its id"
	}
	var missing []string
	for _, look := range []struct {
		asked, known bool
		what         string
		meets        func() bool
	}{
		{len(h.names) > 0, len(host.Names) > 0, "name", func() bool { return anyMatch(h.names, host.Names...) }},
		{len(h.addresses) > 0, host.IPv4.IsValid(), "address", func() bool {
			return slices.ContainsFunc(h.addresses, func(p netip.Prefix) bool { return p.Contains(host.IPv4) || p.Contains(host.Connects) })
		}},
		{len(h.Groups) > 0, len(host.Groups) > 0, "group", func() bool { return h.inGroup(host.Groups) }},
		{len(h.systems) > 0, host.System != "", "operating system", func() bool { return anyMatch(h.systems, host.System) }},
	} {
		switch {
		case !look.asked:
		case !look.known:
			missing = append(missing, look.what)
		case look.meets():
			return true, "the host is one of those by its " + look.what
		}
	}
	if len(missing) > 0 {
		return true, "of the host KSC does not say the " + strings.Join(missing, " and the ") + ", and what a rule cannot look at is forbidden"
	}
	return false, "it is about other hosts"
}

func anyMatch(patterns []*regexp.Regexp, texts ...string) bool {
	return slices.ContainsFunc(patterns, func(p *regexp.Regexp) bool { return slices.ContainsFunc(texts, p.MatchString) })
}

func (h *hosts) inGroup(groups []string) bool {
	return slices.ContainsFunc(h.Groups, func(g string) bool {
		return slices.ContainsFunc(groups, func(theirs string) bool { return strings.EqualFold(g, theirs) })
	})
}
